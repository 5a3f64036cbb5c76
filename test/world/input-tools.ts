/**
 * The suite's tools that ask the client in the middle of a call: sampling, elicitation and roots.
 * Written once; an older revision sends the same questions as requests of its own.
 */

import * as z from "zod";
import type { JsonObject } from "../../src/base/json.ts";
import type { SamplingResult } from "../../src/server/context.ts";
import type { SamplingMessage } from "../../src/server/content.ts";
import { type Tool } from "../../src/server/define.ts";
import { form, tool } from "../../src/server/zod.ts";

export function textMessage(role: "user" | "assistant", text: string): SamplingMessage {
  return { role, content: { type: "text", text } };
}

const named = { message: "What is your name?", form: form(z.object({ name: z.string() })) };
const confirmed = { message: "Please confirm", form: form(z.object({ ok: z.boolean() })) };
const capital = {
  messages: [textMessage("user", "What is the capital of France?")],
  maxTokens: 100,
};

/** Defaults of every type: written as JSON, because a zod default makes a field of the answer, not of the form. */
const DEFAULTS: JsonObject = {
  type: "object",
  properties: {
    name: { type: "string", description: "User name", default: "John Doe" },
    age: { type: "integer", description: "User age", default: 30 },
    score: { type: "number", description: "User score", default: 95.5 },
    status: {
      type: "string",
      description: "User status",
      enum: ["active", "inactive", "pending"],
      default: "active",
    },
    verified: { type: "boolean", description: "Verification status", default: true },
  },
  required: [],
};

const titled = [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Choice ${n}` }));
const ENUMS: JsonObject = {
  type: "object",
  properties: {
    untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
    titledSingle: { type: "string", oneOf: titled },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option 1", "Option 2", "Option 3"],
    },
    untitledMulti: {
      type: "array",
      items: { type: "string", enum: ["option1", "option2", "option3"] },
    },
    titledMulti: { type: "array", items: { anyOf: titled } },
  },
  required: [],
};

const dated: readonly Tool[] = [
  tool({
    name: "test_sampling",
    description: "Asks the client's model",
    input: z.object({ prompt: z.string() }),
    handler: async ({ prompt }, ctx) => {
      const answer = await ctx.sample("answer", {
        messages: [textMessage("user", prompt)],
        maxTokens: 100,
      });
      return `LLM response: ${textOf(answer.content)}`;
    },
  }),
  tool({
    name: "test_elicitation",
    description: "Asks the person for two texts",
    input: z.object({ message: z.string() }),
    handler: async ({ message }, ctx) => {
      const person = z.object({
        username: z.string().describe("User's response"),
        email: z.string().describe("User's email address"),
      });
      return `User response: ${JSON.stringify(await ctx.elicitForm("user", { message, form: form(person) }))}`;
    },
  }),
  tool({
    name: "test_elicitation_sep1034_defaults",
    description: "Asks with a default in every field",
    handler: async (_args, ctx) => {
      const answer = await ctx.elicitForm("user", {
        message: "Please review these values",
        form: DEFAULTS,
      });
      return `Elicitation completed: ${JSON.stringify(answer)}`;
    },
  }),
  tool({
    name: "test_elicitation_sep1330_enums",
    description: "Asks with every kind of choice",
    handler: async (_args, ctx) => {
      const answer = await ctx.elicitForm("user", { message: "Please choose", form: ENUMS });
      return `Elicitation completed: ${JSON.stringify(answer)}`;
    },
  }),
];

const capabilities: readonly Tool[] = [
  tool({
    name: "test_missing_capability",
    description: "Needs sampling, and asks nothing of a client that has it",
    handler: async (_args, ctx) => {
      if (!ctx.client.supports("sampling")) await ctx.sample("answer", capital);
      return "sampling is declared";
    },
  }),
  tool({
    name: "test_streaming_elicitation",
    description: "Asks the person, without a request on the stream",
    handler: async (_args, ctx) => `answer: ${(await ctx.elicitForm("confirm", confirmed)).action}`,
  }),
  tool({
    name: "test_input_required_result_capabilities",
    description: "Asks only what the client can answer",
    handler: async (_args, ctx) => {
      const questions: Promise<unknown>[] = [];
      if (ctx.client.supports("sampling")) questions.push(ctx.sample("capital_question", capital));
      if (ctx.client.supports("form")) questions.push(ctx.elicitForm("user_name", named));
      if (ctx.client.supports("roots")) questions.push(ctx.roots("client_roots"));
      await Promise.all(questions);
      return `${questions.length} questions answered`;
    },
  }),
];

const rounds: readonly Tool[] = [
  tool({
    name: "test_input_required_result_elicitation",
    description: "Asks for a name and greets it",
    handler: async (_args, ctx) => {
      const answer = await ctx.elicitForm("user_name", named);
      return answer.action === "accept" ? `Hello, ${answer.content.name}!` : "No name was given";
    },
  }),
  tool({
    name: "test_input_required_result_sampling",
    description: "Asks the client's model for a capital",
    handler: async (_args, ctx) =>
      `The model says: ${textOf((await ctx.sample("capital_question", capital)).content)}`,
  }),
  tool({
    name: "test_input_required_result_list_roots",
    description: "Asks for the client's roots",
    handler: async (_args, ctx) =>
      `Roots: ${(await ctx.roots("client_roots")).map((root) => root.uri).join(", ")}`,
  }),
  tool({
    name: "test_input_required_result_request_state",
    description: "Remembers something across rounds",
    handler: async (_args, ctx) => {
      const remembered = await ctx.once("mark", () => "state-ok");
      const answer = await ctx.elicitForm("confirm", confirmed);
      return `${remembered}: ${answer.action}`;
    },
  }),
  tool({
    name: "test_input_required_result_multiple_inputs",
    description: "Asks three questions at once",
    handler: async (_args, ctx) => {
      const [name, greeting, roots] = await Promise.all([
        ctx.elicitForm("user_name", named),
        ctx.sample("greeting", {
          messages: [textMessage("user", "Write a greeting")],
          maxTokens: 50,
        }),
        ctx.roots("client_roots"),
      ]);
      return `${name.action}; ${textOf(greeting.content)}; ${roots.length} roots`;
    },
  }),
  tool({
    name: "test_input_required_result_multi_round",
    description: "Asks a second question after the first",
    handler: async (_args, ctx) => {
      const first = await ctx.elicitForm("step1", named);
      const colour = {
        message: "What is your favorite color?",
        form: form(z.object({ color: z.string() })),
      };
      const second = await ctx.elicitForm("step2", colour);
      return `step1: ${first.action}; step2: ${second.action}`;
    },
  }),
  tool({
    name: "test_input_required_result_tampered_state",
    description: "Asks; a retry with a forged state must be refused",
    handler: async (_args, ctx) =>
      `confirm: ${(await ctx.elicitForm("confirm", confirmed)).action}`,
  }),
];

export const inputTools: readonly Tool[] = [...dated, ...capabilities, ...rounds];

/** The text of a model's answer, whether it is one block or several. */
function textOf(content: SamplingResult["content"]): string {
  const blocks = (Array.isArray(content) ? content : [content]) as readonly {
    readonly text?: string;
  }[];
  return blocks.map(({ text = "" }) => text).join("");
}
