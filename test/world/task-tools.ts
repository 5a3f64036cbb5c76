/** The suite's tools that may run long, and one of the exchanges'. As a task or at once, each gives the same result. */

import * as z from "zod";
import type { Context, ElicitResult } from "../../src/server/context.ts";
import { PublicError } from "../../src/server/content.ts";
import type { Tool } from "../../src/server/define.ts";
import { form, tool } from "../../src/server/zod.ts";
import { startTimer } from "../../src/base/time.ts";

const text = form(z.object({ text: z.string() }));

function accepted<T extends object>(answer: ElicitResult<T>): T {
  if (answer.action !== "accept") throw new PublicError(`The person said ${answer.action}`);
  return answer.content;
}

function askText(ctx: Context, key: string): Promise<string> {
  return ctx
    .elicitForm(key, { message: `The ${key} text?`, form: text })
    .then((answer) => accepted(answer).text);
}

function askName(ctx: Context, key: string): Promise<string> {
  const question = { message: "What is your name?", form: form(z.object({ name: z.string() })) };
  return ctx.elicitForm(key, question).then((answer) => accepted(answer).name);
}

/** Asks, and makes the greeting in a step of its own. */
async function greetByName(ctx: Context): Promise<string> {
  const name = await askName(ctx, "user_name");
  return ctx.once("greeting", () => {
    stepProbe.begun.push("greeting");
    return `Hello, ${name}!`;
  });
}

/** Ends early when the call is cancelled. */
function work(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = startTimer(ms, resolve);
    signal.addEventListener("abort", () => {
      stop();
      resolve();
    });
  });
}

const TENTHS = 10;

/**
 * What tests of the same isolate see and hold of `spec_steps`: the steps that began, as "label.number", the aborts of their
 * signals, and what each step waits for.
 */
export const stepProbe: {
  begun: string[];
  aborted: string[];
  hold: (step: string) => unknown;
} = { begun: [], aborted: [], hold: () => undefined };

export const taskTools: readonly Tool[] = [
  tool({
    name: "greet",
    description: "Greets, at once",
    input: z.object({ name: z.string() }),
    handler: ({ name }) => `Hello, ${name}!`,
  }),
  tool({
    name: "slow_compute",
    description: "Works for a while, in ten steps",
    task: "optional",
    input: z.object({ seconds: z.number().min(0), label: z.string() }),
    handler: async ({ seconds, label }, ctx) => {
      ctx.log("info", `computing ${label}`);
      for (let step = 1; step <= TENTHS; step += 1) {
        await ctx.once(`step-${step}`, async () => {
          await work((seconds * 1_000) / TENTHS, ctx.signal);
          return step;
        });
        ctx.progress(step, TENTHS, `step ${step} of ${TENTHS}`);
      }
      return `computed ${label}`;
    },
  }),
  tool({
    name: "failing_job",
    description: "Fails as tools do",
    task: "required",
    handler: () => {
      throw new PublicError("The job cannot be done");
    },
  }),
  tool({
    name: "protocol_error_job",
    description: "Fails by an error of the protocol: its result does not fit its own schema",
    task: "optional",
    output: z.object({ done: z.boolean() }),
    handler: () => ({ structuredContent: { done: "no" } }),
  }),
  tool({
    name: "confirm_delete",
    description: "Asks before it deletes",
    task: "optional",
    input: z.object({ filename: z.string() }),
    handler: async ({ filename }, ctx) => {
      const question = {
        message: `Delete ${filename}?`,
        form: form(z.object({ confirm: z.boolean() })),
      };
      const answer = await ctx.elicitForm("confirm", question);
      return answer.action === "accept" ? `deleted ${filename}` : `kept ${filename}`;
    },
  }),
  tool({
    name: "multi_input",
    description: "Asks two questions at once",
    task: "optional",
    handler: async (_args, ctx) =>
      (await Promise.all([askName(ctx, "one"), askName(ctx, "other")])).join("+"),
  }),
  tool({
    name: "test_tool_with_task",
    description: "Asks for a name before it becomes a task",
    task: "optional",
    prepare: async (_args, ctx) => {
      await greetByName(ctx);
    },
    handler: async (_args, ctx) => greetByName(ctx),
  }),
  tool({
    name: "spec_task_input",
    description: "Asks two questions at once, then a third",
    task: "optional",
    handler: async (_args, ctx) => {
      const both = await Promise.all([askText(ctx, "first"), askText(ctx, "second")]);
      return [...both, await askText(ctx, "third")].join("+");
    },
  }),
  tool({
    name: "spec_steps",
    description:
      "Works in steps, which tests watch and hold; each may be told to a URL, and one asks first",
    task: "optional",
    input: z.object({
      label: z.string(),
      count: z.int().min(0),
      url: z.string().optional(),
      ask: z.int().optional(),
      pad: z.int().optional(),
    }),
    handler: async ({ label, count, url, ask, pad = 0 }, ctx) => {
      ctx.signal.addEventListener("abort", () => {
        stepProbe.aborted.push(label);
      });
      for (let step = 1; step <= count; step += 1) {
        const text = step === ask ? await askText(ctx, `before ${step}`) : "";
        await ctx.once(`step ${step}`, async () => {
          stepProbe.begun.push(`${label}.${step}`);
          await stepProbe.hold(`${label}.${step}`);
          const limits = { accept: "*/*", maxBytes: 1_000, timeoutMs: 60_000 };
          if (url !== undefined) await ctx.fetch(`${url}?step=${step}`, limits);
          return text + "x".repeat(pad);
        });
        ctx.progress(step, count, `step ${step} of ${count}${".".repeat(pad)}`);
      }
      return `${label}: ${count} steps`;
    },
  }),
  tool({
    name: "spec_large",
    description: "Gives a text of so many characters",
    task: "optional",
    input: z.object({ characters: z.int() }),
    handler: ({ characters }) => "x".repeat(characters),
  }),
];
