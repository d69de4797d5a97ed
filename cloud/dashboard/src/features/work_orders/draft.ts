// A work order as it is typed in, and as the cloud wants it.

import type { Severity, StageStandard, WorkOrderDraft } from "@/api/schema";

export const STAGES = ["MAT", "SPR", "CUT", "SEW", "BEAD", "FIN", "QC", "FIT", "ALT", "PACK"] as const;
export const SEVERITIES: Severity[] = ["critical", "major", "minor"];
export const SIDES = ["top", "right", "bottom", "left"] as const;

/** What a number field holds: empty until somebody writes. */
export type Typed = number | "";

export interface TypedStep {
  stage: string;
  check: boolean;
}

export interface TypedPoint {
  stage: string;
  name: string;
  size: string;
  axis: "length" | "width";
  at_percent: Typed;
  nominal_mm: Typed;
  lower_mm: Typed;
  upper_mm: Typed;
  thickness_mm: Typed;
  severity: Severity | "";
}

export interface TypedStitch {
  stage: string;
  seam: string;
  side: (typeof SIDES)[number];
  inset_mm: Typed;
  pitch_mm: Typed;
  lower_mm: Typed;
  upper_mm: Typed;
  cv_percent: Typed;
  skipped: Typed;
  severity: Severity | "";
}

export interface TypedOrder {
  number: string;
  style: string;
  title_ko: string;
  title_en: string;
  due: string;
  steps: TypedStep[];
  sizes: { size: string; count: Typed }[];
  points: TypedPoint[];
  stitches: TypedStitch[];
  minor_below_mm2: Typed;
  major_from_mm2: Typed;
}

export const newPoint = (stage: string): TypedPoint => ({
  stage, name: "", size: "", axis: "length", at_percent: 50, nominal_mm: "", lower_mm: "", upper_mm: "", thickness_mm: "", severity: "",
});

export const newStitch = (stage: string): TypedStitch => ({
  stage, seam: "", side: "bottom", inset_mm: "", pitch_mm: "", lower_mm: "", upper_mm: "", cv_percent: "", skipped: "", severity: "",
});

export const emptyOrder = (): TypedOrder => ({
  number: "", style: "", title_ko: "", title_en: "", due: "",
  steps: [{ stage: "CUT", check: true }, { stage: "SEW", check: true }, { stage: "QC", check: true }],
  sizes: [{ size: "M", count: 10 }],
  points: [],
  stitches: [],
  minor_below_mm2: "",
  major_from_mm2: "",
});

const absent = (value: Typed): number | null => (value === "" ? null : value);

function standard(stage: string, order: TypedOrder): StageStandard {
  const points = order.points.filter((point) => point.stage === stage);
  const stitches = order.stitches.filter((seam) => seam.stage === stage);
  const minor = absent(order.minor_below_mm2);
  const major = absent(order.major_from_mm2);
  const defects = minor === null || major === null ? null : { minor_below_mm2: minor, major_from_mm2: major };
  return {
    stage,
    checks: [
      ...(defects ? (["defects"] as const) : []),
      ...(points.length > 0 ? (["measure"] as const) : []),
      ...(stitches.length > 0 ? (["stitches"] as const) : []),
    ],
    points: points.map((point) => ({
      name: point.name.trim(), title_ko: point.name.trim(), title_en: point.name.trim(), size: point.size,
      axis: point.axis, at_ratio: (absent(point.at_percent) ?? 50) / 100, nominal_mm: absent(point.nominal_mm) ?? 0,
      lower_mm: absent(point.lower_mm), upper_mm: absent(point.upper_mm), severity: point.severity === "" ? null : point.severity,
      method: "camera", thickness_mm: absent(point.thickness_mm),
    })),
    stitches: stitches.map((seam) => ({
      seam: seam.seam.trim(), title_ko: seam.seam.trim(), title_en: seam.seam.trim(), side: seam.side,
      inset_mm: absent(seam.inset_mm) ?? 0, pitch_mm: absent(seam.pitch_mm) ?? 0,
      lower_mm: absent(seam.lower_mm), upper_mm: absent(seam.upper_mm), severity: seam.severity === "" ? null : seam.severity,
      max_cv_ratio: (absent(seam.cv_percent) ?? 0) / 100, max_skipped_count: absent(seam.skipped) ?? 0,
    })),
    defects,
  };
}

/** Number the pieces from 1, size by size, and give each checked stage its standard. */
export function draftOf(order: TypedOrder): WorkOrderDraft {
  const pieces = order.sizes.flatMap(({ size, count }) => Array.from({ length: count === "" ? 0 : count }, () => size.trim()));
  const checked = [...new Set(order.steps.filter((step) => step.check).map((step) => step.stage))];
  return {
    number: order.number.trim(),
    title_ko: order.title_ko.trim(),
    title_en: order.title_en.trim(),
    style: order.style.trim(),
    due_at: order.due ? new Date(order.due).toISOString() : null,
    spec: { stages: checked.map((stage) => standard(stage, order)) },
    steps: order.steps.map((step) => ({ stage: step.stage, title_ko: "", title_en: "", requires_quality_check: step.check })),
    pieces: pieces.map((size, index) => ({ number: index + 1, size })),
  };
}
