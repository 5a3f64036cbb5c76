/** A handler may change what it is given: each run has what the client sent, and so has what is bound to the call. */

import { expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { defineTool, jsonSchema, object } from "../../src/api.ts";
import type { JsonObject } from "../../src/base/json.ts";
import type { Context, SamplingContent, SamplingResult } from "../../src/server/context.ts";
import type { TaskCall } from "../../src/extensions/tasks/task-record.ts";
import { tool } from "../../src/server/zod.ts";
import { resumeCall } from "../../src/transport/session/calls.ts";
import { bindings } from "../transport/session/client.ts";
import {
  FORM,
  REQUEST_CONTEXT,
  responseTo,
  streamIdOf,
  withTestSession,
} from "../transport/session/test-session.ts";
import { readReply, serveStatelessly, type JsonRpcReply } from "./stateless-server.ts";

const CONFIRMATION = { message: "Sure?", form: jsonSchema(object({ ok: { type: "boolean" } })) };
const YES = { action: "accept", content: { ok: true } };
const _meta = {
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {}, sampling: {} },
};

/** Doubles what stands in `event`, asks twice, and gives it. */
async function doubled(event: { cents: number }, context: Context): Promise<string> {
  event.cents *= 2;
  await context.elicitForm("one", CONFIRMATION);
  await context.elicitForm("two", CONFIRMATION);
  return String(event.cents);
}

const sampled = async (context: Context): Promise<SamplingResult> =>
  context.sample("answer", {
    messages: [{ role: "user", content: { type: "text", text: "q" } }],
    maxTokens: 9,
  });

const free = jsonSchema(object({ event: { type: "object" } }));
const own = {
  schema: FORM,
  check: (value: unknown) => ({ ok: true as const, value: value as { name: string } }),
};
const request = serveStatelessly(
  {
    tools: [
      defineTool({
        name: "by_json_schema",
        description: "d",
        input: free,
        handler: ({ event }, context) => doubled(event as { cents: number }, context),
      }),
      tool({
        name: "by_zod",
        description: "d",
        input: z.object({ event: z.any() }),
        handler: ({ event }, context) => doubled(event as { cents: number }, context),
      }),
      defineTool({
        name: "by_its_check",
        description: "d",
        input: {
          schema: { type: "object" },
          check(value: unknown) {
            const given = value as { event: { cents: number } };
            given.event.cents /= 10;
            return { ok: true as const, value: given };
          },
        },
        handler: ({ event }, context) => doubled(event, context),
      }),
      defineTool({
        name: "answers",
        description: "d",
        async handler(_args, context) {
          const first = await sampled(context);
          const blocks = first.content as SamplingContent[];
          blocks.shift();
          const form = await context.elicitForm("form", { message: "Name?", form: own });
          const name = form.action === "accept" ? `${form.content.name}!` : "";
          if (form.action === "accept") form.content.name = name;
          await context.elicitForm("sure", {
            ...CONFIRMATION,
            message: `${name} ${blocks.length}`,
          });
          return JSON.stringify([name, blocks, (await sampled(context)).content]);
        },
      }),
    ],
  },
  { AUTH: "none" },
);

/** Answers one question after another; `params` as they are sent each time. */
async function ask(params: object, answers: readonly object[]): Promise<JsonRpcReply[]> {
  const replies = [await readReply(await request("tools/call", { ...params, _meta }))];
  for (const inputResponses of answers) {
    const requestState = replies.at(-1)?.result?.["requestState"];
    const retry = { ...params, requestState, inputResponses, _meta };
    replies.push(await readReply(await request("tools/call", retry)));
  }
  return replies;
}

it.each([
  ["by_json_schema", "200"],
  ["by_zod", "200"],
  ["by_its_check", "20"],
])("a retry without a session has the arguments that were sent: %s", async (name, text) => {
  const params = { name, arguments: { event: { cents: 100 } } };
  const replies = await ask(params, [{ one: YES }, { two: YES }]);
  expect(replies.at(-1)).toMatchObject({ result: { content: [{ text }] } });
});

it("an answer is the same in each run, whatever another run made of it", async () => {
  const blocks = ["a", "b"].map((text) => ({ type: "text", text }));
  const answers = [
    { answer: { role: "assistant", model: "m", content: blocks } },
    { form: { action: "accept", content: { name: "ada" } } },
    { sure: YES },
  ];
  const replies = await ask({ name: "answers", arguments: {} }, answers);
  expect(replies[2]).toMatchObject({
    result: { inputRequests: { sure: { params: { message: "ada! 1" } } } },
  });
  const text = JSON.stringify(["ada!", blocks.slice(1), blocks.slice(1)]);
  expect(replies.at(-1)).toMatchObject({ result: { content: [{ text }] } });
});

