// How an event changes the floor on the screen, before the cloud is asked again.

import type { Floor, FloorStation, LiveEvent, Snapshot } from "@/api/schema";

type Payload = Record<string, unknown>;

const words = (payload: Payload, name: string): string => {
  const value = payload[name];
  return typeof value === "string" ? value : "";
};

const number = (payload: Payload, name: string): number => {
  const value = payload[name];
  return typeof value === "number" ? value : 0;
};

const EMPTY: Snapshot = {
  worker: "",
  piece_id: "",
  step_id: "",
  phase: "idle",
  alarms: [],
  finished_count: 0,
  failed_count: 0,
  camera: "",
  bundle: "",
  spool_count: 0,
  package_digest: "",
};

function started(station: FloorStation, payload: Payload): FloorStation {
  const known = station.current_piece?.piece_id === payload.piece_id ? station.current_piece : null;
  return {
    ...station,
    current_piece: {
      station_id: station.station_id,
      title_ko: known?.title_ko ?? "",
      title_en: known?.title_en ?? "",
      piece_id: words(payload, "piece_id"),
      number: number(payload, "piece_number"),
      work_order_id: words(payload, "work_order_id"),
      work_order_number: words(payload, "work_order_number"),
      step_id: words(payload, "step_id"),
      stage: words(payload, "stage"),
      attempt: number(payload, "attempt"),
      state: "STARTED",
      worker: words(payload, "worker"),
      started_at: words(payload, "started_at"),
    },
  };
}

function withResult(station: FloorStation, event: LiveEvent): FloorStation {
  const { payload } = event;
  return {
    ...station,
    last_result: {
      verdict: words(payload, "verdict"),
      piece_id: words(payload, "piece_id"),
      piece_number: number(payload, "piece_number"),
      work_order_number: words(payload, "work_order_number"),
      stage: words(payload, "stage"),
      at: event.occurred_at,
    },
  };
}

function finished(station: FloorStation, event: LiveEvent): FloorStation {
  const verdict = words(event.payload, "verdict");
  const next = verdict && verdict !== "NONE" ? withResult(station, event) : station;
  return next.current_piece?.piece_id === event.payload.piece_id ? { ...next, current_piece: null } : next;
}

function changed(station: FloorStation, payload: Payload): FloorStation {
  const before = station.snapshot ?? EMPTY;
  const alarms = Array.isArray(payload.alarms)
    ? payload.alarms.filter((alarm): alarm is string => typeof alarm === "string")
    : before.alarms;
  const pick = (name: "worker" | "piece_id" | "phase" | "camera" | "bundle"): string =>
    name in payload ? words(payload, name) : before[name];
  const count = (name: "finished_count" | "failed_count"): number =>
    name in payload ? number(payload, name) : before[name];
  return {
    ...station,
    online: typeof payload.online === "boolean" ? payload.online : station.online,
    snapshot: {
      ...before,
      alarms,
      worker: pick("worker"),
      piece_id: pick("piece_id"),
      phase: pick("phase"),
      camera: pick("camera"),
      bundle: pick("bundle"),
      finished_count: count("finished_count"),
      failed_count: count("failed_count"),
    },
  };
}

function patchStation(station: FloorStation, event: LiveEvent): FloorStation {
  const { payload } = event;
  switch (event.type) {
    case "step_started":
      return started(station, payload);
    case "step_finished":
      return finished(station, event);
    case "inspection_recorded":
      return withResult(station, event);
    case "station_state_changed":
      return changed(station, payload);
    case "station_enrolled":
      return { ...station, enrolled: true };
    default:
      return station;
  }
}

// Of an event that the floor knows already only the verdict is news: the cloud does not send it.
function recall(station: FloorStation, event: LiveEvent): FloorStation {
  const isResult = event.type === "inspection_recorded" || event.type === "step_finished";
  if (!isResult || words(event.payload, "verdict") === "NONE") return station;
  if ((station.last_result?.at ?? "") > event.occurred_at) return station;
  return withResult(station, event);
}

/** Return the floor after `event`; the same object when the event says nothing about it. */
export function patchFloor(floor: Floor, event: LiveEvent): Floor {
  const isOld = event.sequence <= floor.sequence;
  const id = event.payload.station_id;
  const index = floor.stations.findIndex((station) => station.station_id === id);
  const station = floor.stations[index];
  if (!station) return isOld ? floor : { ...floor, sequence: event.sequence };
  const stations = [...floor.stations];
  if (isOld) {
    stations[index] = recall(station, event);
    return { ...floor, stations };
  }
  stations[index] = patchStation(station, event);
  // Numbers are the cloud's, read again a moment later: only it knows a retake from another attempt.
  return { ...floor, stations, sequence: event.sequence };
}

/** Keep what this page learned from events over a reload of the floor. */
export function keepResults(before: Floor | undefined, after: Floor): Floor {
  if (!before) return after;
  const known = new Map(before.stations.map((station) => [station.station_id, station.last_result]));
  return {
    ...after,
    stations: after.stations.map((station) => {
      const result = station.last_result ?? known.get(station.station_id);
      return result ? { ...station, last_result: result } : station;
    }),
  };
}
