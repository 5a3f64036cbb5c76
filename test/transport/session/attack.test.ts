/** What a hostile, unlucky or clumsy client may do to a session or the hub, and what must not come of it. */

import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ANONYMOUS, callerKey } from "../../../src/base/caller.ts";
import type { Change, SubscriptionFilter } from "../../../src/protocol/change.ts";
import { createHubClient, HUB_SHARDS, type HubClient } from "../../../src/hub/client.ts";
import type { HubObject } from "../../../src/hub/hub-object.ts";
import { buildServer } from "../../../src/server/registry.ts";
import type { Context } from "../../../src/server/context.ts";
import { resource } from "../../../src/server/define.ts";
import { cancelCall, resumeCall } from "../../../src/transport/session/calls.ts";
import { parseEventId } from "../../../src/transport/session/event-ids.ts";
import { streamEvents } from "../../../src/transport/session/event-stream.ts";
import {
  EVENT_TTL_MS,
  MAX_EVENT_BYTES,
  MAX_GET_STREAMS,
  INPUT_REQUEST_TTL_MS,
  SESSION_TTL_MS,
} from "../../../src/transport/session/limits.ts";
import type { SessionRuntime } from "../../../src/transport/session/types.ts";
import { MAX_SUBSCRIPTIONS } from "../../../src/transport/session/subscriptions.ts";
import { attach, appendEvent, openStream } from "../../../src/transport/session/streams.ts";
import { handleStatelessRequest } from "../../../src/transport/stateless/handle-request.ts";
import { servicesFor, unrecordedSpan } from "../../server/services.ts";
import { costs } from "../../world/counting.ts";
import {
  bindings,
  callTool,
  EventReader,
  openGetStream,
  openSession,
  jsonRpcRequest,
  send,
  sessionStub,
  type Session,
} from "./client.ts";
import {
  responseTo,
  REQUEST_CONTEXT,
  FORM,
  NEWEST,
  withTestSession,
  sleep,
  streamIdOf,
} from "./test-session.ts";

// A change wakes every session that the tests before it opened.
vi.setConfig({ testTimeout: 30_000 });
afterEach(() => {
  vi.useRealTimers();
});

const streamsIn = (room: SessionRuntime): unknown[] =>
  room.objectState.storage.sql.exec("SELECT * FROM streams").toArray();

async function timeout<T>(promise: Promise<T>, ms: number): Promise<T | "timeout"> {
  return Promise.race([promise, sleep(ms).then(() => "timeout" as const)]);
}

describe("one answer, whatever happens", () => {
  it("a result that is no JSON ends the call with an error", () =>
    withTestSession(async ({ call, settled }) => {
      const handled = await timeout(
        call(() => ({ content: [], _meta: { big: 1n } })),
        500,
      );
      expect(handled).toMatchObject({
        kind: "answer",
        text: expect.stringContaining('"id":9,"error"') as string,
      });
      await settled();
    }));

  it("a result that is no JSON ends a streamed call with an error", () =>
    withTestSession(async ({ call, sentOn: sent, settled }) => {
      const handled = await call(async (context) => {
        context.progress(1);
        await sleep(1);
        return { content: [], _meta: { big: 1n } };
      });
      await settled();
      expect(sent(streamIdOf(handled)).at(-1)).toMatchObject({ id: 9, error: { code: -32603 } });
    }));

  it("a call too large to be kept while it waits ends with an error", () =>
    withTestSession(async ({ call, sentOn: sent, settled, runtime: room }) => {
      const ask = (context: Context): unknown =>
        context.elicitForm("name", { message: "?", form: FORM });
      const stream = streamIdOf(await call(ask, { text: "x".repeat(2_200_000) }));
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, error: {} });
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      expect(room.store.suspendedStreams()).toEqual([]);
    }));

  it("answers too large to be kept end the call with an error", () =>
    withTestSession(async ({ call, sentOn: sent, settled, runtime: room }) => {
      const ask = (context: Context): unknown =>
        Promise.all(["a", "b"].map((key) => context.elicitForm(key, { message: "?", form: FORM })));
      const stream = streamIdOf(await call(ask));
      await settled();
      const [first, second] = sent(stream).map(({ id }) => id);
      const huge = { action: "accept", content: { name: "x".repeat(2_200_000) } };
      resumeCall(room, REQUEST_CONTEXT, responseTo(first, huge));
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      resumeCall(room, REQUEST_CONTEXT, responseTo(second, huge));
      await settled();
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      expect(room.store.suspendedStreams()).toEqual([]);
    }));

  it("a result too large to be an event ends the call with an error", () =>
    withTestSession(async ({ call, sentOn: sent, settled }) => {
      const handled = await call((context) => {
        context.progress(1);
        return "x".repeat(2_200_000);
      });
      await settled();
      expect(sent(streamIdOf(handled)).at(-1)).toMatchObject({ id: 9, error: { code: -32603 } });
    }));

  it("a refused question ends its call, and takes back only the others", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const ask = (context: Context): unknown =>
        Promise.all(["a", "b"].map((key) => context.elicitForm(key, { message: "?", form: FORM })));
      const stream = streamIdOf(await call(ask));
      await settled();
      const [first, second] = sent(stream).map(({ id }) => id);
      resumeCall(room, REQUEST_CONTEXT, {
        kind: "response",
        id: String(first),
        error: { message: "no" },
      });
      expect(sent(stream).slice(2)).toMatchObject([
        { params: { requestId: second } },
        { id: 9, error: {} },
      ]);
    }));

  it("a notice too large to be an event is dropped, and the call goes on", () =>
    withTestSession(async ({ call, settled }) => {
      const handled = await call((context) => {
        context.progress(1, 2, "x".repeat(2_200_000));
        return "done";
      });
      await settled();
      expect(handled).toMatchObject({
        kind: "answer",
        text: expect.stringContaining("done") as string,
      });
    }));

  it("an object that dies under a silent call answers with the id of the request", async () => {
    const session = await openSession();
    const posted = send(session, callTool("mine", "spec_slow", { ms: 800 }));
    await sleep(200);
    await abortAllDurableObjects();
    expect(await (await posted).json()).toMatchObject({ id: "mine", error: { code: -32603 } });
  });

  it("an object that dies under a batch answers every request in it", async () => {
    const session = await openSession("2025-03-26");
    const posted = send(session, [
      { jsonrpc: "2.0", method: "notifications/initialized" },
      callTool(1, "spec_slow", { ms: 800 }),
      callTool(2, "spec_slow", { ms: 800 }),
    ]);
    await sleep(200);
    await abortAllDurableObjects();
    const answers = await (await posted).json();
    expect(answers).toMatchObject([
      { id: 1, error: {} },
      { id: 2, error: {} },
    ]);
  });

  it("an object that dies ends the response of no call that waits, until its client comes back elsewhere", async () => {
    const session = await openSession();
    const events = new EventReader(
      await send(session, callTool(1, "test_elicitation", { message: "?" })),
    );
    const { eventId } = await events.message();
    await abortAllDurableObjects();
    expect(await timeout(events.next(), 1_500)).toMatchObject({ data: "" });
    expect((await openGetStream(session, eventId)).status).toBe(200);
    expect(await timeout(events.next(), 1_500)).toBeUndefined();
  });

  it("an answer on its way is not dropped to make room for what is older", () =>
    withTestSession(async ({ runtime: room }) => {
      const old = openStream(room, "running", '{"request":{"id":8}}');
      const stream = openStream(room, "running", '{"request":{"id":9}}');
      for (let size = 0; size < MAX_EVENT_BYTES - 1_000_000; size += 1_000_000)
        room.store.addEvent(old, "x".repeat(999_000), false, Date.now() - 2);
      room.store.addEvent(old, "{}", true, Date.now() - 1);
      appendEvent(
        room,
        stream,
        `{"jsonrpc":"2.0","id":9,"result":"${"x".repeat(1_800_000)}"}`,
        true,
      );
      expect(room.store.eventBytes()).toBeLessThanOrEqual(MAX_EVENT_BYTES);
      expect(attach(room, NEWEST, stream, -1).ok).toBe(true);
      expect([...room.store.eventsAfter(stream, 0)]).toHaveLength(1);
      // What is left of the other is its answer.
      for (const after of [0, -1]) expect(attach(room, NEWEST, old, after).ok).toBe(true);
      expect([...room.store.eventsAfter(old, 0)].at(-1)?.is_final).toBe(1);
    }));

  it("streams keep apart when the clock goes back", async () => {
    const session = await openSession();
    await new EventReader(await openGetStream(session)).cancel();
    await runInDurableObject(sessionStub(session), (_object, state) => {
      const last = Number(state.storage.sql.exec("SELECT MAX(id) AS id FROM streams").one()["id"]);
      for (let id = last + 1; id < last + 3_000; id++)
        state.storage.sql.exec("INSERT INTO streams VALUES (?, 'listening', 'null', 0, 0)", id);
    });
    expect((await openGetStream(session)).status).toBe(200);
  });
});

