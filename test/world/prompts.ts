/** The suite's prompts. Texts are its contract, to the letter. */

import * as z from "zod";
import { prompt, type PromptSpec } from "../../src/server/define.ts";
import { form } from "../../src/server/zod.ts";
import { PNG } from "./media.ts";

export const prompts: readonly PromptSpec[] = [
  prompt({
    name: "test_simple_prompt",
    description: "One message, no arguments",
    handler: () => "This is a simple prompt for testing.",
  }),
  prompt({
    name: "test_prompt_with_arguments",
    description: "Repeats its two arguments",
    arguments: [
      {
        name: "arg1",
        description: "First argument",
        required: true,
        complete: startingWith("test1", "test2"),
      },
      { name: "arg2", description: "Second argument", required: true },
    ],
    handler: ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  }),
  prompt({
    name: "test_prompt_with_embedded_resource",
    description: "Embeds a resource",
    arguments: [
      { name: "resourceUri", description: "URI of the resource to embed", required: true },
    ],
    handler: ({ resourceUri = "" }) => [
      {
        role: "user",
        content: {
          type: "resource",
          resource: {
            uri: resourceUri,
            mimeType: "text/plain",
            text: "Embedded resource content for testing.",
          },
        },
      },
      {
        role: "user",
        content: { type: "text", text: "Please process the embedded resource above." },
      },
    ],
  }),
  prompt({
    name: "test_prompt_with_image",
    description: "Shows an image",
    handler: () => [
      { role: "user", content: { type: "image", data: PNG, mimeType: "image/png" } },
      { role: "user", content: { type: "text", text: "Please analyze the image above." } },
    ],
  }),
  prompt({
    name: "test_input_required_result_prompt",
    description: "Asks for context before it writes its message",
    handler: async (_args, ctx) => {
      const question = {
        message: "What context should the prompt use?",
        form: form(z.object({ context: z.string() })),
      };
      const answer = await ctx.elicitForm("user_context", question);
      return answer.action === "accept"
        ? `Use this context: ${answer.content.context}`
        : "Use no context.";
    },
  }),
];

/** A completer: those of `values` that start with what was typed. */
export function startingWith(...values: string[]): (typed: string) => string[] {
  return (typed) => values.filter((value) => value.startsWith(typed));
}
