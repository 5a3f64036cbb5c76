/**
 * The official client from the npm registry against a real server on a real port: what a newcomer does first.
 * Both ends negotiate 2026-07-28; nothing here knows the wire, so agreement is the client's verdict, not ours.
 */

import {
  Client,
  ProtocolError,
  StreamableHTTPClientTransport,
  type ElicitResult,
  type SubscriptionFilter,
} from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { passPages, tab } from "../../src/cli/login.ts";
import { PASSPHRASE, serveApp, serveWorld, type TestServer } from "./servers.node.ts";
import { beginClientLogin } from "./oauth-client.node.ts";

const REVISION = "2026-07-28";
const WATCHED = "test://watched-resource";

/** One POST as the client made it, and how it was answered. */
interface Seen {
  readonly method: string | null;
  readonly headers: Headers;
  readonly status: number;
  readonly type: string | null;
}

let world: TestServer;
let app: TestServer;
let client: Client;
const seen: Seen[] = [];
const open: Client[] = [];

/** Answers of the person; a test puts its own in front. */
const answers: ElicitResult[] = [];

beforeAll(async () => {
  const started = await Promise.allSettled([
    serveWorld().then((running) => (world = running)),
    serveApp().then((running) => (app = running)),
  ]);
  for (const one of started) if (one.status === "rejected") throw one.reason;
  client = await connect(world.url);
}, 90_000);

afterEach(() => {
  seen.length = 0;
  answers.length = 0;
});

afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  for (const server of [world, app] as (TestServer | undefined)[]) await server?.stop();
});

it("connects to the app, lists its tools and calls one", async () => {
  const visitor = await login("auto");
  expect(visitor.getNegotiatedProtocolVersion()).toBe(REVISION);
  const { tools } = await visitor.listTools();
  expect(tools.map(({ name }) => name)).toContain("add_numbers");
  const result = await visitor.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
  expect(result.structuredContent).toEqual({ sum: 42 });
});

it("logs in and calls a tool in a session", async () => {
  const visitor = await login("legacy");
  expect(visitor.getNegotiatedProtocolVersion()).toBe("2025-11-25");
  const result = await visitor.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
  expect(result.structuredContent).toEqual({ sum: 42 });
});

it("discovers versions, capabilities and identity", async () => {
  expect(client.getNegotiatedProtocolVersion()).toBe(REVISION);
  const found = await client.discover();
  expect(found.supportedVersions).toContain(REVISION);
  expect(found.capabilities).toMatchObject({
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    completions: {},
  });
  expect(client.getServerVersion()).toMatchObject({ name: "barewire-world" });
  expect(client.getInstructions()).toBe("Fixtures for conformance tests.");
});

it("lists everything, over pages, in order", async () => {
  const { tools } = await client.listTools(undefined, { cacheMode: "refresh" });
  expect(tools[0]?.name).toBe("test_simple_text");
  // The client drops tools whose header declarations are wrong.
  expect(tools.map(({ name }) => name)).toContain("spec_mirror");
  const { resources } = await client.listResources(undefined, { cacheMode: "refresh" });
  const items = resources
    .filter(({ uri }) => uri.startsWith("spec://item/"))
    .map(({ name }) => name);
  expect(items).toEqual(Array.from({ length: 60 }, (_, index) => `Item ${index + 1}`));
  expect(seen.filter(({ method }) => method === "resources/list")).toHaveLength(2);
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain(
    "test://template/{id}/data",
  );
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain("test_prompt_with_arguments");
});

it("believes the cache hint of a list and does not ask twice", async () => {
  await client.listTools();
  seen.length = 0;
  await client.listTools();
  expect(seen).toEqual([]);
});

it("calls a tool whose structured result the client checks, with its text beside it", async () => {
  await client.listTools();
  const { structuredContent, content } = await client.callTool({
    name: "spec_structured",
    arguments: { city: "Oslo" },
  });
  expect(structuredContent).toEqual({ city: "Oslo", celsius: 21.5, days: 1 });
  expect(content).toEqual([{ type: "text", text: JSON.stringify(structuredContent) }]);
  expect(seen[0]?.type).toBe("application/json");
});

it("gives wrong arguments back as a tool error, and an unknown tool as a protocol error", async () => {
  const wrong = await client.callTool({ name: "spec_structured", arguments: { city: "" } });
  expect(wrong.isError).toBe(true);
  expect(textOf(wrong)).toContain("/city");
  await expect(client.callTool({ name: "no_such_tool" })).rejects.toMatchObject({ code: -32602 });
  await expect(client.callTool({ name: "no_such_tool" })).rejects.toBeInstanceOf(ProtocolError);
});

it("tells nothing of an exception but that there was one", async () => {
  const failed = await client.callTool({ name: "spec_throw", arguments: { how: "error" } });
  expect(failed.isError).toBe(true);
  expect(JSON.stringify(failed)).not.toMatch(/secret-7f3a|extras\.ts|\bat /);
});