describe("after the end", () => {
  it("a handler that lets go too late opens no stream", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      let late: Context | undefined;
      expect(
        (
          await call((context) => {
            late = context;
            return "done";
          })
        ).kind,
      ).toBe("answer");
      await settled();
      late?.closeStream();
      await call((context) => {
        context.progress(1);
        return "done";
      });
      await settled();
      expect(streamsIn(room)).toHaveLength(1);
    }));

  it("a cancelled call that lets go opens no stream", async () => {
    const session = await openSession();
    const posted = send(session, callTool(5, "spec_slow", { ms: 900 }));
    await sleep(100);
    await send(session, {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 5 },
    });
    expect((await posted).status).toBe(202);
    await sleep(200);
    await runInDurableObject(sessionStub(session), (_object, state) => {
      expect(
        state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'streams'").toArray(),
      ).toEqual([]);
    });
  });

  it("progress goes on from round to round, never back", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const handled = await call(async (context) => {
        context.progress(1);
        context.progress(2);
        await context.elicitForm("name", { message: "?", form: FORM });
        context.progress(3);
        return "done";
      });
      await settled();
      const stream = streamIdOf(handled);
      const question = sent(stream).find(({ method }) => method === "elicitation/create");
      resumeCall(room, REQUEST_CONTEXT, responseTo(question?.["id"], { action: "decline" }));
      await settled();
      const told = sent(stream).filter(({ method }) => method === "notifications/progress");
      expect(told.map(({ params }) => (params as { progress: number }).progress)).toEqual([
        1, 2, 3,
      ]);
    }));

  it("the arguments of a call are not kept beyond its questions", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const args = { text: "x".repeat(100_000) };
      const stream = streamIdOf(
        await call(
          async (context) =>
            (await context.elicitForm("name", { message: "?", form: FORM })).action,
          args,
        ),
      );
      await settled();
      resumeCall(room, REQUEST_CONTEXT, responseTo(sent(stream)[0]?.["id"], { action: "decline" }));
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, result: {} });
      expect(room.store.stream(stream)?.call_json.length).toBeLessThan(1_000);
    }));

  it("an answer that comes twice, or from a stranger's session, changes nothing", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      let runs = 0;
      const stream = streamIdOf(
        await call((context) => {
          runs += 1;
          return Promise.all(
            ["a", "b"].map((key) => context.elicitForm(key, { message: "?", form: FORM })),
          ).then(() => "done");
        }),
      );
      await settled();
      const [a, b] = sent(stream).map(({ id }) => id);
      for (const id of [a, a, a, `${stream}.forged`, "x", "", "1e3.x", "__proto__", b, b, a])
        resumeCall(room, REQUEST_CONTEXT, responseTo(id, { action: "decline" }));
      await settled();
      expect(runs).toBe(2);
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
    }));
});

