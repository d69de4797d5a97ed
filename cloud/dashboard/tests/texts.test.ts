import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import en from "../texts/en.json";
import ko from "../texts/ko.json";

type Texts = Record<string, Record<string, string>>;

const flat = (texts: Texts): string[] =>
  Object.entries(texts).flatMap(([group, lines]) => Object.keys(lines).map((key) => `${group}.${key}`));

const holes = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? "").sort();

test("Korean and English have the same keys, none of them empty", () => {
  expect(flat(en)).toEqual(flat(ko));
  for (const texts of [ko, en] as Texts[]) {
    for (const lines of Object.values(texts)) expect(Object.values(lines).every((text) => text.trim() !== "")).toBe(true);
  }
});

test("both languages fill in the same values", () => {
  for (const [group, lines] of Object.entries(ko as Texts)) {
    for (const [key, text] of Object.entries(lines)) {
      expect(holes((en as Texts)[group]?.[key] ?? ""), `${group}.${key}`).toEqual(holes(text));
    }
  }
});

test("every key that a page names is written", () => {
  const known = new Set(flat(ko));
  const source = join(import.meta.dirname, "../src");
  const named = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) => [...readFileSync(join(source, name), "utf8").matchAll(/\bt\(\s*"([a-z_]+\.\w+)"/g)])
    .map((match) => match[1] ?? "");
  expect(named.filter((key) => !known.has(key))).toEqual([]);
  expect(named.length).toBeGreaterThan(80);
});
