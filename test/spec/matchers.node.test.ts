// Each matcher of spec/README.md, seen green and seen red.
import { describe, expect, test } from "vitest";
import type { Json } from "./format.ts";
import { asked, fill, MATCHERS, mismatch } from "./match.ts";
import { given, table } from "./matchers.ts";

const kept = (): Map<string, Json> =>
  new Map<string, Json>([
    ["kept", { deep: [1] }],
    ["word", "a.b"],
  ]);

test("every matcher has rows", () => {
  expect(Object.keys(table)).toEqual(expect.arrayContaining([...MATCHERS]));
});

describe.each(Object.entries(table))("%s", (_, rows) => {
  for (const [expected, green, red] of rows) {
    for (const actual of green) {
      test(`${JSON.stringify(expected)} holds for ${String(JSON.stringify(given(actual)))}`, () => {
        expect(mismatch(expected, given(actual), kept())).toBeUndefined();
      });
    }
    for (const actual of red) {
      test(`${JSON.stringify(expected)} refuses ${String(JSON.stringify(given(actual)))}`, () => {
        expect(mismatch(expected, given(actual), kept())).toEqual(expect.any(String));
      });
    }
  }
});

test("$save keeps the value, also deep inside", () => {
  const names = kept();
  expect(
    mismatch(
      { a: { $has: [{ b: { $type: "integer", $save: "n" } }] } },
      { a: [{ b: "x" }, { b: 7 }] },
      names,
    ),
  ).toBeUndefined();
  expect(names.get("n")).toBe(7);
});

test("named groups of a pattern are kept, and asked of nobody", () => {
  const names = kept();
  const expected = { $pattern: "^(?<front>a+)(?<back>b*)$" };
  expect(mismatch(expected, "aab", names)).toBeUndefined();
  expect([names.get("front"), names.get("back")]).toEqual(["aa", "b"]);
  expect(asked({ a: expected, b: "{{front}}{{other}}" })).toEqual(["other"]);
});

test("$save inside $not keeps nothing", () => {
  const names = kept();
  expect(mismatch({ $not: { a: { $save: "n" }, b: 1 } }, { a: 1 }, names)).toBeUndefined();
  expect(names.has("n")).toBe(false);
});

test("a problem says where", () => {
  expect(mismatch({ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, kept())).toBe(".a[0].b is 2, not 1");
});

test("fill keeps types, joins texts and leaves out what is missing", () => {
  const value = { n: "{{n}}", t: "v{{n}}", gone: "{{gone}}", list: ["{{n}}"], __proto__: "x" };
  expect(fill(value, (name) => (name === "n" ? 3 : undefined))).toEqual({
    n: 3,
    t: "v3",
    list: [3],
  });
});

test("asked names what is used and not kept in the same breath", () => {
  expect(asked({ a: "{{x}}", b: { $save: "y" }, c: "{{y}}" })).toEqual(["x"]);
});
