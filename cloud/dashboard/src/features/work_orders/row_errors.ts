// Rows that a spreadsheet's import refused.

export interface RowError {
  row: string;
  column: string;
  reason: string;
}

const word = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** Read the rows out of a refusal's details: a list under `rows`, `errors` or `problems`, or one row. */
export function rowErrors(details: Record<string, unknown>): RowError[] {
  const list: unknown = [details.rows, details.errors, details.problems].find(Array.isArray);
  const found: unknown[] = Array.isArray(list) ? list : "row" in details ? [details] : [];
  return found
    .filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null)
    .map((one) => ({
      row: [word(one.sheet), word(one.row)].filter(Boolean).join(" "),
      column: word(one.column) || word(one.field),
      reason: word(one.message) || word(one.reason) || word(one.code),
    }));
}
