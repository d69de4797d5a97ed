// What keeps a typed work order from being made, said before the cloud has to.

import type { Typed, TypedOrder, TypedPoint, TypedStitch } from "@/features/work_orders/draft";

/** `code` names a sentence under `create_problem`; `field` is a text's key, `stage` a stage's code. */
export interface Problem {
  code: "empty" | "row_empty" | "no_pieces" | "not_above_zero" | "limits" | "unchecked" | "nothing_checked" | "defects_half";
  name?: string;
  field?: string;
  stage?: string;
}

/** More pieces than this are no order but a slip of the finger. */
const MOST_PIECES = 2000;

type Row = (TypedPoint & { kind: "point" }) | (TypedStitch & { kind: "seam" });

const nameOf = (row: Row): string => (row.kind === "point" ? row.name : row.seam).trim();

function head(order: TypedOrder): Problem[] {
  const fields = ["number", "style", "title_ko", "title_en"] as const;
  return fields.filter((field) => order[field].trim() === "").map((field) => ({ code: "empty", field: `create.${field}` }));
}

function pieces(order: TypedOrder): Problem[] {
  return order.sizes.flatMap(({ size, count }): Problem[] => [
    ...(size.trim() === "" ? [{ code: "empty", field: "create.size" } as const] : []),
    ...(count === "" || count < 1 || count > MOST_PIECES ? [{ code: "no_pieces", name: size.trim() || "?" } as const] : []),
  ]);
}

function needed(row: Row): [string, Typed][] {
  const limits: [string, Typed][] = [["lower", row.lower_mm], ["upper", row.upper_mm]];
  if (row.kind === "point") return [["at", row.at_percent], ["nominal", row.nominal_mm], ...limits];
  return [["inset", row.inset_mm], ["pitch", row.pitch_mm], ...limits, ["cv", row.cv_percent], ["skipped", row.skipped]];
}

function gaps(row: Row, name: string): Problem[] {
  const fields: [string, string | number][] = [["point_name", nameOf(row)], ...needed(row), ["severity", row.severity]];
  return fields.filter(([, value]) => value === "").map(([field]) => ({ code: "row_empty", name, field: `create.${field}` }));
}

function ofRow(row: Row, number: number, checked: Set<string>): Problem[] {
  const name = nameOf(row) || String(number);
  const found = gaps(row, name);
  const length = row.kind === "point" ? row.nominal_mm : row.pitch_mm;
  if (length !== "" && length <= 0) found.push({ code: "not_above_zero", name, field: row.kind === "point" ? "create.nominal" : "create.pitch" });
  const { lower_mm: lower, upper_mm: upper } = row;
  if (lower !== "" && upper !== "" && !(lower <= 0 && upper >= 0 && lower < upper)) found.push({ code: "limits", name });
  // A row at a stage that is not checked any more would be lost without a word.
  if (!checked.has(row.stage)) found.push({ code: "unchecked", name, stage: row.stage });
  return found;
}

/** List what is missing or cannot be, in the order of the form; empty when it can be sent. */
export function problemsOf(order: TypedOrder): Problem[] {
  const checked = new Set(order.steps.filter((step) => step.check).map((step) => step.stage));
  const points = order.points.map((point) => ({ ...point, kind: "point" as const }));
  const seams = order.stitches.map((seam) => ({ ...seam, kind: "seam" as const }));
  const half = (order.minor_below_mm2 === "") !== (order.major_from_mm2 === "");
  const judged = new Set([...points, ...seams].map(({ stage }) => stage));
  const bare = order.minor_below_mm2 === "" ? [...checked].filter((stage) => !judged.has(stage)) : [];
  return [
    ...head(order),
    ...bare.map((stage): Problem => ({ code: "nothing_checked", stage })),
    ...pieces(order),
    ...points.flatMap((point, index) => ofRow(point, index + 1, checked)),
    ...seams.flatMap((seam, index) => ofRow(seam, index + 1, checked)),
    ...(half ? [{ code: "defects_half" } as const] : []),
  ];
}
