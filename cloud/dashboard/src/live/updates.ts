// Which cached answers an event makes old.

import type { QueryClient, QueryKey } from "@tanstack/react-query";

import { keys } from "@/api/queries";
import type { Floor, LiveEvent, Piece } from "@/api/schema";
import { patchFloor } from "@/live/floor_patch";

const OF_STATIONS = new Set(["station_registered", "station_enrolled", "station_revoked"]);
const OF_DISPUTES = new Set(["station_event_disputed", "station_dispute_resolved"]);
const BY_BEGINNING: readonly (readonly [string, QueryKey])[] = [
  ["job_", keys.jobs],
  ["webhook_", keys.webhooks],
  ["session_", keys.conversations],
  ["rollout_", keys.rollouts],
  ["model_", keys.rollouts],
  ["station_configur", keys.configurations],
  ["station_logs", keys.stationLogs],
];
const OF_LEARNED = new Set(["flaw_named", "style_taught", "bank_withdrawn", "station_calibrated"]);
const OF_COUNTS = new Set([
  "step_started",
  "step_finished",
  "inspection_corrected",
  "rework_ordered",
  "rework_escalated",
  "piece_completed",
  "piece_quarantined",
  "piece_scrapped",
  "work_order_created",
  "step_order_overridden",
]);

/** Name the narrowest keys that `event` touches. */
export function touched(event: LiveEvent): QueryKey[] {
  const { piece_id: piece, work_order_id: order } = event.payload;
  const found: QueryKey[] = [];
  if (typeof piece === "string" && piece && event.type !== "station_state_changed") found.push(keys.piece(piece));
  if (typeof order === "string" && order) found.push(keys.workOrder(order), keys.workOrders);
  if (typeof event.payload.approval_id === "string" && event.payload.approval_id) found.push(keys.approvals);
  if (event.type === "notification_raised") found.push(keys.notifications);
  for (const [beginning, key] of BY_BEGINNING) if (event.type.startsWith(beginning)) found.push(key);
  if (OF_LEARNED.has(event.type)) found.push(keys.learned);
  if (OF_DISPUTES.has(event.type)) found.push(keys.disputes);
  if (OF_STATIONS.has(event.type) || OF_COUNTS.has(event.type)) found.push(keys.floor);
  return found;
}

function showPicture(client: QueryClient, sha256: string): void {
  client.setQueryData<number>(keys.arrivals(sha256), (count) => (count ?? 0) + 1);
  client.setQueriesData<Piece>({ queryKey: keys.pieces }, (piece) =>
    piece?.inspections.some((one) => one.picture_sha256 === sha256 && !one.picture_available)
      ? {
          ...piece,
          inspections: piece.inspections.map((one) =>
            one.picture_sha256 === sha256 ? { ...one, picture_available: true } : one,
          ),
        }
      : piece,
  );
}

/** Collects old keys and asks again at most every `pause_ms`: a busy floor is not a busy cloud. */
export class Refresher {
  private readonly waiting = new Map<string, QueryKey>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly client: QueryClient;
  private readonly pause: number;

  constructor(client: QueryClient, pause_ms: number) {
    this.client = client;
    this.pause = pause_ms;
  }

  take(event: LiveEvent): void {
    this.client.setQueryData<Floor>(keys.floor, (floor) => (floor ? patchFloor(floor, event) : floor));
    if (event.type === "media_stored" && typeof event.payload.sha256 === "string")
      showPicture(this.client, event.payload.sha256);
    for (const key of touched(event)) this.waiting.set(JSON.stringify(key), key);
    if (this.waiting.size > 0) this.timer ??= setTimeout(this.flush, this.pause);
  }

  readonly flush = (): void => {
    this.timer = undefined;
    const old = [...this.waiting.values()];
    this.waiting.clear();
    for (const queryKey of old) void this.client.invalidateQueries({ queryKey });
  };

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
