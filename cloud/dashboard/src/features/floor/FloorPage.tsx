import { Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { floorQuery } from "@/api/queries";
import type { Floor } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Trouble } from "@/app/Trouble";
import { Feed } from "@/features/floor/Feed";
import classes from "@/features/floor/FloorPage.module.css";
import { StationCard } from "@/features/floor/StationCard";
import { useLive } from "@/live/live";
import { SignDrawing } from "@/status/StatusMark";
import { statusOf } from "@/status/status";

const SHOWN = ["STARTED", "OPEN", "REVIEW", "REWORK", "QUARANTINE", "ESCALATED", "DONE"] as const;

function Counts({ counts }: { counts: Floor["counts"] }) {
  const { t, name } = useSpoken();
  const numbers: Record<(typeof SHOWN)[number], number> = {
    STARTED: counts.started_count,
    OPEN: counts.open_count,
    REVIEW: counts.review_count,
    REWORK: counts.rework_count,
    QUARANTINE: counts.quarantine_count,
    ESCALATED: counts.escalated_count,
    DONE: counts.done_count,
  };
  return (
    <section className={classes.counts} aria-label={t("floor.counts")}>
      <div className={classes.today}>
        <span className="k-eyebrow">{t("floor.today")}</span>
        <b>{counts.finished_today_count}</b>
        <span data-tone={counts.failed_today_count > 0 ? "fail" : "idle"} className={classes.failed}>
          {t("floor.failed_today", { count: counts.failed_today_count })}
        </span>
      </div>
      {SHOWN.map((code) => (
        <div key={code} data-tone={statusOf(code).tone} data-none={numbers[code] === 0 || undefined} className={classes.count}>
          <span><SignDrawing sign={statusOf(code).sign} size={15} />{name("state", code)}</span>
          <b>{numbers[code]}</b>
        </div>
      ))}
    </section>
  );
}

export function FloorPage() {
  const { t } = useSpoken();
  const { events } = useLive();
  const floor = useQuery(floorQuery);
  if (floor.isPending) return <Loading />;
  if (floor.isError) return <Trouble error={floor.error} retry={() => void floor.refetch()} />;
  const { stations, counts } = floor.data;
  return (
    <>
      <Title order={1} className={classes.title}>{t("floor.title")}</Title>
      <Counts counts={counts} />
      <div className={classes.columns}>
        <section className={classes.stations} aria-label={t("floor.stations")}>
          {stations.length === 0 ? (
            <div className={`${classes.empty ?? ""} k-panel`}>
              <Text fw={700} fz="lg">{t("floor.no_stations")}</Text>
              <Text c="dimmed">{t("floor.no_stations_text")}</Text>
            </div>
          ) : (
            stations.map((station) => <StationCard key={station.station_id} station={station} />)
          )}
        </section>
        <Feed events={events} />
      </div>
    </>
  );
}
