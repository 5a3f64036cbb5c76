// oxlint-disable unicorn/no-thenable -- "then" is a keyword here
// The JSON Schema validator: meaning, messages and bounds. schema.node.test.ts compares it with another implementation.
import { describe, expect, test, vi } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { compileSchema, type Validator } from "../../src/schema/compile.ts";
import type { Violation } from "../../src/schema/run.ts";
import { checkOf } from "../../src/server/define.ts";

function compiled(schema: JsonValue, options: { formats?: boolean } = {}): Validator {
  const result = compileSchema(schema, options);
  if (!result.ok) throw new Error(`${result.error.path} ${result.error.message}`);
  return result.value;
}

function refusal(schema: JsonValue): Violation | undefined {
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
    "$ref by the $id of the root",
    { $id: "https://example.com/a", $defs: { s: { type: "string" } }, $ref: "https://example.com/a#/$defs/s" },
    ["a"],
    [1],
  ],
  [
    "$ref that recurs",
    { properties: { n: { $ref: "#" } }, type: ["object", "integer"] },
    [nested(60)],
    [{ n: { n: "x" } }],
  ],
  ["$dynamicRef", { $defs: { s: { $dynamicAnchor: "text", type: "string" } }, $dynamicRef: "#text" }, ["a"], [1]],
  [
    "unevaluatedProperties below $dynamicRef",
    {
      $dynamicAnchor: "node",
      $ref: "#/$defs/tree",
      unevaluatedProperties: false,
      $defs: { tree: { properties: { data: {}, children: { items: { $dynamicRef: "#node" } } } } },
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
      ["", "a/b", "//a/b", "http://a b", "http://a/%zz", "http://a:b/", "1a:b"],
    ],
    [
      "date",
      ["2024-02-29", "2000-02-29", "2023-12-31"],
      ["2023-02-29", "1900-02-29", "2023-13-01", "2023-00-10", "2023-04-31", "2023-4-3", "2023-04-03T"],
    ],
    [
      "date-time",
      ["2023-04-03T10:20:30Z", "2023-04-03t10:20:30.123+02:00", "2024-02-29T23:59:59-08:00"],
      [
        "2023-04-03",
        "2023-04-03T10:20:30",
        "2023-04-03T24:00:00Z",
        "2023-04-31T10:20:30Z",
        "1998-12-31T23:59:60Z",
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
    const message = `must name 2020-12, the only dialect here, found "${uri}"`;
    expect(refusal({ $schema: uri })).toEqual({ path: "/$schema", message });
    expect(refusal({ properties: { a: { $schema: uri } } })).toEqual({ path: "/properties/a/$schema", message });
    for (const other of [7, "http://json-schema.org/draft-07/schema#", "draft/2020-12/schema"])
      expect(refusal({ $schema: other })?.path).toBe("/$schema");
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
    expect(refusal("string")).toEqual({ path: "", message: 'must be an object or a boolean, found "string"' });
    expect(refusal({ properties: { "a/b": { minLength: -1 } } })).toEqual({
      path: "/properties/a~1b/minLength",
      message: "must have a value that JSON Schema 2020-12 allows here, found -1",
    });
  });

  test("says at start where the fault of a schema is", () => {
    expect(() => checkOf({ properties: { a: { minLength: -1 } } }, "input schema")).toThrow(
      "The input schema is not usable: /properties/a/minLength must",
    );
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
      expect(refusal({ properties: { a: { $ref } } })).toEqual({
        path: "/properties/a/$ref",
        message: `must lead to a subschema of this document, found "${$ref}"`,
      });
      expect(refusal({ $dynamicRef: $ref })?.path).toBe("/$dynamicRef");
    }
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });

  test("refuses a $ref that leads nowhere", () => {
    for (const $ref of ["#/$defs/none", "#none", "#/$defs", "#/const", "#/%zz", "#/$defs/s/type"]) {
      expect(refusal({ $ref, $defs: { s: { type: "string" } }, const: {} }), $ref).toMatchObject({ path: "/$ref" });
    }
  });

  test("refuses a name that stands for two subschemas, and an $id below the root", () => {
    expect(refusal({ $defs: { a: { $anchor: "x" }, b: { $anchor: "x" } } })?.path).toBe("/$defs/b/$anchor");
    expect(refusal({ $id: "urn:x", $defs: { a: { $id: "urn:y" } } })?.path).toBe("/$defs/a/$id");
  });

  test("refuses references that loop on one value, and only those", () => {
    const message = "must not lead back to itself on the same value";
    expect(refusal({ $ref: "#" })).toEqual({ path: "", message });
    expect(
      refusal({ $defs: { a: { not: { $ref: "#/$defs/b" } }, b: { anyOf: [true, { $ref: "#/$defs/a" }] } } })?.message,
    ).toBe(message);
    expect(refusal({ properties: { a: { $ref: "#" } }, items: { $ref: "#" } })).toBeUndefined();
    expect(refusal({ $defs: { a: {} }, allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] })).toBeUndefined();
  });

  test("refuses a schema beyond the bounds", () => {
    const deep = (levels: number): JsonValue => (levels === 0 ? true : { not: deep(levels - 1) });
    const wide = (count: number): JsonValue => ({ allOf: Array.from({ length: count }, () => true) });
    expect(refusal(deep(128))).toBeUndefined();
    expect(refusal(deep(129))?.message).toMatch(/deep/);
    expect(refusal(deep(5_000))?.message).toMatch(/deep/);
    expect(refusal(wide(1_999))).toBeUndefined();
    expect(refusal(wide(2_000))).toMatchObject({
      path: "/allOf/1999",
      message: expect.stringMatching(/2000/) as string,
    });
    expect(refusal({ const: nested(300) })?.message).toMatch(/deep/);
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
    const costly = [{ path: "", message: "must be smaller or flatter: checking it costs too much" }];
    const twice = { properties: { n: { allOf: [{ $ref: "#/$defs/twice" }, { $ref: "#/$defs/twice" }] } } };
    expect(compiled({ not: { $ref: "#/$defs/twice" }, $defs: { twice } })(nested(60))).toEqual(costly);
    const link = (n: number): JsonValue => ({ anyOf: [{ allOf: [{ $ref: `#/$defs/c${n + 1}` }] }, false] });
    const chain = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`c${n}`, link(n)]));
    const c20 = { properties: { n: { $ref: "#/$defs/c0" } } };
    expect(compiled({ not: { $ref: "#/$defs/c0" }, $defs: { ...chain, c20 } })(nested(100))).toEqual(costly);
    expect(compiled({ dependentSchemas: { n: { $ref: "#" } } })({ n: 1 })).toEqual(costly);
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
    [{ type: "string" }, 5, [{ path: "", message: "must be string, found 5" }]],
    [{ type: ["string", "null"] }, [1, 2], [{ path: "", message: "must be string or null, found an array of 2" }]],
    [{ type: "integer" }, "5", [{ path: "", message: 'must be integer, found "5"' }]],
    [{ enum: ["a", 1, null] }, "b", [{ path: "", message: 'must be one of "a", 1, null; found "b"' }]],
    [{ const: true }, false, [{ path: "", message: "must be true; found false" }]],
    [{ minimum: 3 }, 2, [{ path: "", message: "must be at least 3, found 2" }]],
    [{ multipleOf: 5 }, 7, [{ path: "", message: "must be a multiple of 5, found 7" }]],
    [{ maxLength: 1 }, "ab", [{ path: "", message: "must have at most 1 characters, found 2" }]],
    [{ pattern: "^a" }, "b", [{ path: "", message: 'must match the pattern ^a, found "b"' }]],
    [
      { properties: { a: { items: { properties: { "b/~": { type: "null" } } } } } },
      { a: [{ "b/~": 1 }] },
      [{ path: "/a/0/b~1~0", message: "must be null, found 1" }],
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
    [{ uniqueItems: true }, [1, 2, 1], [{ path: "", message: "must not repeat items, found twice 1" }]],
    [{ not: { type: "string" } }, "a", [{ path: "", message: 'must not fit {"type":"string"}, found "a"' }]],
    [
      { oneOf: [{ minimum: 1 }, { maximum: 2 }, { type: "string" }] },
      1,
      [{ path: "", message: "must fit exactly one of 3 alternatives, fits 1 and 2" }],
    ],
    [
      { properties: { p: { anyOf: [{ required: ["a"] }, { properties: { b: { type: "null" } } }] } } },
      { p: { b: 1 } },
      [
        {
          path: "/p",
          message:
            'must fit one of 2 alternatives: (1) /p must have property "a", found "b"; (2) /p/b must be null, found 1',
        },
      ],
    ],
    [
      { anyOf: [{ properties: { a: { type: "null" } } }], unevaluatedProperties: false },
      { a: 1 },
      [{ path: "", message: "must fit one of 1 alternatives: (1) /a must be null, found 1" }],
    ],
    [
      { contains: { const: 1 } },
      [2],
      [{ path: "", message: 'must have at least 1 items that fit "contains", found 0' }],
    ],
    [{ type: "null" }, "x".repeat(90), [{ path: "", message: `must be null, found "${"x".repeat(60)}"…` }]],
  ])("says what is wrong with %j and %j", (schema, value, violations) => {
    expect(compiled(schema)(value)).toEqual(violations);
  });
});
