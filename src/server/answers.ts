/**
 * What clients may answer to a question. Unknown members are dropped.
 * MCP client/elicitation, client/sampling, client/roots. Whether a form's content fits the form is decided there.
 * Built with the first question: zod takes milliseconds that an isolate's start does not have.
 */

import * as z from "zod/mini";
import type { JsonValue } from "../base/json.ts";
import { lazily } from "../base/lazily.ts";
import type { Root, SamplingResult } from "./context.ts";

interface Elicited {
  action: "accept" | "decline" | "cancel";
  content?: Record<string, JsonValue> | undefined;
}

export const elicited: () => z.core.$ZodType<Elicited> = lazily(() =>
  z.object({
    action: z.enum(["accept", "decline", "cancel"]),
    content: z.optional(z.record(z.string(), z.json())),
  }),
);

export const sampled: () => z.core.$ZodType<SamplingResult> = lazily(() => {
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

export const listedRoots: () => z.core.$ZodType<{ roots: Root[] }> = lazily(() =>
  // spec: roots.uri.file
  z.object({
    roots: z.array(z.object({ uri: z.string().check(z.startsWith("file://")), name: z.optional(z.string()) })),
  }),
);
