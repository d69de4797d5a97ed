import { useSpoken } from "@/app/language";
import { useNow, useTimes } from "@/app/times";
import { StatusMark } from "@/status/StatusMark";

/** Until when, and how much of that is left. */
export function Due({ at, isDone }: { at: string | null; isDone: boolean }) {
  const { t } = useSpoken();
  const { day, full, duration } = useTimes();
  const now = useNow(60_000);
  if (!at) return <span className="k-eyebrow">{t("work_order.no_due")}</span>;
  const left = (new Date(at).getTime() - now) / 1000;
  return (
    <span title={full(at)}>
      <span className="k-eyebrow">{t("work_order.due")}</span>{" "}
      <b>{day(at)}</b>
      <br />
      {isDone ? null : left < 0 ? (
        <StatusMark code="FAIL" size="sm" label={t("work_order.late", { time: duration(-left) })} />
      ) : (
        <small>{t("work_order.left", { time: duration(left) })}</small>
      )}
    </span>
  );
}