it("accepts arguments that the client mirrors in headers, beyond ASCII too", async () => {
  await client.listTools();
  const called = await client.callTool({
    name: "test_x_mcp_header",
    arguments: { region: "Zürich" },
  });
  expect(textOf(called)).toBe("region=Zürich");
  expect(seen.at(-1)?.headers.get("mcp-param-region")).toBe(
    `=?base64?${Buffer.from("Zürich").toString("base64")}?=`,
  );
  const mirrored = { count: 42, flag: true, place: { city: "Oslo" }, note: " padded " };
  const all = await client.callTool({ name: "spec_mirror", arguments: mirrored });
  expect(JSON.parse(textOf(all))).toEqual(mirrored);
});

it("reports progress on the way to the result", async () => {
  const steps: unknown[] = [];
  const onprogress = (progress: unknown): void => {
    steps.push(progress);
  };
  const result = await client.callTool({ name: "test_tool_with_progress" }, { onprogress });
  expect(steps).toEqual([0, 50, 100].map((progress) => ({ progress, total: 100 })));
  expect(textOf(result)).toBe("Tool with progress executed successfully");
  expect(seen.at(-1)?.type).toBe("text/event-stream");
});

it("logs at the level that the request asked for, and above", async () => {
  const levels: string[] = [];
  client.setNotificationHandler("notifications/message", ({ params }) => {
    levels.push(params.level);
  });
  const _meta = { "io.modelcontextprotocol/logLevel": "error" } as never;
  expect(textOf(await client.callTool({ name: "spec_log", _meta }))).toBe("logged");
  expect(levels).toEqual(["error", "critical", "alert", "emergency"]);
});

it.each<[ElicitResult, string]>([
  [{ action: "accept", content: { ok: true } }, "42"],
  [{ action: "accept", content: { ok: false } }, "declined"],
  [{ action: "decline" }, "declined"],
  [{ action: "cancel" }, "cancelled"],
])("asks the person in the middle of a call: %j gives %s", async (answer, text) => {
  answers.push(answer);
  expect(
    textOf(await client.callTool({ name: "spec_confirm_add", arguments: { a: 40, b: 2 } })),
  ).toBe(text);
  expect(seen.filter(({ method }) => method === "tools/call")).toHaveLength(2);
});

it("asks the person, the model and for roots at once, and over several rounds", async () => {
  answers.push({ action: "accept", content: { name: "Ada" } });
  const all = await client.callTool({ name: "test_input_required_result_multiple_inputs" });
  expect(textOf(all)).toBe("accept; Oslo, of course; 1 roots");
  answers.push(
    { action: "accept", content: { name: "Ada" } },
    { action: "accept", content: { color: "blue" } },
  );
  const rounds = await client.callTool({ name: "test_input_required_result_multi_round" });
  expect(textOf(rounds)).toBe("step1: accept; step2: accept");
});

it("never asks a client that cannot answer", async () => {
  const mute = new Client(
    { name: "mute", version: "1" },
    { versionNegotiation: { mode: { pin: REVISION } } },
  );
  open.push(mute);
  await mute.connect(new StreamableHTTPClientTransport(world.url));
  const asked = mute.callTool({ name: "spec_confirm_add", arguments: { a: 1, b: 1 } });
  await expect(asked).rejects.toMatchObject({
    code: -32021,
    data: { requiredCapabilities: { elicitation: {} } },
  });
});

it("reads resources, text, blob and from a template", async () => {
  const { contents } = await client.readResource({ uri: "test://static-text" });
  expect(contents).toMatchObject([
    { text: "This is the content of the static text resource.", mimeType: "text/plain" },
  ]);
  const binary = await client.readResource({ uri: "test://static-binary" });
  const blob = (binary.contents[0] as { blob: string }).blob;
  expect(Buffer.from(blob, "base64").subarray(1, 4).toString()).toBe("PNG");
  const made = await client.readResource({ uri: "test://template/123/data" });
  expect(JSON.parse((made.contents[0] as { text: string }).text)).toMatchObject({ id: "123" });
  await expect(client.readResource({ uri: "test://nothing-there" })).rejects.toMatchObject({
    code: -32602,
  });
});

it("gets a prompt, with arguments and with a question", async () => {
  const named = { name: "test_prompt_with_arguments", arguments: { arg1: "one", arg2: "two" } };
  const { messages } = await client.getPrompt(named);
  expect(JSON.stringify(messages)).toContain("arg1='one', arg2='two'");
  answers.push({ action: "accept", content: { context: "a storm" } });
  const asked = await client.getPrompt({ name: "test_input_required_result_prompt" });
  expect(JSON.stringify(asked.messages)).toContain("Use this context: a storm");
});

