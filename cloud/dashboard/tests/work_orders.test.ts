import { expect, test } from "vitest";

import { refusal } from "@/api/client";
import type { Cell, WorkOrder } from "@/api/schema";
import { draftOf, emptyOrder, newPoint, type TypedOrder, type TypedPoint } from "@/features/work_orders/draft";
import { problemsOf, type Problem } from "@/features/work_orders/problems";
import { rowErrors } from "@/features/work_orders/row_errors";
import { median, stageLoads } from "@/features/work_orders/stage_loads";
import { cellCode } from "@/status/status";

const cell = (part: Partial<Cell>): Cell => ({ step_id: "s1", state: "", attempt: 1, verdict: "", started_at: null, finished_at: null, event_time_err_ms: null, worker: "", station_name: "", ...part });

test("a cell says its verdict, else what goes on", () => {
  expect(cellCode(cell({ verdict: "PASS", finished_at: "x" }), false, "OPEN")).toBe("PASS");
  expect(cellCode(cell({ verdict: "NONE", finished_at: "x" }), false, "OPEN")).toBe("DONE");
  expect(cellCode(cell({ started_at: "x" }), true, "STARTED")).toBe("STARTED");
  expect(cellCode(cell({}), true, "OPEN")).toBe("OPEN");
  expect(cellCode(cell({ attempt: 2 }), true, "OPEN")).toBe("REWORK");
  expect(cellCode(cell({}), false, "OPEN")).toBe("WAITING");
  expect(cellCode(cell({ verdict: "FAIL", finished_at: "x" }), true, "QUARANTINE")).toBe("QUARANTINE");
});

test("the middle of an even number of times lies between two", () => {
  expect([median([]), median([3]), median([1, 9, 2, 4])]).toEqual([null, 3, 3]);
});

test("the bottleneck is where most work waits, and never one piece", () => {
  const at = (second: number): string => new Date(second * 1000).toISOString();
  const piece = (number: number, open_stage: string) => ({
    number, open_stage, state: "OPEN", cells: [cell({ step_id: "s1", started_at: at(0), finished_at: at(60) })],
  });
  const order = {
    steps: [{ step_id: "s1", stage: "CUT" }, { step_id: "s2", stage: "SEW" }],
    pieces: [piece(1, "SEW"), piece(2, "SEW"), piece(3, "CUT")],
  } as unknown as WorkOrder;
  expect(stageLoads(order).map(({ stage, median_s, queue, isBottleneck }) => [stage, median_s, queue, isBottleneck])).toEqual([
    ["CUT", 60, 1, false],
    ["SEW", null, 2, true],
  ]);
});

test("pieces are numbered size by size and only checked stages have a standard", () => {
  const order = { ...emptyOrder(), sizes: [{ size: "S", count: 2 as const }, { size: "M", count: 1 as const }] };
  const draft = draftOf({ ...order, steps: [{ stage: "CUT", check: true }, { stage: "SEW", check: false }] });
  expect(draft.pieces).toEqual([{ number: 1, size: "S" }, { number: 2, size: "S" }, { number: 3, size: "M" }]);
  expect((draft.spec.stages ?? []).map((stage) => stage.stage)).toEqual(["CUT"]);
  expect(draft.due_at).toBeNull();
});

const complete = (): TypedOrder => ({
  ...emptyOrder(), number: "A-1", style: "panel", title_ko: "가", title_en: "a",
  steps: [{ stage: "CUT", check: true }, { stage: "SEW", check: false }],
  points: [{ ...newPoint("CUT"), name: "length", nominal_mm: 500, lower_mm: -5, upper_mm: 5, severity: "major" as const }],
});

test("a whole order has no problem", () => {
  expect(problemsOf(complete())).toEqual([]);
});

test.each<[string, Partial<TypedOrder>, Problem]>([
  ["a missing number", { number: " " }, { code: "empty", field: "create.number" }],
  ["no pieces", { sizes: [{ size: "M", count: 0 }] }, { code: "no_pieces", name: "M" }],
  ["an untold quantity", { sizes: [{ size: "M", count: "" }] }, { code: "no_pieces", name: "M" }],
  ["a size without a name", { sizes: [{ size: "", count: 3 }] }, { code: "empty", field: "create.size" }],
  ["half of the defect sizes", { minor_below_mm2: 4 }, { code: "defects_half" }],
])("%s is named", (_, part, problem) => {
  expect(problemsOf({ ...complete(), ...part })).toEqual([problem]);
});

test.each<[string, Partial<TypedPoint>, Problem[]]>([
  ["a missing tolerance", { upper_mm: "" }, [{ code: "row_empty", name: "length", field: "create.upper" }]],
  ["a missing severity", { severity: "" }, [{ code: "row_empty", name: "length", field: "create.severity" }]],
  ["a length of zero", { nominal_mm: 0 }, [{ code: "not_above_zero", name: "length", field: "create.nominal" }]],
  ["no tolerance at all", { lower_mm: 0, upper_mm: 0 }, [{ code: "limits", name: "length" }]],
  ["a stage that nobody checks", { stage: "FIN" }, [{ code: "nothing_checked", stage: "CUT" }, { code: "unchecked", name: "length", stage: "FIN" }]],
])("of a point, %s is named", (_, part, problems) => {
  const order = complete();
  expect(problemsOf({ ...order, points: order.points.map((point) => ({ ...point, ...part })) })).toEqual(problems);
});

test("a refused spreadsheet names its rows", () => {
  expect(rowErrors({ rows: [{ sheet: "points", row: 3, column: "upper_mm", reason: "missing" }] })).toEqual([{ row: "points 3", column: "upper_mm", reason: "missing" }]);
  expect(rowErrors({ row: 7, field: "size" })).toEqual([{ row: "7", column: "size", reason: "" }]);
  expect(rowErrors({})).toEqual([]);
});

test("a refusal keeps the cloud's words and the request's id, and reads a proxy's page too", () => {
  const error = refusal(422, { error: { code: "TOLERANCE_MISSING", message: "허용 오차가 없습니다", request_id: "r1" } }, "");
  expect(error).toMatchObject({ code: "TOLERANCE_MISSING", message: "허용 오차가 없습니다", requestId: "r1" });
  expect(refusal(502, undefined, "r2")).toMatchObject({ code: "HTTP_502", requestId: "r2", message: "" });
});
