import type { Digest, Notification } from "@/api/schema";

/** Puts each digest where its first notification stands, in place of all of them. */
export function entriesOf(told: Notification[], digests: Digest[]): (Digest | Notification)[] {
  const known = new Map(digests.map((digest) => [digest.digest, digest]));
  const shown = new Set<string>();
  return told.flatMap((one): (Digest | Notification)[] => {
    const digest = known.get(one.digest);
    if (!digest) return [one];
    if (shown.has(one.digest)) return [];
    shown.add(one.digest);
    return [digest];
  });
}
