/**
 * What the exchanges under `spec/` call for beyond the suite: slow, failing, asking and publishing fixtures.
 * All of it comes after the suite's own. `SECRET` stands for what must never reach the wire.
 */

import * as z from "zod";
import { env } from "cloudflare:workers";
import { startTimer } from "../../src/base/time.ts";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { HUB_SHARDS } from "../../src/hub/client.ts";
import { LOG_LEVELS } from "../../src/protocol/request-meta.ts";
import { PublicError, type SamplingMessage } from "../../src/server/content.ts";
import type { ElicitResult, Context } from "../../src/server/context.ts";
import * as define from "../../src/server/define.ts";
import { form, tool } from "../../src/server/zod.ts";
import { textMessage } from "./input-tools.ts";
import { WAV } from "./media.ts";
import { startingWith } from "./prompts.ts";
import { sleep, written } from "./tools.ts";
import type { Hub } from "./worker.ts";

const { prompt, resource, template } = define;

/** Never to be seen by a client. */
const SECRET = "secret-7f3a";
const WATCHED = "test://watched-resource";

const running: readonly define.Tool[] = [
  tool({
    name: "spec_slow",
    description:
      "Sleeps; a caller that leaves early makes it publish a change of the watched resource",
    input: z.object({
      ms: z.int().min(0).max(30_000),
      text: z.string().optional(),
      roots: z.boolean().optional(),
    }),
    handler: async ({ ms, text = "slept", roots = false }, ctx) => {
      await sleep(ms, ctx.signal);
      if (ctx.signal.aborted) ctx.resourceUpdated(WATCHED);
      // Nobody may hear of it.
      if (ctx.signal.aborted) ctx.progress(1, 1, "too late");
      if (roots) await ctx.roots("roots");
      return text;
    },
  }),
  tool({
    name: "spec_progress",
    description: "Reports progress with the values it is told, and once more when it is too late",
    input: z.object({
      values: z.array(z.number()).optional(),
      count: z.int().min(0).optional(),
      late: z.boolean().optional(),
      pad: z.int().min(0).max(100_000).optional(),
    }),
    handler: ({ values = [], count = 0, late = false, pad = 0 }, ctx) => {
      const padding = ".".repeat(pad);
      for (const value of values) ctx.progress(value, undefined, `step ${value}${padding}`);
      for (let value = 1; value <= count; value += 1)
        ctx.progress(value, undefined, `step ${value}${padding}`);
      if (late) startTimer(50, () => ctx.progress(1e9));
      return "reported";
    },
  }),
  tool({
    name: "spec_log",
    description: "Logs once at each level, or as often as it is told",
    input: z.object({ times: z.int().min(0).max(1_000).optional() }),
    handler: ({ times = 1 }, ctx) => {
      for (let time = 0; time < times; time += 1)
        for (const level of LOG_LEVELS) ctx.log(level, { level }, "spec");
      return "logged";
    },
  }),
  tool({
    name: "spec_throw",
    description: "Fails in one of four ways",
    input: z.object({ how: z.enum(["error", "tool", "text", "type"]) }),
    handler: ({ how }, ctx) => {
      ctx.log("info", { step: "about to throw" });
      if (how === "error") throw new Error(`${SECRET} in the message`);
      if (how === "tool") throw new PublicError("The flight is full; pick another day");
      // oxlint-disable-next-line typescript/only-throw-error -- the fixture: not every library throws errors
      if (how === "text") throw SECRET;
      return (undefined as unknown as { name: string }).name;
    },
  }),
  tool({
    name: "spec_hub",
    description: "Publishes a change, or ends every subscription",
    input: z.object({
      do: z.enum(["tools", "prompts", "resources", "updated", "end"]),
      uri: z.string().optional(),
    }),
    handler: async ({ do: what, uri = WATCHED }, ctx) => {
      if (what === "updated") ctx.resourceUpdated(uri);
      else if (what === "end") await endSubscriptions();
      else ctx.listChanged(what);
      return "published";
    },
  }),
];

