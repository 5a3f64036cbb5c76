/** A handler that returns what is no result: the log says which it was and what it returned, the client gets an error. */

import { afterEach, expect, it, vi } from "vitest";
import {
  defineTool,
  prompt,
  resource,
  template,
  type Completer,
  type PromptSpec,
  type ResourceSpec,
  type Tool,
} from "../../src/server/define.ts";
import { jsonSchema } from "../../src/server/json-schema.ts";
import { object } from "../../src/server/value-schema.ts";
import { tool } from "../../src/server/zod.ts";
import { readReply, serveStatelessly } from "./stateless-server.ts";

afterEach(() => vi.restoreAllMocks());

interface Seen {
  readonly logged: readonly Record<string, unknown>[];
  readonly answered: string;
}

/** What comes of a server whose one tool, prompt, resource and completion return `value`. */
async function returning(value: unknown, method: string, params: object): Promise<Seen> {
  const handler = (): never => value as never;
  const ask = serveStatelessly({
    tools: [tool({ name: "t", handler })],
    prompts: [prompt({ name: "p", handler, arguments: [{ name: "a", complete: handler }] })],
    resources: [resource({ name: "r", uri: "test://r", read: handler })],
  });
  const logged: Record<string, unknown>[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    logged.push(JSON.parse(line) as never);
  });
  const { result, error } = await readReply(await ask(method, params));
  vi.restoreAllMocks();
  return { logged, answered: JSON.stringify(error ?? result) };
}

const TOOL = ["tools/call", { name: "t" }, { tool: "t" }] as const;
const PROMPT = ["prompts/get", { name: "p" }, { prompt: "p" }] as const;
const RESOURCE = ["resources/read", { uri: "test://r" }, { resource: "test://r" }] as const;
const COMPLETION = [
  "completion/complete",
  { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "" } },
  { prompt: "p" },
] as const;
const message = (content: unknown): unknown => [{ role: "user", content }];

it.each<[returned: unknown, of: readonly [string, object, object], says: string]>([
  [undefined, TOOL, "undefined where a tool result belongs"],
  [null, TOOL, "null where a tool result belongs"],
  [7, TOOL, "number where a tool result belongs"],
  [true, TOOL, "boolean where a tool result belongs"],
  [() => "later", TOOL, "function where a tool result belongs"],
  [{}, TOOL, "a tool result without content"],
  [{ isError: true }, TOOL, "a tool result without content"],
  [{ text: "hello" }, TOOL, "a tool result without content"],
  [{ content: "hello" }, TOOL, "string where a list of content blocks belongs"],
  [{ content: null }, TOOL, "null where a list of content blocks belongs"],
  [{ content: { type: "text", text: "" } }, TOOL, "object where a list of content blocks belongs"],
  [["hello"], TOOL, "string where a content block belongs"],
  [[undefined], TOOL, "undefined where a content block belongs"],
  [[[]], TOOL, "a list where a content block belongs"],
  [[{ text: "hello" }], TOOL, "a content block of unknown type undefined"],
  [[{ type: "video", data: "" }], TOOL, "a content block of unknown type video"],
  [[{ type: 7 }], TOOL, "a content block of unknown type number"],
  [[{ type: "x".repeat(50) }], TOOL, `a content block of unknown type ${"x".repeat(40)}`],
  [[{ type: "toString" }], TOOL, "a content block of unknown type toString"],
  [[{ type: "text" }], TOOL, "a content block of type text without text"],
  [[{ type: "text", text: 7 }], TOOL, "a content block of type text without text"],
  [[{ type: "image", mimeType: "image/png" }], TOOL, "a content block of type image without data"],
  [
    [{ type: "image", data: new Uint8Array(1), mimeType: "image/png" }],
    TOOL,
    "a content block of type image without data",
  ],
  [[{ type: "audio", data: "" }], TOOL, "a content block of type audio without mimeType"],
  [
    [{ type: "resource_link", uri: "test://r" }],
    TOOL,
    "a content block of type resource_link without name",
  ],
  [[{ type: "resource" }], TOOL, "undefined where resource contents belongs"],
  [
    [{ type: "resource", resource: { uri: "test://r" } }],
    TOOL,
    "resource contents without text or blob",
  ],
  [
    [{ type: "text", text: "good" }, { type: "text" }],
    TOOL,
    "a content block of type text without text",
  ],
  [
    { structuredContent: { a: 1 }, content: [{}] },
    TOOL,
    "a content block of unknown type undefined",
  ],
  [Promise.resolve(undefined), TOOL, "undefined where a tool result belongs"],
  [undefined, PROMPT, "undefined where a list of messages belongs"],
  [{ messages: [] }, PROMPT, "object where a list of messages belongs"],
  [["hello"], PROMPT, "string where a message belongs"],
  [[{ content: { type: "text", text: "" } }], PROMPT, "a message without role"],
  [message(undefined), PROMPT, "undefined where a content block belongs"],
  [message("hello"), PROMPT, "string where a content block belongs"],
  [message({ type: "text" }), PROMPT, "a content block of type text without text"],
  [null, RESOURCE, "null where a text or a blob belongs"],
  [7, RESOURCE, "number where a text or a blob belongs"],
  [{}, RESOURCE, "resource contents without text or blob"],
  [{ blob: 7 }, RESOURCE, "resource contents without text or blob"],
  [["hello"], RESOURCE, "string where resource contents belongs"],
  [[{ text: "hello" }], RESOURCE, "resource contents without uri"],
  [[{ uri: "test://r" }], RESOURCE, "resource contents without text or blob"],
  [undefined, COMPLETION, "undefined where a list of texts belongs"],
  ["a", COMPLETION, "string where a list of texts belongs"],
  [[7], COMPLETION, "number where a text belongs"],
])("%j of %j", async (returned, [method, params, named], says) => {
  const { logged, answered } = await returning(returned, method, params);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toMatchObject({ event: "handler.failed", method, ...named });
  expect(String(logged[0]?.["error"]).split("\n")[0]).toBe(`TypeError: Handler returned ${says}`);
  expect(answered).toContain(`Internal error (trace ${String(logged[0]?.["trace"])})`);
  expect(answered).not.toContain("returned");
});

