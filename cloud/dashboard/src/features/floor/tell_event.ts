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

/** Why something happened, or what is to be done about it. */
function reasonWords(type: string, of: (field: string) => string, { name, say, why }: Words): string {
  if (type === "station_fault_reported") return faultWords(of("code"), of("detail"), name);
  if (of("code")) return why(of("code"));
  return say(of("instruction_ko"), of("instruction_en")) || of("reason") || of("detail");
}

/** What is wrong with a station; of lost records also why, and which numbers they had. */
function faultWords(code: string, detail: string, name: Words["name"]): string {
  const lost = /^(\w+) (\d+)-(\d+): (\w+)$/.exec(detail);
  if (code !== "events_lost" || !lost) return code ? name("fault", code) : "";
  const [first, last] = [lost[2] ?? "", lost[3] ?? ""];
  return [name("fault", code), name("gap", lost[4] ?? ""), first === last ? first : `${first}–${last}`].join(" · ");
}

const LEAD_TO_DISPUTES = new Set(["station_event_disputed", "station_dispute_resolved"]);

export function tellEvent(event: LiveEvent, words: Words): Told {
  const { name } = words;
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
    detail: [...about, reasonWords(event.type, of, words)].filter((part) => part !== "").join(" · "),
    status: isJudged ? verdict : (STATUS[event.type] ?? (event.type === "step_finished" ? "DONE" : "OPEN")),
    pieceId: of("piece_id"),
    isDispute,
  };
}
