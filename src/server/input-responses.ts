/**
 * What clients may answer to a question. Unknown members are dropped.
 * MCP client/elicitation, client/sampling, client/roots. Whether a form's content fits the form is decided there.
 * Built with the first question: zod takes milliseconds that an isolate's start does not have.
 */

import * as z from "zod/mini";
import type { JsonValue } from "../base/json.ts";
import { lazy } from "../base/lazy.ts";
import type { Root, SamplingResult } from "./context.ts";

interface RawElicitResult {
  action: "accept" | "decline" | "cancel";
  content?: Record<string, JsonValue> | undefined;
}

export const elicitResultSchema: () => z.core.$ZodType<RawElicitResult> = lazy(() =>
  z.object({
    action: z.enum(["accept", "decline", "cancel"]),
    content: z.optional(z.record(z.string(), z.json())),
  }),
);

export const createMessageResultSchema: () => z.core.$ZodType<SamplingResult> = lazy(() => {
  const contentBlock = z.discriminatedUnion("type", [
    z.looseObject({ type: z.literal("text"), text: z.string() }),
    z.looseObject({ type: z.enum(["image", "audio"]), data: z.string(), mimeType: z.string() }),
    z.looseObject({
      type: z.literal("tool_use"),
      id: z.string(),
      name: z.string(),
      input: z.record(z.string(), z.unknown()),
    }),
  ]);
  return z.object({
    role: z.enum(["user", "assistant"]),
    content: z.union([contentBlock, z.array(contentBlock)]),
    model: z.string(),
    stopReason: z.optional(z.string()),
  });
});

export const listRootsResultSchema: () => z.core.$ZodType<{ roots: Root[] }> = lazy(() =>
  // spec: roots.uri.file
  z.object({
    roots: z.array(z.object({ uri: z.string().check(z.startsWith("file://")), name: z.optional(z.string()) })),
  }),
);
