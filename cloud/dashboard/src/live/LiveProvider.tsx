import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState, type ReactNode } from "react";

import { floorQuery, keys } from "@/api/queries";
import type { LiveEvent } from "@/api/schema";
import { AlarmWatch } from "@/live/alarms";
import { LiveConnection, type LinkState } from "@/live/connection";
import { LiveContext } from "@/live/live";
import { Refresher } from "@/live/updates";

const KEPT_EVENTS = 120;
const RECALLED_EVENTS = 400;
const REFRESH_PAUSE_MS = 400;
// Shown in the feed; the rest is bookkeeping.
const TOLD = new Set([
  "work_order_created",
  "step_started",
  "step_finished",
  "step_opened",
  "inspection_corrected",
  "design_corrected",
  "rework_ordered",
  "rework_escalated",
  "piece_completed",
  "piece_quarantined",
  "piece_scrapped",
  "step_order_overridden",
  "station_enrolled",
  "station_event_disputed",
  "station_dispute_resolved",
  "station_revoked",
  "station_fault_reported",
]);

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [link, setLink] = useState<LinkState>("connecting");
  const [events, setEvents] = useState<LiveEvent[]>([]);

  useEffect(() => {
    const refresher = new Refresher(client, REFRESH_PAUSE_MS);
    const alarms = new AlarmWatch();
    const tell = (told: LiveEvent[]) => {
      if (told.length > 0) setEvents((before) => [...told, ...before].slice(0, KEPT_EVENTS));
    };
    const listener = {
      onEvent: (event: LiveEvent) => {
        refresher.take(event);
        tell(TOLD.has(event.type) ? [event] : alarms.take(event));
      },
      onReload: () => void client.invalidateQueries(),
      onLink: (state: LinkState) => {
        setLink(state);
        if (state === "signed_out") void client.invalidateQueries({ queryKey: keys.me });
      },
    };
    let connection: LiveConnection | null = null;
    let gone = false;
    const begin = (after: number | null) => {
      if (gone) return;
      connection = new LiveConnection(listener, after);
      connection.start();
    };
    // A little of the past fills the feed; the rest lies in the floor's answer.
    client.query({ ...floorQuery, staleTime: "static" }).then(
      (floor) => { begin(Math.max(0, floor.sequence - RECALLED_EVENTS)); },
      () => { begin(null); },
    );
    return () => {
      gone = true;
      connection?.stop();
      refresher.stop();
    };
  }, [client]);

  const value = useMemo(() => ({ link, events }), [link, events]);
  return <LiveContext value={value}>{children}</LiveContext>;
}
