// What a state is called, coloured and drawn like. Colour never speaks alone.

import type { Cell } from "@/api/schema";

export type Tone = "pass" | "fail" | "review" | "rework" | "started" | "idle";
export type Sign = "check" | "cross" | "question" | "turn" | "play" | "dot" | "hand" | "bin" | "up" | "ruler";

export interface Status {
  tone: Tone;
  sign: Sign;
}

const TABLE: Record<string, Status> = {
  PASS: { tone: "pass", sign: "check" },
  DONE: { tone: "pass", sign: "check" },
  NONE: { tone: "pass", sign: "check" },
  FAIL: { tone: "fail", sign: "cross" },
  QUARANTINE: { tone: "fail", sign: "hand" },
  ESCALATED: { tone: "fail", sign: "up" },
  SCRAPPED: { tone: "fail", sign: "bin" },
  REVIEW: { tone: "review", sign: "question" },
  CANNOT_MEASURE: { tone: "review", sign: "ruler" },
  REWORK: { tone: "rework", sign: "turn" },
  STARTED: { tone: "started", sign: "play" },
  OPEN: { tone: "idle", sign: "dot" },
};

export function statusOf(code: string): Status {
  return TABLE[code] ?? { tone: "idle", sign: "dot" };
}

/** One word for one cell of the table: the verdict where there is one, else what is going on. */
export function cellCode(cell: Cell, isOpenStep: boolean, pieceState: string): string {
  if (isOpenStep && pieceState !== "OPEN" && pieceState !== "STARTED") {
    return pieceState === "REWORK" && cell.verdict === "FAIL" ? "FAIL" : pieceState;
  }
  if (cell.verdict && cell.verdict !== "NONE") return cell.verdict;
  if (cell.finished_at) return "DONE";
  if (cell.started_at) return "STARTED";
  if (isOpenStep) return cell.attempt > 1 ? "REWORK" : "OPEN";
  return cell.state === "PASS" || cell.state === "DONE" ? cell.state : "WAITING";
}
