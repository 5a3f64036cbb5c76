// zod's own writer of JSON Schema says what ours must say, of both halves of zod.
import { expect, it, test } from "vitest";
import * as classic from "zod";
import * as z from "zod/mini";
import { isObject, type JsonObject, type JsonValue } from "../../src/base/json.ts";
import type { Io, ZodSchema } from "../../src/server/zod-checks.ts";
import { toJsonSchema } from "../../src/server/zod-json-schema.ts";
import { checkWith } from "../../src/server/zod.ts";

/** Of which zod takes more than the format has, or less, or an author's own pattern does. */
const PATTERNED = { output: ["duration", "email"], input: ["email"] };
const FORMATS = ["email", "uri", "uuid", "date-time", "date", "duration", "ipv4", "ipv6"];

/**
 * What zod writes, less what is left out on purpose: the dialect, the bounds of numbers, a pattern for a format, formats that
 * JSON Schema lacks, formats and fractions of what comes out that clients hold to more than zod does, and that a tuple has no
 * more, which its length says.
 */
function expected(value: JsonValue, io: "input" | "output" = "input"): JsonValue {
  if (Array.isArray(value)) return value.map((one) => expected(one, io));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key, one]) => {
    if ((key === "items" && one === false) || (one === "uri" && io === "output")) return false;
    if (
      io === "output" &&
      (one === "duration" || one === "email" || (key === "multipleOf" && !Number.isInteger(one)))
    )
      return false;
    if (key === "pattern" && PATTERNED[io].includes(String(value["format"]))) return true;
    if (key === "$schema" || (key === "format" && !FORMATS.includes(String(one)))) return false;
    if (key === "pattern" && FORMATS.includes(String(value["format"]))) return false;
    return !(
      ["minimum", "maximum"].includes(key) && Math.abs(Number(one)) >= Number.MAX_SAFE_INTEGER
    );
  });
  return Object.fromEntries(kept.map(([key, one]) => [key, expected(one, io)]));
}

function written(schema: z.core.$ZodType, io: Io): JsonObject {
  return toJsonSchema(
    schema as unknown as ZodSchema,
    io,
    (one) => z.globalRegistry.get(one as unknown as z.core.$ZodType) as JsonObject | undefined,
  );
}

/** As TypeScript makes of an enum of numbers. */
const NUMBERED = { First: 0, Second: 1, 0: "First", 1: "Second" };

const NUMBERED_ALONE = { First: 0, Second: 1 };

