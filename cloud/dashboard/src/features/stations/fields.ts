// A station's settings as they are typed, and what is wrong with them.

import type { ConfigurationField, StationConfiguration } from "@/api/schema";

/** By `section.name`; "" leaves it to the station. */
export type Typed = Readonly<Record<string, string>>;
export type Document = Record<string, Record<string, string | number | boolean>>;

export interface Problem {
  /** Key below `configuration` in the texts. */
  text: "not_a_number" | "not_whole" | "out_of_range" | "too_small" | "too_large" | "wrong_form" | "not_a_choice" | "alone" | "no_such_size";
  values: Record<string, string | number>;
}

// What means something only beside the others.
const TOGETHER: readonly (readonly string[])[] = [
  ["camera.width_px", "camera.height_px"],
  ["camera.white_balance_red_ratio", "camera.white_balance_blue_ratio"],
  ["upload.shift_from", "upload.shift_until", "upload.shift_limit_kib_per_s"],
];

const UNITS: readonly (readonly [suffix: string, key: string])[] = [
  ["_kib_per_s", "kib_per_s"], ["_per_s", "per_s"], ["_us", "us"], ["_s", "s"], ["_h", "h"], ["_mb", "mb"],
  ["_max_ratio", "share"], ["_px", "px"], ["_kelvin", "kelvin"], ["_ratio", "ratio"],
];

/** Which unit a setting's name ends in: a key below `unit` in the texts, "" for none. */
export function unitOf(name: string): string {
  return UNITS.find(([suffix]) => name.endsWith(suffix))?.[1] ?? "";
}

/** A camera as the station writes it (`replay:front`, `v4l2:0`, `none`): its kind, and which one it is. */
export function cameraOf(told: string): { kind: string; which: string } {
  const [kind = "", ...rest] = told.split(":");
  return { kind, which: rest.join(":") };
}

export const keyOf = (field: Pick<ConfigurationField, "section" | "name">): string => `${field.section}.${field.name}`;

export function documentIn(configuration: Pick<StationConfiguration, "document">): Document {
  const found: unknown = JSON.parse(configuration.document);
  return typeof found === "object" && found !== null ? (found as Document) : {};
}

/** Everything that is set, as text, also what this station has no field for. */
export function typedOf(document: Document): Typed {
  return Object.fromEntries(
    Object.entries(document).flatMap(([section, part]) => Object.entries(part).map(([name, value]) => [`${section}.${name}`, String(value)])),
  );
}

/** Settings that are wished and that this station does not have. */
export function strangersIn(typed: Typed, fields: readonly ConfigurationField[]): string[] {
  const known = new Set(fields.map(keyOf));
  return Object.keys(typed).filter((key) => typed[key] !== "" && !known.has(key));
}

/** The document to send; what the station does not have is left out. */
export function documentOf(typed: Typed, fields: readonly ConfigurationField[]): Document {
  const document: Document = {};
  for (const field of fields) {
    const text = (typed[keyOf(field)] ?? "").trim();
    if (text === "") continue;
    const value =
      field.kind === "number" || field.kind === "integer" ? Number(text) : field.kind === "boolean" ? text === "true" : text;
    document[field.section] = { ...document[field.section], [field.name]: value };
  }
  return document;
}

function rangeProblem(field: ConfigurationField, value: number): Problem | null {
  const { minimum, maximum } = field;
  const isBelow = minimum !== null && (value < minimum || (field.above_minimum && value === minimum));
  const isAbove = maximum !== null && value > maximum;
  if (!isBelow && !isAbove) return null;
  if (minimum !== null && maximum !== null) return { text: "out_of_range", values: { minimum, maximum } };
  return minimum === null ? { text: "too_large", values: { maximum: maximum ?? 0 } } : { text: "too_small", values: { minimum } };
}

export function problemOf(field: ConfigurationField, typed: string): Problem | null {
  const text = typed.trim();
  if (text === "") return null;
  if (field.kind === "number" || field.kind === "integer") {
    const value = Number(text);
    if (!Number.isFinite(value)) return { text: "not_a_number", values: {} };
    if (field.kind === "integer" && !Number.isInteger(value)) return { text: "not_whole", values: {} };
    return rangeProblem(field, value);
  }
  if (field.kind === "choice" && !field.choices.includes(text)) return { text: "not_a_choice", values: {} };
  if (field.pattern && !new RegExp(field.pattern).test(text)) return { text: "wrong_form", values: {} };
  return null;
}

/** What is wrong, by `section.name`. */
export function problemsIn(
  typed: Typed,
  fields: readonly ConfigurationField[],
  sizes: StationConfiguration["sizes_px"],
): Record<string, Problem> {
  const found: Record<string, Problem> = {};
  for (const field of fields) {
    const problem = problemOf(field, typed[keyOf(field)] ?? "");
    if (problem) found[keyOf(field)] = problem;
  }
  const isTyped = (key: string): boolean => (typed[key] ?? "").trim() !== "";
  for (const group of TOGETHER) {
    if (!group.some(isTyped)) continue;
    for (const key of group) if (!isTyped(key)) found[key] ??= { text: "alone", values: {} };
  }
  const size = [typed["camera.width_px"], typed["camera.height_px"]].map(Number);
  const isSize = isTyped("camera.width_px") && isTyped("camera.height_px");
  if (isSize && sizes.length > 0 && !sizes.some(([width, height]) => width === size[0] && height === size[1])) {
    found["camera.width_px"] ??= { text: "no_such_size", values: { sizes: sizes.map((one) => one.join("×")).join(", ") } };
  }
  return found;
}
