/**
 * The official client with the official Tasks extension from the npm registry, against a real server: it polls, answers and
 * cancels, and takes nothing that does not fit its own schemas. Only the requests that the SDK has no codec for are sent here.
 */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveWorld, type TestServer } from "../client/servers.node.ts";

/** What is used of the extension. It is installed for this test alone, so its types are not there for everybody. */
interface TaskSession {
  callTool(name: string, args: object): Promise<Execution>;
  close(): Promise<void>;
}
interface Execution {
  readonly kind: "task" | "immediate";
  updates(): AsyncIterable<unknown>;
  settle(): Promise<{ readonly outcome: { readonly status: string } }>;
  cancel(): Promise<void>;
}
type RpcAnswer = { kind: "result"; result: unknown } | { kind: "error"; error: unknown };
type InputRequest = { params?: { requestedSchema?: { properties?: object } } };
const { createTaskSessionFromClient, resultFromTaskOutcome } = (await import(
  new URL("node_modules/@modelcontextprotocol/ext-tasks/dist/client/index.js", import.meta.url).href
)) as {
  createTaskSessionFromClient: (client: Client, options: object) => TaskSession;
  resultFromTaskOutcome: (outcome: object) => unknown;
};

const REVISION = "2026-07-28";
const EXTENSION = "io.modelcontextprotocol/tasks";
const CLIENT_INFO = { name: "outside", version: "1" };
const CAPABILITIES = { elicitation: { form: {} }, extensions: { [EXTENSION]: {} } };

let world: TestServer;
let client: Client;
let session: TaskSession;
const asked: unknown[] = [];

beforeAll(async () => {
  world = await serveWorld();
  client = new Client(CLIENT_INFO, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: "auto" },
  });
  await client.connect(new StreamableHTTPClientTransport(world.url));
  expect(client.getNegotiatedProtocolVersion()).toBe(REVISION);
  session = createTaskSessionFromClient(client, {
    endpointId: "world",
    rawDispatch: dispatch,
    v2RequestFraming: {
      protocolVersion: REVISION,
      clientInfo: CLIENT_INFO,
      clientCapabilities: CAPABILITIES,
    },
    onInputRequest: (request: InputRequest) => {
      asked.push(request);
      const [field = ""] = Object.keys(request.params?.requestedSchema?.properties ?? {});
      return Promise.resolve({
        action: "accept",
        content: { [field]: field === "confirm" ? true : "Ada" },
      });
    },
  });
}, 90_000);

afterAll(async () => {
  await session.close();
  await client.close();
  await world.stop();
});

interface Sent {
  readonly method: string;
  readonly params: Readonly<Record<string, string>>;
}

/** One request as the extension framed it; the headers repeat what it says. */
async function dispatch(request: unknown): Promise<RpcAnswer> {
  const { method, params } = request as Sent;
  const response = await fetch(world.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": REVISION,
      "mcp-method": method,
      "mcp-name": params["taskId"] ?? params["name"] ?? "",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: unknown };
  return error === undefined ? { kind: "result", result } : { kind: "error", error };
}

async function call(name: string, args: object = {}): Promise<string> {
  const execution = await session.callTool(name, args);
  expect(execution.kind).toBe("task");
  const { outcome } = await execution.settle();
  return JSON.stringify(resultFromTaskOutcome(outcome));
}

it("runs a tool to its end, and hears how far it is", async () => {
  const execution = await session.callTool("slow_compute", { seconds: 1, label: "outside" });
  const heard: string[] = [];
  for await (const event of execution.updates()) heard.push(JSON.stringify(event));
  expect(heard.at(-1)).toContain("computed outside");
  expect(heard.join()).toContain('"working"');
});

it("answers what the task asks, each question once", async () => {
  asked.length = 0;
  expect(await call("confirm_delete", { filename: "a.txt" })).toContain("deleted a.txt");
  expect(await call("multi_input")).toContain("Ada+Ada");
  expect(asked).toHaveLength(3);
});

it("gets the result of a tool that failed, and the error of a call that did", async () => {
  expect(await call("failing_job")).toContain("The job cannot be done");
  const execution = await session.callTool("protocol_error_job", {});
  const { outcome } = await execution.settle();
  expect(outcome).toMatchObject({ status: "failed", error: { code: -32603 } });
});

it("cancels", async () => {
  const execution = await session.callTool("slow_compute", { seconds: 60, label: "never" });
  await execution.cancel();
  const { outcome } = await execution.settle();
  expect(outcome.status).toBe("cancelled");
});
