// What number fields give back: a number, or text while somebody is still writing.

import type { Typed } from "@/features/work_orders/draft";

export function real(value: string | number): Typed {
  const number = typeof value === "number" ? value : Number(value);
  return value === "" || !Number.isFinite(number) ? "" : number;
}

export function whole(value: string | number): Typed {
  const number = real(value);
  return number === "" ? "" : Math.trunc(number);
}