describe("life and death", () => {
  it("setting a level does not make the session forget that its client was here", async () => {
    const session = await openSession();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS - 1_000 });
    await send(session, jsonRpcRequest(1, "logging/setLevel", { level: "info" }));
    vi.setSystemTime(Date.now() + 2_000);
    await runDurableObjectAlarm(sessionStub(session));
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });

  it("a stream that was held until a moment ago keeps its session", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS - 1_000 });
    await runInDurableObject(sessionStub(session), (_object, state) => {
      expect(state.getWebSockets()).toHaveLength(1);
    });
    await leave(session, events);
    vi.setSystemTime(Date.now() + 2_000);
    await runDurableObjectAlarm(sessionStub(session));
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });

  it("a stream that is held keeps its session, whatever the clock says", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * SESSION_TTL_MS });
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("a call whose session was ended writes nothing more, even when it is told to go on as a stream", async () => {
    const session = await openSession();
    const stub = sessionStub(session);
    // Takes its time and does not look at its signal.
    const params = { name: "test_tool_with_logging", arguments: {} };
    const handling = stub.handlePost(
      ANONYMOUS,
      [{ kind: "request", id: 1, method: "tools/call", params }],
      false,
      "t",
      {},
    );
    await sleep(20);
    expect(await stub.deleteSession(callerKey(ANONYMOUS))).toBe(true);
    await stub.switchToStream("t");
    expect(await handling).toEqual([{ kind: "sessionNotFound" }]);
    await sleep(400);
    await runInDurableObject(stub, (_object, { storage }) => {
      expect(
        storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'streams'").toArray(),
      ).toEqual([]);
    });
  });

  it("DELETE stops the handler of a call", async () => {
    const [ended, other] = [await openSession(), await openSession()];
    // A call of spec_slow that is stopped says so by changing this resource.
    await (
      await send(
        other,
        jsonRpcRequest(1, "resources/subscribe", { uri: "test://watched-resource" }),
      )
    ).text();
    const events = new EventReader(await openGetStream(other));
    await events.next();
    const posted = send(ended, callTool(1, "spec_slow", { ms: 5_000 }));
    await sleep(100);
    await send(ended, undefined, { method: "DELETE", body: null });
    expect((await posted).status).toBe(404);
    expect(await timeout(events.message(), 1_500)).toMatchObject({
      params: { uri: "test://watched-resource" },
    });
    await events.cancel();
  });

  it("DELETE during a call and during a question ends both, and leaves nothing", async () => {
    const session = await openSession();
    const asked = new EventReader(
      await send(session, callTool(1, "test_elicitation", { message: "?" })),
    );
    await asked.message();
    const posted = send(session, callTool(2, "spec_slow", { ms: 700 }));
    await sleep(100);
    expect((await send(session, undefined, { method: "DELETE", body: null })).status).toBe(204);
    expect((await posted).status).toBe(404);
    expect(await timeout(asked.next(), 1_000)).toBeUndefined();
    await sleep(900);
    expect(await rowsOfHub(session.id)).toBe(0);
    await runInDurableObject(sessionStub(session), async (_object, state) => {
      expect((await state.storage.list()).size).toBe(0);
      expect(await state.storage.getAlarm()).toBeNull();
      expect(
        state.storage.sql
          .exec("SELECT name FROM sqlite_master WHERE name IN ('streams', 'events')")
          .toArray(),
      ).toEqual([]);
    });
  });

  it("an alarm that ends a question does not cost the session its own end", async () => {
    const session = await openSession();
    const events = new EventReader(
      await send(session, callTool(1, "test_elicitation", { message: "?" })),
    );
    await events.message();
    await leave(session, events);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 600_001 });
    await runDurableObjectAlarm(sessionStub(session));
    vi.setSystemTime(Date.now() + SESSION_TTL_MS);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(404);
    expect(await rowsOfHub(session.id)).toBe(0);
  });
});

/** What the platform calls when a socket has closed. */
async function closed(object: DurableObject, socket: WebSocket, code: number): Promise<void> {
  await object.webSocketClose?.(socket, code, "", code === 1000);
}

async function listener(door: HubClient, filter: SubscriptionFilter): Promise<WebSocket> {
  const socket = await door.openListener(filter, ANONYMOUS, "share");
  if (!socket.ok) throw new Error("The filter was refused");
  return socket.value;
}

/** The client goes away, and the object has learned of it. */
async function leave(session: Session, events: EventReader): Promise<void> {
  await runInDurableObject(sessionStub(session), async (object, state) => {
    for (const socket of state.getWebSockets()) {
      await closed(object, socket, 1000);
    }
  });
  await events.cancel();
  await sleep(50);
}

const shards = (): DurableObjectStub<HubObject<unknown>>[] =>
  Array.from({ length: HUB_SHARDS }, (_, index) => bindings.HUB.getByName(`shard-${index}`));

