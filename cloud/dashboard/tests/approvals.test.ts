import { expect, test } from "vitest";

import { changesOf, shown } from "../src/features/approvals/fields";

const fields = [
  { name: "amount_krw", type: "int", value: 200000 },
  { name: "supplier", type: "str", value: "7" },
  { name: "stages", type: "tuple", value: ["CUT"] },
];

test("only fields that were changed are sent, as the types they had", () => {
  expect(changesOf(fields, { amount_krw: "150000", supplier: "7", stages: '["CUT","SEW"]' })).toEqual({
    amount_krw: 150000,
    stages: ["CUT", "SEW"],
  });
});

test("text stays text even when it looks like a number, and nonsense is left to the cloud", () => {
  expect(changesOf(fields, { supplier: "8", amount_krw: "많이" })).toEqual({ supplier: "8", amount_krw: "많이" });
  expect(shown(null)).toBe("");
});