it("completes an argument in the light of the others", async () => {
  const ref = { type: "ref/prompt" as const, name: "spec_stack" };
  const language = await client.complete({ ref, argument: { name: "language", value: "py" } });
  expect(language.completion.values).toEqual(["python", "pytorch", "pyside"]);
  const context = { arguments: { language: "python" } };
  const framework = await client.complete({
    ref,
    argument: { name: "framework", value: "" },
    context,
  });
  expect(framework.completion.values).toEqual(["django", "flask"]);
  const many = await client.complete({ ref, argument: { name: "many", value: "" } });
  expect(many.completion).toMatchObject({ hasMore: true, total: 250 });
  expect(many.completion.values).toHaveLength(100);
});

it("hears of the changes it asked for, and only of those", async () => {
  const listener = await listening({ toolsListChanged: true });
  await client.callTool({ name: "test_trigger_prompt_change" });
  await client.callTool({ name: "test_trigger_tool_change" });
  await vi.waitFor(() => expect(listener.heard).toEqual(["tools"]), 5_000);
  await listener.subscription.close();
  await client.callTool({ name: "test_trigger_tool_change" });
  await pause(300);
  expect(listener.heard).toEqual(["tools"]);
});

it("is told in order when the server ends a subscription, and may open another", async () => {
  const first = await listening({ promptsListChanged: true });
  await client.callTool({ name: "spec_hub", arguments: { do: "end" } });
  await expect(first.subscription.closed).resolves.toBe("graceful");
  const second = await listening({ promptsListChanged: true });
  await client.callTool({ name: "test_trigger_prompt_change" });
  await vi.waitFor(() => expect(second.heard).toEqual(["prompts"]), 5_000);
  expect(first.heard).toEqual([]);
});

it("lets the client cancel: the handler's signal aborts, and only then", async () => {
  const listener = await listening({ resourceSubscriptions: [WATCHED] });
  expect(textOf(await client.callTool({ name: "spec_slow", arguments: { ms: 50 } }))).toBe("slept");
  const cancel = new AbortController();
  const slow = client.callTool(
    { name: "spec_slow", arguments: { ms: 25_000 } },
    { signal: cancel.signal },
  );
  const settled = expect(slow).rejects.toThrow();
  await pause(300);
  // Neither the call that ended nor the one that runs has published.
  expect(listener.heard).toEqual([]);
  cancel.abort("enough");
  await settled;
  await vi.waitFor(() => expect(listener.heard).toEqual([WATCHED]), 5_000);
});

// ---- Helpers --------------------------------------------------------------------------------------------------------

async function connect(
  url: URL,
  mode: "auto" | { pin: string } = { pin: REVISION },
): Promise<Client> {
  const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} };
  const made = new Client(
    { name: "barewire-test", version: "1.0.0" },
    { capabilities, versionNegotiation: { mode } },
  );
  open.push(made);
  made.setRequestHandler("elicitation/create", () => answers.shift() ?? { action: "cancel" });
  made.setRequestHandler("roots/list", () => ({
    roots: [{ uri: "file:///project", name: "project" }],
  }));
  made.setRequestHandler("sampling/createMessage", () => ({
    role: "assistant" as const,
    model: "none",
    stopReason: "endTurn",
    content: { type: "text" as const, text: "Oslo, of course" },
  }));
  await made.connect(new StreamableHTTPClientTransport(url, { fetch: record }));
  return made;
}

/** Comes to the app's closed door, signs in with the owner's passphrase, and agrees. */
async function login(mode: "auto" | "legacy"): Promise<Client> {
  const visitor = await beginClientLogin(app.url, "http://127.0.0.1:9/callback", mode);
  const client = await visitor.finishLogin(
    await passPages(tab(), visitor.authorizationUrl, { passphrase: PASSPHRASE }),
  );
  open.push(client);
  return client;
}

/** The platform's fetch, noting what goes by. */
async function record(url: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const headers = new Headers(init?.headers);
  const type = response.headers.get("content-type");
  seen.push({ method: headers.get("mcp-method"), headers, status: response.status, type });
  return response;
}

/** A client of its own with one subscription, and what it has heard: list names and URIs. */
async function listening(filter: SubscriptionFilter) {
  const listener = await connect(world.url);
  const heard: string[] = [];
  listener.setNotificationHandler("notifications/tools/list_changed", () => {
    heard.push("tools");
  });
  listener.setNotificationHandler("notifications/prompts/list_changed", () => {
    heard.push("prompts");
  });
  listener.setNotificationHandler("notifications/resources/updated", ({ params }) => {
    heard.push(params.uri);
  });
  const subscription = await listener.listen(filter);
  expect(subscription.honoredFilter).toEqual(filter);
  return { heard, subscription };
}

function textOf(result: { content?: unknown }): string {
  return (
    (result.content as { text?: string }[] | undefined)?.map(({ text }) => text ?? "").join("") ??
    ""
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
