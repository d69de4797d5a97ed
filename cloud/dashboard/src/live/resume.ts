// Rules of the live layer that need no browser: where to go on, how long to wait.

import type { LiveEvent } from "@/api/schema";

export const FIRST_WAIT_MS = 300;
export const LONGEST_WAIT_MS = 15_000;

/** Wait anywhere between nothing and a ceiling that doubles: many pages never come back at once. */
export function reconnectWait(attempt: number, random: number): number {
  return random * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
}

export type Message = { kind: "hello"; sequence: number } | { kind: "event"; event: LiveEvent } | { kind: "noise" };

/** Read one message of the WebSocket; what is not understood is noise, never an exception. */
export function readMessage(data: unknown): Message {
  if (typeof data !== "string") return { kind: "noise" };
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: "noise" };
  }
  if (typeof value !== "object" || value === null) return { kind: "noise" };
  const message = value as Partial<LiveEvent>;
  if (typeof message.sequence !== "number" || typeof message.type !== "string") return { kind: "noise" };
  if (message.type === "hello") return { kind: "hello", sequence: message.sequence };
  return {
    kind: "event",
    event: {
      sequence: message.sequence,
      type: message.type,
      event_id: message.event_id ?? "",
      occurred_at: message.occurred_at ?? "",
      payload: message.payload ?? {},
    },
  };
}

/** What this page has seen; `after` is where the next connection goes on. */
export interface Position {
  after: number | null;
}

export type Step = "apply" | "skip" | "reload";

/**
 * Decide about an event. One seen already is skipped; a hole means that caches are reloaded and
 * the event is taken as the newest known.
 */
export function advance(position: Position, sequence: number): { position: Position; step: Step } {
  const known = position.after;
  if (known !== null && sequence <= known) return { position, step: "skip" };
  const step = known !== null && sequence > known + 1 ? "reload" : "apply";
  return { position: { after: sequence }, step };
}

/**
 * Decide at hello. A cloud that knows less than this page was set up anew: everything is reloaded.
 */
export function greet(position: Position, sequence: number): { position: Position; step: Step } {
  if (position.after === null) return { position: { after: sequence }, step: "apply" };
  if (sequence < position.after) return { position: { after: sequence }, step: "reload" };
  return { position, step: "apply" };
}

export function liveAddress(page: { protocol: string; host: string }, position: Position): string {
  const scheme = page.protocol === "https:" ? "wss:" : "ws:";
  const after = position.after === null ? "" : `?after=${position.after}`;
  return `${scheme}//${page.host}/api/v1/live${after}`;
}
