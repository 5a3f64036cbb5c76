/**
 * What clients may answer to a question. Unknown members are dropped.
 * MCP client/elicitation, client/sampling, client/roots. Whether a form's content fits the form is decided there.
 */

import * as z from "zod";
import { lazily } from "../base/lazily.ts";
import type { Root, SamplingResult } from "./context.ts";

export interface AnswerShapes {
  readonly elicitation: z.ZodType<{
    action: "accept" | "decline" | "cancel";
    content?: Record<string, z.core.util.JSONType> | undefined;
  }>;
  readonly sampling: z.ZodType<SamplingResult>;
  readonly roots: z.ZodType<{ roots: Root[] }>;
}

/** Built with the first question: zod takes milliseconds that an isolate's start does not have. */
export const answerShapes: () => AnswerShapes = lazily(() => {
  const contentBlock = z.union([
    z.looseObject({ type: z.literal("text"), text: z.string() }),
    z.looseObject({ type: z.enum(["image", "audio"]), data: z.string(), mimeType: z.string() }),
    z.looseObject({
      type: z.literal("tool_use"),
      id: z.string(),
      name: z.string(),
      input: z.record(z.string(), z.json()),
    }),
  ]);
  return {
    elicitation: z.object({
      action: z.enum(["accept", "decline", "cancel"]),
      content: z.record(z.string(), z.json()).optional(),
    }),
    sampling: z.object({
      role: z.enum(["user", "assistant"]),
      content: z.union([contentBlock, z.array(contentBlock)]),
      model: z.string(),
      stopReason: z.string().optional(),
    }),
    // spec: roots.uri.file
    roots: z.object({
      roots: z.array(z.object({ uri: z.string().startsWith("file://"), name: z.string().optional() })),
    }),
  };
});