/** By name: each is compared as input and as output. */
const SCHEMAS: Record<string, z.core.$ZodType> = {
  text: z.string(),
  "text of a length": z.string().check(z.trim(), z.minLength(2), z.minLength(1), z.maxLength(9)),
  "text of one length": z.string().check(z.length(3)),
  "a pattern": z.string().check(z.regex(/^a+$/)),
  "two patterns": z.string().check(z.regex(/^a/), z.regex(/b$/)),
  "what it starts with": z.string().check(z.startsWith("a"), z.endsWith("b"), z.includes("c")),
  email: z.email(),
  "email with a length": z.string().check(z.email(), z.maxLength(20)),
  url: z.url(),
  uuid: z.uuid(),
  date: z.iso.date(),
  "date and time": z.iso.datetime({ offset: true }),
  "date and local time": z.iso.datetime({ local: true }),
  duration: z.iso.duration(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  number: z.number(),
  "number between": z.number().check(z.gte(1), z.lte(5)),
  "number strictly between": z.number().check(z.gt(1), z.gt(3), z.lt(5)),
  "number twice bound": z.number().check(z.gte(1), z.gte(3), z.lte(9), z.lte(7)),
  "multiple of": z.number().check(z.multipleOf(5)),
  integer: z.int(),
  "positive integer": z.int().check(z.gte(1), z.lte(10)),
  int32: z.int32(),
  uint32: z.uint32(),
  "int32 that is bound": z.int32().check(z.gte(0), z.lte(10)),
  float: z.float32(),
  boolean: z.boolean(),
  null: z.null(),
  anything: z.unknown(),
  any: z.any(),
  nothing: z.never(),
  "a template": z.templateLiteral(["id-", z.int()]),
  enum: z.enum(["a", "b"]),
  "enum of one": z.enum(["a"]),
  "enum of TypeScript": z.enum(NUMBERED),
  literal: z.literal("a"),
  "literal null": z.literal(null),
  "literals of one type": z.literal(["a", "b"]),
  "literals of two types": z.literal(["a", 1]),
  list: z.array(z.string()),
  "list of a length": z.array(z.int()).check(z.minLength(1), z.maxLength(3)),
  pair: z.tuple([z.string(), z.int()]),
  "pair and rest": z.tuple([z.string()], z.int()),
  object: z.object({ a: z.string(), b: z.optional(z.int()) }),
  "empty object": z.object({}),
  "strict object": z.strictObject({ a: z.string() }),
  "loose object": z.looseObject({ a: z.string() }),
  "object with more": z.catchall(z.object({ a: z.string() }), z.int()),
  "name that is a member of all": z.object({ constructor: z.string() }),
  nested: z.object({ a: z.array(z.object({ b: z.nullable(z.string()) })) }),
  record: z.record(z.string(), z.int()),
  "record of known names": z.record(z.enum(["a", "b"]), z.int()),
  "record of names in a union": z.record(z.union([z.literal("a"), z.literal("b")]), z.int()),
  "record of some names": z.partialRecord(z.enum(["a", "b"]), z.int()),
  union: z.union([z.string(), z.object({ a: z.int() })]),
  "union of types": z.union([z.string(), z.boolean(), z.nullable(z.string())]),
  "union of one type": z.union([z.string(), z.string()]),
  "discriminated union": z.discriminatedUnion("k", [
    z.object({ k: z.literal("a"), a: z.string() }),
    z.object({ k: z.literal("b"), b: z.int() }),
  ]),
  nullable: z.nullable(z.string()),
  "nullable of more": z.nullable(z.string().check(z.maxLength(3))),
  nullish: z.object({ a: z.nullish(z.string()) }),
  "not optional": z.object({ a: z.nonoptional(z.optional(z.string())) }),
  default: z.object({ a: z._default(z.string(), "x"), b: z._default(z.array(z.int()), []) }),
  "default before": z.object({ a: z.prefault(z.string().check(z.trim()), " x ") }),
  "optional default": z.object({ a: z.optional(z._default(z.string(), "x")) }),
  readonly: z.object({ a: z.readonly(z.string()) }),
  lazy: z.object({ a: z.lazy(() => z.string()) }),
  piped: z.pipe(z.string(), z.string().check(z.minLength(1))),
  described: z.string().check(z.describe("words")),
  "described twice": z.string().check(z.describe("one"), z.maxLength(3), z.describe("two")),
  "optional, described": z.object({
    a: z.optional(z.string().check(z.describe("inner"))),
    b: z.optional(z.string()).check(z.describe("outer")),
  }),
  "with a title and examples": classic.string().meta({ title: "T", examples: ["a"] }),
  "a chained one": classic
    .object({
      email: classic.email().max(50).describe("where to write"),
      count: classic.number().int().min(1).max(10).default(3),
      tags: classic.array(classic.string().min(1)).optional(),
      kind: classic.enum(["a", "b"]).nullable(),
    })
    .strict(),
  "a chained one, extended": classic.object({ a: classic.string() }).extend({ b: classic.int() }),
  "a chained one, partial": classic.object({ a: classic.string(), b: classic.int() }).partial(),
  coerced: classic.object({ n: classic.coerce.number() }),
  refined: classic.string().refine((text) => text !== "no"),
};

for (const io of ["input", "output"] as const)
  for (const [name, schema] of Object.entries(SCHEMAS))
    it(`writes ${name} as ${io}`, () => {
      const own = z.toJSONSchema(schema, { io }) as JsonObject;
      expect(written(schema, io)).toEqual(expected(own, io));
    });

it.each<[string, z.core.$ZodType, JsonObject]>([
  ["UTC alone", z.iso.datetime(), { format: "date-time", pattern: "Z$" }],
  ["any zone", z.iso.datetime({ offset: true }), { format: "date-time" }],
  [
    "whole seconds",
    z.iso.datetime({ precision: 0 }),
    { format: "date-time", pattern: expect.stringMatching(/Z\)\)\$$/) as string },
  ],
  [
    "a version of UUID",
    z.uuidv4(),
    { format: "uuid", pattern: expect.stringContaining("-4[") as string },
  ],
  ["any UUID", z.uuid(), { format: "uuid" }],
  [
    "addresses of one company",
    z.email({ pattern: /^[^@]+@acme\.com$/ }),
    { format: "email", pattern: "^[^@]+@acme\\.com$" },
  ],
  ["what no pattern of JSON Schema says", z.email({ pattern: /^a@b$/i }), { format: "email" }],
])("says of an argument that zod takes %s, and of a form's field what it may", (_, at, json) => {
  expect(written(at, "input")).toEqual({ type: "string", ...json });
  expect(written(at, "form")).toEqual({ type: "string", format: json["format"] });
});

