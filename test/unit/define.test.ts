// Definitions: a wrong one stops the server when it starts, and says what is wrong.
import { expect, test } from "vitest";
import * as z from "zod";
import type { JsonObject } from "../../src/base/json.ts";
import { catalog } from "../../src/server/catalog.ts";
import { prompt, resource, template, tool, type ServerSpec } from "../../src/server/define.ts";
import { compileForm } from "../../src/server/form.ts";

const info = { name: "define", version: "1" };
const named = (name: string): ReturnType<typeof tool> => tool({ name, handler: () => "" });

test("two tools of one name stop the server", () => {
  expect(() => catalog({ info, tools: [named("a"), named("b"), named("a")] })).toThrow('Two definitions of tool "a"');
  // Names are told apart by case.
  expect(() => catalog({ info, tools: [named("a"), named("A")] })).not.toThrow();
});

test.each<[string, Partial<ServerSpec>]>([
  ["prompt", { prompts: ["p", "p"].map((name) => prompt({ name, handler: () => "" })) }],
  ["resource", { resources: ["a", "b"].map((name) => resource({ name, uri: "test://r", read: () => "" })) }],
  ["template", { templates: ["a", "b"].map((name) => template({ name, uriTemplate: "t://{x}", read: () => "" })) }],
])("two definitions of one %s stop the server", (what, spec) => {
  expect(() => catalog({ info, ...spec })).toThrow(`Two definitions of ${what} "`);
});

test("a tool's name has 1 to 128 of the allowed characters", () => {
  for (const name of ["a", "A.b-c_9", "x".repeat(128)]) expect(() => named(name), name).not.toThrow();
  for (const name of ["", "x".repeat(129), "a b", "a/b", "a,b", "é", "a\n"]) {
    expect(() => named(name), JSON.stringify(name)).toThrow("must be 1 to 128");
  }
});

test("a tool's input is an object", () => {
  const withInput = (input: JsonObject): unknown => tool({ name: "t", input, handler: () => "" });
  expect(() => withInput({ type: "object" })).not.toThrow();
  for (const input of [{}, { type: "string" }, { type: ["object", "null"] }, { type: null }]) {
    expect(() => withInput(input), JSON.stringify(input)).toThrow('must have type "object"');
  }
  expect(() => tool({ name: "t", input: z.string(), handler: () => "" })).toThrow('must have type "object"');
});

test("a tool that takes nothing says so, and refuses what it is given", () => {
  const { listing, checkInput } = named("t");
  expect(listing["inputSchema"]).toEqual({ type: "object", additionalProperties: false });
  expect(checkInput({}).ok).toBe(true);
  expect(checkInput({ x: 1 }).ok).toBe(false);
});

test("a schema that cannot be used names its tool", () => {
  const input = { type: "object", $schema: "http://json-schema.org/draft-04/schema#" };
  expect(() => tool({ name: "t", input, handler: () => "" })).toThrow(
    /input schema of tool "t" is not usable.*draft-04/,
  );
});

test("a resource's URI is absolute, and a template is one", () => {
  for (const uri of ["", "a", "/a", "//a/b", ":a"])
    expect(() => resource({ name: "r", uri, read: () => "" }), uri).toThrow("not absolute");
  expect(() => template({ name: "r", uriTemplate: "t://{a}{b}", read: () => "" })).toThrow('URI template "t://{a}{b}"');
});

test("what is not offered is not declared", () => {
  expect(catalog({ info }).capabilities).toEqual({ logging: {} });
  expect([...catalog({ info }).listings.keys()]).toEqual([]);
});

// ---- Forms ----------------------------------------------------------------------------------------------------------

const form = (field: unknown): JsonObject => ({ type: "object", properties: { f: field as JsonObject } });
const choices = [{ const: "a", title: "A" }];

test.each<[string, JsonObject]>([
  ["a string with a format", { type: "string", format: "email", minLength: 1, maxLength: 9 }],
  ["a number with bounds", { type: "number", minimum: 0, maximum: 1, default: 0.5 }],
  ["an integer", { type: "integer", title: "How many" }],
  ["a boolean", { type: "boolean", default: false }],
  ["a choice", { type: "string", enum: ["a", "b"] }],
  ["a titled choice", { type: "string", oneOf: choices }],
  ["several choices", { type: "array", items: { type: "string", enum: ["a"] }, minItems: 1 }],
  ["several titled choices", { type: "array", items: { anyOf: choices } }],
])("a form may have %s, and shows it as written", (_, field) => {
  expect(compileForm(form(field)).requested).toEqual(form(field));
});

test.each<[string, unknown]>([
  ["an object", { type: "object", properties: {} }],
  ["an array of anything", { type: "array", items: { type: "string" } }],
  ["an array of numbers", { type: "array", items: { type: "number", enum: [1] } }],
  ["no type", {}],
  ["several types", { type: ["string", "null"] }],
  ["null", { type: "null" }],
  ["a pattern", { type: "string", pattern: "^a" }],
  ["another format", { type: "string", format: "hostname" }],
  ["a choice without a title", { type: "string", oneOf: [{ const: "a" }] }],
  ["a bound of another type", { type: "boolean", minimum: 0 }],
  ["a $ref", { $ref: "#/x" }],
  ["true", true],
])("a form may not have %s", (_, field) => {
  expect(() => compileForm(form(field))).toThrow('Form field "f" ');
});

test("a form is an object with properties", () => {
  for (const one of [{}, { type: "object" }, { type: "string" }, { properties: {} }]) {
    expect(() => compileForm(one as JsonObject), JSON.stringify(one)).toThrow("A form has type");
  }
});

test("a form in zod is shown without the keywords that forms lack, and still checked by zod", () => {
  const { requested, check } = compileForm(
    z.object({ mail: z.email(), age: z.int().min(18), nick: z.string().optional() }),
  );
  expect(requested).toEqual({
    type: "object",
    properties: {
      mail: { type: "string", format: "email" },
      age: { type: "integer", minimum: 18 },
      nick: { type: "string" },
    },
    required: ["mail", "age"],
  });
  expect(check({ mail: "a@b.example", age: 18 })).toMatchObject({ ok: true });
  expect(check({ mail: "nobody", age: 18 })).toMatchObject({ ok: false });
  expect(check({ mail: "a@b.example", age: 17 })).toMatchObject({ ok: false });
  expect(() => compileForm(z.object({ deep: z.object({}) }))).toThrow('Form field "deep"');
});

test("the content of an answer is held to the form in JSON, formats included", () => {
  const { check } = compileForm({ ...form({ type: "string", format: "email" }), required: ["f"] });
  expect(check({ f: "a@b.example" }).ok).toBe(true);
  for (const content of [{ f: "nobody" }, {}, { f: 1 }]) expect(check(content).ok, JSON.stringify(content)).toBe(false);
});
