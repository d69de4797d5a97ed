import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";

import { keys } from "@/api/queries";
import type { Floor, LiveEvent } from "@/api/schema";
import { tellEvent } from "@/features/floor/tell_event";
import { keepResults, patchFloor } from "@/live/floor_patch";
import { AlarmWatch } from "@/live/alarms";
import { advance, greet, LONGEST_WAIT_MS, liveAddress, readMessage, reconnectWait } from "@/live/resume";
import { Refresher, touched } from "@/live/updates";

const page = { protocol: "https:", host: "kyndof.example" };

const event = (type: string, sequence: number, payload: Record<string, unknown>): LiveEvent => ({
  sequence, type, payload, event_id: `e${sequence}`, occurred_at: "2026-01-01T00:00:00Z",
});

const floor: Floor = {
  sequence: 10,
  counts: { open_count: 1, started_count: 0, review_count: 0, rework_count: 0, quarantine_count: 0, escalated_count: 0, done_count: 0, scrapped_count: 0, finished_today_count: 4, failed_today_count: 1 },
  stations: [{ station_id: "sta_1", name: "CUT-01", title_ko: "", title_en: "", stages: ["CUT"], enrolled: true, online: true, last_seen_at: null, snapshot: null, current_piece: null, finished_today_count: 4, failed_today_count: 1 }],
};

test("a new connection goes on behind the last event that was seen", () => {
  expect(liveAddress(page, { after: null })).toBe("wss://kyndof.example/api/v1/live");
  expect(liveAddress({ protocol: "http:", host: "h:1" }, { after: 41 })).toBe("ws://h:1/api/v1/live?after=41");
});

test("an event is applied once, a repeated one is skipped and a hole reloads", () => {
  expect(advance({ after: 7 }, 8)).toEqual({ position: { after: 8 }, step: "apply" });
  expect(advance({ after: 8 }, 8).step).toBe("skip");
  expect(advance({ after: 8 }, 5)).toEqual({ position: { after: 8 }, step: "skip" });
  expect(advance({ after: 8 }, 11)).toEqual({ position: { after: 11 }, step: "reload" });
});

test("a cloud that counts from the beginning again makes the page reload", () => {
  expect(greet({ after: null }, 90)).toEqual({ position: { after: 90 }, step: "apply" });
  expect(greet({ after: 80 }, 90)).toEqual({ position: { after: 80 }, step: "apply" });
  expect(greet({ after: 80 }, 3)).toEqual({ position: { after: 3 }, step: "reload" });
});

test("reconnecting waits anywhere below a ceiling that doubles and ends", () => {
  expect(reconnectWait(0, 0)).toBe(0);
  expect(reconnectWait(0, 1)).toBe(300);
  expect(reconnectWait(3, 0.5)).toBe(1200);
  expect(reconnectWait(1000, 1)).toBe(LONGEST_WAIT_MS);
});

test("what is not a message is noise", () => {
  for (const data of ["{", "null", "[]", '{"type":1}', new ArrayBuffer(2)]) expect(readMessage(data).kind).toBe("noise");
  expect(readMessage('{"type":"hello","sequence":4}')).toEqual({ kind: "hello", sequence: 4 });
});

test("a started step shows at its station and ends there when it is finished", () => {
  const payload = { station_id: "sta_1", piece_id: "pc_1", piece_number: 3, stage: "CUT", work_order_number: "A-1", attempt: 1 };
  const started = patchFloor(floor, event("step_started", 11, payload));
  expect(started.stations[0]?.current_piece?.number).toBe(3);
  const done = patchFloor(started, event("step_finished", 12, { ...payload, verdict: "FAIL" }));
  expect(done.stations[0]?.current_piece).toBeNull();
  expect(done.stations[0]?.last_result?.verdict).toBe("FAIL");
});