it("a call in a session has the arguments that were sent, in each run", async () => {
  await withTestSession(async ({ call, sentOn, settled, runtime }) => {
    const handler = (context: Context, args: JsonObject): Promise<string> =>
      doubled(args["event"] as { cents: number }, context);
    const stream = streamIdOf(await call(handler, { event: { cents: 100 } }));
    await settled();
    for (let answered = 0; answered < 2; answered += 1) {
      const id = sentOn(stream).at(-1)?.["id"];
      resumeCall(runtime, REQUEST_CONTEXT, responseTo(id, YES));
      await settled();
    }
    expect(sentOn(stream).at(-1)).toMatchObject({ result: { content: [{ text: "200" }] } });
  });
});

it("a task begins with what was sent and answered, whatever was done before it with that", async () => {
  const records: TaskCall[] = [];
  const create = (record: TaskCall): string => {
    records.push(record);
    return JSON.stringify({ taskId: "t", status: "working" });
  };
  const tasks = new Proxy(bindings.TASK, {
    get(target, name) {
      if (name === "get") return () => ({ create });
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
  const call = serveStatelessly(
    {
      tools: [
        defineTool({
          name: "job",
          description: "d",
          task: "required",
          input: free,
          async prepare({ event }, context) {
            event["cents"] = 1;
            const given = await context.elicitForm("form", { message: "Name?", form: own });
            if (given.action === "accept") given.content.name = "";
          },
          handler: () => "",
        }),
      ],
    },
    { AUTH: "none", TASK: tasks },
  );
  const sent = { event: { cents: 100 } };
  const answers = { form: { action: "accept", content: { name: "ada" } } };
  const reply = await readReply(
    await call("tools/call", {
      name: "job",
      arguments: sent,
      inputResponses: answers,
      _meta: {
        "io.modelcontextprotocol/clientCapabilities": {
          elicitation: {},
          extensions: { "io.modelcontextprotocol/tasks": {} },
        },
      },
    }),
  );
  expect(reply.result).toMatchObject({ taskId: "t" });
  expect(records).toMatchObject([{ params: { arguments: sent }, retryState: { answers } }]);
});

it("an answer is held to the form that was asked, also where a handler changes it for the next one", async () => {
  const seats: { type: "string"; title: string; enum: string[] } = {
    type: "string",
    title: "",
    enum: [],
  };
  const seatForm = { type: "object", properties: { seat: seats } };
  const call = serveStatelessly(
    {
      tools: [
        defineTool({
          name: "book",
          description: "d",
          async handler(_args, context) {
            const booked: string[] = [];
            for (const row of ["1", "2"]) {
              seats.enum = [`${row}A`, `${row}B`];
              seats.title = row;
              const chosen = await context.elicitForm(row, { message: row, form: seatForm });
              if (chosen.action === "accept") booked.push(chosen.content["seat"] as string);
            }
            return booked.join();
          },
        }),
      ],
    },
    { AUTH: "none" },
  );
  const inputResponses = Object.fromEntries(
    ["1", "2"].map((row) => [row, { action: "accept", content: { seat: `${row}A` } }]),
  );
  const params = { name: "book", arguments: {}, inputResponses, _meta };
  const reply = await readReply(await call("tools/call", params));
  expect(reply).toMatchObject({ result: { content: [{ text: "1A,2A" }] } });
});

it("an answer is copied and checked once for a run, however often it asks for it", async () => {
  const call = serveStatelessly(
    {
      tools: [
        defineTool({
          name: "each",
          description: "d",
          async handler(_args, context) {
            for (let at = 0; at < 50; at += 1) await context.elicitForm("sure", counted);
            return "done";
          },
        }),
      ],
    },
    { AUTH: "none" },
  );
  const content = { ok: true, more: Array<object>(100).fill({}) };
  const check = vi.fn(CONFIRMATION.form.check);
  const counted = { message: "Sure?", form: { ...CONFIRMATION.form, check } };
  const inputResponses = { sure: { action: "accept", content } };
  const spy = vi.spyOn(globalThis, "structuredClone");
  const reply = await readReply(
    await call("tools/call", { name: "each", arguments: {}, inputResponses, _meta }),
  );
  const copies = spy.mock.calls.filter(([given]) => JSON.stringify(given).includes("more"));
  spy.mockRestore();
  expect(reply).toMatchObject({ result: { content: [{ text: "done" }] } });
  expect([copies.length, check.mock.calls.length]).toEqual([1, 1]);
});