/** The hub of the world can close its sockets: what a deployment does to them now and then. */
async function endSubscriptions(): Promise<void> {
  const { HUB } = env as unknown as { HUB: DurableObjectNamespace<Hub> };
  await Promise.all(
    Array.from({ length: HUB_SHARDS }, (_, index) => HUB.getByName(`shard-${index}`).end()),
  );
}

const MIRROR: JsonObject = {
  type: "object",
  properties: {
    count: { type: "integer", "x-mcp-header": "Count" },
    flag: { type: "boolean", "x-mcp-header": "Flag" },
    place: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
    note: { type: "string", "x-mcp-header": "Note" },
  },
};
const ITEMS: JsonObject = {
  type: "array",
  items: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
};
const ANY_VALUE: JsonObject = { type: "object", properties: { value: {} }, required: ["value"] };

/** Sharing takes two scopes, and writing implies reading: see the scopes in `server.ts`. */
const restricted: readonly define.Tool[] = [
  tool({
    name: "spec_notes_read",
    description: "Reads notes, of whoever may",
    scopes: ["notes:read"],
    handler: () => "These are the notes.",
  }),
  tool({
    name: "spec_notes_share",
    description: "Shares notes, for whoever may",
    scopes: ["notes:write", "notes:share"],
    handler: () => "The notes are shared.",
  }),
];

const shaped: readonly define.Tool[] = [
  tool({
    name: "spec_mirror",
    description: "Has arguments of every type that headers can repeat",
    input: written(MIRROR),
    handler: (args) => JSON.stringify(args),
  }),
  tool({
    name: "spec_structured",
    title: "Weather",
    description: "Returns structured content and leaves its text to the server",
    annotations: { readOnlyHint: true },
    icons: [{ src: "https://example.com/weather.png", mimeType: "image/png", sizes: ["48x48"] }],
    input: z.object({ city: z.string().min(1), days: z.int().min(1).max(7).optional() }),
    output: z.object({ city: z.string(), celsius: z.number(), days: z.int() }),
    handler: ({ city, days = 1 }) => ({ structuredContent: { city, celsius: 21.5, days } }),
  }),
  tool({
    name: "spec_output",
    description: "Returns what it is given, whether or not it fits the output schema",
    input: z.object({
      value: z.unknown().optional(),
      text: z.string().optional(),
      omit: z.boolean().optional(),
    }),
    output: written(ITEMS),
    handler: ({ value, text, omit = false }) => {
      if (omit || value === undefined) return [{ type: "text", text: text ?? "nothing" }];
      return {
        structuredContent: value as JsonValue,
        ...(text === undefined ? {} : { content: [{ type: "text", text }] }),
      };
    },
  }),
  tool({
    name: "spec_json",
    description: "Returns any JSON value as structured content",
    input: written(ANY_VALUE),
    handler: ({ value = null }) => ({ structuredContent: value }),
  }),
  tool({
    name: "spec_link",
    description: "Returns a link to a resource",
    handler: () => [
      {
        type: "resource_link",
        uri: "test://static-text",
        name: "static-text",
        mimeType: "text/plain",
      },
    ],
  }),
];

const ABOUT_YOU: JsonObject = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 2, maxLength: 20 },
    email: { type: "string", format: "email" },
    age: { type: "integer", minimum: 18, maximum: 120 },
    score: { type: "number" },
    agree: { type: "boolean", default: false },
    color: { type: "string", enum: ["Red", "Green", "Blue"] },
    size: {
      type: "string",
      oneOf: [
        { const: "s", title: "Small" },
        { const: "l", title: "Large" },
      ],
    },
    tags: {
      type: "array",
      items: { type: "string", enum: ["a", "b", "c"] },
      minItems: 1,
      maxItems: 2,
    },
  },
  required: ["name", "age"],
};

const CHOICE: JsonObject = {
  type: "object",
  properties: {
    size: {
      type: "string",
      oneOf: [
        { const: "s", title: "Small" },
        { const: "l", title: "Large" },
      ],
    },
    name: { type: "string", default: "Ada" },
  },
  required: ["size"],
};

function pick({ size = "" }: Readonly<Record<string, JsonValue>>): string {
  return String(size);
}

