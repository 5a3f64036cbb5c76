// Declarations of mirrored parameters: a tool with a wrong one stops the server instead of vanishing at the client.
import { expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { ok } from "../../src/base/result.ts";
import { readHeaderParams } from "../../src/protocol/header-params.ts";
import { checkParamHeaders } from "../../src/protocol/request-headers.ts";
import { tool } from "../../src/server/zod.ts";

/** An object schema with these properties. */
function object(properties: JsonObject): JsonObject {
  return { type: "object", properties };
}

/** A parameter mirrored as `header`. */
function mirrored(header: unknown, type: string = "string"): JsonObject {
  return { type, "x-mcp-header": header as string };
}

/** What is wrong with the declarations of `schema`; it stops its tool too. */
function faultOf(schema: JsonObject): string | undefined {
  expect(() => tool({ name: "t", input: { schema, check: ok }, handler: () => "" })).toThrow(
    /^Tool "t": x-mcp-header/,
  );
  const read = readHeaderParams(schema);
  return read.ok ? undefined : read.error;
}

test("takes strings, integers and booleans, however deep properties lead", () => {
  const schema = object({
    region: mirrored("Region"),
    deep: object({ count: mirrored("Count", "integer"), on: mirrored("On", "boolean") }),
    plain: { type: "string" },
  });
  expect(readHeaderParams(schema)).toEqual({
    ok: true,
    value: [
      { header: "Region", path: ["region"], type: "string" },
      { header: "Count", path: ["deep", "count"], type: "integer" },
      { header: "On", path: ["deep", "on"], type: "boolean" },
    ],
  });
});

test("a schema without declarations has none", () => {
  expect(readHeaderParams({ type: "object" })).toEqual({ ok: true, value: [] });
});

test("refuses an x-mcp-header that is not a token", () => {
  for (const header of [
    "",
    "a b",
    "a:b",
    "a\r\nb",
    "a\0",
    "é",
    "a/b",
    "(a)",
    '"a"',
    1,
    null,
    true,
    ["a"],
    {},
  ]) {
    expect(faultOf(object({ p: mirrored(header) })), JSON.stringify(header)).toBe(
      'x-mcp-header of "p" is not a header token',
    );
  }
  expect(readHeaderParams(object({ p: mirrored("!#$%&'*+.^_`|~0-9A-z") })).ok).toBe(true);
});

test("refuses an x-mcp-header that is declared twice", () => {
  expect(faultOf(object({ a: mirrored("Same"), b: mirrored("Same") }))).toBe(
    'x-mcp-header "same" is declared twice',
  );
  expect(faultOf(object({ a: mirrored("Same"), b: mirrored("sAME") }))).toMatch(/twice/);
  expect(faultOf(object({ a: mirrored("Same"), b: object({ c: mirrored("same") }) }))).toMatch(
    /twice/,
  );
});

test("refuses an x-mcp-header on a parameter that is not primitive", () => {
  for (const type of ["number", "object", "array", "null"]) {
    expect(faultOf(object({ p: mirrored("P", type) })), type).toBe(
      'x-mcp-header of "p" needs type string, integer or boolean',
    );
  }
  expect(faultOf(object({ p: { "x-mcp-header": "P" } })), "no type").toMatch(/needs type/);
  expect(
    faultOf(object({ p: { type: ["string", "null"], "x-mcp-header": "P" } })),
    "several",
  ).toMatch(/needs type/);
});

test("refuses an x-mcp-header that properties alone do not reach", () => {
  const declared = mirrored("P");
  const reason = 'x-mcp-header must be reached through "properties" alone';
  for (const [where, schema] of Object.entries<JsonObject>({
    "the root": { ...object({}), "x-mcp-header": "P" },
    items: object({ list: { type: "array", items: declared } }),
    anyOf: object({ either: { anyOf: [declared] } }),
    allOf: { ...object({}), allOf: [object({ p: declared })] },
    else: { ...object({}), if: {}, else: object({ p: declared }) },
    additionalProperties: { ...object({}), additionalProperties: declared },
    patternProperties: { ...object({}), patternProperties: { "^p": declared } },
    $defs: { ...object({ p: { $ref: "#/$defs/d" } }), $defs: { d: declared } },
    "a property of an array's items": object({
      list: { type: "array", items: object({ p: declared }) },
    }),
  })) {
    expect(faultOf(schema), where).toBe(reason);
  }
});

test("a parameter that merely is called so, and values, are no declarations", () => {
  expect(readHeaderParams(object({ "x-mcp-header": { type: "string" } }))).toEqual({
    ok: true,
    value: [],
  });
  const quoted = {
    type: "object",
    default: { "x-mcp-header": "P" },
    examples: [{ "x-mcp-header": "P" }],
  };
  expect(readHeaderParams(object({ p: quoted }))).toEqual({ ok: true, value: [] });
});

test.each([
  ["1.5", 1.5, true],
  ["1.5", 1.4, false],
  ["42.0", 42, true],
  ["9007199254740992", 9_007_199_254_740_992, false],
  [null, 1, false],
])("a header %s beside the number %d: %s", (header, value, isSame) => {
  const params = [{ header: "N", path: ["n"], type: "integer" as const }];
  // That 1.5 is no integer, the tool's schema says, to the model.
  expect(checkParamHeaders(() => header, params, { n: value }).ok).toBe(isSame);
});