async function rowsOfHub(session: string): Promise<number> {
  const counts = await Promise.all(
    shards().map((shard) =>
      runInDurableObject(shard, (_hub, { storage }) => {
        const names = storage.sql
          .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
          .toArray();
        return names.reduce((sum, { name }) => {
          if (name.startsWith("_cf") || name.startsWith("sqlite")) return sum;
          return (
            sum + storage.sql.exec(`SELECT 1 FROM "${name}" WHERE id = ?`, session).toArray().length
          );
        }, 0);
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

describe("hostile input", () => {
  it.each([null, "text", 5, [], { progressToken: {} }, { progressToken: null }])(
    "_meta %j is no reason to fail",
    async (meta) => {
      const session = await openSession();
      const body = jsonRpcRequest(1, "tools/call", {
        name: "test_simple_text",
        arguments: {},
        _meta: meta,
      });
      expect(await (await send(session, body)).json()).toMatchObject({ id: 1, result: {} });
    },
  );

  it.each([
    null,
    [],
    "x",
    5,
    { elicitation: [] },
    { elicitation: "" },
    { roots: 1 },
    { sampling: { tools: true } },
  ])("capabilities %j are refused", async (capabilities) => {
    const params = {
      protocolVersion: "2025-11-25",
      capabilities,
      clientInfo: { name: "t", version: "1" },
    };
    const response = await send(undefined, jsonRpcRequest(1, "initialize", params));
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  });

  it("what a client says of itself is kept only as far as it is used", async () => {
    const clientInfo = {
      name: "t",
      version: "1",
      icons: [{ src: `data:image/png;base64,${"A".repeat(1_000_000)}` }],
    };
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: { roots: {}, x: { y: "z".repeat(9_000) } },
      clientInfo,
    };
    const response = await send(undefined, jsonRpcRequest(1, "initialize", params));
    const id = response.headers.get("mcp-session-id") ?? "";
    await runInDurableObject(
      sessionStub({ id, revision: "2025-11-25" }),
      (_object, { storage }) => {
        expect(JSON.stringify(storage.kv.get("session")).length).toBeLessThan(1_000);
      },
    );
  });

  it.each([
    { clientInfo: { name: "n".repeat(100_000), version: "1" } },
    { capabilities: { roots: { x: "n".repeat(100_000) } } },
  ])("a client that says too much of itself is refused", async (change) => {
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
      ...change,
    };
    const response = await send(undefined, jsonRpcRequest(1, "initialize", params));
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  });

  it("a URI too long to be watched is refused", async () => {
    const session = await openSession();
    const uri = `test://${"x".repeat(100_000)}`;
    expect(
      await (await send(session, jsonRpcRequest(1, "resources/subscribe", { uri }))).json(),
    ).toMatchObject({
      id: 1,
      error: { code: -32602 },
    });
  });

  it.each([
    "0-0",
    "1-1",
    "999999999999999-999999999",
    "1-",
    "-1",
    "x",
    "1-1-1",
    " 1-1",
    "1-1e3",
    "1.5-1",
    "new-0",
    "-",
  ])("Last-Event-ID %j is refused and breaks nothing", async (lastEventId) => {
    const session = await openSession();
    expect((await openGetStream(session, lastEventId)).status).toBe(400);
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });

  it("a cursor of another session's stream is refused", async () => {
    const [mine, yours] = [await openSession(), await openSession()];
    const events = new EventReader(await openGetStream(mine));
    const { id = "" } = (await events.next()) ?? {};
    expect((await openGetStream(yours, id)).status).toBe(400);
    await events.cancel();
  });

  it("a cursor names fifty streams at most, and one that is gone keeps nothing of the others", async () => {
    const session = await openSession("2025-03-26");
    const asking = new EventReader(
      await send(session, [callTool(1, "test_sampling", { prompt: "?" }), callTool(2, "no_tool")]),
    );
    // The answer that was ready comes first.
    await asking.message();
    const { eventId = "" } = await asking.message();
    await asking.cancel();
    const before = costs.requests;
    const many = await openGetStream(session, Array.from({ length: 51 }, () => eventId).join("."));
    expect([many.status, costs.requests]).toEqual([400, before]);
    // Not twice the same: each would be passed as much as one client may leave unread.
    const [stream = "", after = ""] = eventId.split("-");
    for (const twice of [
      `${eventId}.${eventId}`,
      `${eventId}.0${eventId}`,
      `${stream}-0.${stream}-${after}`,
    ])
      expect([(await openGetStream(session, twice)).status, costs.requests]).toEqual([400, before]);
    expect((await openGetStream(session, "1-1.2-2")).status).toBe(400);
    const resumed = new EventReader(await openGetStream(session, `1-1.${stream}-0`));
    // It names what is gone too, so that the client is told in the end.
    expect(await resumed.message()).toMatchObject({
      eventId: `${eventId}.1-1`,
      method: "sampling/createMessage",
    });
    await resumed.cancel();
  });

  it("a stream that was attached before another cannot be is let go", async () => {
    const session = await openSession("2025-03-26");
    const slow = [1, 2].map((id) => callTool(id, "spec_slow", { ms: 2_500 }));
    const events = new EventReader(await send(session, slow));
    const { eventId = "" } = await events.message();
    const cursors = parseEventId(eventId);
    await events.cancel();
    let requests = 0;
    const failing = new Proxy(sessionStub(session), {
      get(target, name) {
        if (name !== "fetch") return Reflect.get(target, name) as unknown;
        return (...args: Parameters<typeof target.fetch>) => {
          requests += 1;
          return requests > 1
            ? Promise.reject(new Error("The object was restarted"))
            : target.fetch(...args);
        };
      },
    });
    const http = new Request("http://127.0.0.1/mcp");
    await expect(
      streamEvents(http, { stub: failing }, ANONYMOUS, cursors ?? [], []),
    ).rejects.toThrow("The object was restarted");
    // The first stream; the second, and three times more.
    expect(requests).toBe(5);
    await vi.waitFor(async () =>
      expect(
        await runInDurableObject(
          sessionStub(session),
          (_object, state) => state.getWebSockets().length,
        ),
      ).toBe(0),
    );
  });

  it("a batch that lost an answer is told so when its client has the others", async () => {
    const session = await openSession("2025-03-26");
    const slow = [1, 2].map((id) => callTool(id, "spec_slow", { ms: 2_500 }));
    const events = new EventReader(await send(session, slow));
    const { eventId = "" } = await events.message();
    await events.cancel();
    // Of one of them, chosen by chance, everything is gone.
    const [gone = "", other = ""] = eventId.split(".").map((part) => part.split("-")[0]);
    await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      for (const table of ["events WHERE stream", "streams WHERE id"])
        storage.sql.exec(`DELETE FROM ${table} = ?`, Number(gone));
    });
    const resumed = new EventReader(await openGetStream(session, `${gone}-0.${other}-0`));
    const answer = await resumed.message();
    expect(answer).toMatchObject({ result: {} });
    expect(await resumed.next()).toBeUndefined();
    const told = await openGetStream(session, String(answer["eventId"]));
    expect([told.status, await told.text()]).toEqual([
      400,
      expect.stringContaining("Last-Event-ID is unknown or too old"),
    ]);
    // One that lost nothing, and comes back behind its end, is not told so.
    const whole = await openGetStream(session, String(answer["eventId"]).split(".")[0]);
    expect([whole.status, await whole.text()]).toEqual([
      405,
      expect.stringContaining("All of this stream was sent"),
    ]);
  });

  it("a batch may be large, not huge, and holds no handshake", async () => {
    const session = await openSession("2025-03-26");
    const pings = (count: number): object[] =>
      Array.from({ length: count }, (_, id) => jsonRpcRequest(id, "ping"));
    expect(await (await send(session, pings(50))).json()).toHaveLength(50);
    expect((await send(session, pings(51))).status).toBe(400);
    expect((await send(session, [])).status).toBe(400);
    const mixed = await send(session, [jsonRpcRequest(1, "initialize"), jsonRpcRequest(2, "ping")]);
    expect(mixed.headers.get("mcp-session-id")).toBeNull();
    expect(await mixed.json()).toMatchObject([
      { id: 1, error: {} },
      { id: 2, result: {} },
    ]);
  });

  it("a method of another era does not exist", async () => {
    const response = await send(await openSession(), jsonRpcRequest(1, "server/discover"));
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32601 } });
  });

  it("only a cancellation cancels", async () => {
    const session = await openSession();
    const posted = send(session, callTool(5, "spec_slow", { ms: 200 }));
    await sleep(50);
    await send(session, {
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { requestId: 5 },
    });
    await send(session, {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: "5" },
    });
    await send(session, {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: { id: 5 } },
    });
    expect(await (await posted).json()).toMatchObject({ id: 5, result: {} });
  });

  it("GET is for those who take event streams", async () => {
    const session = await openSession();
    const headers = { "mcp-session-id": session.id, accept: "application/json" };
    expect((await send(session, undefined, { method: "GET", body: null, headers })).status).toBe(
      406,
    );
  });

  it("a batch is answered whole: what was ready, and what came on streams", async () => {
    const session = await openSession("2025-03-26");
    const posted = await send(session, [
      jsonRpcRequest(1, "ping"),
      callTool(2, "spec_slow", { ms: 1_200 }),
    ]);
    const text = await posted.text();
    expect(text).toContain('"id":1,"result"');
    expect(text).toContain('"id":2,"result"');
  });

  it.each(["2025-06-18", "2025-11-25"])("there is no batch in %s", async (date) => {
    expect((await send(await openSession(date), [jsonRpcRequest(1, "ping")])).status).toBe(400);
  });

  it("calls that wait for the client are few in one session", async () => {
    const session = await openSession("2025-11-25");
    const streams: EventReader[] = [];
    let refused: Record<string, unknown> | undefined;
    for (let count = 0; count < 80 && refused === undefined; count++) {
      const events = new EventReader(
        await send(session, callTool(count, "test_elicitation", { message: "?" })),
      );
      const message = await events.message();
      if ("error" in message) refused = message;
      streams.push(events);
    }
    expect(refused).toMatchObject({ error: { code: -32603 } });
    await Promise.all(streams.map((events) => events.cancel()));
  });

  it("a batch whose stream is gone before it is attached still gets its other answers", async () => {
    const session = await openSession("2025-03-26");
    const posted = send(session, [
      callTool(1, "spec_slow", { ms: 1_300 }),
      callTool(2, "test_tool_with_progress", {}, { progressToken: "p" }),
    ]);
    await sleep(100);
    await send(session, {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 2 },
    });
    const text = await (await posted).text();
    expect(text).toContain('"id":1');
  });

  it("a batch that loses patience costs one request more, and one for each stream", async () => {
    const session = await openSession("2025-03-26");
    const before = costs.requests;
    const posted = await send(
      session,
      [1, 2, 3].map((id) => callTool(id, "spec_slow", { ms: 2_500 })),
    );
    expect((await posted.text()).match(/"result"/g)).toHaveLength(3);
    expect(costs.requests - before).toBe(1 + 1 + 3);
  });

  it("a batch whose session is ended meanwhile is told so, not answered in part", async () => {
    const session = await openSession("2025-03-26");
    const posted = send(session, [
      jsonRpcRequest(1, "ping"),
      callTool(2, "spec_slow", { ms: 700 }),
    ]);
    await sleep(100);
    await send(session, undefined, { method: "DELETE", body: null });
    expect((await posted).status).toBe(404);
  });
});

