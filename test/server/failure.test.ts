/** What fails is named in the log under a trace id. The client is told that id, in both eras, and nothing else of it. */

import { afterEach, expect, it, vi } from "vitest";
import { prompt, resource, template, type ServerSpec } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { callTool, openSession, jsonRpcRequest, send } from "../transport/session/client.ts";
import { readReply, serveStatelessly, type JsonRpcReply } from "./stateless-server.ts";

const fail = (): never => {
  throw new Error("the password is hunter2");
};
const spec: Omit<ServerSpec, "info"> = {
  tools: [
    tool({ name: "breaks", handler: fail }),
    // Only found to be no JSON when it is written down.
    tool({ name: "writes", handler: () => ({ content: [], _meta: { size: 1n as never } }) }),
    tool({
      name: "streams",
      handler: async (_args, context) => {
        context.log("error", "soon");
        await Promise.resolve();
        return { content: [], _meta: { size: 1n as never } };
      },
    }),
    tool({
      name: "promises",
      output: { schema: { type: "object" }, check: () => ({ ok: false, error: "/ is hunter2" }) },
      handler: () => ({ structuredContent: {} }),
    }),
  ],
  prompts: [
    prompt({ name: "greets", arguments: [{ name: "whom", complete: fail }], handler: fail }),
  ],
  resources: [resource({ name: "r", uri: "test://fixed", read: fail })],
  templates: [
    template({ name: "t", uriTemplate: "test://by/{id}", read: fail, complete: { id: fail } }),
  ],
};
const ask = serveStatelessly(spec);

interface Line {
  readonly event: string;
  readonly trace: string;
  readonly error: string;
}

function listen(): Line[] {
  const lines: Line[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as Line);
  });
  return lines;
}
afterEach(() => vi.restoreAllMocks());

const told = ({ result, error }: JsonRpcReply): string =>
  error?.message ?? (result?.["content"] as { text: string }[] | undefined)?.[0]?.text ?? "";

const LOGGING = { _meta: { "io.modelcontextprotocol/logLevel": "debug" } };

it.each<[method: string, params: object, named: object, event?: string]>([
  ["tools/call", { name: "breaks" }, { tool: "breaks" }],
  ["tools/call", { name: "writes" }, { tool: "writes" }, "call.failed"],
  ["tools/call", { name: "streams" }, { tool: "streams" }, "call.failed"],
  ["tools/call", { name: "promises" }, { tool: "promises" }, "tool.output_invalid"],
  ["prompts/get", { name: "greets" }, { prompt: "greets" }],
  ["resources/read", { uri: "test://fixed" }, { resource: "test://fixed" }],
  // What stands in the place of {id} is a stranger's word.
  ["resources/read", { uri: "test://by/stranger" }, { resource: "test://by/{id}" }],
  [
    "completion/complete",
    { ref: { type: "ref/prompt", name: "greets" }, argument: { name: "whom", value: "" } },
    { prompt: "greets" },
  ],
  [
    "completion/complete",
    { ref: { type: "ref/resource", uri: "test://by/{id}" }, argument: { name: "id", value: "" } },
    { resource: "test://by/{id}" },
  ],
])("%s of %j", async (method, params, named, event = "handler.failed") => {
  const lines = listen();
  const response = await ask(method, { ...params, ...LOGGING });
  expect(response.status).toBe(200);
  const streams = JSON.stringify(named).includes("streams");
  expect(response.headers.get("content-type")).toBe(
    streams ? "text/event-stream" : "application/json",
  );
  const reply = await readReply(response);
  const [line] = lines;
  expect(lines).toHaveLength(1);
  expect(line).toEqual({ event, method, ...named, trace: line?.trace, error: line?.error });
  expect(line?.trace).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  expect(told(reply)).toContain(`(trace ${line?.trace})`);
  expect(JSON.stringify(reply)).not.toMatch(/hunter2|BigInt|\bat /);
});

it("a client's own trace is the one that is named", async () => {
  const lines = listen();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const reply = await readReply(
    await ask("tools/call", { name: "breaks" }, { traceparent: `00-${trace}-00f067aa0ba902b7-01` }),
  );
  expect(told(reply)).toBe(`Internal error (trace ${trace})`);
  expect(lines[0]?.trace).toBe(trace);
});

it("a name that a client made up stands in no line", async () => {
  const lines = listen();
  const params = {
    name: "breaks",
    ref: { type: "ref/prompt", name: "hunter2" },
    uri: "test://hunter2",
  };
  await (await ask("tools/call", params)).text();
  expect(lines[0]).toMatchObject({ tool: "breaks" });
  expect(Object.keys(lines[0] ?? {}).toSorted()).toEqual([
    "error",
    "event",
    "method",
    "tool",
    "trace",
  ]);
});

it.each<[about: string, body: object, named: object]>([
  [
    "tool",
    callTool(1, "spec_throw", { how: "error" }),
    { method: "tools/call", tool: "spec_throw" },
  ],
  [
    "prompt",
    jsonRpcRequest(1, "prompts/get", { name: "spec_throw_prompt" }),
    { prompt: "spec_throw_prompt" },
  ],
  [
    "resource",
    jsonRpcRequest(1, "resources/read", { uri: "spec://throws" }),
    { resource: "spec://throws" },
  ],
])("a %s of a session", async (_about, body, named) => {
  const session = await openSession();
  const lines = listen();
  const reply = await (await send(session, body)).json<JsonRpcReply>();
  expect(lines).toEqual([expect.objectContaining({ event: "handler.failed", ...named })]);
  expect(told(reply)).toBe(`Internal error (trace ${lines[0]?.trace})`);
});
