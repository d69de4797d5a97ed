import { useNavigate, Link } from "@tanstack/react-router";

import type { Cell, PieceLine, WorkOrder } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import classes from "@/features/work_orders/Matrix.module.css";
import { SignDrawing, StatusMark } from "@/status/StatusMark";
import { cellCode, statusOf } from "@/status/status";

function CellMark({ cell, piece, stage }: { cell: Cell | undefined; piece: PieceLine; stage: string }) {
  const { t, name } = useSpoken();
  const { clock, full, doubt } = useTimes();
  const who = usePeople();
  if (!cell) return <td className={classes.cell} />;
  const code = cellCode(cell, piece.open_stage === stage, piece.state);
  if (code === "WAITING") return <td className={classes.cell}><span className={classes.waiting} title={t("state.WAITING")}>·</span></td>;
  const { tone, sign } = statusOf(code);
  const when = cell.finished_at ?? cell.started_at;
  return (
    <td className={classes.cell}>
      <span className={classes.mark} data-tone={tone} title={[name("state", code), cell.station_name, cell.worker ? who(cell.worker) : "", when ? full(when) + doubt(cell.event_time_err_ms) : ""].filter(Boolean).join(" · ")}>
        <SignDrawing sign={sign} size={17} />
        <span>
          <b>{name("state", code)}{cell.attempt > 1 ? <em>{t("piece.attempt", { count: cell.attempt })}</em> : null}</b>
          {when ? <small>{cell.station_name ? `${cell.station_name} ` : ""}{clock(when).slice(0, 5)}</small> : null}
        </span>
      </span>
    </td>
  );
}

/** Pieces down, steps across. */
export function Matrix({ order }: { order: WorkOrder }) {
  const { t, say, name } = useSpoken();
  const navigate = useNavigate();
  return (
    <div className={`${classes.frame ?? ""} k-panel`}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th>{t("work_order.piece")}</th>
            <th>{t("work_order.size")}</th>
            {order.steps.map((step) => (
              <th key={step.step_id}>
                {step.position}. {say(step.title_ko, step.title_en) || name("stage", step.stage)}
                {step.requires_quality_check ? <small>{t("work_order.checked")}</small> : null}
              </th>
            ))}
            <th>{t("work_order.state")}</th>
          </tr>
        </thead>
        <tbody>
          {order.pieces.map((piece) => (
            <tr key={piece.piece_id} onClick={() => void navigate({ to: "/pieces/$pieceId", params: { pieceId: piece.piece_id } })}>
              <th scope="row">
                <Link to="/pieces/$pieceId" params={{ pieceId: piece.piece_id }}>{t("piece.number", { number: piece.number })}</Link>
              </th>
              <td>{piece.size}</td>
              {order.steps.map((step) => (
                <CellMark key={step.step_id} piece={piece} stage={step.stage} cell={piece.cells.find((cell) => cell.step_id === step.step_id)} />
              ))}
              <td><StatusMark code={piece.state} size="sm" /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
