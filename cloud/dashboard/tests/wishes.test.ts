import { expect, test } from "vitest";

import { tellDetails } from "@/features/notifications/details";
import { areHoursWell, changeOf, digestsWith, draftOf, zonesWith } from "@/features/notifications/wishes";

const KEPT = { channels: ["in_app"], muted_letters: ["I"], quiet_from: "", quiet_until: "", time_zone: "Asia/Seoul", digest_min: 45 };

test("wishes that nobody changes are sent as they were", () => {
  expect(changeOf(draftOf(KEPT))).toEqual(KEPT);
});

test("letters and channels go in their own order, and the application's channel always stays", () => {
  const draft = { ...draftOf(KEPT), muted: ["C", "R"], channels: ["email", "slack"] };
  expect(changeOf(draft)).toMatchObject({ muted_letters: ["R", "C"], channels: ["in_app", "slack", "email"] });
});

test("quiet hours need two ends that differ, and none when they are off", () => {
  const draft = draftOf(KEPT);
  expect(areHoursWell({ ...draft, isQuiet: true, from: "", until: "07:00" })).toBe(false);
  expect(areHoursWell({ ...draft, isQuiet: true, from: "07:00", until: "07:00" })).toBe(false);
  expect(areHoursWell({ ...draft, isQuiet: true, from: "22:00", until: "07:00" })).toBe(true);
  expect(changeOf({ ...draft, isQuiet: false, from: "22:00" })).toMatchObject({ quiet_from: "", quiet_until: "" });
});

test("a digest and a time zone that were set elsewhere can still be chosen", () => {
  expect(digestsWith(45)).toContain(45);
  expect(zonesWith("Asia/Seoul").filter((zone) => zone === "Asia/Seoul")).toHaveLength(1);
  expect(zonesWith("Etc/GMT-9")).toContain("Etc/GMT-9");
});

test("a notification names persons, acts and reasons, and leaves out what only programs need", () => {
  const words = { name: (group: string, code: string) => `${group}:${code}`, who: (login: string) => login.toUpperCase(), why: (code: string) => `why ${code}` };
  const details = { action: "redrive-job", domain: "jobs", requester: "lee", reason: "늦음", code: "FORBIDDEN" };
  expect(tellDetails(details, words)).toBe("action:redrive_job · LEE · 늦음 · why FORBIDDEN");
});