it.each<[returned: unknown, of: readonly [string, object, object], result: object]>([
  ["", TOOL, { content: [{ type: "text", text: "" }] }],
  [[], TOOL, { content: [] }],
  [{ content: [] }, TOOL, { content: [] }],
  [
    { structuredContent: null },
    TOOL,
    { structuredContent: null, content: [{ type: "text", text: "null" }] },
  ],
  [[{ type: "resource_link", uri: "test://r", name: "r", size: 7 }], TOOL, {}],
  [[{ type: "resource", resource: { uri: "test://r", blob: "AA==" } }], TOOL, {}],
  [[{ type: "image", data: "", mimeType: "image/png", annotations: { priority: 1 } }], TOOL, {}],
  [[], PROMPT, { messages: [] }],
  [message({ type: "audio", data: "", mimeType: "audio/wav" }), PROMPT, {}],
  ["", RESOURCE, { contents: [{ uri: "test://r", text: "" }] }],
  [{ blob: "AA==" }, RESOURCE, { contents: [{ blob: "AA==" }] }],
  [{ blob: new Uint8Array([0]) }, RESOURCE, { contents: [{ blob: "AA==" }] }],
  [[{ uri: "test://r", text: "" }], RESOURCE, {}],
  [[], COMPLETION, { completion: { values: [] } }],
  [["a"], COMPLETION, { completion: { values: ["a"] } }],
])("%j of %j is a result", async (returned, [method, params], result) => {
  const { logged, answered } = await returning(returned, method, params);
  expect(logged).toEqual([]);
  expect(JSON.parse(answered)).toMatchObject({ resultType: "complete", ...result });
});

it("an argument without suggestions has none, and nothing is said about it", async () => {
  const ask = serveStatelessly({
    prompts: [prompt({ name: "p", handler: () => "", arguments: [{ name: "a" }] })],
  });
  const { result } = await readReply(await ask(COMPLETION[0], COMPLETION[1]));
  expect(result).toMatchObject({ completion: { values: [], total: 0, hasMore: false } });
});

it("the types refuse what they can", () => {
  const refused: readonly (Tool | PromptSpec | ResourceSpec | Completer)[] = [
    // @ts-expect-error -- undefined is no result
    tool({ name: "t", handler: () => undefined }),
    // @ts-expect-error -- nor is a number
    tool({ name: "t", handler: () => 7 }),
    // @ts-expect-error -- nor is an object without content
    tool({ name: "t", handler: () => ({}) }),
    // @ts-expect-error -- an error needs words
    tool({ name: "t", handler: () => ({ isError: true }) }),
    // @ts-expect-error -- no such type
    tool({ name: "t", handler: () => [{ type: "video", data: "" }] }),
    tool({
      name: "t",
      // @ts-expect-error -- an image is base64
      handler: () => [{ type: "image", data: new Uint8Array(1), mimeType: "image/png" }],
    }),
    // @ts-expect-error -- undefined is no prompt
    prompt({ name: "p", handler: () => undefined }),
    // @ts-expect-error -- null is no resource
    resource({ name: "r", uri: "test://r", read: () => null }),
    // @ts-expect-error -- a completer returns a list
    (): string => "a",
  ];
  // The compiler is the judge: an unused expectation above fails `make test`.
  expect(refused).toHaveLength(9);
});

it("a variable that is named as a member of every object has no suggestions but its own", async () => {
  const ask = serveStatelessly({
    templates: [
      template({
        name: "races",
        uriTemplate: "f1://{constructor}/{season}",
        complete: { season: (_value, { constructor: team }) => [`2026 ${String(team)}`] },
        read: () => "",
      }),
    ],
  });
  const ref = { type: "ref/resource", uri: "f1://{constructor}/{season}" };
  const suggested = async (name: string): Promise<unknown> => {
    const reply = await ask("completion/complete", { ref, argument: { name, value: "" } });
    return (await readReply(reply)).result;
  };
  expect(await suggested("season")).toMatchObject({ completion: { values: ["2026 undefined"] } });
  expect(await suggested("constructor")).toMatchObject({ completion: { values: [] } });
});

it("an argument that is left out is undefined, also where every object inherits one of its name", async () => {
  const told = ({ season, constructor: team }: Record<string, unknown>): string =>
    `${String(season)} ${String(team)}`;
  const ask = serveStatelessly({
    tools: [
      defineTool({
        name: "t",
        input: jsonSchema(
          object({ season: { type: "string" }, constructor: { type: "string" } }, ["constructor"]),
        ),
        handler: told,
      }),
    ],
    prompts: [
      prompt({
        name: "p",
        arguments: [{ name: "season", required: true }, { name: "constructor" }],
        handler: told,
      }),
    ],
    templates: [template({ name: "r", uriTemplate: "f1://{season}{?constructor}", read: told })],
  });
  const season = { season: "2024" };
  for (const [method, params] of [
    ["tools/call", { name: "t", arguments: season }],
    ["prompts/get", { name: "p", arguments: season }],
    ["resources/read", { uri: "f1://2024" }],
  ] as const)
    expect(JSON.stringify((await readReply(await ask(method, params))).result)).toContain(
      "2024 undefined",
    );
});