/** What a declined or cancelled question makes a tool say. */
const REFUSALS = { decline: "declined", cancel: "cancelled" } as const;

const asking: readonly define.Tool[] = [
  tool({
    name: "spec_confirm_add",
    description: "Adds two numbers after asking",
    input: z.object({ a: z.int(), b: z.int() }),
    handler: async ({ a, b }, ctx) => {
      const answer = await ctx.elicitForm("confirm", {
        message: "Add them?",
        form: form(z.object({ ok: z.boolean() })),
      });
      return said(answer, ({ ok }) => (ok ? String(a + b) : "declined"));
    },
  }),
  tool({
    name: "spec_ask_url",
    description: "Sends the person to a page",
    handler: async (_args, ctx) => {
      const question = { message: "Connect your account", url: "https://example.com/connect" };
      return said(await ctx.elicitUrl("connect", question), () => "connected");
    },
  }),
  tool({
    name: "spec_require_url",
    description: "Goes on only when the person has been to a page",
    input: z.object({ done: z.boolean().optional() }),
    handler: async ({ done }, ctx) => {
      const url = (id: string): string => `https://example.com/connect?id=${id}`;
      return done === true
        ? "connected"
        : ctx.requireUrl("connect", { message: "Connect your account", url });
    },
  }),
  tool({
    name: "spec_url_done",
    description: "Says that the person is done at the page of an elicitation",
    input: z.object({ id: z.string() }),
    handler: ({ id }, ctx) => {
      ctx.elicitationComplete(id);
      return "told";
    },
  }),
  tool({
    name: "spec_ask_form",
    description: "Asks with every type of field",
    handler: async (_args, ctx) => {
      const answer = await ctx.elicitForm("form", {
        message: "Tell us about you",
        form: ABOUT_YOU,
      });
      return said(answer, (content) => JSON.stringify(content));
    },
  }),
  tool({
    name: "spec_ask_choice",
    description: "Asks with a titled choice and a default",
    handler: async (_args, ctx) =>
      said(await ctx.elicitForm("choice", { message: "Which size?", form: CHOICE }), pick),
  }),
  tool({
    name: "spec_sample_tools",
    description:
      "Asks the client's model, lets it use a tool, and asks once more; or tries to ask what may not be asked",
    input: z.object({ wrong: z.enum(["open", "late", "other", "mixed"]).optional() }),
    handler: async ({ wrong }, ctx) => {
      if (wrong === undefined) return sampleWithTools(ctx);
      await ctx.sample("wrong", {
        messages: [question, toolUse("a"), ...WRONG[wrong]],
        tools,
        maxTokens: 100,
      });
      return "done";
    },
  }),
];

function said<T>(answer: ElicitResult<T>, accepted: (content: T) => string): string {
  return answer.action === "accept" ? accepted(answer.content) : REFUSALS[answer.action];
}

const question = textMessage("user", "What is the weather in Paris?");
const inputSchema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};
const outputSchema = {
  type: "object",
  properties: { celsius: { type: "number" } },
  required: ["celsius"],
  additionalProperties: false,
};
const tools: JsonObject[] = [
  { name: "get_weather", description: "Weather of a city", inputSchema, outputSchema },
];

/** What may not follow on {@link toolUse} of "a". */
const WRONG: Readonly<Record<"open" | "late" | "other" | "mixed", readonly SamplingMessage[]>> = {
  open: [],
  late: [textMessage("assistant", "Wait"), { role: "user", content: [toolResult("a")] }],
  other: [{ role: "user", content: [toolResult("b")] }],
  mixed: [{ role: "user", content: [toolResult("a"), { type: "text", text: "and" }] }],
};

function toolUse(id: string): SamplingMessage {
  return {
    role: "assistant",
    content: [{ type: "tool_use", id, name: "get_weather", input: { city: "Paris" } }],
  };
}

