// Definitions: a wrong one stops the server when it starts, and says what is wrong.
import { expect, test, vi } from "vitest";
import * as z from "zod";
import type { JsonObject } from "../../src/base/json.ts";
import { ok } from "../../src/base/result.ts";
import { buildServer } from "../../src/server/registry.ts";
import { prompt, resource, template, type ServerSpec } from "../../src/server/define.ts";
import { form as zodForm, tool } from "../../src/server/zod.ts";
import { jsonSchema } from "../../src/server/json-schema.ts";
import { object } from "../../src/api.ts";
import type { RawSchema } from "../../src/server/schema.ts";
import { compileForm } from "../../src/server/elicitation-form.ts";

const info = { name: "define", version: "1" };
const named = (name: string): ReturnType<typeof tool> => tool({ name, handler: () => "" });

test("two tools of one name stop the server", () => {
  expect(() => buildServer({ info, tools: [named("a"), named("b"), named("a")] })).toThrow(
    'Two definitions of tool "a"',
  );
  // Names are told apart by case.
  expect(() => buildServer({ info, tools: [named("a"), named("A")] })).not.toThrow();
});

test.each<[string, Partial<ServerSpec>]>([
  ["prompt", { prompts: ["p", "p"].map((name) => prompt({ name, handler: () => "" })) }],
  [
    "resource",
    { resources: ["a", "b"].map((name) => resource({ name, uri: "test://r", read: () => "" })) },
  ],
  [
    "template",
    {
      templates: ["a", "b"].map((name) =>
        template({ name, uriTemplate: "t://{x}", read: () => "" }),
      ),
    },
  ],
])("two definitions of one %s stop the server", (what, spec) => {
  expect(() => buildServer({ info, ...spec })).toThrow(`Two definitions of ${what} "`);
});

test("what a tool says of tasks is the server's, and no part of its entry", () => {
  const spec = { name: "t", description: "d", handler: () => "", prepare: () => undefined };
  const { listEntry, task, prepare } = tool({ ...spec, task: "required" });
  expect(Object.keys(listEntry)).toEqual(["name", "description", "inputSchema"]);
  expect([task, prepare]).toEqual(["required", spec.prepare]);
});

test("a tool's name has 1 to 128 of the allowed characters", () => {
  for (const name of ["a", "A.b-c_9", "x".repeat(128)])
    expect(() => named(name), name).not.toThrow();
  for (const name of ["", "x".repeat(129), "a b", "a/b", "a,b", "é", "a\n"]) {
    expect(() => named(name), JSON.stringify(name)).toThrow("must be 1 to 128");
  }
});

test("a tool's input is an object", () => {
  const withInput = (input: JsonObject): unknown =>
    tool({ name: "t", input: { schema: input, check: ok }, handler: () => "" });
  expect(() => withInput({ type: "object" })).not.toThrow();
  for (const input of [{}, { type: "string" }, { type: ["object", "null"] }, { type: null }]) {
    expect(() => withInput(input), JSON.stringify(input)).toThrow('must have type "object"');
  }
  expect(() => tool({ name: "t", input: z.string(), handler: () => "" })).toThrow(
    'must have type "object"',
  );
});

test.each<[what: string, spec: object, says: string]>([
  [
    "a name",
    { name: "add numbers" },
    'Tool "add numbers": its name must be 1 to 128 of A-Z a-z 0-9 _ - .',
  ],
  [
    "an input of another type",
    { input: z.string() },
    'Tool "t": its input schema must have type "object"',
  ],
  // What other libraries take.
  [
    "a bare object of schemas",
    { input: { a: z.string() } },
    'Tool "t": its input must be z.object({ … }) or { schema',
  ],
  ["a number", { input: 7 }, 'Tool "t": its input must be'],
  ["null", { input: null }, 'Tool "t": '],
  [
    "an output",
    { output: { a: z.string() } },
    'Tool "t": its output must be z.object({ … }) or { schema, check }',
  ],
  [
    "what JSON Schema cannot say",
    { input: z.object({ when: z.date() }) },
    'Tool "t": z.date has no JSON Schema here: give { schema, check }',
  ],
  ...[z.literal(5n), z._default(z.any(), 10n), z._default(z.any(), NaN)].map(
    (of): [string, object, string] => [
      "what JSON cannot say",
      { input: z.object({ of }) },
      "which is no JSON",
    ],
  ),
])("%s that is wrong is told with the tool's name", (_, spec, says) => {
  const wrong = { name: "t", handler: () => "", ...spec } as Parameters<typeof tool>[0];
  expect(() => tool(wrong)).toThrow(says);
});

test("a tool that takes nothing says so, and drops what it is given, as one that takes something does", () => {
  const { listEntry: listing, checkInput } = named("t");
  expect(listing["inputSchema"]).toEqual({ type: "object", properties: {} });
  expect(checkInput({})).toEqual({ ok: true, value: {} });
  expect(checkInput({ toolCallId: "1", random_string: "x" })).toEqual({ ok: true, value: {} });
  const some = tool({
    name: "t",
    input: z.object({ a: z.optional(z.string()) }),
    handler: () => "",
  });
  expect(some.checkInput({ a: "b", toolCallId: "1" })).toEqual({ ok: true, value: { a: "b" } });
});

