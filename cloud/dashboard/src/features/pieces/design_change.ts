// What a designer may change after a failure, and which step is done again.

import type { Inspection, Piece, SpecChange, Step } from "@/api/schema";

export interface Changeable {
  key: string;
  kind: "stitch" | "point";
  name: string;
  size: string;
  field: "pitch_mm" | "nominal_mm";
  title_ko: string;
  title_en: string;
  value_mm: number;
  /** What was measured at this piece; null when nothing was. */
  measured_mm: number | null;
  hasFailed: boolean;
  /** Every stage that judges by it: they change together. */
  stages: string[];
}

/** Seams and points of the piece's spec; what failed comes first. */
export function changeables(piece: Pick<Piece, "spec" | "size">, inspection: Inspection): Changeable[] {
  const found = new Map<string, Changeable>();
  const add = (one: Omit<Changeable, "stages" | "key">, stage: string): void => {
    const key = `${one.kind}:${one.name}:${one.size}`;
    const known = found.get(key);
    if (known) known.stages.push(stage);
    else found.set(key, { ...one, key, stages: [stage] });
  };
  for (const stage of piece.spec.stages) {
    for (const seam of stage.stitches) {
      const read = inspection.stitches.find((one) => one.seam === seam.seam);
      add({ kind: "stitch", name: seam.seam, size: "", field: "pitch_mm", title_ko: seam.title_ko, title_en: seam.title_en, value_mm: seam.pitch_mm, measured_mm: read?.pitch_mm ?? null, hasFailed: read?.outcome === "FAIL" }, stage.stage);
    }
    for (const point of stage.points.filter((one) => one.size === "" || one.size === piece.size)) {
      const read = inspection.measurements.find((one) => one.name === point.name);
      add({ kind: "point", name: point.name, size: point.size, field: "nominal_mm", title_ko: point.title_ko, title_en: point.title_en, value_mm: point.nominal_mm, measured_mm: read?.value_mm ?? null, hasFailed: read?.outcome === "FAIL" }, stage.stage);
    }
  }
  return [...found.values()].sort((a, b) => Number(b.hasFailed) - Number(a.hasFailed));
}

export function specChanges(chosen: Changeable, value_mm: number): SpecChange[] {
  return chosen.stages.map((stage) => ({ stage, kind: chosen.kind, name: chosen.name, size: chosen.size, field: chosen.field, value: value_mm }));
}

/** Steps up to the one that failed; sewing is where a seam is made good. */
export function reworkSteps(steps: readonly Step[], inspection: Inspection): Step[] {
  const failed = steps.find((step) => step.step_id === inspection.step_id);
  return steps.filter((step) => !failed || step.position <= failed.position);
}

export function likelyStep(steps: readonly Step[], kind: Changeable["kind"] | undefined): Step | undefined {
  const wanted = kind === "point" ? "CUT" : "SEW";
  return steps.findLast((step) => step.stage === wanted) ?? steps.at(-1);
}
