// What a point of measure or a seam is called in the piece's spec.

import type { Spec } from "@/api/schema";

type Say = (ko: string, en: string) => string;

export function pointTitle(spec: Spec, name: string, say: Say): string {
  const found = spec.stages.flatMap((stage) => stage.points).find((point) => point.name === name);
  return found ? say(found.title_ko, found.title_en) || name : name;
}

export function seamTitle(spec: Spec, name: string, say: Say): string {
  const found = spec.stages.flatMap((stage) => stage.stitches).find((seam) => seam.seam === name);
  return found ? say(found.title_ko, found.title_en) || name : name;
}
