import { Link } from "@tanstack/react-router";

import type { LiveEvent } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { useRefusalText } from "@/app/refusals";
import { useTimes } from "@/app/times";
import { tellEvent } from "@/features/floor/tell_event";
import classes from "@/features/floor/Feed.module.css";
import { SignDrawing } from "@/status/StatusMark";
import { statusOf } from "@/status/status";

function Line({ event }: { event: LiveEvent }) {
  const { t, name, say } = useSpoken();
  const { clock } = useTimes();
  const why = useRefusalText();
  const told = tellEvent(event, { name, say, why });
  const { tone, sign } = statusOf(told.status);
  const body = (
    <>
      <i data-tone={tone}><SignDrawing sign={sign} size={17} /></i>
      <span>
        <b>{t(`event.${told.text}`, told.values)}</b>
        {told.detail ? <small>{told.detail}</small> : null}
      </span>
      <time dateTime={event.occurred_at}>{clock(event.occurred_at)}</time>
    </>
  );
  if (told.isDispute) return <Link to="/disputes" className={classes.line}>{body}</Link>;
  return told.pieceId ? (
    <Link to="/pieces/$pieceId" params={{ pieceId: told.pieceId }} className={classes.line}>{body}</Link>
  ) : (
    <div className={classes.line}>{body}</div>
  );
}

/** What happens, newest first. */
export function Feed({ events }: { events: readonly LiveEvent[] }) {
  const { t } = useSpoken();
  return (
    <section className={`${classes.feed ?? ""} k-panel`} aria-label={t("floor.feed")}>
      <h2>{t("floor.feed")}</h2>
      {events.length === 0 ? (
        <p className={classes.quiet}>{t("floor.quiet")}</p>
      ) : (
        <ol>
          {events.slice(0, 40).map((event) => (
            <li key={event.event_id}><Line event={event} /></li>
          ))}
        </ol>
      )}
    </section>
  );
}
