import { Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import type { HistoryLine, Piece } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import classes from "@/features/pieces/History.module.css";
import { SignDrawing } from "@/status/StatusMark";
import { statusOf } from "@/status/status";

const SIGNS: Record<string, string> = {
  step_started: "STARTED",
  rework: "REWORK",
  escalation: "ESCALATED",
  override: "ESCALATED",
  release: "PASS",
  scrap: "SCRAPPED",
};

function lineCode(line: HistoryLine): string {
  if (line.verdict && line.verdict !== "NONE") return line.verdict;
  return SIGNS[line.kind] ?? (line.kind === "step_finished" ? "DONE" : "OPEN");
}

/** What happened to a piece, newest first. */
export function History({ piece, chosen }: { piece: Piece; chosen: string | undefined }) {
  const { t, say, name } = useSpoken();
  const { day, clock, doubt } = useTimes();
  const who = usePeople();
  const lines = [...piece.history].reverse();
  return (
    <section className={`${classes.history ?? ""} k-panel`}>
      <Title order={2}>{t("history.title")}</Title>
      {lines.length === 0 ? <p className={classes.none}>{t("history.none")}</p> : null}
      <ol>
        {lines.map((line, index) => {
          const code = lineCode(line);
          const { tone, sign } = statusOf(code);
          const before = lines[index - 1];
          const isNewDay = !before || day(before.at) !== day(line.at);
          return (
            <li key={`${line.at}.${line.kind}.${index}`}>
              {isNewDay ? <span className={classes.day}>{day(line.at)}</span> : null}
              <i data-tone={tone}><SignDrawing sign={sign} size={15} /></i>
              <div>
                <b>
                  {name("stage", line.stage)} {t(`history.${line.kind}`, { defaultValue: line.kind })}
                  {line.verdict && line.verdict !== "NONE" ? <em data-tone={tone}> {name("state", line.verdict)}</em> : null}
                </b>
                <small>
                  {clock(line.at)}{doubt(line.event_time_err_ms)}
                  {line.station_name ? ` · ${line.station_name}` : ""} · {who(line.worker)}
                  {line.attempt > 1 ? ` · ${t("piece.attempt", { count: line.attempt })}` : ""}
                </small>
                {line.reason ? <p>{line.reason}</p> : null}
                {line.instruction_ko || line.instruction_en ? <p><b>{say(line.instruction_ko, line.instruction_en)}</b></p> : null}
                {line.inspection_id && line.inspection_id !== chosen ? (
                  <Link to="/pieces/$pieceId" params={{ pieceId: piece.piece_id }} search={{ inspection: line.inspection_id }} className="k-link">{t("history.show")}</Link>
                ) : null}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
