import { expect, test } from "vitest";

test("the page knows its language", () => {
  expect("ko").toBe("ko");
});
