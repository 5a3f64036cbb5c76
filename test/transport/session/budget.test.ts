/** The budgets of the session era, counted: object requests and written rows. A regression is a failure, not a figure. */

import { listDurableObjectIds } from "cloudflare:test";
import { expect, it } from "vitest";
import { costs, type Costs } from "../../world/counting.ts";
import {
  bindings,
  callTool,
  EventReader,
  openGetStream,
  openSession,
  jsonRpcRequest,
  send,
} from "./client.ts";

async function cost<T>(
  action: () => Promise<T>,
): Promise<{ value: T; cost: Pick<Costs, "requests" | "rows"> }> {
  const before = { ...costs };
  const value = await action();
  return {
    value,
    cost: { requests: costs.requests - before.requests, rows: costs.rows - before.rows },
  };
}

/** The hub makes its tables with the first session it hears of; that is no cost of a session. */
async function warmHub(): Promise<void> {
  for (let count = 0; count < 2; count++) await openSession();
}

it("a session starts with two object requests and three rows", async () => {
  await warmHub();
  const { cost: spent } = await cost(() => openSession());
  expect(spent).toEqual({ requests: 2, rows: 3 });
});

it("a call answered as JSON is one object request and writes nothing", async () => {
  const session = await openSession();
  const { value, cost: spent } = await cost(() => send(session, callTool(1, "test_simple_text")));
  expect(value.headers.get("content-type")).toBe("application/json");
  expect(await value.text()).toContain("simple text response");
  expect(spent).toEqual({ requests: 1, rows: 0 });
});

it.each(["tools/list", "ping", "resources/list", "prompts/list"])(
  "%s is one object request and writes nothing",
  async (method) => {
    const session = await openSession();
    const { value, cost: spent } = await cost(() => send(session, jsonRpcRequest(1, method)));
    expect(value.status).toBe(200);
    expect(spent).toEqual({ requests: 1, rows: 0 });
  },
);

it("a streamed call is two object requests, a row for its stream and a row an event", async () => {
  const session = await openSession();
  // The first stream of a session makes its two tables: two rows each in SQLite's own catalogue.
  await (
    await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken: "a" }))
  ).text();
  const { value, cost: spent } = await cost(async () =>
    (
      await send(session, callTool(2, "test_tool_with_progress", {}, { progressToken: "b" }))
    ).text(),
  );
  expect(value.match(/^data: \{/gm)).toHaveLength(4);
  expect(spent).toEqual({ requests: 2, rows: 5 });
});

it("opening the listening stream is one object request, and another the first time, for the hub to know", async () => {
  const session = await openSession();
  for (const requests of [2, 1, 1]) {
    const { value, cost: spent } = await cost(() => openGetStream(session));
    expect(value.status).toBe(200);
    expect(spent.requests).toBe(requests);
    await new EventReader(value).cancel();
  }
});

it("an idle listening stream costs nothing more", async () => {
  const session = await openSession();
  const stream = new EventReader(await openGetStream(session));
  const { cost: spent } = await cost(() => new Promise((resolve) => setTimeout(resolve, 1_500)));
  expect(spent).toEqual({ requests: 0, rows: 0 });
  await stream.cancel();
});

it("a made-up session id reaches no object and writes no row", async () => {
  const before = await listDurableObjectIds(bindings.SESSION);
  const madeUp = "0123456789abcdef".repeat(4);
  const { value, cost: spent } = await cost(() =>
    send({ id: madeUp, revision: "2025-11-25" }, jsonRpcRequest(1, "ping")),
  );
  expect(value.status).toBe(404);
  expect(spent).toEqual({ requests: 0, rows: 0 });
  expect(await listDurableObjectIds(bindings.SESSION)).toHaveLength(before.length);
});

it("a stateless call reaches no object", async () => {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const { value, cost: spent } = await cost(() =>
    send(undefined, callTool(1, "test_simple_text", {}, meta), {
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "test_simple_text",
      },
    }),
  );
  expect(value.status).toBe(200);
  expect(spent).toEqual({ requests: 0, rows: 0 });
});
