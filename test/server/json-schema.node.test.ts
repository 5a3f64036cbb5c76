// A check that is made of JSON Schema, beside a validator of the whole language. ajv makes code, so it cannot run in workerd.
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, expectTypeOf, it, test } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { jsonSchema } from "../../src/server/json-schema.ts";
import { object, type ValueOf, type ValueSchema } from "../../src/server/value-schema.ts";

const SCHEMAS: Record<string, ValueSchema> = {
  anything: {},
  text: { type: "string" },
  "text of a length": { type: "string", minLength: 2, maxLength: 4 },
  "text with a pattern": { type: "string", pattern: "^a.c$" },
  choices: { type: "string", enum: ["a", "b"] },
  "choices of several types": { enum: ["a", 1, true, null] },
  "choices with titles": { type: "string", oneOf: [{ const: "a", title: "A" }, { const: "b" }] },
  "choices in two lists": { enum: ["a", "b"], anyOf: [{ const: "b" }, { const: 1 }] },
  "list of choices with titles": { type: "array", items: { anyOf: [{ const: "a" }] } },
  titled: { type: "string", title: "A text" },
  number: { type: "number" },
  "number between": { type: "number", minimum: 1, maximum: 3 },
  integer: { type: "integer" },
  "integer between": { type: "integer", minimum: 0, maximum: 2 },
  boolean: { type: "boolean" },
  list: { type: "array" },
  "list of texts": { type: "array", items: { type: "string" } },
  "list of a length": {
    type: "array",
    items: { type: "integer", minimum: 1 },
    minItems: 1,
    maxItems: 2,
  },
  "any object": { type: "object" },
  object: object({ a: { type: "string" }, b: { type: "integer" } }, ["b"]),
  "object of objects": object({
    in: object({ deep: { type: "array", items: object({ x: {} }) } }),
  }),
  "object with a default": object({ a: { type: "integer", default: 7 }, b: { type: "string" } }),
};
const SCALARS = [
  null,
  true,
  false,
  0,
  1,
  2,
  3,
  4,
  -1,
  1.5,
  "",
  "a",
  "abc",
  "aéc",
  "a😀c",
  "😀😀",
  "toolong",
  "b",
];
const VALUES: unknown[] = [
  ...SCALARS,
  [],
  ...SCALARS.map((one) => [one]),
  ["a", "b"],
  [1, 2],
  [1, 2, 3],
  {},
  ...SCALARS.flatMap((one) => [{ a: one }, { b: one }, { a: "x", b: one }, { b: "x", a: one }]),
  { a: "x", other: 1 },
  { in: {} },
  { in: { deep: [] } },
  { in: { deep: [{ x: 1 }, { x: null }] } },
  { in: { deep: [{}] } },
  { in: { deep: 1 } },
  { constructor: 1, toString: 2 },
];

for (const [name, schema] of Object.entries(SCHEMAS))
  it(`takes and refuses what ajv does: ${name}`, () => {
    const { check, schema: shown } = jsonSchema(schema);
    expect(shown).toEqual(schema);
    const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(schema);
    for (const value of VALUES) {
      const copy = structuredClone(value);
      const isFit = validate(copy);
      const checked = check(structuredClone(value));
      expect([value, checked.ok]).toEqual([value, isFit]);
      // With its defaults, and without what nobody named.
      if (checked.ok && name !== "any object" && name !== "anything")
        expect(copy).toMatchObject(checked.value as object);
    }
  });

test("drops members that are not named, at any depth, and keeps those of an object of any", () => {
  const { check } = jsonSchema(object({ a: object({ b: { type: "object" } }) }));
  expect(check({ a: { b: { kept: 1 }, dropped: 2 }, dropped: 3 })).toEqual({
    ok: true,
    value: { a: { b: { kept: 1 } } },
  });
});

test("says what is wrong where, fault by fault, in words for a model", () => {
  const { check } = jsonSchema(
    object({
      name: { type: "string", minLength: 2 },
      kind: { type: "string", enum: ["a", "b"] },
      list: { type: "array", items: { type: "integer", maximum: 3 }, maxItems: 2 },
      word: { type: "string", pattern: "\\S" },
      needed: { type: "boolean" },
    }),
  );
  const checked = check({ name: "x", kind: "c", list: [1, "2", 9], word: " " });
  expect(checked.ok ? "" : checked.error).toBe(
    '/name must be at least 2 characters; /kind must be one of ["a","b"]; /list must be at most 2 items; /word must match \\S; /needed is missing',
  );
  const items = check({ name: "xy", kind: "a", list: [9, "2"], word: "w", needed: true });
  expect(items.ok ? "" : items.error).toBe(
    "/list/0 must be at most 3; /list/1 must be of type integer",
  );
});

