// Schemas as written: shown to the letter, in one dialect, and checked by nobody but their author.
import { expect, test, vi } from "vitest";
import * as z from "zod";
import { ANONYMOUS } from "../../src/base/caller.ts";
import { createCancellation } from "../../src/base/cancellation.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { NO_RETRY_STATE } from "../../src/protocol/outcome.ts";
import { err, ok } from "../../src/base/result.ts";
import { dispatch } from "../../src/server/dispatch.ts";
import { buildServer } from "../../src/server/registry.ts";
import type { ToolResult } from "../../src/server/content.ts";
import { type Tool } from "../../src/server/define.ts";
import { tool, checkWith } from "../../src/server/zod.ts";
import { written } from "../world/tools.ts";
import { servicesFor, unrecordedSpan } from "./services.ts";

const DIALECT = "https://json-schema.org/draft/2020-12/schema";

/** A tool with this as its input schema, and as its output schema. */
function both(schema: JsonObject): Tool {
  return tool({
    name: "t",
    input: { schema, check: ok },
    output: { schema, check: ok },
    handler: () => "",
  });
}

test("a schema is shown as written, and its own check decides", () => {
  const schema: JsonObject = {
    type: "object",
    "x-mine": [1],
    $defs: { a: { $anchor: "b" } },
    allOf: [{ $ref: "#b" }],
  };
  const check = (value: unknown): ReturnType<typeof err<string>> | ReturnType<typeof ok<number>> =>
    value === "good" ? ok(1) : err("bad");
  const made = tool({
    name: "t",
    input: { schema, check },
    output: { schema, check },
    handler: () => "",
  });
  expect(made.listEntry).toMatchObject({ inputSchema: schema, outputSchema: schema });
  expect(made.listEntry["inputSchema"]).toBe(schema);
  for (const one of [made.checkInput, made.checkOutput])
    expect([one?.("good"), one?.({})]).toEqual([ok(1), err("bad")]);
});

test("a tool with an output schema makes structured content, or none if it failed", async () => {
  const check = vi.fn(ok);
  const ended = async (result: ToolResult): Promise<unknown> => {
    const output = { schema: {}, check };
    const made = tool({ name: "t", output, handler: () => result });
    const server = buildServer({ info: { name: "s", version: "1" }, tools: [made] });
    const about = {
      span: unrecordedSpan,
      capabilities: {},
      clientInfo: undefined,
      progressToken: undefined,
      logLevel: undefined,
    };
    return dispatch({
      server,
      request: {
        method: "tools/call",
        params: { name: "t" },
        target: { tool: made },
        caller: ANONYMOUS,
        retryState: NO_RETRY_STATE,
        ...about,
      },
      sink: () => undefined,
      cancel: createCancellation(),
      services: servicesFor(),
    });
  };
  expect(await ended({ content: [] })).toMatchObject({ refusal: { error: "InternalError" } });
  expect(await ended({ content: [], isError: true })).toMatchObject({ result: { isError: true } });
  // A check of JSON is never asked about what is no JSON.
  expect(check).not.toHaveBeenCalled();
  expect(await ended({ structuredContent: null })).toMatchObject({
    result: { structuredContent: null },
  });
  // What an error has beside its words fits, or is left out: clients would show that it does not fit in place of them.
  check.mockImplementation((() => err("no")) as never);
  const content: ToolResult["content"] = [{ type: "text", text: "why" }];
  expect(await ended({ content, isError: true, structuredContent: { reason: 1 } })).toEqual({
    kind: "complete",
    result: { content, isError: true },
  });
  expect(await ended({ isError: true, structuredContent: { reason: 1 } })).toEqual({
    kind: "complete",
    result: { content: [{ type: "text", text: '{"reason":1}' }], isError: true },
  });
});

test("refuses a schema of an unsupported dialect and names it", () => {
  for (const $schema of [DIALECT, undefined])
    expect(() => both({ type: "object", ...($schema !== undefined && { $schema }) })).not.toThrow();
  for (const $schema of [
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema#",
    7,
  ]) {
    const says = `Tool "t": its input schema is in ${JSON.stringify($schema)}, and must be in ${DIALECT}`;
    expect(() => both({ type: "object", $schema })).toThrow(says);
    const output = { schema: { $schema }, check: ok };
    expect(() => tool({ name: "t", output, handler: () => "" })).toThrow(
      says.replace("input", "output"),
    );
  }
});

test("a schema of zod names no dialect: it is in the default one", () => {
  const { listEntry: listing } = tool({
    name: "t",
    input: z.object({ a: z.string() }),
    output: z.array(z.int()),
    handler: () => "",
  });
  for (const schema of [listing["inputSchema"], listing["outputSchema"]])
    expect(schema).not.toHaveProperty("$schema");
});

test("follows no reference to the network", () => {
  const fetched = vi.spyOn(globalThis, "fetch");
  const made = both({ type: "object", properties: { a: { $ref: "https://example.com/a.json" } } });
  made.checkInput({ a: 1 });
  expect(fetched).not.toHaveBeenCalled();
  fetched.mockRestore();
});

test("says what is wrong where, fault by fault", () => {
  const check = checkWith(z.object({ a: z.array(z.string()), b: z.int() }));
  expect(check({ a: ["x"], b: 1, more: 2 })).toEqual(ok({ a: ["x"], b: 1 }));
  const found = check({ a: ["x", 1], b: 1.5 });
  expect(found.ok ? "" : found.error).toMatch(/^\/a\/1 \S.*; \/b \S/);
});

test("the world's own check knows the keywords that its schemas use", () => {
  const { check } = written({
    $defs: { text: { $anchor: "text", type: "string" } },
    properties: { a: { $ref: "#/$defs/text" }, b: { $ref: "#text" } },
    if: { required: ["a"] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword here
    then: { required: ["b"] },
    additionalProperties: false,
  });
  for (const value of [{}, { b: "x" }, { a: "x", b: "y" }])
    expect(check(value).ok, JSON.stringify(value)).toBe(true);
  for (const value of [{ a: "x" }, { b: 1 }, { c: 1 }])
    expect(check(value).ok, JSON.stringify(value)).toBe(false);
});
