// Each matcher of spec/README.md, seen green and seen red.
import { describe, expect, test } from "vitest";
import type { Json } from "./format.ts";
import { asked, fill, MATCHERS, mismatch } from "./match.ts";

const absent = Symbol("absent");
type Row = [expected: Json, green: (Json | typeof absent)[], red: (Json | typeof absent)[]];

const rows: { [name: string]: Row[] } = {
  literals: [
    ["a", ["a"], ["b", "", null, absent, ["a"]]],
    [1, [1, 1.0], [2, "1", true, absent]],
    [null, [null], [absent, false, 0, "", {}]],
    [[1, 2], [[1, 2]], [[1], [1, 2, 3], [2, 1], "12", absent]],
    [{ a: 1 }, [{ a: 1 }, { a: 1, b: 2 }], [{}, { b: 1 }, [1], null, absent, { a: { a: 1 } }]],
    [{}, [{}, { a: 1 }], [[], null, "x", absent]],
    [{ toString: "x" }, [{ toString: "x" }], [{}]],
    [{ $schema: "s" }, [{ $schema: "s" }], [{}, { $schema: "t" }]],
    ["{{kept}}", [{ deep: [1] }], [{ deep: [2] }, { deep: [1], more: 1 }, absent]],
    ["is {{word}}", ["is a.b"], ["is {{word}}", "is axb"]],
    ["{{nobody}}", [], ["", null, absent, "{{nobody}}"]],
  ],
  $type: [
    [{ $type: "string" }, ["", "x"], [1, null, absent]],
    [{ $type: "number" }, [1, 1.5], ["1", null, absent]],
    [{ $type: "integer" }, [1, 1.0], [1.5, "1", absent]],
    [{ $type: "boolean" }, [true, false], [0, "true", absent]],
    [{ $type: "null" }, [null], [0, {}, absent]],
    [{ $type: "array" }, [[], [1]], [{}, "x", absent]],
    [{ $type: "object" }, [{}, { a: 1 }], [[], null, absent]],
  ],
  $pattern: [
    [{ $pattern: "^a+$" }, ["a", "aa"], ["", "ab", 1, absent]],
    [{ $pattern: "b" }, ["abc"], ["ac"]],
    [{ $pattern: "^{{word}}$" }, ["a.b"], ["axb"]],
  ],
  $any: [
    [{ $any: [1, "x"] }, [1, "x"], [2, "1", absent]],
    [{ $any: [{ $absent: true }, 1] }, [absent, 1], [2, null]],
  ],
  $not: [[{ $not: 1 }, [2, "1", null], [1, absent]]],
  $absent: [
    [{ $absent: true }, [absent], [null, false, 0, ""]],
    [{ a: { $absent: true }, b: 1 }, [{ b: 1 }], [{ a: null, b: 1 }, {}, { a: 1 }]],
  ],
  $has: [
    [
      { $has: [{ a: 1 }, 2] },
      [
        [2, { a: 1, b: 1 }],
        [3, { a: 1 }, 2],
      ],
      [[], [2], [{ a: 1 }], { a: 1 }, absent],
    ],
  ],
  $each: [[{ $each: { a: 1 } }, [[{ a: 1 }], [{ a: 1 }, { a: 1, b: 2 }]], [[], [{ a: 1 }, {}], { a: 1 }, absent]]],
  $only: [
    [
      { $only: { a: 1, b: { $type: "string" } } },
      [{ a: 1, b: "" }],
      [{ a: 1 }, { a: 1, b: "", c: 1 }, { a: 2, b: "" }, [], absent],
    ],
    [{ $only: { a: { $any: [{ $absent: true }, 1] } } }, [{}, { a: 1 }], [{ b: 1 }, { a: 2 }]],
  ],
  $min: [[{ $min: 2 }, [2, 3, "ab", [1, 2]], [1, "a", [1], null, absent, {}]]],
  $max: [[{ $max: 2 }, [2, 1, "ab", []], [3, "abc", [1, 2, 3], null, absent, {}]]],
  $equals: [
    [{ $equals: { a: [1] } }, [{ a: [1] }], [{ a: [1], b: 1 }, { a: [1, 2] }, {}, absent]],
    [{ $equals: { $type: "string" } }, [{ $type: "string" }], ["x"]],
    [{ $equals: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1, c: 2 }]],
    [{ $equals: ["{{word}}"] }, [["a.b"]], [["{{word}}"]]],
  ],
  $save: [[{ $save: "x" }, [1, null, ""], [absent]]],
  "several at once": [[{ $type: "string", $min: 1, $pattern: "^a" }, ["a"], ["", "b", ["a"], absent]]],
};

const kept = (): Map<string, Json> =>
  new Map<string, Json>([
    ["kept", { deep: [1] }],
    ["word", "a.b"],
  ]);
const given = (value: Json | typeof absent): Json | undefined => (value === absent ? undefined : value);

test("every matcher has rows", () => {
  expect(Object.keys(rows)).toEqual(expect.arrayContaining([...MATCHERS]));
});

describe.each(Object.entries(rows))("%s", (_, table) => {
  for (const [expected, green, red] of table) {
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
    mismatch({ a: { $has: [{ b: { $type: "integer", $save: "n" } }] } }, { a: [{ b: "x" }, { b: 7 }] }, names),
  ).toBeUndefined();
  expect(names.get("n")).toBe(7);
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
  expect(fill(value, (name) => (name === "n" ? 3 : undefined))).toEqual({ n: 3, t: "v3", list: [3] });
});

test("asked names what is used and not kept in the same breath", () => {
  expect(asked({ a: "{{x}}", b: { $save: "y" }, c: "{{y}}" })).toEqual(["x"]);
});
