// What a person typed into a held command's fields, as the plain values that its types want.

import type { ApprovalField } from "@/api/schema";

export const shown = (value: unknown): string =>
  typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);

/** Text alone is edited as text; numbers, lists and the rest are JSON; what is no JSON stays text. */
function typed(field: ApprovalField, text: string): unknown {
  if (typeof field.value === "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Only the fields that differ from what is stored. */
export function changesOf(fields: readonly ApprovalField[], texts: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    fields
      .filter((field) => texts[field.name] !== undefined && texts[field.name] !== shown(field.value))
      .map((field) => [field.name, typed(field, texts[field.name] ?? "")]),
  );
}