async function sampleWithTools(ctx: Context): Promise<string> {
  const first = await ctx.sample("first", { messages: [question], tools, maxTokens: 100 });
  if (first.stopReason !== "toolUse") return "done";
  const blocks = (Array.isArray(first.content) ? first.content : [first.content]) as JsonObject[];
  const results = blocks
    .filter(({ type }) => type === "tool_use")
    .map(({ id = "" }) => toolResult(id));
  const history: SamplingMessage[] = [
    question,
    { role: first.role, content: first.content as JsonObject | JsonObject[] },
    { role: "user", content: results },
  ];
  await ctx.sample("second", {
    messages: history,
    tools,
    toolChoice: { mode: "none" },
    maxTokens: 100,
  });
  return "done";
}

function toolResult(toolUseId: JsonValue): JsonObject {
  return {
    type: "tool_result",
    toolUseId,
    content: [{ type: "text", text: "18 degrees" }],
    structuredContent: { celsius: 18 },
  };
}

export const extraTools: readonly define.Tool[] = [...running, ...shaped, ...restricted, ...asking];

export const extraResources: readonly define.ResourceSpec[] = [
  resource({
    uri: "spec://throws",
    name: "throws",
    description: "Cannot be read",
    mimeType: "text/plain",
    read: () => {
      throw new Error(`${SECRET} in the message`);
    },
  }),
  resource({
    uri: "spec://greeting",
    name: "greeting",
    description: "Asks for a name before it can be read",
    mimeType: "text/plain",
    cache: { ttlMs: 60_000, scope: "public" },
    read: async (ctx) => {
      const answer = await ctx.elicitForm("name", {
        message: "Who is there?",
        form: form(z.object({ name: z.string() })),
      });
      return `Hello, ${answer.action === "accept" ? answer.content.name : "stranger"}`;
    },
  }),
  resource({
    uri: "spec://hasty",
    name: "hasty",
    description: "Says of itself that it was stale before it was read",
    mimeType: "text/plain",
    cache: { ttlMs: -5_000.5, scope: "public" },
    read: () => "Too late.",
  }),
  // Last, so that the list has two pages.
  ...Array.from({ length: 60 }, (_, index) => item(index + 1)),
];

function item(number: number): define.ResourceSpec {
  const name = `Item ${number}`;
  return resource({ uri: `spec://item/${number}`, name, mimeType: "text/plain", read: () => name });
}

const LANGUAGES = ["python", "pytorch", "pyside", "perl", "php"];
const FRAMEWORKS: Readonly<Record<string, readonly string[]>> = {
  python: ["django", "flask"],
  php: ["laravel"],
};

const language: define.Completer = startingWith(...LANGUAGES);
const framework: define.Completer = (typed, others) =>
  startingWith(...(FRAMEWORKS[others["language"] ?? ""] ?? []))(typed);

export const extraTemplates: readonly define.ResourceTemplate[] = [
  template({
    uriTemplate: "spec://stack/{language}/{framework}",
    name: "stack",
    description: "A language and a framework",
    mimeType: "text/plain",
    complete: { language, framework },
    read: (variables) => `${variables["language"]}+${variables["framework"]}`,
  }),
  template({
    uriTemplate: "file:///spec/{+path}",
    name: "files",
    description: "Every file of a folder, which says its path",
    mimeType: "text/plain",
    read: ({ path = "" }) => path,
  }),
];

export const extraPrompts: readonly define.PromptSpec[] = [
  prompt({
    name: "spec_audio_prompt",
    description: "Plays a sound",
    handler: () => [{ role: "user", content: { type: "audio", data: WAV, mimeType: "audio/wav" } }],
  }),
  prompt({
    name: "spec_stack",
    description: "Has an argument for every way of completing",
    arguments: [
      { name: "language", required: true, complete: language },
      { name: "framework", complete: framework },
      {
        name: "many",
        complete: () => Array.from({ length: 250 }, (_, index) => `value-${index + 1}`),
      },
      {
        name: "broken",
        complete: () => {
          throw new Error(`${SECRET} in the message`);
        },
      },
      {
        name: "anywhere",
        complete: (typed) => LANGUAGES.filter((one) => one.includes(typed)),
      },
    ],
    handler: (args) => `language=${args["language"]}`,
  }),
  prompt({
    name: "spec_throw_prompt",
    description: "Fails",
    handler: () => {
      throw new Error(`${SECRET} in the message`);
    },
  }),
];