test("a tool's time is a number of seconds above 0, which clients are not shown", () => {
  const within = (timeoutSeconds: number): ReturnType<typeof tool> =>
    tool({ name: "t", timeoutSeconds, handler: () => "" });
  for (const seconds of [0.5, 1, 86_400]) expect(within(seconds).timeoutSeconds).toBe(seconds);
  for (const seconds of [0, -1, NaN, Infinity])
    expect(() => within(seconds), String(seconds)).toThrow("above 0");
  expect(within(1).listEntry).toEqual(named("t").listEntry);
});

test("a resource's URI is absolute, and a template is one", () => {
  for (const uri of ["", "a", "/a", "//a/b", ":a"])
    expect(() => resource({ name: "r", uri, read: () => "" }), uri).toThrow("not absolute");
  expect(() => template({ name: "r", uriTemplate: "t://{a}{b}", read: () => "" })).toThrow(
    'URI template "t://{a}{b}"',
  );
  const complete = { id: () => [], idd: () => [] };
  expect(() => template({ name: "r", uriTemplate: "t://{id}", complete, read: () => "" })).toThrow(
    'URI template "t://{id}" completes "idd", which it has not',
  );
});

test("what is not offered is not declared", () => {
  expect(buildServer({ info }).capabilities).toEqual({ logging: {} });
  expect([...buildServer({ info }).listsByMethod.keys()]).toEqual([]);
});

// ---- Forms ----------------------------------------------------------------------------------------------------------

const form = (field: unknown): JsonObject => ({
  type: "object",
  properties: { f: field as JsonObject },
});
const choices = [
  { const: "a", title: "A" },
  { const: "b", title: "B" },
];
const several = { type: "array", minItems: 1, maxItems: 2 };

test.each<[what: string, field: JsonObject, fits: unknown[], not: unknown[]]>([
  ["a string", { type: "string", title: "T", description: "D" }, ["", "x"], [1, null, ["x"]]],
  [
    "a string with bounds, in characters",
    { type: "string", minLength: 2, maxLength: 3 },
    ["ab", "😀😀😀"],
    ["😀", "abcd"],
  ],
  [
    "an email",
    { type: "string", format: "email", maxLength: 13 },
    ["a@b.example"],
    ["nobody", "a@b", "long@b.example"],
  ],
  [
    "a URI",
    { type: "string", format: "uri" },
    [
      "https://a.example/b?c=d#e",
      "urn:a:b",
      "mailto:a@b.c",
      "http://[::1]:80/a//b?x=/?#/?",
      "https://u:p@a.b/%C3%BC",
    ],
    [
      "",
      "a/b",
      "//a/b",
      "http://a/ b",
      "http://a:b/",
      "http://é.example/",
      "http://a/b|c",
      "http://a/%zz",
      "https://a.b/items?filter[name]=x",
      "https://a.b/#x#y",
      "a:",
      "http://[::1",
    ],
  ],
  [
    "a date",
    { type: "string", format: "date" },
    ["2024-02-29"],
    ["2023-02-29", "1900-02-29", "2023-4-3", "2023-13-01"],
  ],
  [
    "a time",
    { type: "string", format: "date-time" },
    ["2023-04-03T10:20:30Z", "2023-04-03T10:20:30.123+02:00"],
    [
      "2023-04-03",
      "2023-04-03T10:20:30",
      "2023-04-03T10:20Z",
      "2023-04-31T10:20:30Z",
      "2023-04-03T24:00:00Z",
    ],
  ],
  [
    "a number with bounds",
    { type: "number", minimum: 0, maximum: 1, default: 0.5 },
    [0, 0.5, 1],
    [-0.1, 1.1, "1", null],
  ],
  ["an integer", { type: "integer", minimum: 18, title: "Age" }, [18, 1e6], [17, 18.5, "18"]],
  ["a boolean", { type: "boolean", default: false }, [true, false], [0, "true", null]],
  ["a choice", { type: "string", enum: ["a", "b"] }, ["a", "b"], ["c", "", 1]],
  [
    "a choice with names",
    { type: "string", enum: ["a", "b"], enumNames: ["A", "B"] },
    ["a"],
    ["A"],
  ],
  ["a titled choice", { type: "string", oneOf: choices }, ["a", "b"], ["A", "c"]],
  [
    "several choices",
    { ...several, items: { type: "string", enum: ["a", "b", "c"] } },
    [["a"], ["b", "c"]],
    [[], ["a", "b", "c"], ["d"], "a"],
  ],
  [
    "several titled choices",
    { ...several, items: { anyOf: choices } },
    [["a"], ["b", "a"]],
    [["A"], [1], [], "a"],
  ],
])("a form may have %s, shows it as written, and holds answers to it", (_, field, fits, not) => {
  const { schema, check } = compileForm(form(field));
  expect(schema).toEqual(form(field));
  expect(fits.filter((f) => !check({ f }).ok)).toEqual([]);
  expect(not.filter((f) => check({ f }).ok)).toEqual([]);
});

