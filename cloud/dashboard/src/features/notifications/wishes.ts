// A person's wishes as the form holds them.

import type { Wishes, WishesChange } from "@/api/schema";

export const LETTERS = ["R", "A", "B", "S", "I", "C"] as const;
export const OTHER_CHANNELS = ["slack", "email"] as const;
export const DIGESTS_MIN = [0, 15, 30, 60, 180, 1440] as const;

export interface WishesDraft {
  channels: readonly string[];
  muted: readonly string[];
  isQuiet: boolean;
  from: string;
  until: string;
  zone: string;
  digest: number;
}

/** Quiet hours that are off still have times to begin with. */
export function draftOf(wishes: Wishes): WishesDraft {
  const isQuiet = wishes.quiet_from !== "";
  return {
    channels: wishes.channels,
    muted: wishes.muted_letters,
    isQuiet,
    from: isQuiet ? wishes.quiet_from : "22:00",
    until: isQuiet ? wishes.quiet_until : "07:00",
    zone: wishes.time_zone,
    digest: wishes.digest_min,
  };
}

export function changeOf(draft: WishesDraft): WishesChange {
  return {
    channels: ["in_app", ...OTHER_CHANNELS.filter((one) => draft.channels.includes(one))],
    muted_letters: LETTERS.filter((letter) => draft.muted.includes(letter)),
    quiet_from: draft.isQuiet ? draft.from : "",
    quiet_until: draft.isQuiet ? draft.until : "",
    time_zone: draft.zone,
    digest_min: draft.digest,
  };
}

/** Whether the quiet hours can be kept: both ends said, and not the same. */
export function areHoursWell(draft: WishesDraft): boolean {
  return !draft.isQuiet || (draft.from !== "" && draft.until !== "" && draft.from !== draft.until);
}

export function digestsWith(digest: number): number[] {
  return [...new Set([...DIGESTS_MIN, digest])].sort((one, other) => one - other);
}

/** The zones that the browser knows; the one that is set is always among them. */
export function zonesWith(zone: string): string[] {
  return [...new Set([zone, ...Intl.supportedValuesOf("timeZone")])].sort();
}
