// How long each step takes and where pieces queue, from a work order's table.

import type { WorkOrder } from "@/api/schema";

export interface StageLoad {
  step_id: string;
  stage: string;
  /** Seconds from start to finish, middle of the finished ones; null without any. */
  median_s: number | null;
  cycles: number;
  /** Pieces whose open step this is and that nobody works on. */
  queue: number;
  isBottleneck: boolean;
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** The bottleneck has the most work waiting: queue times middle cycle; one waiting piece is none. */
export function stageLoads(order: Pick<WorkOrder, "steps" | "pieces">): StageLoad[] {
  const loads = order.steps.map((step) => {
    const times = order.pieces
      .flatMap((piece) => piece.cells.filter((cell) => cell.step_id === step.step_id))
      .filter((cell) => cell.started_at && cell.finished_at)
      .map((cell) => (Date.parse(cell.finished_at ?? "") - Date.parse(cell.started_at ?? "")) / 1000)
      .filter((seconds) => seconds >= 0);
    const queue = order.pieces.filter(
      (piece) => piece.open_stage === step.stage && piece.state !== "STARTED" && piece.state !== "DONE",
    ).length;
    return { step_id: step.step_id, stage: step.stage, median_s: median(times), cycles: times.length, queue, isBottleneck: false };
  });
  const weight = (load: StageLoad): number => load.queue * (load.median_s ?? 1);
  // Nothing has passed the first step's queue yet: work that was never begun is no bottleneck.
  const waiting = loads.filter((load, index) => load.queue > 1 && (index > 0 || load.cycles > 0));
  const worst = waiting.reduce<StageLoad | null>((most, load) => (!most || weight(load) > weight(most) ? load : most), null);
  return loads.map((load) => ({ ...load, isBottleneck: load === worst }));
}