const NOT_READ = "has a type, a format, a choice, a size or a required name";

test.each([
  [{ type: "string", const: "a" } as ValueSchema, "/const is no keyword"],
  [{ type: "string", format: "hostname" as never }, NOT_READ],
  [{ type: "object", additionalProperties: false }, "/additionalProperties is no keyword"],
  [{ type: "array", items: { allOf: [] } as ValueSchema }, "/items/allOf is no keyword"],
  [{ oneOf: [{ type: "string" } as never] }, NOT_READ],
  [object({ a: { $ref: "#/x" } as ValueSchema }), "/properties/a/$ref is no keyword"],
  [{ type: "string", pattern: "(" }, "Invalid regular expression"],
  [{ type: ["string", "null"] as never }, NOT_READ],
  [{ type: "null" as never }, NOT_READ],
  [{ enum: [{ a: 1 }] }, NOT_READ],
  [{ enum: [] }, NOT_READ],
  [{ type: "string", minLength: -1 }, NOT_READ],
  [{ type: "array", maxItems: 1.5 }, NOT_READ],
  [object({ a: { type: "integer", default: "7" } }), "/properties/a/default does not fit"],
  [{ type: "object", required: ["x"] }, NOT_READ],
  [object({ a: { type: "object", properties: {}, required: ["b"] } }), "/properties/a/ has"],
] as [ValueSchema, string][])("stops the start where it cannot check: %j", (schema, message) => {
  expect(() => jsonSchema(schema)).toThrow(message);
});

test("what stands in place of a member is read as if it were given: with its own defaults", () => {
  const options = { ...object({ dry: { type: "boolean", default: true } }), default: {} } as const;
  const rows = {
    type: "array",
    items: object({ n: { type: "integer", default: 1 } }),
    default: [{}, { other: 2 }] as JsonValue[],
  } as const;
  const { check } = jsonSchema(object({ in: { ...object({ options }), default: {} }, rows }));
  expect(check({})).toEqual({
    ok: true,
    value: { in: { options: { dry: true } }, rows: [{ n: 1 }, { n: 1 }] },
  });
});

test("a member that is left out is undefined, also where every object inherits one of its name", () => {
  const names = ["constructor", "toString", "__proto__"] as const;
  const properties = JSON.parse(
    `{${names.map((name) => `"${name}":{"type":"string"}`).join(",")}}`,
  ) as Record<(typeof names)[number], { type: "string" }>;
  const { check } = jsonSchema(object(properties, names));
  const checked = check({});
  if (!checked.ok) throw new Error(checked.error);
  const { value } = checked;
  expect(names.map((name) => value[name])).toEqual([undefined, undefined, undefined]);
  expect(JSON.stringify(value)).toBe("{}");
  expect(check({ constructor: "x" })).toEqual({ ok: true, value: { constructor: "x" } });
});

test("a default is made anew for each value", () => {
  const { check } = jsonSchema(object({ a: { type: "array", items: {}, default: [] } }));
  const first = check({});
  if (first.ok) first.value.a.push("changed by its handler");
  expect(check({})).toEqual({ ok: true, value: { a: [] } });
});

test("gives the type of what fits", () => {
  const schema = object(
    {
      id: { type: "integer" },
      mark: { type: "string", enum: ["X", "O"] },
      size: { type: "string", oneOf: [{ const: "s", title: "Small" }, { const: "l" }] },
      tags: { type: "array", items: { type: "string" } },
      weight: { type: "number", default: 1 },
      more: { type: "boolean" },
      in: object({ any: {} }),
    },
    ["more"],
  );
  type Value = ValueOf<typeof schema>;
  expectTypeOf<Value["id"]>().toEqualTypeOf<number>();
  expectTypeOf<Value["mark"]>().toEqualTypeOf<"X" | "O">();
  expectTypeOf<Value["tags"]>().toEqualTypeOf<string[]>();
  expectTypeOf<Value["size"]>().toEqualTypeOf<"s" | "l">();
  expectTypeOf<Value["weight"]>().toEqualTypeOf<number>();
  expectTypeOf<Value["more"]>().toEqualTypeOf<boolean | undefined>();
  expect(schema.required).toEqual(["id", "mark", "size", "tags", "in"]);
});

it("a member that is named __proto__ is a member like any other", () => {
  const properties = JSON.parse('{"__proto__":{"type":"object"},"n":{"default":3}}') as object;
  const { check } = jsonSchema({ type: "object", properties, required: ["__proto__"] } as never);
  const checked = check(JSON.parse('{"__proto__":{"isAdmin":true}}'));
  const value: object = checked.ok ? checked.value : {};
  expect(Object.entries(value)).toEqual([
    ["__proto__", { isAdmin: true }],
    ["n", 3],
  ]);
  expect("isAdmin" in value).toBe(false);
});
