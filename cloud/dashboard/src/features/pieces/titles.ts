// What a point of measure or a seam is called in the piece's spec.

import type { Gap, Spec } from "@/api/schema";

type Say = (ko: string, en: string) => string;

export function pointTitle(spec: Spec, name: string, say: Say): string {
  const found = spec.stages.flatMap((stage) => stage.points).find((point) => point.name === name);
  return found ? say(found.title_ko, found.title_en) || name : name;
}

export function seamTitle(spec: Spec, name: string, say: Say): string {
  const found = spec.stages.flatMap((stage) => stage.stitches).find((seam) => seam.seam === name);
  return found ? say(found.title_ko, found.title_en) || name : name;
}

export function gapTitle(spec: Spec, gap: Gap, say: Say): string {
  return gap.kind === "stitch" ? seamTitle(spec, gap.name, say) : pointTitle(spec, gap.name, say);
}

/** One gap for each value that changed: stages that judge by the same seam or point say it once. */
export function distinctGaps(gaps: readonly Gap[]): Gap[] {
  const found = new Map(gaps.map((gap) => [`${gap.kind}:${gap.name}:${gap.size}:${gap.field}`, gap]));
  return [...found.values()];
}
