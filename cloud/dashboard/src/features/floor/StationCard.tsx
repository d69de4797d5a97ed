import { Link } from "@tanstack/react-router";

import type { FloorStation } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { useNow, useTimes } from "@/app/times";
import { usePeople } from "@/app/people";
import classes from "@/features/floor/StationCard.module.css";
import { SignDrawing, StatusMark } from "@/status/StatusMark";

function Presence({ station }: { station: FloorStation }) {
  const { t } = useSpoken();
  const { clock } = useTimes();
  const state = !station.enrolled ? "waiting" : station.online ? "online" : "offline";
  const label =
    state === "offline" && station.last_seen_at
      ? t("floor.offline_since", { time: clock(station.last_seen_at) })
      : t(`floor.${state}`);
  return (
    <span className={classes.presence} data-state={state}>
      <i aria-hidden />
      {label}
    </span>
  );
}

function Work({ station }: { station: FloorStation }) {
  const { t, say, name } = useSpoken();
  const { duration } = useTimes();
  const now = useNow(5000);
  const piece = station.current_piece;
  if (!piece) {
    return <p className={classes.rest}>{t(!station.enrolled ? "floor.not_enrolled" : station.online ? "floor.no_piece" : "floor.unknown_piece")}</p>;
  }
  const since = (now - new Date(piece.started_at).getTime()) / 1000;
  return (
    <Link to="/pieces/$pieceId" params={{ pieceId: piece.piece_id }} className={classes.piece}>
      <span className={classes.number}>
        {t("piece.number", { number: piece.number })}
      </span>
      <span className={classes.doing}>
        <b>{name("stage", piece.stage)}</b>
        <small>
          {piece.work_order_number}
          {say(piece.title_ko, piece.title_en) ? ` · ${say(piece.title_ko, piece.title_en)}` : ""}
        </small>
        <small>
          {piece.attempt > 1 ? `${t("piece.attempt", { count: piece.attempt })} · ` : ""}
          {Number.isFinite(since) ? duration(since) : ""}
        </small>
      </span>
    </Link>
  );
}

function LastResult({ station }: { station: FloorStation }) {
  const { t, name } = useSpoken();
  const { clock } = useTimes();
  const result = station.last_result;
  if (!result) return <span className={classes.nothing}>{t("floor.no_verdict")}</span>;
  return (
    <Link to="/pieces/$pieceId" params={{ pieceId: result.piece_id }} className={classes.result}>
      <StatusMark code={result.verdict} size="xl" />
      <small>
        {t("piece.number", { number: result.piece_number })} · {name("stage", result.stage)}
        <br />
        {clock(result.at)}
      </small>
    </Link>
  );
}

function Alarms({ codes }: { codes: readonly string[] }) {
  const { name } = useSpoken();
  if (codes.length === 0) return null;
  return (
    <ul className={classes.alarms} data-tone="fail">
      {codes.map((code) => (
        <li key={code}><SignDrawing sign="hand" size={18} />{name("alarm", code)}</li>
      ))}
    </ul>
  );
}

function Facts({ station: { snapshot, current_piece } }: { station: FloorStation }) {
  const { t, name } = useSpoken();
  const who = usePeople();
  // The guide stays on the kiosk while the piece is being worked.
  const phase = snapshot?.phase === "guide" && current_piece ? "started" : (snapshot?.phase ?? "");
  return (
    <dl className={classes.facts}>
      <div>
        <dt>{t("floor.worker")}</dt>
        <dd>{snapshot?.worker ? who(snapshot.worker) : t("floor.no_worker")}</dd>
      </div>
      <div>
        <dt>{t("floor.phase")}</dt>
        <dd>{phase ? name("phase", phase) : "–"}</dd>
      </div>
    </dl>
  );
}

function Tally({ station }: { station: FloorStation }) {
  const { t } = useSpoken();
  const failed = station.failed_today_count;
  const passed = Math.max(0, station.finished_today_count - failed);
  return (
    <div className={classes.tally}>
      <span className="k-eyebrow">{t("floor.today")}</span>
      <span>
        <span data-tone="pass"><SignDrawing sign="check" size={20} />{passed}<small>{t("state.DONE")}</small></span>
        <span data-tone={failed > 0 ? "fail" : "idle"}><SignDrawing sign="cross" size={18} />{failed}<small>{t("state.FAIL")}</small></span>
      </span>
    </div>
  );
}

/** One station, readable from across the room. */
export function StationCard({ station }: { station: FloorStation }) {
  const { t, say, name } = useSpoken();
  const alarms = station.snapshot?.alarms ?? [];
  const state = alarms.length > 0 ? "alarm" : station.online ? "online" : "offline";
  return (
    <article className={`${classes.card ?? ""} k-panel`} data-state={state}>
      <header className={classes.head}>
        <div>
          <h2>{say(station.title_ko, station.title_en) || station.name}</h2>
          <span className="k-eyebrow">
            {station.name} · {station.stages.map((stage) => name("stage", stage)).join(" · ")}
          </span>
        </div>
        <div className={classes.side}>
          <Presence station={station} />
          <Link to="/stations/$stationId/configuration" params={{ stationId: station.station_id }} className="k-link" aria-label={t("floor.settings_of", { station: station.name })}>{t("floor.settings")}</Link>
        </div>
      </header>
      <Alarms codes={alarms} />
      <Work station={station} />
      <Facts station={station} />
      <footer className={classes.foot}>
        <div>
          <span className="k-eyebrow">{t("floor.last_verdict")}</span>
          <LastResult station={station} />
        </div>
        <Tally station={station} />
      </footer>
    </article>
  );
}
