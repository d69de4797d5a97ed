// How lengths are written.

export function signed(value: number | null, digits = 1): string {
  if (value === null) return "–";
  if (value === 0) return "0";
  return `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`;
}

export function plain(value: number | null, digits = 2): string {
  return value === null ? "–" : value.toFixed(digits);
}
