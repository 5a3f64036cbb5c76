/** What sessions are told of MCP Apps, and what they see of the world's: by revision, and by what their client declares. */

import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { readReply } from "../../server/stateless-server.ts";
import type { Env } from "../../world/env.ts";
import worker from "../../world/worker.ts";

const ID = "io.modelcontextprotocol/ui";
const DECLARING = {
  extensions: { [ID]: { mimeTypes: ["text/html;profile=mcp-app"] }, "example.com/other": {} },
};

async function post(body: object, fields: Record<string, string> = {}): Promise<Response> {
  const request = new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...fields,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
  });
  const settings = { ...(env as unknown as Env), AUTH: "none" };
  const response = worker.fetch?.(request as never, settings, {} as ExecutionContext);
  return response as Promise<Response>;
}

interface Seen {
  /** Extensions in the answer to `initialize`. */
  readonly declared: unknown;
  /** Whether there are pages, and tools for them alone. */
  readonly hasApps: boolean;
}

async function open(protocolVersion: string, capabilities: object): Promise<Seen> {
  const params = { protocolVersion, capabilities, clientInfo: { name: "c", version: "1" } };
  const opened = await post({ method: "initialize", params });
  const { result } = await readReply(opened);
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const listed = (await readReply(await post({ method: "tools/list" }, session))).result;
  const tools = JSON.stringify(listed?.["tools"]);
  expect(tools).toContain('"spec_app"');
  const seen = [tools.includes("ui://"), tools.includes("spec_app_only")];
  expect(seen[0]).toBe(seen[1]);
  return {
    declared: (result?.["capabilities"] as JsonObject | undefined)?.["extensions"],
    hasApps: seen[0] === true,
  };
}

it.each(["2025-11-25", "2025-06-18"])(
  "%s: a client that declares it is told of it",
  async (one) => {
    expect(await open(one, DECLARING)).toEqual({ declared: { [ID]: {} }, hasApps: true });
  },
);

it("a client that declares another extension alone is shown no pages", async () => {
  const other = { extensions: { "example.com/other": {} } };
  expect(await open("2025-11-25", other)).toEqual({ declared: { [ID]: {} }, hasApps: false });
});

it("a client that names no extension finds the words of its revision alone", async () => {
  expect(await open("2025-11-25", {})).toEqual({ declared: undefined, hasApps: false });
});

it("there are none where lists have no _meta", async () => {
  expect(await open("2025-03-26", DECLARING)).toEqual({ declared: undefined, hasApps: false });
});
