/** What each matcher must hold for and what it must refuse. `kept` is { deep: [1] } and `word` is "a.b". */

import type { Json } from "./format.ts";

export const absent: unique symbol = Symbol("absent");
export type Row = [expected: Json, green: (Json | typeof absent)[], red: (Json | typeof absent)[]];

export const table: { [name: string]: Row[] } = {
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
    [{ $pattern: "(?<first>.)b" }, ["abc"], ["b", absent]],
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
  $each: [
    [
      { $each: { a: 1 } },
      [[{ a: 1 }], [{ a: 1 }, { a: 1, b: 2 }]],
      [[], [{ a: 1 }, {}], { a: 1 }, absent],
    ],
  ],
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
  "several at once": [
    [{ $type: "string", $min: 1, $pattern: "^a" }, ["a"], ["", "b", ["a"], absent]],
  ],
};

/** The table as pairs of expected and actual. */
export function rows(): [expected: Json, actual: Json | undefined][] {
  return Object.values(table)
    .flat()
    .flatMap(([expected, green, red]) =>
      [...green, ...red].map((actual): [Json, Json | undefined] => [expected, given(actual)]),
    );
}

export function given(value: Json | typeof absent): Json | undefined {
  return value === absent ? undefined : value;
}
