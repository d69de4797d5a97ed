// Where a rollout stands, as a row of steps.

import type { Rollout, RolloutStation } from "@/api/schema";
import type { Sign, Tone } from "@/status/status";

export const WAY = ["CANARY", "WAVE_5", "WAVE_25", "WAVE_100", "DONE"] as const;

interface Look { tone: Tone; sign: Sign }

const STAGES: Record<string, Look> = {
  DRAFT: { tone: "review", sign: "question" },
  SIGNED: { tone: "started", sign: "check" },
  PAUSED: { tone: "review", sign: "hand" },
  HALTED: { tone: "fail", sign: "cross" },
  ROLLING_BACK: { tone: "rework", sign: "turn" },
  DONE: { tone: "pass", sign: "check" },
};

const STATES: Record<string, Look> = {
  COMMITTED: { tone: "pass", sign: "check" },
  TRIAL: { tone: "started", sign: "play" },
  SHADOW: { tone: "started", sign: "play" },
  ROLLING_BACK: { tone: "rework", sign: "turn" },
  ROLLED_BACK: { tone: "fail", sign: "turn" },
  REJECTED: { tone: "fail", sign: "cross" },
  FAILED: { tone: "fail", sign: "cross" },
  "": { tone: "idle", sign: "dot" },
};

export const lookOfStage = (stage: string): Look => STAGES[stage] ?? { tone: "started", sign: "play" };
export const lookOfState = (state: string): Look => STATES[state] ?? { tone: "started", sign: "dot" };

export type Place = "past" | "here" | "later";

/** Where each step of the way lies. Of a rollout that ended early nothing is "here". */
export function way(rollout: Pick<Rollout, "stage" | "paused_stage">, stations: readonly Pick<RolloutStation, "wave" | "assigned_at">[]): Place[] {
  const at = WAY.indexOf((rollout.paused_stage || rollout.stage) as (typeof WAY)[number]);
  if (at >= 0) return WAY.map((_, number) => (number < at || rollout.stage === "DONE" ? "past" : number === at ? "here" : "later"));
  const begun = new Set(stations.filter((one) => one.assigned_at).map((one) => one.wave));
  return WAY.map((step) => (begun.has(step) ? "past" : "later"));
}

const LOST = new Set(["ROLLED_BACK", "REJECTED", "FAILED"]);

/** How many stations were given the bundle and do not keep it, though nobody took it back from them. */
export const lostAfter = (stations: readonly Pick<RolloutStation, "state" | "withdrawn">[]): number => stations.filter((one) => LOST.has(one.state) && !one.withdrawn).length;

/** Which acts are offered at a stage. */
export function actsAt(stage: string): readonly ("approve" | "start" | "pause" | "resume" | "halt" | "return")[] {
  if (stage === "DRAFT") return ["approve", "halt"];
  if (stage === "SIGNED") return ["start", "halt"];
  if (stage === "PAUSED") return ["resume", "halt", "return"];
  if (stage === "HALTED" || stage === "DONE") return ["return"];
  if (stage === "ROLLING_BACK") return [];
  return ["pause", "halt", "return"];
}

/** Where rejects and both lines lie on a scale from 0 to `end`, in percent. */
export function scale(numbers: { rejects: number; lower_count: number; upper_count: number }): { low: number; high: number; at: number } {
  const end = Math.max(1, numbers.upper_count * 1.25, numbers.rejects * 1.1);
  const percent = (value: number): number => Math.max(0, Math.min(100, (value / end) * 100));
  return { low: percent(numbers.lower_count), high: percent(numbers.upper_count), at: percent(numbers.rejects) };
}
