/**
 * A real idle wait on a running Worker: workerd evicts an idle object after about ten seconds. What was open before
 * must work after, and the objects must have been built anew, or nothing was shown.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { serveWorld, type TestServer } from "./servers.node.ts";

/** Longer than the ten seconds after which workerd lets an idle object go. */
const IDLE_MS = 15_000;
const STATELESS = "2026-07-28";
const WITH_SESSIONS = "2025-11-25";
const META = {
  "io.modelcontextprotocol/protocolVersion": STATELESS,
  "io.modelcontextprotocol/clientCapabilities": {},
};

type Message = Record<string, unknown>;
let world: TestServer;

beforeAll(async () => {
  world = await serveWorld();
}, 90_000);

afterAll(async () => {
  await (world as TestServer | undefined)?.stop();
});

function post(body: object, headers: Record<string, string>): Promise<Response> {
  return fetch(world.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...body }),
  });
}

/** The JSON messages of a stream, one at a time. */
async function* messages(response: Response): AsyncGenerator<Message, void, undefined> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk as Uint8Array);
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (\{.*)$/m.exec(event)?.[1];
      if (data !== undefined) yield JSON.parse(data) as Message;
    }
  }
}

async function next(stream: AsyncGenerator<Message, void, undefined>): Promise<Message> {
  const { value } = await stream.next();
  return value ?? { ended: true };
}

async function births(): Promise<number> {
  return ((await (await fetch(new URL("/costs", world.url))).json()) as { objectsCreated: number })
    .objectsCreated;
}

it("listening streams and a waiting question outlive the objects behind them", async () => {
  const params = {
    protocolVersion: WITH_SESSIONS,
    capabilities: { elicitation: {} },
    clientInfo: { name: "idle", version: "1" },
  };
  const initialized = await post({ id: 0, method: "initialize", params }, {});
  const session = {
    "mcp-session-id": initialized.headers.get("mcp-session-id") ?? "",
    "mcp-protocol-version": WITH_SESSIONS,
  };

  const listening = messages(
    await fetch(world.url, { headers: { accept: "text/event-stream", ...session } }),
  );
  const asking = messages(
    await post(
      {
        id: 1,
        method: "tools/call",
        params: { name: "test_elicitation", arguments: { message: "Who?" } },
      },
      session,
    ),
  );
  const question = await next(asking);
  expect(question).toMatchObject({ method: "elicitation/create" });
  const subscribed = messages(
    await post(
      {
        id: 2,
        method: "subscriptions/listen",
        params: { _meta: META, notifications: { toolsListChanged: true } },
      },
      { "mcp-protocol-version": STATELESS, "mcp-method": "subscriptions/listen" },
    ),
  );
  expect(await next(subscribed)).toMatchObject({
    method: "notifications/subscriptions/acknowledged",
  });

  const before = await births();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));

  const content = { username: "ada", email: "ada@example.com" };
  await post({ id: question["id"], result: { action: "accept", content } }, session);
  expect(JSON.stringify(await next(asking))).toContain("ada");
  await post(
    { id: 3, method: "tools/call", params: { name: "test_trigger_tool_change", arguments: {} } },
    session,
  );
  expect(await next(listening)).toMatchObject({ method: "notifications/tools/list_changed" });
  expect(await next(subscribed)).toMatchObject({ method: "notifications/tools/list_changed" });
  // The session and the hub shards that hold it and the subscription: all had gone.
  expect(await births()).toBeGreaterThanOrEqual(before + 2);
}, 60_000);