describe("the hub", () => {
  it("a listener that is leaving keeps nobody else from hearing", async () => {
    const door = createHubClient(bindings.HUB);
    const filter = { toolsListChanged: true };
    const sockets = await Promise.all(Array.from({ length: 40 }, () => listener(door, filter)));
    let heard = 0;
    for (const socket of sockets) {
      socket.addEventListener("message", () => {
        heard += 1;
      });
      socket.accept();
    }
    for (const shard of shards()) {
      await runInDurableObject(shard, async (hub, state) => {
        const [first] = state.getWebSockets();
        first?.close(1001, "leaving");
        await hub.publish({ list: "tools" });
      });
    }
    await sleep(100);
    // Listeners chose their shards at random: some shard may have had none.
    expect(heard).toBeGreaterThanOrEqual(36);
    expect(heard).toBeLessThan(40);
    for (const socket of sockets) socket.close(1000);
  });

  it("a session that fails to listen keeps nobody else from hearing", async () => {
    const [broken, whole] = [await openSession(), await openSession()];
    const uri = "test://watched-resource";
    for (const session of [broken, whole])
      await (await send(session, jsonRpcRequest(1, "resources/subscribe", { uri }))).text();
    await runInDurableObject(sessionStub(broken), (_object, { storage }) =>
      storage.kv.put("subscriptions", 5),
    );
    const events = new EventReader(await openGetStream(whole));
    await events.next();
    await createHubClient(bindings.HUB).publish({ uri });
    expect(await events.message()).toMatchObject({ method: "notifications/resources/updated" });
    await events.cancel();
    await runInDurableObject(sessionStub(broken), (_object, { storage }) =>
      storage.kv.delete("subscriptions"),
    );
  });

  it("a change between admission and handshake does not make the hub forget the session", async () => {
    const door = createHubClient(bindings.HUB);
    const id = bindings.SESSION.newUniqueId();
    await door.registerSession(id.toString(), callerKey(ANONYMOUS), undefined);
    await door.enableListChanges(id.toString(), callerKey(ANONYMOUS));
    await door.publish({ list: "tools" });
    await bindings.SESSION.get(id).initialize({ ...REQUEST_CONTEXT.record });
    // The session, and its interest in lists.
    expect(await rowsOfHub(id.toString())).toBe(2);
  });

  it("a session admitted and never opened goes with a later change", async () => {
    const door = createHubClient(bindings.HUB);
    const id = bindings.SESSION.newUniqueId().toString();
    await door.registerSession(id, callerKey(ANONYMOUS), undefined);
    await door.enableListChanges(id, callerKey(ANONYMOUS));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    await door.publish({ list: "tools" });
    expect(await rowsOfHub(id)).toBe(0);
  });

  it("a change for one caller reaches that caller's sessions only", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    const door = createHubClient(bindings.HUB);
    await door.publish({ list: "prompts", audience: '["none","mallory","none"]' });
    await door.publish({ list: "tools", audience: callerKey(ANONYMOUS) });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("a session trusts nobody with whom a change is for", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    const notify = async (change: Change): Promise<string> => sessionStub(session).notify(change);
    expect(await notify({ list: "prompts", audience: '["none","mallory","none"]' })).toBe(
      "delivered",
    );
    expect(await notify({ uri: "test://not-watched" })).toBe("delivered");
    expect(await notify({ list: "tools" })).toBe("delivered");
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("subscribing to a and ab and unsubscribing a keeps ab, on the one stream that is held", async () => {
    const session = await openSession();
    const streams = [
      new EventReader(await openGetStream(session)),
      new EventReader(await openGetStream(session)),
    ];
    for (const stream of streams) await stream.next();
    for (const [method, uri] of [
      ["subscribe", "test://a"],
      ["subscribe", "test://ab"],
      ["unsubscribe", "test://a"],
    ])
      await (await send(session, jsonRpcRequest(1, `resources/${method}`, { uri }))).text();
    await evictDurableObject(sessionStub(session), { webSockets: "hibernate" });
    const door = createHubClient(bindings.HUB);
    await door.publish({ uri: "test://a" });
    await door.publish({ uri: "test://ab" });
    await sleep(50);
    const read = await Promise.all(streams.map((stream) => timeout(stream.message(), 300)));
    expect(read.filter((one) => one !== "timeout")).toMatchObject([
      { params: { uri: "test://ab" } },
    ]);
    await Promise.all(streams.map((stream) => stream.cancel()));
  });
});

describe("cancelling", () => {
  const isCancelled = (id: number): object => ({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: id },
  });
  const slow = (context: Context): Promise<string> =>
    new Promise((resolve) =>
      context.signal.addEventListener("abort", () => resolve("stopped"), { once: true }),
    );

  it("stops the handler, ends the POST, and says nothing more", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      const handled = call(slow);
      cancelCall(room, 9);
      // Settles only because the signal was aborted.
      await settled();
      expect(await handled).toEqual({ kind: "accepted" });
      expect(room.store.newestStreamId()).toBe(0);
    }));

  it("ends the stream of a call that had one", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      const handled = await call((context) => {
        context.progress(1);
        return slow(context);
      });
      const socket = attach(room, NEWEST, streamIdOf(handled), 0);
      cancelCall(room, 9);
      await settled();
      expect(streamsIn(room)).toEqual([]);
      expect([...room.store.eventsAfter(streamIdOf(handled), 0)]).toEqual([]);
      expect(room.objectState.getWebSockets(String(streamIdOf(handled)))[0]?.readyState).not.toBe(
        WebSocket.READY_STATE_OPEN,
      );
      if (socket.ok) socket.value.socket.accept();
    }));

  it("stops the newest of two calls with one id, and lets the other be answered", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      let finish = (): void => undefined;
      const first = call(() => new Promise((resolve) => (finish = () => resolve("first"))));
      const second = call(slow);
      cancelCall(room, 9);
      finish();
      await settled();
      expect(await second).toEqual({ kind: "accepted" });
      expect(await first).toMatchObject({
        kind: "answer",
        text: expect.stringContaining("first") as string,
      });
    }));

  it("ends a call that waits, and takes its question back", async () => {
    const session = await openSession();
    const events = new EventReader(
      await send(session, callTool(3, "test_elicitation", { message: "?" })),
    );
    const { id, eventId } = await events.message();
    await send(session, isCancelled(3));
    expect(await events.message()).toMatchObject({
      method: "notifications/cancelled",
      params: { requestId: id },
    });
    expect(await events.next()).toBeUndefined();
    expect((await openGetStream(session, eventId)).status).toBe(400);
    await send(session, { jsonrpc: "2.0", id, result: { action: "decline" } });
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });
});