test.each<[string, unknown]>([
  ["an object", { type: "object", properties: {} }],
  ["an array of anything", { type: "array", items: { type: "string" } }],
  ["an array of numbers", { type: "array", items: { type: "number", enum: [1] } }],
  ["an array without items", { type: "array" }],
  ["no type", {}],
  ["several types", { type: ["string", "null"] }],
  ["null", { type: "null" }],
  ["a pattern", { type: "string", pattern: "^a" }],
  ["another format", { type: "string", format: "hostname" }],
  ["a choice without a title", { type: "string", oneOf: [{ const: "a" }] }],
  ["a choice of numbers", { type: "string", enum: [1] }],
  ["a bound of another type", { type: "boolean", minimum: 0 }],
  ["a length below zero", { type: "string", minLength: -1 }],
  ["a $ref", { $ref: "#/x" }],
  ["true", true],
])("a form may not have %s", (_, field) => {
  expect(() => compileForm(form(field))).toThrow(/form .* flat.* \/properties\/f/s);
});

test("a form of zod that no form has words for is refused where it is made", () => {
  expect(() => zodForm(z.object({ n: z.number().check(z.positive()) }))).toThrow(
    "The form must be flat: /properties/n/exclusiveMinimum is no keyword",
  );
  expect(() => zodForm(z.object({ id: z.uuid() }))).toThrow("/properties/id/format is not valid");
});

test("a form is an object with properties, and requires only what it has", () => {
  const none = [{}, { type: "object" }, { type: "string" }, { properties: {} }];
  for (const one of [...none, { ...form({ type: "string" }), required: ["g"] }]) {
    expect(() => compileForm(one as JsonObject), JSON.stringify(one)).toThrow(
      "The form must be flat",
    );
  }
});

test("what a form requires must be there, what it does not may be left out, and what it does not know is dropped", () => {
  const { check } = compileForm({
    type: "object",
    properties: { must: { type: "string" }, may: { type: "integer", default: 1 } },
    required: ["must"],
  });
  expect(check({ must: "x" })).toEqual(ok({ must: "x" }));
  expect(check({ must: "x", may: 2, more: 3 })).toEqual(ok({ must: "x", may: 2 }));
  for (const content of [{}, { may: 1 }, { must: null }, { must: "x", may: "2" }, [], null])
    expect(check(content).ok, JSON.stringify(content)).toBe(false);
});

test("a form in zod is shown without the keywords that forms lack, and still checked by zod", () => {
  const person = z.object({
    mail: z.email(),
    age: z.int().min(18),
    nick: z.string().optional(),
    tags: z.array(z.enum(["a"])),
  });
  const { schema, check } = compileForm(zodForm(person));
  expect(schema).toEqual({
    type: "object",
    properties: {
      mail: { type: "string", format: "email" },
      age: { type: "integer", minimum: 18 },
      nick: { type: "string" },
      tags: { type: "array", items: { type: "string", enum: ["a"] } },
    },
    required: ["mail", "age", "tags"],
  });
  expect(check({ mail: "a@b.example", age: 18, tags: [] })).toMatchObject({ ok: true });
  expect(check({ mail: "nobody", age: 18, tags: [] })).toMatchObject({ ok: false });
  expect(check({ mail: "a@b.example", age: 17, tags: ["a"] })).toMatchObject({ ok: false });
  const picky = compileForm(
    zodForm(z.object({ word: z.string().refine((word) => word !== "no") })),
  );
  expect([picky.check({ word: "yes" }).ok, picky.check({ word: "no" }).ok]).toEqual([true, false]);
  expect(() => compileForm(zodForm(z.object({ deep: z.object({}) })))).toThrow("/properties/deep");
});

test.each([0, -1, 2.5, 0.5, Number.NaN, Infinity, "2" as never])(
  "a pageSize of %s stops the start",
  (pageSize) => {
    expect(() => buildServer({ info, pageSize })).toThrow(
      "pageSize must be a whole number above 0",
    );
  },
);

test("a form of its own check is held to the check that it has now", () => {
  const own = { schema: form({ type: "string" }), check: vi.fn(() => ok("first")) };
  expect(compileForm(own).check({})).toEqual(ok("first"));
  own.check = vi.fn(() => ok("second"));
  expect(compileForm(own).check({})).toEqual(ok("second"));
});

test.each<[string, RawSchema]>([
  ["jsonSchema", jsonSchema(object({ f: { type: "string", enum: ["a"] } }))],
  ["zod", zodForm(z.object({ f: z.enum(["a"]) }))],
])("what %s shows is what it checks: it cannot be changed", (_, { schema }) => {
  const { f } = schema["properties"] as { f: { enum: string[] } };
  expect(() => f.enum.push("b")).toThrow(TypeError);
  expect(() => {
    f.enum = ["b"];
  }).toThrow(TypeError);
});

test("a form is compiled once", () => {
  const one = form({ type: "string" });
  expect(compileForm(one)).toBe(compileForm(one));
});
