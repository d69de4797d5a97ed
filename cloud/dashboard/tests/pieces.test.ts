import { expect, test } from "vitest";

import { distinctGaps, gapTitle } from "@/features/pieces/titles";
import type { Inspection, Spec, Step } from "@/api/schema";
import { changeables, likelyStep, reworkSteps, specChanges } from "@/features/pieces/design_change";
import { layMargin } from "@/features/pieces/margin";
import { signed } from "@/features/pieces/numbers";
import { heat, mapBytes, measureLine, middle, outline } from "@/features/pieces/overlay";

const reading = { nominal_mm: 500, lower_mm: -5, upper_mm: 5, value_mm: 502, uncertainty_mm: 1 };

test("a margin bar puts the sure zone inside the limits by U", () => {
  const bar = layMargin(reading);
  // Limits ±5 with 3 mm of air at each side: 16 mm are 100 %.
  expect(bar.lower).toBeCloseTo(18.75);
  expect(bar.upper).toBeCloseTo(81.25);
  expect(bar.nominal).toBeCloseTo(50);
  expect(bar.sureFrom).toBeCloseTo(25);
  expect(bar.sureTo).toBeCloseTo(75);
  expect(bar.value).toBeCloseTo(62.5);
  expect([bar.from, bar.to]).toEqual([expect.closeTo(56.25), expect.closeTo(68.75)]);
});

test("a reading far outside stays on its bar and a missing one is not drawn", () => {
  const far = layMargin({ ...reading, value_mm: 540 });
  expect(far.to).toBeLessThan(100);
  expect(far.value).toBeGreaterThan(far.upper);
  expect(layMargin({ ...reading, value_mm: null, uncertainty_mm: null }).value).toBeNull();
});

test("an uncertainty wider than the tolerance leaves no sure zone", () => {
  const bar = layMargin({ ...reading, uncertainty_mm: 9 });
  expect(bar.sureFrom).toBeCloseTo(bar.sureTo);
});

test("pixels are drawn half a pixel from their corner", () => {
  expect(outline([{ x_px: 0, y_px: 0 }, { x_px: 10, y_px: 4 }])).toBe("0.5,0.5 10.5,4.5");
  expect(middle([{ x_px: 0, y_px: 0 }, { x_px: 10, y_px: 4 }])).toEqual({ x: 5.5, y: 2.5 });
  expect(middle([])).toBeNull();
});

test("a measured line carries marks across its ends", () => {
  const line = measureLine({ x_px: 0, y_px: 0 }, { x_px: 0, y_px: 100 }, 5);
  expect(line?.marks).toEqual(["M5.5 0.5L-4.5 0.5", "M5.5 100.5L-4.5 100.5"]);
  expect(line?.label).toEqual({ x: 0.5, y: 25.5 });
  expect(measureLine(null, { x_px: 0, y_px: 1 }, 5)).toBeNull();
  expect(measureLine({ x_px: 1, y_px: 1 }, { x_px: 1, y_px: 1 }, 5)).toBeNull();
});

test("heat leaves usual places clear and makes unusual ones dense and red", () => {
  const rgba = heat(Uint8Array.from([0, 96, 255]));
  expect([rgba[3], rgba[7]]).toEqual([0, 0]);
  expect([...rgba.slice(8)]).toEqual([220, 30, 40, 225]);
  expect(mapBytes("AAEC", 3)).toEqual(Uint8Array.from([0, 1, 2]));
  expect(mapBytes("AAEC", 4)).toBeNull();
  expect(mapBytes("§", 1)).toBeNull();
});

test("lengths say their sign", () => {
  expect([signed(0.5), signed(-0.25, 2), signed(0), signed(null)]).toEqual(["+0.5", "−0.25", "0", "–"]);
});

const step = (stage: string, position: number): Step => ({ step_id: `stp_${stage}`, position, stage, title_ko: "", title_en: "", requires_quality_check: true, guide: [] });
const seam = { seam: "hem", title_ko: "밑단", title_en: "Hem", side: "bottom" as const, inset_mm: 8, pitch_mm: 3, lower_mm: -0.3, upper_mm: 0.3, max_cv_ratio: 0.1, max_skipped_count: 0, severity: "major" as const };
const spec = {
  stages: [
    { stage: "SEW", checks: ["stitches"], points: [], stitches: [seam], defects: null },
    { stage: "QC", checks: ["stitches"], points: [], stitches: [{ ...seam, seam: "side" }, seam], defects: null },
  ],
} as unknown as Spec;
const inspection = {
  step_id: "stp_QC",
  measurements: [],
  stitches: [{ seam: "hem", outcome: "FAIL", pitch_mm: 3.4 }],
} as unknown as Inspection;

test("a designer is offered the failed seam first and changes it at every stage that judges by it", () => {
  const [first] = changeables({ spec, size: "M" }, inspection);
  expect(first).toMatchObject({ name: "hem", value_mm: 3, measured_mm: 3.4, hasFailed: true });
  expect(first && specChanges(first, 2.5).map(({ stage, field, value }) => [stage, field, value])).toEqual([
    ["SEW", "pitch_mm", 2.5],
    ["QC", "pitch_mm", 2.5],
  ]);
});

test("a failed seam is sewn again, never a step behind the failure", () => {
  const steps = reworkSteps([step("CUT", 1), step("SEW", 2), step("QC", 3), step("PACK", 4)], inspection);
  expect(steps.map((one) => one.stage)).toEqual(["CUT", "SEW", "QC"]);
  expect(likelyStep(steps, "stitch")?.stage).toBe("SEW");
  expect(likelyStep(steps, "point")?.stage).toBe("CUT");
});

test("a gap that several stages judge by is told once, by its title", () => {
  const gap = { kind: "stitch", name: "hem", size: "", field: "pitch_mm", digital_mm: 3, physical_mm: 3.01, corrected_mm: 2.5 };
  const told = distinctGaps([{ ...gap, stage: "SEW" }, { ...gap, stage: "QC" }]);
  expect(told.map((one) => gapTitle(spec, one, (ko) => ko))).toEqual(["밑단"]);
});
