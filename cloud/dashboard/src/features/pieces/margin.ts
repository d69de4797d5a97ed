// Where a reading lies between its limits, for drawing: everything in percent of the bar.

export interface Reading {
  nominal_mm: number;
  lower_mm: number;
  upper_mm: number;
  value_mm: number | null;
  uncertainty_mm: number | null;
}

export interface Margin {
  lower: number;
  upper: number;
  nominal: number;
  /** Ends of the sure zone: inside the limits by U. Equal when U leaves none. */
  sureFrom: number;
  sureTo: number;
  value: number | null;
  from: number | null;
  to: number | null;
}

const AIR = 0.3;

/**
 * Lay out a bar. Deviations run from a little below the lower limit (or the reading, if that is
 * lower) to a little above the upper one. A reading passes only if its whisker ±U stays inside.
 */
export function layMargin(reading: Reading): Margin {
  const { nominal_mm, lower_mm, upper_mm, value_mm } = reading;
  const u = reading.uncertainty_mm ?? 0;
  const deviation = value_mm === null ? null : value_mm - nominal_mm;
  const air = Math.max((upper_mm - lower_mm) * AIR, u, 1e-6);
  const start = Math.min(lower_mm, deviation === null ? lower_mm : deviation - u) - air;
  const end = Math.max(upper_mm, deviation === null ? upper_mm : deviation + u) + air;
  const at = (mm: number): number => (100 * (mm - start)) / (end - start);
  const middle = (lower_mm + upper_mm) / 2;
  return {
    lower: at(lower_mm),
    upper: at(upper_mm),
    nominal: at(0),
    sureFrom: at(Math.min(lower_mm + u, middle)),
    sureTo: at(Math.max(upper_mm - u, middle)),
    value: deviation === null ? null : at(deviation),
    from: deviation === null ? null : at(deviation - u),
    to: deviation === null ? null : at(deviation + u),
  };
}
