// oxlint-disable unicorn/no-thenable -- "then" is a keyword here
// The JSON Schema validator: meaning, messages and bounds. schema.node.test.ts compares it with another implementation.
import { describe, expect, test, vi } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { compileSchema, type SchemaRefusal, type Validator, type Violation } from "../../src/schema/compile.ts";

const OLD = "http://json-schema.org/draft-07/schema#";

function compiled(schema: JsonValue, options: { formats?: boolean } = {}): Validator {
  const result = compileSchema(schema, options);
  if (!result.ok) throw new Error(`${result.error.at}: ${result.error.message}`);
  return result.value;
}

function refusal(schema: JsonValue): SchemaRefusal | undefined {
  const result = compileSchema(schema);
  return result.ok ? undefined : result.error;
}

/** A value nested this deep in `{ n: … }`. */
function nested(levels: number): JsonValue {
  let value: JsonValue = 1;
  for (let level = 0; level < levels; level += 1) value = { n: value };
  return value;
}

/** Parsed, because a literal `__proto__` would set the prototype instead. */
const proto = (text: string): JsonValue => JSON.parse(text) as JsonValue;

/** What a keyword accepts and refuses: [about, schema, fitting values, values that do not fit]. */
const MEANING: [about: string, schema: JsonValue, yes: unknown[], no: unknown[]][] = [
  ["true", true, [1, null, {}], []],
  ["false", false, [], [1, null, {}]],
  ["type", { type: "integer" }, [1, 1.0, -0, 1e300], [1.5, "1", null, Infinity]],
  ["type, several", { type: ["string", "null"] }, ["", null], [0, [], {}]],
  ["type, array and object differ", { type: "object" }, [{}], [[], null]],
  [
    "enum by value",
    { enum: [1, { a: [1, 2], b: null }] },
    [1, 1.0, { b: null, a: [1, 2] }],
    [{ a: [2, 1], b: null }, "1"],
  ],
  ["const by value", { const: { a: 0 } }, [{ a: 0 }, { a: -0 }], [{ a: false }, { a: 0, b: 0 }]],
  ["multipleOf without float error", { multipleOf: 0.1 }, [0.3, 1.1, -4.7, 1e22], [0.35]],
  [
    "multipleOf of very small and very large numbers",
    { multipleOf: 1e-8 },
    [12391239123, 1e308, 1e-8],
    [1.5e-8, Infinity],
  ],
  ["minimum and exclusiveMaximum", { minimum: 1, exclusiveMaximum: 2 }, [1, 1.9, "0"], [0.9, 2]],
  ["maximum and exclusiveMinimum", { maximum: 2, exclusiveMinimum: 1 }, [2, 1.1], [1, 2.1]],
  ["length in code points", { minLength: 2, maxLength: 2 }, ["ab", "😀😀", "e\u0301"], ["😀", "abc"]],
  ["pattern, unicode and unanchored", { pattern: "^.$|\\p{L}x" }, ["😀", "aäxb"], ["😀😀"]],
  ["minItems and maxItems", { minItems: 1, maxItems: 2 }, [[1], [1, 2], "x"], [[], [1, 2, 3]]],
  [
    "uniqueItems by value",
    { uniqueItems: true },
    [[1, "1", true, [1], { a: 1 }]],
    [
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      [0, -0],
    ],
  ],
  [
    "prefixItems and items",
    { prefixItems: [{ type: "string" }], items: { type: "null" } },
    [[], ["a"], ["a", null]],
    [[1], ["a", 1]],
  ],
  ["contains", { contains: { const: 1 } }, [[1], [2, 1]], [[], [2]]],
  ["minContains 0", { contains: { const: 1 }, minContains: 0, maxContains: 1 }, [[], [1, 2]], [[1, 1]]],
  ["properties", { properties: { a: { type: "null" }, b: false } }, [{ a: null, c: 1 }, []], [{ a: 1 }, { b: 1 }]],
  [
    "patternProperties and additionalProperties",
    { properties: { a: {} }, patternProperties: { "^x": { type: "null" } }, additionalProperties: { type: "string" } },
    [{ a: 1, x1: null, z: "" }],
    [{ x1: 1 }, { z: 1 }],
  ],
  ["propertyNames", { propertyNames: { maxLength: 2 } }, [{ ab: 1 }], [{ abc: 1 }]],
  ["required", { required: ["a"] }, [{ a: 1 }, []], [{}, { b: 1 }]],
  ["minProperties and maxProperties", { minProperties: 1, maxProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 1 }]],
  ["dependentRequired", { dependentRequired: { a: ["b"] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
  ["dependentSchemas", { dependentSchemas: { a: { maxProperties: 1 } } }, [{ a: 1 }, { b: 1, c: 1 }], [{ a: 1, b: 1 }]],
  ["allOf", { allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [0, 3]],
  ["anyOf", { anyOf: [{ minimum: 3 }, { maximum: 1 }] }, [0, 4], [2]],
  ["oneOf", { oneOf: [{ minimum: 1 }, { maximum: 2 }] }, [0, 3], [1, 2]],
  ["not", { not: { type: "string" } }, [1], ["a"]],
  ["if, then, else", { if: { type: "string" }, then: { minLength: 1 }, else: { type: "null" } }, ["a", null], ["", 1]],
  ["$ref beside other keywords", { $defs: { s: { type: "string" } }, $ref: "#/$defs/s", minLength: 1 }, ["a"], ["", 1]],
  [
    "$ref by an escaped pointer",
    { $defs: { "a/b~c %": { type: "string" } }, $ref: "#/$defs/a~1b~0c%20%25" },
    ["a"],
    [1],
  ],
  ["$ref by $anchor", { $defs: { s: { $anchor: "text", type: "string" } }, $ref: "#text" }, ["a"], [1]],
  [
    "$ref by $id",
    { $id: "https://example.com/a", $defs: { s: { $id: "s", type: "string" } }, $ref: "https://example.com/s" },
    ["a"],
    [1],
  ],
  [
    "$ref is relative to the $id around it",
    {
      $defs: { s: { $id: "urn:x:s", $ref: "#/$defs/t", $defs: { t: { type: "string" } } }, t: { type: "null" } },
      $ref: "urn:x:s",
    },
    ["a"],
    [null],
  ],
  [
    "$ref that recurs",
    { properties: { n: { $ref: "#" } }, type: ["object", "integer"] },
    [nested(60)],
    [{ n: { n: "x" } }],
  ],
  [
    "$dynamicRef within one resource",
    { $defs: { s: { $dynamicAnchor: "text", type: "string" } }, $dynamicRef: "#text" },
    ["a"],
    [1],
  ],
  [
    "$dynamicRef to the outermost of the same name",
    {
      $id: "urn:x:strict",
      $dynamicAnchor: "node",
      $ref: "urn:x:tree",
      unevaluatedProperties: false,
      $defs: {
        tree: {
          $id: "urn:x:tree",
          $dynamicAnchor: "node",
          properties: { data: {}, children: { items: { $dynamicRef: "#node" } } },
        },
      },
    },
    [{ data: 1, children: [{ data: 2 }] }],
    [{ daat: 1 }, { children: [{ daat: 1 }] }],
  ],
  [
    "unevaluatedProperties after allOf",
    { allOf: [{ properties: { a: {} } }], unevaluatedProperties: false },
    [{ a: 1 }],
    [{ a: 1, b: 1 }],
  ],
  [
    "unevaluatedProperties sees only what fits",
    {
      anyOf: [{ properties: { a: { const: 1 } }, required: ["a"] }, { properties: { b: {} } }],
      unevaluatedProperties: false,
    },
    [{ a: 1, b: 1 }, { b: 1 }],
    [{ a: 2, b: 1 }],
  ],
  [
    "unevaluatedProperties does not look into not",
    { not: { not: { properties: { a: {} } } }, unevaluatedProperties: false },
    [{}],
    [{ a: 1 }],
  ],
  [
    "unevaluatedProperties after if alone",
    { if: { properties: { a: { const: 1 } } }, unevaluatedProperties: false },
    [{ a: 1 }],
    [{ a: 2 }],
  ],
  [
    "unevaluatedItems after contains",
    { contains: { type: "string" }, unevaluatedItems: { type: "number" } },
    [["a", 1]],
    [["a", null]],
  ],
  [
    "unevaluatedItems after a branch that takes all",
    { anyOf: [{ items: true }], unevaluatedItems: false },
    [[1, []]],
    [],
  ],
  [
    "unevaluatedItems after a branch not taken",
    { if: false, then: { items: true }, unevaluatedItems: false },
    [[]],
    [[1]],
  ],
  [
    "unevaluatedItems after one branch of oneOf",
    { oneOf: [true, { prefixItems: [{}], contains: false }], unevaluatedItems: false },
    [[]],
    [[1]],
  ],
  [
    "unevaluatedProperties after an if that failed",
    { if: { additionalProperties: false }, else: true, unevaluatedProperties: false },
    [{}],
    [{ a: 1 }],
  ],
  [
    "unevaluatedProperties and an inherited name",
    { anyOf: [{ properties: { a: {} } }], unevaluatedProperties: false },
    [{ a: 1 }],
    [{ constructor: 1 }],
  ],
  ["contains beside prefixItems", { prefixItems: [false], contains: true }, [], [[], [1]]],
  [
    "$dynamicRef: the outermost of three",
    {
      $id: "urn:x:1",
      $dynamicAnchor: "n",
      type: "array",
      $ref: "urn:x:2",
      $defs: {
        two: { $id: "urn:x:2", $dynamicAnchor: "n", $ref: "urn:x:3" },
        three: { $id: "urn:x:3", $dynamicAnchor: "n", items: { $dynamicRef: "#n" } },
      },
    },
    [[[]]],
    [[1]],
  ],
  [
    "$dynamicRef to a plain anchor stays there",
    {
      $id: "urn:x:1",
      $dynamicAnchor: "n",
      type: "array",
      items: { $ref: "urn:x:2" },
      $defs: { two: { $id: "urn:x:2", $dynamicRef: "#n", $defs: { n: { $anchor: "n", type: "string" } } } },
    },
    [["a"]],
    [[[]]],
  ],
  ["unknown keywords mean nothing", { "x-mcp-header": "A", dependencies: { a: ["b"] }, $comment: "c" }, [{ a: 1 }], []],
  ["format annotates", { format: "date" }, ["no date"], []],
  [
    "keys that every object inherits",
    { required: ["constructor", "toString"] },
    [{ constructor: 1, toString: 1 }],
    [{}],
  ],
  [
    "an own __proto__ in the value",
    { properties: { a: {} }, additionalProperties: false },
    [{ a: 1 }],
    [proto('{"__proto__":1}')],
  ],
  [
    "an own __proto__ in the schema",
    proto('{"properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}'),
    [proto('{"__proto__":"a"}')],
    [{}, proto('{"__proto__":1}')],
  ],
  ["a keyword named as an inherited member", { constructor: 1, toString: {} }, [1], []],
  [
    "draft-07: items as a list",
    { $schema: OLD, items: [{ type: "string" }], additionalItems: false },
    [["a"]],
    [[1], ["a", 1]],
  ],
  [
    "draft-07: additionalItems beside one schema means nothing",
    { $schema: OLD, items: {}, additionalItems: false },
    [[1]],
    [],
  ],
  [
    "draft-07: dependencies",
    { $schema: OLD, dependencies: { a: ["b"], c: { maxProperties: 1 } } },
    [{ a: 1, b: 1 }],
    [{ a: 1 }, { c: 1, d: 1 }],
  ],
  [
    "draft-07: definitions, and nothing else beside $ref",
    { $schema: OLD, definitions: { s: { type: "string" } }, $ref: "#/definitions/s", maxLength: 0 },
    ["a"],
    [1],
  ],
  [
    "draft-07: an anchor is an $id",
    { $schema: OLD, definitions: { s: { $id: "#text", type: "string" } }, allOf: [{ $ref: "#text" }] },
    ["a"],
    [1],
  ],
  [
    "draft-07: newer words mean nothing",
    { $schema: OLD, prefixItems: [false], unevaluatedProperties: false, dependentRequired: { a: ["b"] } },
    [[1], { a: 1 }],
    [],
  ],
];

describe("compileSchema", () => {
  test.each(MEANING)("knows %s", (_about, schema, yes, no) => {
    const judge = compiled(schema);
    expect(yes.filter((value) => judge(value).length > 0)).toEqual([]);
    expect(no.filter((value) => judge(value).length === 0)).toEqual([]);
  });

  test.each<[string, string[], string[]]>([
    ["email", ["a@example.com", "a.b+c@x-y.example"], ["a", "a@", "@b", "a@b@c", "a..b@c.d", "a b@c.d", "a@-b.c"]],
    [
      "uri",
      ["https://a.example/b?c=d#e", "urn:a:b", "http://[::1]:80/", "mailto:a@b.c", "x://u:p@h"],
      ["", "a/b", "//a/b", "http://a b", "http://a/%zz", "http://a:b/", "http://a/[b]", "1a:b"],
    ],
    [
      "date",
      ["2024-02-29", "2000-02-29", "2023-12-31"],
      ["2023-02-29", "1900-02-29", "2023-13-01", "2023-00-10", "2023-04-31", "2023-4-3", "2023-04-03T"],
    ],
    [
      "date-time",
      ["2023-04-03T10:20:30Z", "2023-04-03t10:20:30.123+02:00", "1998-12-31T23:59:60Z", "1998-12-31T15:59:60-08:00"],
      [
        "2023-04-03",
        "2023-04-03T10:20:30",
        "2023-04-03T24:00:00Z",
        "2023-04-31T10:20:30Z",
        "1998-12-31T22:59:60Z",
        "2023-04-03T10:20Z",
        "2023-04-03T10:20:30+24:00",
      ],
    ],
  ])("asserts format %s when asked", (format, yes, no) => {
    const judge = compiled({ format }, { formats: true });
    expect(yes.filter((text) => judge(text).length > 0)).toEqual([]);
    expect(no.filter((text) => judge(text).length === 0)).toEqual([]);
    expect(judge(1)).toEqual([]);
  });

  test("refuses a schema of an unsupported dialect and names it", () => {
    const uri = "https://json-schema.org/draft/2019-09/schema";
    expect(refusal({ $schema: uri })).toMatchObject({
      reason: "dialect",
      message: expect.stringContaining(uri) as string,
    });
    expect(refusal({ $schema: 7 })?.reason).toBe("dialect");
    expect(refusal({ properties: { a: { $schema: OLD } } })).toMatchObject({ reason: "dialect", at: "/properties/a" });
    expect(refusal({ $schema: "https://json-schema.org/draft/2020-12/schema" })).toBeUndefined();
  });

  test("refuses a schema that is not valid 2020-12", () => {
    const wrong: { [keyword: string]: JsonValue[] } = {
      type: ["text", ["string", "text"], 1],
      enum: ["a"],
      multipleOf: [0, -1, "1"],
      minimum: ["1"],
      maxLength: [-1, 1.5, "1"],
      pattern: ["(", "[a-", 1, "\\-"],
      uniqueItems: ["true"],
      required: ["a", [1]],
      dependentRequired: [[], { a: "b" }],
      properties: [[], { a: 1 }],
      patternProperties: [{ "(": true }],
      additionalProperties: [1, "false"],
      items: [[{}], 1],
      prefixItems: [[], {}],
      allOf: [[], {}, [1]],
      not: [null],
      $defs: [[], { a: 1 }],
      minContains: [-1],
      then: [1],
      $id: ["#a", 1],
      $anchor: ["1a", "a b", 1],
      $ref: [1],
      unevaluatedItems: [1],
    };
    const accepted = Object.entries(wrong).flatMap(([keyword, params]) =>
      params.filter((param) => refusal({ [keyword]: param }) === undefined).map((param) => ({ keyword, param })),
    );
    expect(accepted).toEqual([]);
    expect(refusal("string")?.message).toBe('A schema must be an object or a boolean, found "string"');
    expect(refusal({ properties: { "a/b": { minLength: -1 } } })).toEqual({
      reason: "keyword",
      at: "/properties/a~1b/minLength",
      message: 'Keyword "minLength" must be a whole number of at least 0',
    });
  });

  test("refuses a $ref to the network and fetches nothing", () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    for (const $ref of [
      "https://example.com/a.json",
      "//example.com/a",
      "other.json",
      "http://127.0.0.1/#/a",
      "file:///etc/passwd",
    ]) {
      expect(refusal({ properties: { a: { $ref } } })).toMatchObject({ reason: "reference", at: "/properties/a" });
      expect(refusal({ $dynamicRef: $ref })?.reason).toBe("reference");
    }
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  test("refuses a $ref that leads nowhere", () => {
    for (const $ref of ["#/$defs/none", "#none", "#/$defs", "#/const", "#/%zz", "#/$defs/s/type"]) {
      expect(refusal({ $ref, $defs: { s: { type: "string" } }, const: {} }), $ref).toMatchObject({
        reason: "reference",
      });
    }
  });

  test("refuses names that stand for two subschemas", () => {
    expect(refusal({ $defs: { a: { $anchor: "x" }, b: { $anchor: "x" } } })?.reason).toBe("reference");
    expect(refusal({ $defs: { a: { $id: "urn:x" }, b: { $id: "urn:x" } } })?.reason).toBe("reference");
  });

  test("refuses references that loop on one value, and only those", () => {
    expect(refusal({ $ref: "#" })?.reason).toBe("loop");
    expect(
      refusal({ $defs: { a: { not: { $ref: "#/$defs/b" } }, b: { anyOf: [true, { $ref: "#/$defs/a" }] } } })?.reason,
    ).toBe("loop");
    expect(refusal({ properties: { a: { $ref: "#" } }, items: { $ref: "#" } })).toBeUndefined();
    expect(refusal({ $defs: { a: {} }, allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] })).toBeUndefined();
  });

  test("refuses a schema beyond the bounds", () => {
    const deep = (levels: number): JsonValue => (levels === 0 ? true : { not: deep(levels - 1) });
    const wide = (count: number): JsonValue => ({ allOf: Array.from({ length: count }, () => true) });
    expect(refusal(deep(64))).toBeUndefined();
    expect(refusal(deep(65))?.reason).toBe("size");
    expect(refusal(deep(5_000))?.reason).toBe("size");
    expect(refusal(wide(1_999))).toBeUndefined();
    expect(refusal(wide(2_000))?.reason).toBe("size");
    expect(refusal({ const: nested(300) })?.reason).toBe("size");
  });
});

describe("a validator", () => {
  test("gives up on values that nest too deep, even inside not", () => {
    const found = [{ path: "", message: "must not nest deeper than 128 levels" }];
    expect(compiled(true)(nested(128))).toEqual([]);
    expect(compiled(true)(nested(129))).toEqual(found);
    expect(compiled({ not: { properties: { n: { $ref: "#" } } } })(nested(5_000))).toEqual(found);
  });

  test("gives up where checking would never end or overflow the stack, even inside not", () => {
    const twice = (name: string): JsonValue => ({ allOf: [{ $ref: name }, { $ref: name }] });
    const doubling = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`d${n}`, twice(`#/$defs/d${n + 1}`)]));
    const chain = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`c${n}`, { $ref: `#/$defs/c${n + 1}` }]));
    const costly = [{ path: "", message: "must be smaller or flatter: checking it against the schema costs too much" }];
    expect(compiled({ not: { $ref: "#/$defs/d0" }, $defs: { ...doubling, d50: true } })(1)).toEqual(costly);
    expect(compiled({ not: { $ref: "#/$defs/c0" }, $defs: { ...chain, c1500: true } })(1)).toEqual(costly);
  });

  test("judges a deep value by a branching recursive schema without overflowing", () => {
    const tree = { anyOf: [{ type: "integer" }, { allOf: [{ properties: { n: { $ref: "#" } }, type: "object" }] }] };
    expect(compiled(tree)(nested(100))).toEqual([]);
    expect(compiled(tree)({ n: { n: "x" } })).toHaveLength(1);
  });

  test("names at most twenty violations", () => {
    expect(compiled({ items: { type: "string" } })(Array.from({ length: 1_000 }, () => 1))).toHaveLength(20);
    expect(compiled({ required: Array.from({ length: 1_000 }, (_, n) => `p${n}`) })({})).toHaveLength(20);
  });

  test("can be called again", () => {
    const judge = compiled({ properties: { a: {} }, unevaluatedProperties: false });
    for (const _ of [1, 2]) expect([judge({ a: 1 }).length, judge({ b: 1 }).length]).toEqual([0, 1]);
  });

  test.each<[schema: JsonValue, value: unknown, violations: Violation[]]>([
    [{ type: "string" }, 5, [{ path: "", message: "must be string, found number 5" }]],
    [{ type: ["string", "null"] }, [1, 2], [{ path: "", message: "must be string or null, found an array of 2" }]],
    [{ type: "integer" }, "5", [{ path: "", message: 'must be integer, found string "5"' }]],
    [{ enum: ["a", 1, null] }, "b", [{ path: "", message: 'must be one of "a", 1, null; found "b"' }]],
    [{ const: true }, false, [{ path: "", message: "must be true, found false" }]],
    [{ minimum: 3 }, 2, [{ path: "", message: "must be at least 3, found 2" }]],
    [{ multipleOf: 5 }, 7, [{ path: "", message: "must be a multiple of 5, found 7" }]],
    [{ maxLength: 1 }, "ab", [{ path: "", message: "must have at most 1 characters, found 2" }]],
    [{ pattern: "^a" }, "b", [{ path: "", message: 'must match the pattern ^a, found "b"' }]],
    [
      { properties: { a: { items: { properties: { "b/~": { type: "null" } } } } } },
      { a: [{ "b/~": 1 }] },
      [{ path: "/a/0/b~1~0", message: "must be null, found number 1" }],
    ],
    [
      { required: ["city", "zip"] },
      { citty: 1, zip: 1 },
      [{ path: "", message: 'must have property "city", found "citty", "zip"' }],
    ],
    [{ required: ["city"] }, {}, [{ path: "", message: 'must have property "city", found no properties' }]],
    [
      { properties: { a: {} }, additionalProperties: false },
      { b: 1 },
      [{ path: "/b", message: 'must not be present (known here: "a")' }],
    ],
    [
      { dependentRequired: { a: ["b"] } },
      { a: 1 },
      [{ path: "", message: 'must have property "b", found "a"; "a" requires it' }],
    ],
    [
      { propertyNames: { pattern: "^a" } },
      { b: 1 },
      [{ path: "", message: 'must not have a property named "b": the name must match the pattern ^a, found "b"' }],
    ],
    [{ uniqueItems: true }, [1, 2, 1], [{ path: "", message: "must not repeat items: items 0 and 2 are equal" }]],
    [{ not: { type: "string" } }, "a", [{ path: "", message: 'must not fit {"type":"string"}, found "a"' }]],
    [
      { oneOf: [{ minimum: 1 }, { maximum: 2 }, { type: "string" }] },
      1,
      [{ path: "", message: "must fit only one of 3 alternatives, fits 1 and 2" }],
    ],
    [
      { properties: { p: { anyOf: [{ required: ["a"] }, { properties: { b: { type: "null" } } }] } } },
      { p: { b: 1 } },
      [
        {
          path: "/p",
          message:
            'must fit one of 2 alternatives: (1) must have property "a", found "b"; (2) /b must be null, found number 1',
        },
      ],
    ],
    [
      { contains: { const: 1 } },
      [2],
      [{ path: "", message: 'must have at least 1 items that fit "contains", found 0' }],
    ],
    [{ type: "null" }, "x".repeat(90), [{ path: "", message: `must be null, found string "${"x".repeat(60)}"…` }]],
  ])("says what is wrong with %j and %j", (schema, value, violations) => {
    expect(compiled(schema)(value)).toEqual(violations);
  });
});