describe("streams", () => {
  it("an alarm leaves a call alone that is at work", async () => {
    const session = await openSession();
    const events = new EventReader(await send(session, callTool(1, "spec_slow", { ms: 1_300 })));
    await runDurableObjectAlarm(sessionStub(session));
    expect(await events.message()).toMatchObject({ id: 1, result: {} });
    expect(await events.next()).toBeUndefined();
  });

  it("a question sets the alarm for its own end", async () => {
    const session = await openSession();
    const events = new EventReader(
      await send(session, callTool(1, "test_elicitation", { message: "?" })),
    );
    await events.message();
    const alarm = await runInDurableObject(sessionStub(session), (_object, { storage }) =>
      storage.getAlarm(),
    );
    expect(Number(alarm) - Date.now()).toBeLessThanOrEqual(INPUT_REQUEST_TTL_MS);
    await runDurableObjectAlarm(sessionStub(session));
    const next = await runInDurableObject(sessionStub(session), (_object, { storage }) =>
      storage.getAlarm(),
    );
    expect(Number(next) - Date.now()).toBeLessThanOrEqual(INPUT_REQUEST_TTL_MS);
    await events.cancel();
  });

  it("keep a bounded number of bytes, and know which events are gone", () =>
    withTestSession(({ runtime: room }) => {
      const stream = openStream(room, "listening", "null");
      for (let count = 0; count < 100; count++) appendEvent(room, stream, "x".repeat(100_000));
      const kept = [...room.store.eventsAfter(stream, 0)];
      expect(kept.length).toBeLessThan(MAX_EVENT_BYTES / 100_000);
      expect(kept.length).toBeGreaterThan(MAX_EVENT_BYTES / 200_000);
      const oldest = kept[0]?.seq ?? 0;
      // A listener goes on with what there is, and so does a call: its answer is what matters.
      expect(attach(room, NEWEST, stream, oldest - 2).ok).toBe(true);
      const ofCall = openStream(room, "running", "{}");
      for (let count = 0; count < 100; count++) appendEvent(room, ofCall, "x".repeat(100_000));
      const oldestOfCall = [...room.store.eventsAfter(ofCall, 0)][0]?.seq ?? 0;
      for (const after of [oldestOfCall - 2, oldestOfCall - 1])
        expect(attach(room, NEWEST, ofCall, after).ok).toBe(true);
      expect(attach(room, NEWEST, ofCall + 1_000, 0).ok).toBe(false);
      return Promise.resolve();
    }));

  it("forget what is old: events, the streams that ended with them, and never a sequence number", () =>
    withTestSession(({ runtime: room }) => {
      const [ended, waiting] = [
        openStream(room, "running", "{}"),
        openStream(room, "running", "{}"),
      ];
      room.store.addEvent(ended, "{}", true, 1);
      for (const at of [1, 2, 300]) room.store.addEvent(waiting, "{}", false, at);
      room.store.dropEventsBefore(100);
      expect(room.store.stream(ended)).toBeUndefined();
      expect([...room.store.eventsAfter(ended, 0)]).toEqual([]);
      expect(room.store.stream(waiting)?.dropped_seq).toBe(2);
      expect([...room.store.eventsAfter(waiting, 0)].map(({ seq }) => seq)).toEqual([3]);
      room.store.dropEventsBefore(1_000);
      expect(room.store.addEvent(waiting, "{}", false, 2_000)).toBe(4);
      expect(room.store.addEvent(ended, "{}", false, 2_000)).toBe(0);
      expect([...room.store.eventsAfter(ended, 0)]).toEqual([]);
      return Promise.resolve();
    }));

  it("old events go with the alarm", async () => {
    const session = await openSession();
    await (
      await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken: "p" }))
    ).text();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + EVENT_TTL_MS + 1_000 });
    await runDurableObjectAlarm(sessionStub(session));
    await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      expect(
        storage.sql.exec("SELECT 1 FROM events UNION ALL SELECT 1 FROM streams").toArray(),
      ).toEqual([]);
    });
  });

  it("opened by GET are few, but those that are held all live", async () => {
    const session = await openSession();
    const held = await Promise.all(
      [1, 2, 3].map(async () => new EventReader(await openGetStream(session))),
    );
    const ids = await Promise.all(
      held.map(async (events) => (await events.next())?.id?.split("-")[0] ?? ""),
    );
    for (let count = 0; count < MAX_GET_STREAMS + 3; count++)
      await new EventReader(await openGetStream(session)).cancel();
    await sleep(50);
    await new EventReader(await openGetStream(session)).cancel();
    await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      const kept = storage.sql
        .exec<{ id: number }>("SELECT id FROM streams")
        .toArray()
        .map(({ id }) => String(id));
      expect(kept.length).toBeLessThanOrEqual(MAX_GET_STREAMS + held.length);
      expect(ids.filter((id) => kept.includes(id))).toEqual(ids);
    });
    await Promise.all(held.map((events) => events.cancel()));
  });

  it("that nobody holds keep what comes for whoever resumes", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    const { id = "" } = (await events.next()) ?? {};
    await leave(session, events);
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    const resumed = new EventReader(await openGetStream(session, id));
    expect(await resumed.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await resumed.cancel();
  });

  it("get what is for nobody in particular where somebody holds one, newer or not", async () => {
    const session = await openSession();
    const held = new EventReader(await openGetStream(session));
    await held.next();
    const newer = new EventReader(await openGetStream(session));
    const { id = "" } = (await newer.next()) ?? {};
    await newer.cancel();
    await runInDurableObject(sessionStub(session), (_object, state) => {
      for (const socket of state.getWebSockets(id.split("-")[0])) socket.close(1000);
    });
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await timeout(held.message(), 500)).toMatchObject({
      method: "notifications/tools/list_changed",
    });
    await held.cancel();
  });

  it("are written to while their reader is leaving", () =>
    withTestSession(({ runtime: room, sentOn: sent }) => {
      const stream = openStream(room, "listening", "null");
      attach(room, NEWEST, stream, 0);
      for (const socket of room.objectState.getWebSockets(String(stream))) socket.close(1000);
      appendEvent(room, stream, '{"kept":true}');
      expect(sent(stream)).toEqual([{ kept: true }]);
      return Promise.resolve();
    }));

  it("have one reader: who resumes ends the connection that was lost without notice", async () => {
    const session = await openSession();
    const first = new EventReader(await openGetStream(session));
    const { id = "" } = (await first.next()) ?? {};
    const second = new EventReader(await openGetStream(session, id));
    expect(await timeout(first.next(), 500)).toBeUndefined();
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await second.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await second.cancel();
  });

  it.each(["2025-06-18", "2025-03-26"])(
    "are not primed in %s, and a call is not let go there",
    async (date) => {
      const session = await openSession(date);
      const response = await send(session, callTool(1, "test_reconnection"));
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toMatchObject({ id: 1, result: {} });
      const events = new EventReader(
        await send(session, callTool(2, "test_tool_with_progress", {}, { progressToken: "p" })),
      );
      expect((await events.next())?.data).toContain("notifications/progress");
    },
  );

  it("are primed with each connection, by the id to go on from, and end when their call lets go", async () => {
    const session = await openSession();
    const events = new EventReader(await send(session, callTool(1, "test_reconnection")));
    const { id = "", data } = (await events.next()) ?? {};
    expect({ id, data }).toEqual({ id: expect.stringMatching(/-0$/) as string, data: "" });
    expect(await timeout(events.next(), 500)).toBeUndefined();
    const resumed = new EventReader(await openGetStream(session, id));
    expect(await resumed.next()).toMatchObject({ id, data: "" });
    const { eventId } = await resumed.message();
    expect((await openGetStream(session, eventId)).status).toBe(405);
  });

  it("free their socket when the client leaves", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    await events.cancel();
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    await sleep(100);
    await runInDurableObject(sessionStub(session), (_object, state) =>
      expect(state.getWebSockets()).toEqual([]),
    );
  });

  it("a call that lets go ends the connection that holds its stream, not the stream", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      let attached = (): void => undefined;
      const holding = new Promise<void>((resolve) => (attached = resolve));
      const stream = streamIdOf(
        await call(async (context) => {
          context.progress(1);
          await holding;
          context.closeStream();
          await sleep(50);
          return "done";
        }),
      );
      expect(attach(room, NEWEST, stream, 0).ok).toBe(true);
      attached();
      await sleep(10);
      const [socket] = room.objectState.getWebSockets(String(stream));
      expect(socket?.readyState).not.toBe(WebSocket.READY_STATE_OPEN);
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, result: {} });
    }));

  it("the question that expires first is the one the alarm is for", () =>
    withTestSession(({ runtime: room }) => {
      for (const expires of [300, 100, 200])
        room.store.saveSuspendedCall(openStream(room, "suspended", "{}"), "{}", "{}", expires);
      expect(room.store.suspendedStreams().map(({ expires_at_ms }) => expires_at_ms)).toEqual([
        100, 200, 300,
      ]);
      return Promise.resolve();
    }));

  it.each([1000, 1001, 1005, 1006, 1015])(
    "a socket that is lost with code %i is let go without a word",
    async (code) => {
      const session = await openSession();
      const events = new EventReader(await openGetStream(session));
      await events.next();
      const sockets = await runInDurableObject(sessionStub(session), async (object, state) => {
        const [socket] = state.getWebSockets();
        if (socket === undefined) throw new Error("Nobody is attached");
        await closed(object, socket, code);
        return [socket.readyState];
      });
      expect(sockets).not.toContain(WebSocket.READY_STATE_OPEN);
    },
  );

  it("progress goes nowhere without a token that is one", async () => {
    const session = await openSession();
    for (const progressToken of [{}, null, true, undefined]) {
      const response = await send(
        session,
        callTool(1, "test_tool_with_progress", {}, { progressToken }),
      );
      expect(response.headers.get("content-type")).toBe("application/json");
      await response.text();
    }
  });
});