it("describes what comes out behind what changes it: what held before need not hold", () => {
  const country = z.string().check(z.regex(/^[a-z]{2}$/), z.toUpperCase(), z.maxLength(9));
  const list = z.array(z.string()).check(
    z.minLength(1),
    z.overwrite(() => []),
  );
  const half = z.number().check(
    z.gte(4),
    z.overwrite((value) => value / 2),
    z.lt(9),
  );
  expect(written(z.tuple([country, list, half]), "output")).toMatchObject({
    prefixItems: [
      { type: "string", maxLength: 9 },
      { type: "array", items: { type: "string" } },
      { type: "number", exclusiveMaximum: 9 },
    ],
  });
  expect(written(country, "input")).toMatchObject({ pattern: "^[a-z]{2}$" });
  for (const one of [country, list, half])
    expect(Object.keys(written(one, "input")).length).toBeGreaterThan(
      Object.keys(written(one, "output")).length,
    );
});

it("describes what comes in before a conversion", () => {
  const converted = classic.object({
    a: classic.string().transform(Number),
    b: classic.string().transform(Number).default(5),
    c: classic.preprocess(String, classic.string()),
    d: classic.string().transform(Number).optional(),
    e: classic.string().catch("x"),
  });
  const own = z.toJSONSchema(converted, { io: "input" }) as JsonObject;
  const schema = expected(own) as { properties: { e: object } };
  // What a value that does not fit is replaced by is nothing to ask a client for.
  schema.properties.e = { type: "string" };
  expect(written(converted, "input")).toEqual(schema);
});

test.each<[string, z.core.$ZodType, "input" | "output"]>([
  [
    "z.transform has no JSON Schema here: give { schema, check }",
    classic.string().transform(Number),
    "output",
  ],
  ["z.date has no JSON Schema here: give { schema, check }", z.date(), "input"],
  ["Invalid regular expression", z.string().check(z.regex(new RegExp("^\\#"))), "output"],
  ...["i", "m", "s", "y"].map((flag): [string, z.core.$ZodType, "output"] => [
    "JSON Schema has no flags",
    z.string().check(z.regex(new RegExp("^[a-z]$", flag))),
    "output",
  ]),
  ["z.literal(undefined) has no", z.literal(undefined), "input"],
  ["z.bigint has no JSON Schema here: give { schema, check }", z.bigint(), "input"],
  ["z.map has no JSON Schema here: give { schema, check }", z.map(z.string(), z.int()), "input"],
  [
    "z.intersection takes too long with large values: use z.extend",
    z.intersection(z.object({}), z.object({})),
    "input",
  ],
  [
    "a schema that refers to itself has no JSON Schema here: give { schema, check }",
    z.json(),
    "input",
  ],
])("refuses: %s", (message, schema, io) => {
  expect(() => written(z.object({ a: schema }), io)).toThrow(message);
});

