/**
 * The suite's tools that ask nothing: content of every kind, logging, progress, schemas, change triggers.
 * Texts and schemas are the suite's contract, to the letter.
 */

import { Validator } from "@cfworker/json-schema";
import * as z from "zod";
import { startTimer } from "../../src/base/time.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { err, ok } from "../../src/base/result.ts";
import { type Tool } from "../../src/server/define.ts";
import type { RawSchema } from "../../src/server/schema.ts";
import { tool } from "../../src/server/zod.ts";
import { PNG, WAV } from "./media.ts";

/** Waits `ms` milliseconds, or less when `signal` aborts first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const stop = startTimer(ms, resolve);
    signal?.addEventListener(
      "abort",
      () => {
        stop();
        return resolve();
      },
      { once: true },
    );
  });
}

/** A schema as it is written, checked by a validator that makes no code: workerd runs none. */
export function written(schema: JsonObject): RawSchema {
  const validator = new Validator(schema, "2020-12", false);
  return {
    schema,
    check: (value) => {
      const { valid, errors } = validator.validate(value);
      return valid
        ? ok(value)
        : err(errors.map((one) => `${one.instanceLocation} ${one.error}`).join("; "));
    },
  };
}

const content: readonly Tool[] = [
  tool({
    name: "test_simple_text",
    description: "Returns one text",
    handler: () => "This is a simple text response for testing.",
  }),
  tool({
    name: "test_image_content",
    description: "Returns one image",
    handler: () => [{ type: "image", data: PNG, mimeType: "image/png" }],
  }),
  tool({
    name: "test_audio_content",
    description: "Returns one sound",
    handler: () => [{ type: "audio", data: WAV, mimeType: "audio/wav" }],
  }),
  tool({
    name: "test_embedded_resource",
    description: "Returns one embedded resource",
    handler: () => [
      {
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content.",
        },
      },
    ],
  }),
  tool({
    name: "test_multiple_content_types",
    description: "Returns a text, an image and a resource",
    handler: () => [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: '{"test":"data","value":123}',
        },
      },
    ],
  }),
  tool({
    name: "test_error_handling",
    description: "Always fails, in the way a tool fails",
    handler: () => ({
      isError: true,
      content: [{ type: "text", text: "This tool intentionally returns an error for testing" }],
    }),
  }),
];

const notices: readonly Tool[] = [
  tool({
    name: "test_tool_with_logging",
    description: "Logs three lines while it works",
    handler: async (_args, ctx) => {
      ctx.log("info", "Tool execution started");
      await sleep(50);
      ctx.log("info", "Tool processing data");
      await sleep(50);
      ctx.log("info", "Tool execution completed");
      return "Tool with logging executed successfully";
    },
  }),
  tool({
    name: "test_reconnection",
    description: "Lets the connection go and answers a little later, to whoever comes back",
    handler: async (_args, ctx) => {
      ctx.closeStream();
      await sleep(100);
      return "Answered after the connection was let go";
    },
  }),
  tool({
    name: "test_tool_with_progress",
    description: "Reports progress three times while it works",
    handler: async (_args, ctx) => {
      ctx.progress(0, 100);
      await sleep(50);
      ctx.progress(50, 100);
      await sleep(50);
      ctx.progress(100, 100);
      return "Tool with progress executed successfully";
    },
  }),
  tool({
    name: "test_logging_tool",
    description: "Logs one line, which only a request with a log level may see",
    handler: (_args, ctx) => {
      ctx.log("info", "A line for those who asked", "world");
      return "logged";
    },
  }),
  tool({
    name: "test_trigger_tool_change",
    description: "Tells listeners that the tools changed",
    handler: (_args, ctx) => {
      ctx.listChanged("tools");
      return "published";
    },
  }),
  tool({
    name: "test_trigger_prompt_change",
    description: "Tells listeners that the prompts changed",
    handler: (_args, ctx) => {
      ctx.listChanged("prompts");
      return "published";
    },
  }),
];

const JSON_SCHEMA_2020_12: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema, never awaited
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

const schemas: readonly Tool[] = [
  tool({
    name: "json_schema_2020_12_tool",
    description: "Its input schema uses the keywords that schema libraries tend to lose",
    input: written(JSON_SCHEMA_2020_12),
    handler: (args) => JSON.stringify(args),
  }),
  tool({
    name: "test_x_mcp_header",
    description: "Has one argument that a header repeats",
    input: z.object({ region: z.string().meta({ "x-mcp-header": "Region" }).optional() }),
    handler: ({ region }) => `region=${region ?? ""}`,
  }),
];

/** `test_simple_text` first: some probes call whatever tool comes first, without arguments. */
export const tools: readonly Tool[] = [...content, ...notices, ...schemas];