describe("each date in its own words", () => {
  it("a model is not offered tools before clients could declare that", async () => {
    const session = await openSession("2025-06-18", { sampling: { tools: {} } });
    const response = await send(session, callTool(1, "spec_sample_tools"));
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  });

  it("nobody hears that a URL is done with where nobody can be sent to one", async () => {
    const session = await openSession("2025-06-18");
    const events = new EventReader(await openGetStream(session));
    await sleep(50);
    await sessionStub(session).notifyElicitationComplete("x");
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("log lines come from the level on that the client set", async () => {
    const session = await openSession();
    await (await send(session, jsonRpcRequest(1, "logging/setLevel", { level: "alert" }))).text();
    const events = new EventReader(await send(session, callTool(2, "spec_log")));
    expect(await events.message()).toMatchObject({ params: { level: "alert" } });
    expect(await events.message()).toMatchObject({ params: { level: "emergency" } });
    expect(await events.message()).toMatchObject({ id: 2, result: {} });
  });
});

describe("shares", () => {
  const mallory = { issuer: "none", subject: "mallory", client: "none", scopes: [] };

  it("a session holds so many subscriptions", async () => {
    const session = await openSession();
    await runInDurableObject(sessionStub(session), (_object, { storage }) =>
      storage.kv.put(
        "subscriptions",
        Array.from({ length: MAX_SUBSCRIPTIONS }, (_, index) => `test://${index}`),
      ),
    );
    const body = jsonRpcRequest(1, "resources/subscribe", { uri: "test://one-more" });
    expect(await (await send(session, body)).json()).toMatchObject({ error: { code: -32602 } });
  });

  it("a listener hears only what is for everyone, or for its own caller", async () => {
    const door = createHubClient(bindings.HUB);
    const filter = { toolsListChanged: true, resourceSubscriptions: ["test://a"] };
    const socket = await listener(door, filter);
    const heard: unknown[] = [];
    socket.addEventListener("message", ({ data }) => {
      heard.push(JSON.parse(String(data)));
    });
    socket.accept();
    await door.publish({ list: "tools", audience: callerKey(mallory) });
    await door.publish({ list: "prompts" });
    await door.publish({ uri: "test://ab" });
    await door.publish({ uri: "test://a", audience: callerKey(ANONYMOUS) });
    await sleep(50);
    expect(heard).toEqual([{ uri: "test://a", audience: callerKey(ANONYMOUS) }]);
    socket.close(1000);
  });
});

describe("without a session", () => {
  const envelope = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
  };
  const headers = (method: string, name?: string): HeadersInit => ({
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(name === undefined ? {} : { "mcp-name": name }),
  });

  it("a result that answers made is not cached like the first", async () => {
    const uri = "stage://asks";
    const read = async (context: Context): Promise<string> =>
      (await context.elicitForm("name", { message: "?", form: FORM })).action;
    const asks = resource({
      uri,
      name: "asks",
      mimeType: "text/plain",
      cache: { ttlMs: 60_000, scope: "public" },
      read,
    });
    const door = {
      server: buildServer({ info: { name: "stage", version: "1" }, resources: [asks] }),
      services: servicesFor(),
      openSubscriptionStream: undefined,
    };
    const http = new Request("http://127.0.0.1/mcp", {
      method: "POST",
      headers: headers("resources/read", uri),
    });
    const params = { uri, _meta: envelope, inputResponses: { name: { action: "decline" } } };
    const message = {
      kind: "request",
      id: 1,
      method: "resources/read",
      params,
      target: { resource: asks },
      caller: ANONYMOUS,
    } as const;
    const answer: { result: object } = await (
      await handleStatelessRequest(door, http, message, unrecordedSpan)
    ).json();
    expect(answer.result).toMatchObject({ contents: [{ text: "decline" }] });
    expect(answer.result).not.toMatchObject({ ttlMs: 60_000 });
  });

  it("a listener that leaves frees its socket", async () => {
    const count = async (): Promise<number> => {
      const all = shards().map((shard) =>
        runInDurableObject(shard, (_hub, state) => state.getWebSockets().length),
      );
      return (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
    };
    const before = await count();
    const body = jsonRpcRequest(1, "subscriptions/listen", {
      _meta: envelope,
      notifications: { toolsListChanged: true },
    });
    const events = new EventReader(
      await send(undefined, body, { headers: headers("subscriptions/listen") }),
    );
    await events.message();
    expect(await count()).toBe(before + 1);
    await events.cancel();
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    await sleep(100);
    expect(await count()).toBe(before);
  });
});
