/** While somebody develops, a stack in the terminal names lines of the source, in both eras; without DEV the log stays JSON. */

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { freePort, startWorker } from "../tools/worker.node.ts";

type Worker = Awaited<ReturnType<typeof startWorker>>;
let dev: Worker;
let plain: Worker;

async function start(...more: string[]): Promise<Worker> {
  // A state of its own: two servers in one folder lock each other out.
  const state = mkdtempSync(join(tmpdir(), "barewire-log-"));
  const config = ["--config", "test/world/wrangler.toml", "--minify", "--persist-to", state];
  return startWorker([...config, ...more], { port: await freePort() });
}
beforeAll(async () => {
  [dev, plain] = await Promise.all([start("--var", "DEV:1"), start()]);
}, 90_000);
afterAll(() => Promise.all([dev?.stop(), plain?.stop()]));

const CALL = { name: "spec_throw", arguments: { how: "error" } };

async function post(
  to: Worker,
  method: string,
  params: object,
  headers: Record<string, string>,
): Promise<Response> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const types = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  return fetch(`${to.origin}/mcp`, { method: "POST", headers: { ...types, ...headers }, body });
}

/** Calls a tool that throws, and gives the trace id that the client was told. */
async function throwing(to: Worker, era: string): Promise<string> {
  let answer: Response;
  if (era === "session") {
    const clientInfo = { name: "c", version: "1" };
    const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const session = await post(to, "initialize", hello, {});
    const id = session.headers.get("mcp-session-id") ?? "";
    answer = await post(to, "tools/call", CALL, {
      "mcp-session-id": id,
      "mcp-protocol-version": "2025-11-25",
    });
  } else {
    const version = "2026-07-28";
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": version,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const named = {
      "mcp-method": "tools/call",
      "mcp-name": CALL.name,
      "mcp-protocol-version": version,
    };
    answer = await post(to, "tools/call", { ...CALL, _meta }, named);
  }
  return /\(trace (\w{32})\)/.exec(await answer.text())?.[1] ?? "none";
}

/** What was printed after the trace id, once it holds `text`: the terminal is a moment behind the answer. */
async function printed(by: Worker, trace: string, text: string): Promise<string> {
  const after = (): string => by.log().split(trace)[1] ?? "";
  await vi.waitFor(() => expect(after()).toContain(text), 20_000);
  return after();
}

/** The line of the world on which the tool throws. */
const source = readFileSync("test/world/extras.ts", "utf8").split("\n");
const line = source.findIndex((text) => text.includes('if (how === "error") throw')) + 1;

it.each(["stateless", "session"])(
  "with DEV a stack is text and names the source: %s",
  async (era) => {
    const trace = await throwing(dev, era);
    const log = await printed(dev, trace, `test/world/extras.ts:${line}:`);
    expect(log).toContain("Error: secret-7f3a in the message\n");
  },
);

it.each(["stateless", "session"])("without it the line is JSON: %s", async (era) => {
  const trace = await throwing(plain, era);
  await printed(plain, trace, "\n");
  const found =
    plain
      .log()
      .split("\n")
      .find((text) => text.includes(trace)) ?? "";
  const { event, tool, error } = JSON.parse(/\{"event".*\}/.exec(found)?.[0] ?? "{}") as Record<
    string,
    string
  >;
  expect({ event, tool }).toEqual({ event: "handler.failed", tool: "spec_throw" });
  expect(error).toContain("secret-7f3a in the message");
  expect(error).toContain("\n    at ");
});