test("today's numbers are left to the cloud, which alone knows a retake: the floor is read again", () => {
  const finished = event("step_finished", 11, { station_id: "sta_1", piece_id: "pc_1", verdict: "FAIL" });
  const after = patchFloor(floor, finished);
  expect(after.counts).toEqual(floor.counts);
  expect(after.stations[0]).toMatchObject({ finished_today_count: 4, failed_today_count: 1 });
  expect(touched(finished)).toContainEqual(["floor"]);
});

test("an event that the floor knows already only recalls its verdict", () => {
  const old = patchFloor(floor, event("step_finished", 9, { station_id: "sta_1", piece_id: "pc_1", verdict: "PASS" }));
  expect(old.counts).toEqual(floor.counts);
  expect(old.stations[0]?.last_result?.verdict).toBe("PASS");
  expect(keepResults(old, floor).stations[0]?.last_result?.verdict).toBe("PASS");
});

test("a change of state touches the named fields alone", () => {
  const first = patchFloor(floor, event("station_state_changed", 11, { station_id: "sta_1", worker: "kim", phase: "guide", alarms: ["disk_full"], online: true }));
  const second = patchFloor(first, event("station_state_changed", 12, { station_id: "sta_1", online: false }));
  expect(second.stations[0]).toMatchObject({ online: false, snapshot: { worker: "kim", alarms: ["disk_full"] } });
});

test("an event makes only its piece, its order and the lists old", () => {
  const keys = touched(event("step_finished", 11, { piece_id: "pc_1", work_order_id: "wo_1" }));
  expect(keys).toEqual([["piece", "pc_1"], ["work-order", "wo_1"], ["work-orders"], ["floor"]]);
  expect(touched(event("station_state_changed", 11, { piece_id: "pc_1", station_id: "sta_1" }))).toEqual([]);
});

test("alarms and absences are told when they change, not when a station is first seen", () => {
  const watch = new AlarmWatch();
  const state = (sequence: number, alarms: string[], online = true) =>
    watch.take(event("station_state_changed", sequence, { station_id: "sta_1", station_name: "CUT-01", alarms, online })).map((told) => [told.type, told.payload.alarm]);
  expect(state(1, ["cloud_away"])).toEqual([]);
  expect(state(2, ["cloud_away", "disk_full"])).toEqual([["alarm_raised", "disk_full"]]);
  expect(state(3, ["disk_full"])).toEqual([["alarm_cleared", "cloud_away"]]);
  expect(state(4, ["disk_full"], false)).toEqual([["station_offline", ""]]);
  expect(state(5, ["disk_full"])).toEqual([["station_online", ""]]);
  expect(watch.take(event("step_started", 6, { station_id: "sta_1" }))).toEqual([]);
});

test("a picture that arrives while its piece is still being read is remembered", () => {
  const client = new QueryClient();
  const refresher = new Refresher(client, 1000);
  refresher.take(event("media_stored", 11, { sha256: "ab" }));
  refresher.stop();
  expect(client.getQueryData(keys.arrivals("ab"))).toBe(1);
  client.clear();
});

test("lost records are told in words, with their numbers, and an unknown fault by its code", () => {
  const words = { name: (group: string, code: string) => `${group}.${code}`, say: (ko: string) => ko, why: (code: string) => `why ${code}` };
  const fault = (code: string, detail: string) =>
    tellEvent(event("station_fault_reported", 1, { code, detail, station_name: "CUT-01" }), words).detail;
  expect(fault("events_lost", "events 12-14: GAP_REASON_DISK_CAP")).toBe("fault.events_lost · gap.GAP_REASON_DISK_CAP · 12–14");
  expect(fault("events_lost", "events 7-7: GAP_REASON_CORRUPTION")).toBe("fault.events_lost · gap.GAP_REASON_CORRUPTION · 7");
  expect(fault("events_lost", "in another form")).toBe("fault.events_lost");
  expect(fault("outbox_shared", "epoch 2")).toBe("fault.outbox_shared");
  expect(tellEvent(event("station_event_disputed", 2, { code: "PIECE_UNKNOWN" }), words).detail).toBe("why PIECE_UNKNOWN");
});
