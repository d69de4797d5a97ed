import { Button, Code, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Inspection, Piece } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { CorrectDesignDialog } from "@/features/pieces/CorrectDesignDialog";
import { DecideDialog } from "@/features/pieces/DecideDialog";
import classes from "@/features/pieces/InspectionPanel.module.css";
import { Picture } from "@/features/pieces/Picture";
import { Readings } from "@/features/pieces/Readings";
import { StatusMark } from "@/status/StatusMark";

type Dialog = "none" | "PASS" | "FAIL" | "design";

function Decisions({ inspection, piece }: { inspection: Inspection; piece: Piece }) {
  const { t } = useSpoken();
  const [dialog, setDialog] = useState<Dialog>("none");
  const close = () => { setDialog("none"); };
  const isLatest = piece.inspections.at(-1)?.inspection_id === inspection.inspection_id;
  const verdict = inspection.final_verdict;
  const isOpen = piece.state === "REWORK" || piece.state === "QUARANTINE" || piece.state === "ESCALATED";
  return (
    <>
      <Group gap="sm">
        {verdict === "REVIEW" ? (
          <>
            <Button size="md" color="green.9" onClick={() => { setDialog("PASS"); }}>{t("decide.pass")}</Button>
            <Button size="md" color="red.8" onClick={() => { setDialog("FAIL"); }}>{t("decide.fail")}</Button>
          </>
        ) : null}
        {verdict === "FAIL" && isLatest && isOpen ? (
          <Button size="md" onClick={() => { setDialog("design"); }}>{t("design.open")}</Button>
        ) : null}
        {verdict !== "REVIEW" ? (
          <Button size="md" variant="default" onClick={() => { setDialog(verdict === "PASS" ? "FAIL" : "PASS"); }}>
            {t(verdict === "PASS" ? "decide.as_fail" : "decide.as_pass")}
          </Button>
        ) : null}
      </Group>
      {dialog === "PASS" || dialog === "FAIL" ? <DecideDialog inspection={inspection} verdict={dialog} close={close} /> : null}
      {dialog === "design" ? <CorrectDesignDialog inspection={inspection} piece={piece} close={close} /> : null}
    </>
  );
}

/** One inspection: verdict, picture, numbers, and what people may do about it. */
export function InspectionPanel({ inspection, piece }: { inspection: Inspection; piece: Piece }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const isCorrected = inspection.final_verdict !== inspection.verdict;
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start">
        <Group gap="md" align="center">
          <StatusMark code={inspection.final_verdict} size="xl" />
          <div>
            <Text fw={650}>{name("stage", inspection.stage)} · {inspection.station_name} · {who(inspection.worker)}</Text>
            <Text fz="sm" c="dimmed">{full(inspection.inspected_at)} · {t("inspection.elapsed", { ms: Math.round(inspection.elapsed_ms) })}</Text>
          </div>
        </Group>
        <Decisions inspection={inspection} piece={piece} />
      </Group>
      {inspection.reasons.length > 0 ? (
        <ul className={classes.reasons} data-tone="review">
          {inspection.reasons.map((reason) => <li key={reason}>{name("reason", reason)}</li>)}
        </ul>
      ) : null}
      {inspection.corrections.map((correction) => (
        <div key={`${correction.at}${correction.by}`} className={classes.correction}>
          <StatusMark code={correction.verdict} size="sm" /> <b>{who(correction.by)}</b>: {correction.reason}
          <Text fz="sm" c="dimmed">
            {full(correction.at)}{isCorrected ? ` · ${t("inspection.machine", { verdict: name("state", inspection.verdict) })}` : ""}
          </Text>
        </div>
      ))}
      <Picture inspection={inspection} spec={piece.spec} />
      <Readings inspection={inspection} piece={piece} />
      <Text fz="sm" c="dimmed">
        {t("inspection.anomaly", { score: inspection.anomaly_score.toFixed(2), threshold: inspection.threshold_score.toFixed(2) })}
        {" · "}
        {t("inspection.bundle")} <Code>{inspection.bundle}</Code> {" · "}
        {inspection.calibration_id ? <>{t("inspection.calibration")} <Code>{inspection.calibration_id}</Code></> : t("inspection.no_calibration")}
      </Text>
    </Stack>
  );
}
