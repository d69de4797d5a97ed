import { expect, test } from "vitest";

import { actsAt, lostAfter, scale, way } from "@/features/rollouts/stages";

test("a rollout's way shows what is behind it, also while it is paused", () => {
  expect(way({ stage: "WAVE_25", paused_stage: "" }, [])).toEqual(["past", "past", "here", "later", "later"]);
  expect(way({ stage: "PAUSED", paused_stage: "WAVE_5" }, [])).toEqual(["past", "here", "later", "later", "later"]);
  expect(new Set(way({ stage: "DONE", paused_stage: "" }, []))).toEqual(new Set(["past"]));
  const begun = [{ wave: "CANARY", assigned_at: "2026-01-01T00:00:00Z" }, { wave: "WAVE_100", assigned_at: null }];
  expect(way({ stage: "HALTED", paused_stage: "" }, begun)).toEqual(["past", "later", "later", "later", "later"]);
});

test("only what a stage allows is offered", () => {
  expect(actsAt("DRAFT")).toEqual(["approve", "halt"]);
  expect(actsAt("CANARY")).toEqual(["pause", "halt", "return"]);
  expect(actsAt("ROLLING_BACK")).toEqual([]);
});

test("rejects and both lines lie on one scale", () => {
  const { low, high, at } = scale({ rejects: 5, lower_count: -7.8, upper_count: 10 });
  expect(low).toBe(0);
  expect(high).toBeCloseTo(80);
  expect(at).toBeCloseTo(40);
});

test("stations that do not keep a bundle are counted, those that a person took back are not", () => {
  const stations = [
    { state: "COMMITTED", withdrawn: false },
    { state: "ROLLED_BACK", withdrawn: false },
    { state: "FAILED", withdrawn: false },
    { state: "ROLLED_BACK", withdrawn: true },
    { state: "", withdrawn: false },
  ];
  expect(lostAfter(stations)).toBe(2);
  expect(lostAfter([])).toBe(0);
});