it("writes an empty tuple as a list of nothing, for an empty prefixItems is no schema", () => {
  expect(written(z.tuple([]), "input")).toEqual({
    type: "array",
    minItems: 0,
    maxItems: 0,
  });
});

it("demands no name whose value may be undefined: it is not there in JSON", () => {
  for (const value of [z.optional(z.int()), z.any()])
    for (const io of ["input", "output"] as const)
      expect(written(z.record(z.enum(["a", "b"]), value), io)).not.toHaveProperty("required");
});

it("demands no member of an output that may be undefined: its reader has JSON, where it is not there", () => {
  const takers = {
    a: z.unknown(),
    b: z.any(),
    c: z.nullable(z.unknown()),
    d: z.readonly(z.any()),
    e: z.union([z.string(), z.unknown()]),
    f: z.pipe(z.unknown(), z.unknown()),
  };
  const schema = z.object({ ...takers, g: z.string(), h: z.nonoptional(z.unknown()) });
  expect(
    checkWith(schema)({
      ...Object.fromEntries(Object.keys(takers).map((name) => [name, undefined])),
      g: "x",
      h: 1,
    }).ok,
  ).toBe(true);
  expect(written(schema, "output")).toMatchObject({ required: ["g", "h"] });
  // In a list it is null, and there.
  expect(written(z.tuple([z.string(), z.unknown()]), "output")).toMatchObject({ minItems: 2 });
});

it.each<[string, z.core.$ZodType]>([
  ["optional", z.optional(z.string())],
  ["optional in a union", z.union([z.string(), z.optional(z.string())])],
  ["optional and lazy", z.lazy(() => z.optional(z.string()))],
])("an item of a result that may be undefined is null in JSON: %s", (_, item) => {
  const lists = z.object({ list: z.array(item), pair: z.tuple([z.string(), item], item) });
  expect(checkWith(lists)({ list: [undefined], pair: ["x", undefined, undefined] }).ok).toBe(true);
  const withNull = { type: ["string", "null"] };
  const { properties } = written(lists, "output");
  expect(properties).toMatchObject({
    list: { items: withNull },
    pair: { prefixItems: [{ type: "string" }, withNull], items: withNull },
  });
  expect(JSON.stringify(written(lists, "input"))).not.toContain("null");
});

it("demands what is converted where what it is made of is demanded", () => {
  const list = classic.preprocess((value) => value, classic.array(classic.string()));
  const members = {
    a: list.transform(String),
    b: list.pipe(classic.any()),
    c: list.nullable(),
    d: list.readonly(),
    e: classic.union([list, classic.number()]),
    f: classic.lazy(() => list),
    g: classic.string().catch("x").nullable(),
  };
  const { required } = written(classic.object(members), "input");
  expect(required).toEqual(Object.keys(members));
  const optional = classic.object({ a: list.optional(), b: classic.lazy(() => list.optional()) });
  expect(written(optional, "input")).not.toHaveProperty("required");
});

it.each([
  z.record(z.int(), z.string()),
  z.record(z.coerce.number(), z.string()),
  z.record(z.enum(NUMBERED_ALONE), z.string()),
  z.record(z.literal([1, 2]), z.string()),
  z.looseRecord(z.string().check(z.regex(/^x_/)), z.string()),
] as z.core.$ZodType[])(
  "refuses a record of other names than texts, and a loose one: %#",
  (schema) => {
    expect(() => written(z.object({ a: schema }), "input")).toThrow("a record that is loose");
  },
);

it("writes the same schema twice where it stands twice", () => {
  const once = z.string();
  expect(written(z.object({ a: once, b: once }), "input")).toMatchObject({
    properties: { a: { type: "string" }, b: { type: "string" } },
  });
});
