// One sentence for one event.

import type { LiveEvent } from "@/api/schema";

export interface Told {
  /** Key below `event` in the texts. */
  text: string;
  values: Record<string, string | number>;
  detail: string;
  /** Which state's colour and sign it takes. */
  status: string;
  pieceId: string;
  isDispute: boolean;
}

const STATUS: Record<string, string> = {
  step_started: "STARTED",
  step_opened: "OPEN",
  piece_completed: "DONE",
  piece_quarantined: "QUARANTINE",
  piece_scrapped: "SCRAPPED",
  rework_ordered: "REWORK",
  rework_escalated: "ESCALATED",
  design_corrected: "REWORK",
  step_order_overridden: "ESCALATED",
  station_event_disputed: "REVIEW",
  station_dispute_resolved: "DONE",
  station_revoked: "FAIL",
  station_offline: "FAIL",
  station_online: "DONE",
  alarm_raised: "FAIL",
  alarm_cleared: "DONE",
  station_fault_reported: "FAIL",
  station_enrolled: "DONE",
};

interface Words {
  name: (group: string, code: string) => string;
  say: (ko: string, en: string) => string;
  /** The sentence of a refusal's code. */
  why: (code: string) => string;
}

const LEAD_TO_DISPUTES = new Set(["station_event_disputed", "station_dispute_resolved"]);

export function tellEvent(event: LiveEvent, { name, say, why }: Words): Told {
  const of = (field: string): string => {
    const value = event.payload[field];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const verdict = of("verdict");
  const isJudged = verdict !== "" && verdict !== "NONE";
  const text = event.type === "step_finished" && isJudged ? "step_judged" : event.type;
  const isDispute = LEAD_TO_DISPUTES.has(event.type);
  // Where the sentence names the station already, it is not said again.
  const isOfStation = /^(station|alarm)_/.test(event.type);
  const about = isOfStation ? [] : [of("work_order_number"), of("station_name")];
  const words = of("code") ? why(of("code")) : say(of("instruction_ko"), of("instruction_en")) || of("reason") || of("detail");
  return {
    text,
    values: {
      number: of("piece_number") || "–",
      stage: name("stage", of("stage")),
      next: of("next_stage") ? name("stage", of("next_stage")) : "",
      verdict: isJudged ? name("state", verdict) : "",
      station: of("station_name"),
      order: of("work_order_number"),
      alarm: of("alarm") ? name("alarm", of("alarm")) : "",
    },
    detail: [...about, words].filter((part) => part !== "").join(" · "),
    status: isJudged ? verdict : (STATUS[event.type] ?? (event.type === "step_finished" ? "DONE" : "OPEN")),
    pieceId: of("piece_id"),
    isDispute,
  };
}
