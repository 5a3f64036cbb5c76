/** What a hostile, unlucky or clumsy client may do to a session or the hub, and what must not come of it. */

import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ANONYMOUS, callerKey } from "../../src/base/caller.ts";
import type { Change, Filter } from "../../src/hub/change.ts";
import { hubDoor, HUB_SHARDS, type HubDoor } from "../../src/hub/door.ts";
import type { HubObject } from "../../src/hub/hub.ts";
import { catalog } from "../../src/server/catalog.ts";
import type { Context } from "../../src/server/context.ts";
import { resource } from "../../src/server/define.ts";
import { cancel, goOn } from "../../src/session/calls.ts";
import {
  EVENT_TTL_MS,
  MAX_EVENT_BYTES,
  MAX_OPEN_STREAMS,
  QUESTION_TTL_MS,
  SESSION_TTL_MS,
  type Room,
} from "../../src/session/room.ts";
import { MAX_SUBSCRIPTIONS } from "../../src/session/handle.ts";
import { attach, emit, openStream } from "../../src/session/streams.ts";
import { serveStateless } from "../../src/stateless/serve.ts";
import { servicesFor, unrecorded } from "../unit/services.ts";
import { costs } from "../world/counting.ts";
import { bindings, callTool, Events, get, open, request, send, stubOf, type Session } from "./client.ts";
import { answerTo, CONVERSATION, FORM, NEWEST, onStage, pause, streamOf } from "./stage.ts";

// A change wakes every session that the tests before it opened.
vi.setConfig({ testTimeout: 30_000 });
afterEach(() => void vi.useRealTimers());

const streamsIn = (room: Room): unknown[] => room.state.storage.sql.exec("SELECT * FROM streams").toArray();

async function timeout<T>(promise: Promise<T>, ms: number): Promise<T | "timeout"> {
  return Promise.race([promise, pause(ms).then(() => "timeout" as const)]);
}

describe("one answer, whatever happens", () => {
  it("a result that is no JSON ends the call with an error", () =>
    onStage(async ({ call, settled }) => {
      const handled = await timeout(
        call(() => ({ content: [], _meta: { big: 1n } })),
        500,
      );
      expect(handled).toMatchObject({ kind: "answer", text: expect.stringContaining('"id":9,"error"') as string });
      await settled();
    }));

  it("a result that is no JSON ends a streamed call with an error", () =>
    onStage(async ({ call, sent, settled }) => {
      const handled = await call(async (context) => {
        context.progress(1);
        await pause(1);
        return { content: [], _meta: { big: 1n } };
      });
      await settled();
      expect(sent(streamOf(handled)).at(-1)).toMatchObject({ id: 9, error: { code: -32603 } });
    }));

  it("a call too large to be kept while it waits ends with an error", () =>
    onStage(async ({ call, sent, settled, room }) => {
      const ask = (context: Context): unknown => context.ask("name", { message: "?", form: FORM });
      const stream = streamOf(await call(ask, { text: "x".repeat(2_200_000) }));
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, error: {} });
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      expect(room.rows.waiting()).toEqual([]);
    }));

  it("answers too large to be kept end the call with an error", () =>
    onStage(async ({ call, sent, settled, room }) => {
      const ask = (context: Context): unknown =>
        Promise.all(["a", "b"].map((key) => context.ask(key, { message: "?", form: FORM })));
      const stream = streamOf(await call(ask));
      await settled();
      const [first, second] = sent(stream).map(({ id }) => id);
      const huge = { action: "accept", content: { name: "x".repeat(2_200_000) } };
      goOn(room, CONVERSATION, answerTo(first, huge));
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      goOn(room, CONVERSATION, answerTo(second, huge));
      await settled();
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
      expect(room.rows.waiting()).toEqual([]);
    }));

  it("a result too large to be an event ends the call with an error", () =>
    onStage(async ({ call, sent, settled }) => {
      const handled = await call((context) => {
        context.progress(1);
        return "x".repeat(2_200_000);
      });
      await settled();
      expect(sent(streamOf(handled)).at(-1)).toMatchObject({ id: 9, error: { code: -32603 } });
    }));

  it("a refused question ends its call, and takes back only the others", () =>
    onStage(async ({ room, call, sent, settled }) => {
      const ask = (context: Context): unknown =>
        Promise.all(["a", "b"].map((key) => context.ask(key, { message: "?", form: FORM })));
      const stream = streamOf(await call(ask));
      await settled();
      const [first, second] = sent(stream).map(({ id }) => id);
      goOn(room, CONVERSATION, { kind: "response", id: String(first), error: { message: "no" } });
      expect(sent(stream).slice(2)).toMatchObject([{ params: { requestId: second } }, { id: 9, error: {} }]);
    }));

  it("a notice too large to be an event is dropped, and the call goes on", () =>
    onStage(async ({ call, settled }) => {
      const handled = await call((context) => {
        context.progress(1, 2, "x".repeat(2_200_000));
        return "done";
      });
      await settled();
      expect(handled).toMatchObject({ kind: "answer", text: expect.stringContaining("done") as string });
    }));

  it("an object that dies under a silent call answers with the id of the request", async () => {
    const session = await open();
    const posted = send(session, callTool("mine", "spec_slow", { ms: 800 }));
    await pause(200);
    await abortAllDurableObjects();
    expect(await (await posted).json()).toMatchObject({ id: "mine", error: { code: -32603 } });
  });

  it("an object that dies under a batch answers every request in it", async () => {
    const session = await open("2025-03-26");
    const posted = send(session, [
      { jsonrpc: "2.0", method: "notifications/initialized" },
      callTool(1, "spec_slow", { ms: 800 }),
      callTool(2, "spec_slow", { ms: 800 }),
    ]);
    await pause(200);
    await abortAllDurableObjects();
    const answers = await (await posted).json();
    expect(answers).toMatchObject([
      { id: 1, error: {} },
      { id: 2, error: {} },
    ]);
  });

  it("an object that dies ends the response of its stream, so that the client comes back", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(1, "test_elicitation", { message: "?" })));
    const { eventId } = await events.message();
    await abortAllDurableObjects();
    expect(await timeout(events.next(), 1_500)).toBeUndefined();
    expect((await get(session, eventId)).status).toBe(200);
  });

  it("an answer on its way is not dropped to make room for what is older", () =>
    onStage(async ({ room }) => {
      const old = openStream(room, "running", '{"request":{"id":8}}');
      const stream = openStream(room, "running", '{"request":{"id":9}}');
      for (let size = 0; size < MAX_EVENT_BYTES - 1_000_000; size += 1_000_000)
        room.rows.addEvent(old, "x".repeat(999_000), false, Date.now() - 2);
      room.rows.addEvent(old, "{}", true, Date.now() - 1);
      emit(room, stream, `{"jsonrpc":"2.0","id":9,"result":"${"x".repeat(1_800_000)}"}`, true);
      expect(room.rows.eventBytes()).toBeLessThanOrEqual(MAX_EVENT_BYTES);
      expect(attach(room, NEWEST, stream, -1).ok).toBe(true);
      expect([...room.rows.eventsAfter(stream, 0)]).toHaveLength(1);
      expect(attach(room, NEWEST, old, 0).ok).toBe(false);
      expect(attach(room, NEWEST, old, -1).ok).toBe(true);
    }));

  it("streams keep apart when the clock goes back", async () => {
    const session = await open();
    await new Events(await get(session)).cancel();
    await runInDurableObject(stubOf(session), (_object, state) => {
      const last = Number(state.storage.sql.exec("SELECT MAX(id) AS id FROM streams").one()["id"]);
      for (let id = last + 1; id < last + 3_000; id++)
        state.storage.sql.exec("INSERT INTO streams VALUES (?, 'open', 'null', 0, 0)", id);
    });
    expect((await get(session)).status).toBe(200);
  });
});

describe("after the end", () => {
  it("a handler that lets go too late opens no stream", () =>
    onStage(async ({ room, call, settled }) => {
      let late: Context | undefined;
      expect((await call((context) => ((late = context), "done"))).kind).toBe("answer");
      await settled();
      late?.release();
      await call((context) => (context.progress(1), "done"));
      await settled();
      expect(streamsIn(room)).toHaveLength(1);
    }));

  it("a cancelled call that lets go opens no stream", async () => {
    const session = await open();
    const posted = send(session, callTool(5, "spec_slow", { ms: 900 }));
    await pause(100);
    await send(session, { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } });
    expect((await posted).status).toBe(202);
    await pause(200);
    await runInDurableObject(stubOf(session), (_object, state) => {
      expect(state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'streams'").toArray()).toEqual([]);
    });
  });

  it("progress goes on from round to round, never back", () =>
    onStage(async ({ room, call, sent, settled }) => {
      const handled = await call(async (context) => {
        context.progress(1);
        context.progress(2);
        await context.ask("name", { message: "?", form: FORM });
        context.progress(3);
        return "done";
      });
      await settled();
      const stream = streamOf(handled);
      const question = sent(stream).find(({ method }) => method === "elicitation/create");
      goOn(room, CONVERSATION, answerTo(question?.["id"], { action: "decline" }));
      await settled();
      const told = sent(stream).filter(({ method }) => method === "notifications/progress");
      expect(told.map(({ params }) => (params as { progress: number }).progress)).toEqual([1, 2, 3]);
    }));

  it("the arguments of a call are not kept beyond its questions", () =>
    onStage(async ({ room, call, sent, settled }) => {
      const args = { text: "x".repeat(100_000) };
      const stream = streamOf(
        await call(async (context) => (await context.ask("name", { message: "?", form: FORM })).action, args),
      );
      await settled();
      goOn(room, CONVERSATION, answerTo(sent(stream)[0]?.["id"], { action: "decline" }));
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, result: {} });
      expect(room.rows.stream(stream)?.call.length).toBeLessThan(1_000);
    }));

  it("an answer that comes twice, or from a stranger's session, changes nothing", () =>
    onStage(async ({ room, call, sent, settled }) => {
      let runs = 0;
      const stream = streamOf(
        await call((context) => {
          runs += 1;
          return Promise.all(["a", "b"].map((key) => context.ask(key, { message: "?", form: FORM }))).then(
            () => "done",
          );
        }),
      );
      await settled();
      const [a, b] = sent(stream).map(({ id }) => id);
      for (const id of [a, a, a, `${stream}.forged`, "x", "", "1e3.x", "__proto__", b, b, a])
        goOn(room, CONVERSATION, answerTo(id, { action: "decline" }));
      await settled();
      expect(runs).toBe(2);
      expect(sent(stream).filter(({ id }) => id === 9)).toHaveLength(1);
    }));
});

describe("life and death", () => {
  it("setting a level does not make the session forget that its client was here", async () => {
    const session = await open();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS - 1_000 });
    await send(session, request(1, "logging/setLevel", { level: "info" }));
    vi.setSystemTime(Date.now() + 2_000);
    await runDurableObjectAlarm(stubOf(session));
    expect((await send(session, request(1, "ping"))).status).toBe(200);
  });

  it("a stream that was held until a moment ago keeps its session", async () => {
    const session = await open();
    const events = new Events(await get(session));
    await events.next();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS - 1_000 });
    await runInDurableObject(stubOf(session), (_object, state) => {
      expect(state.getWebSockets()).toHaveLength(1);
    });
    await leave(session, events);
    vi.setSystemTime(Date.now() + 2_000);
    await runDurableObjectAlarm(stubOf(session));
    expect((await send(session, request(1, "ping"))).status).toBe(200);
  });

  it("a stream that is held keeps its session, whatever the clock says", async () => {
    const session = await open();
    const events = new Events(await get(session));
    await events.next();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * SESSION_TTL_MS });
    expect(await runDurableObjectAlarm(stubOf(session))).toBe(true);
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("a call whose session was ended writes nothing more, even when it is told to go on as a stream", async () => {
    const session = await open();
    const stub = stubOf(session);
    // Takes its time and does not look at its signal.
    const params = { name: "test_tool_with_logging", arguments: {} };
    const handling = stub.handle(ANONYMOUS, [{ kind: "request", id: 1, method: "tools/call", params }], false, "t", {});
    await pause(20);
    expect(await stub.end(callerKey(ANONYMOUS))).toBe(true);
    await stub.promote("t");
    expect(await handling).toEqual([{ kind: "gone" }]);
    await pause(400);
    await runInDurableObject(stub, (_object, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'streams'").toArray()).toEqual([]);
    });
  });

  it("DELETE stops the handler of a call", async () => {
    const [ended, other] = [await open(), await open()];
    // A call of spec_slow that is stopped says so by changing this resource.
    await (await send(other, request(1, "resources/subscribe", { uri: "test://watched-resource" }))).text();
    const events = new Events(await get(other));
    await events.next();
    const posted = send(ended, callTool(1, "spec_slow", { ms: 5_000 }));
    await pause(100);
    await send(ended, undefined, { method: "DELETE", body: null });
    expect((await posted).status).toBe(404);
    expect(await timeout(events.message(), 1_500)).toMatchObject({ params: { uri: "test://watched-resource" } });
    await events.cancel();
  });

  it("DELETE during a call and during a question ends both, and leaves nothing", async () => {
    const session = await open();
    const asked = new Events(await send(session, callTool(1, "test_elicitation", { message: "?" })));
    await asked.message();
    const posted = send(session, callTool(2, "spec_slow", { ms: 700 }));
    await pause(100);
    expect((await send(session, undefined, { method: "DELETE", body: null })).status).toBe(204);
    expect((await posted).status).toBe(404);
    expect(await timeout(asked.next(), 1_000)).toBeUndefined();
    await pause(900);
    expect(await rowsOfHub(session.id)).toBe(0);
    await runInDurableObject(stubOf(session), async (_object, state) => {
      expect((await state.storage.list()).size).toBe(0);
      expect(await state.storage.getAlarm()).toBeNull();
      expect(
        state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('streams', 'events')").toArray(),
      ).toEqual([]);
    });
  });

  it("an alarm that ends a question does not cost the session its own end", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(1, "test_elicitation", { message: "?" })));
    await events.message();
    await leave(session, events);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 600_001 });
    await runDurableObjectAlarm(stubOf(session));
    vi.setSystemTime(Date.now() + SESSION_TTL_MS);
    expect(await runDurableObjectAlarm(stubOf(session))).toBe(true);
    expect((await send(session, request(1, "ping"))).status).toBe(404);
    expect(await rowsOfHub(session.id)).toBe(0);
  });
});

/** What the platform calls when a socket has closed. */
async function closed(object: DurableObject, socket: WebSocket, code: number): Promise<void> {
  await object.webSocketClose?.(socket, code, "", code === 1000);
}

async function listener(door: HubDoor, filter: Filter): Promise<WebSocket> {
  const socket = await door.listen(filter, ANONYMOUS, "share");
  if (socket === undefined) throw new Error("The filter was refused");
  return socket;
}

/** The client goes away, and the object has learned of it. */
async function leave(session: Session, events: Events): Promise<void> {
  await runInDurableObject(stubOf(session), async (object, state) => {
    for (const socket of state.getWebSockets()) {
      await closed(object, socket, 1000);
    }
  });
  await events.cancel();
  await pause(50);
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
          return sum + storage.sql.exec(`SELECT 1 FROM "${name}" WHERE id = ?`, session).toArray().length;
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
      const session = await open();
      const body = request(1, "tools/call", { name: "test_simple_text", arguments: {}, _meta: meta });
      expect(await (await send(session, body)).json()).toMatchObject({ id: 1, result: {} });
    },
  );

  it.each([null, [], "x", 5, { elicitation: [] }, { elicitation: "" }, { roots: 1 }, { sampling: { tools: true } }])(
    "capabilities %j are refused",
    async (capabilities) => {
      const params = { protocolVersion: "2025-11-25", capabilities, clientInfo: { name: "t", version: "1" } };
      const response = await send(undefined, request(1, "initialize", params));
      expect(response.headers.get("mcp-session-id")).toBeNull();
      expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
    },
  );

  it("what a client says of itself is kept only as far as it is used", async () => {
    const clientInfo = { name: "t", version: "1", icons: [{ src: `data:image/png;base64,${"A".repeat(1_000_000)}` }] };
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: { roots: {}, x: { y: "z".repeat(9_000) } },
      clientInfo,
    };
    const response = await send(undefined, request(1, "initialize", params));
    const id = response.headers.get("mcp-session-id") ?? "";
    await runInDurableObject(stubOf({ id, revision: "2025-11-25" }), (_object, { storage }) => {
      expect(JSON.stringify(storage.kv.get("session")).length).toBeLessThan(1_000);
    });
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
    const response = await send(undefined, request(1, "initialize", params));
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  });

  it("a URI too long to be watched is refused", async () => {
    const session = await open();
    const uri = `test://${"x".repeat(100_000)}`;
    expect(await (await send(session, request(1, "resources/subscribe", { uri }))).json()).toMatchObject({
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
    const session = await open();
    expect((await get(session, lastEventId)).status).toBe(400);
    expect((await send(session, request(1, "ping"))).status).toBe(200);
  });

  it("a cursor of another session's stream is refused", async () => {
    const [mine, yours] = [await open(), await open()];
    const events = new Events(await get(mine));
    const { id = "" } = (await events.next()) ?? {};
    expect((await get(yours, id)).status).toBe(400);
    await events.cancel();
  });

  it("a batch may be large, not huge, and holds no handshake", async () => {
    const session = await open("2025-03-26");
    const pings = (count: number): object[] => Array.from({ length: count }, (_, id) => request(id, "ping"));
    expect(await (await send(session, pings(50))).json()).toHaveLength(50);
    expect((await send(session, pings(51))).status).toBe(400);
    expect((await send(session, [])).status).toBe(400);
    const mixed = await send(session, [request(1, "initialize"), request(2, "ping")]);
    expect(mixed.headers.get("mcp-session-id")).toBeNull();
    expect(await mixed.json()).toMatchObject([
      { id: 1, error: {} },
      { id: 2, result: {} },
    ]);
  });

  it("a method of another era does not exist", async () => {
    const response = await send(await open(), request(1, "server/discover"));
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32601 } });
  });

  it("only a cancellation cancels", async () => {
    const session = await open();
    const posted = send(session, callTool(5, "spec_slow", { ms: 200 }));
    await pause(50);
    await send(session, { jsonrpc: "2.0", method: "notifications/progress", params: { requestId: 5 } });
    await send(session, { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "5" } });
    await send(session, { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: { id: 5 } } });
    expect(await (await posted).json()).toMatchObject({ id: 5, result: {} });
  });

  it("GET is for those who take event streams", async () => {
    const session = await open();
    const headers = { "mcp-session-id": session.id, accept: "application/json" };
    expect((await send(session, undefined, { method: "GET", body: null, headers })).status).toBe(406);
  });

  it("a batch is answered whole: what was ready, and what came on streams", async () => {
    const session = await open("2025-03-26");
    const posted = await send(session, [request(1, "ping"), callTool(2, "spec_slow", { ms: 1_200 })]);
    const text = await posted.text();
    expect(text).toContain('"id":1,"result"');
    expect(text).toContain('"id":2,"result"');
  });

  it.each(["2025-06-18", "2025-11-25"])("there is no batch in %s", async (date) => {
    expect((await send(await open(date), [request(1, "ping")])).status).toBe(400);
  });

  it("calls that wait for the client are few in one session", async () => {
    const session = await open("2025-11-25");
    const streams: Events[] = [];
    let refused: Record<string, unknown> | undefined;
    for (let count = 0; count < 80 && refused === undefined; count++) {
      const events = new Events(await send(session, callTool(count, "test_elicitation", { message: "?" })));
      const message = await events.message();
      if ("error" in message) refused = message;
      streams.push(events);
    }
    expect(refused).toMatchObject({ error: { code: -32603 } });
    await Promise.all(streams.map((events) => events.cancel()));
  });

  it("a batch whose stream is gone before it is attached still gets its other answers", async () => {
    const session = await open("2025-03-26");
    const posted = send(session, [
      callTool(1, "spec_slow", { ms: 1_300 }),
      callTool(2, "test_tool_with_progress", {}, { progressToken: "p" }),
    ]);
    await pause(100);
    await send(session, { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } });
    const text = await (await posted).text();
    expect(text).toContain('"id":1');
  });

  it("a batch that loses patience costs one request more, and one for each stream", async () => {
    const session = await open("2025-03-26");
    const before = costs.requests;
    const posted = await send(
      session,
      [1, 2, 3].map((id) => callTool(id, "spec_slow", { ms: 1_200 })),
    );
    expect((await posted.text()).match(/"result"/g)).toHaveLength(3);
    expect(costs.requests - before).toBe(1 + 1 + 3);
  });

  it("a batch whose session is ended meanwhile is told so, not answered in part", async () => {
    const session = await open("2025-03-26");
    const posted = send(session, [request(1, "ping"), callTool(2, "spec_slow", { ms: 700 })]);
    await pause(100);
    await send(session, undefined, { method: "DELETE", body: null });
    expect((await posted).status).toBe(404);
  });
});

describe("the hub", () => {
  it("a listener that is leaving keeps nobody else from hearing", async () => {
    const door = hubDoor(bindings.HUB);
    const filter = { toolsListChanged: true };
    const sockets = await Promise.all(Array.from({ length: 40 }, () => listener(door, filter)));
    let heard = 0;
    for (const socket of sockets) {
      socket.addEventListener("message", () => void (heard += 1));
      socket.accept();
    }
    for (const shard of shards()) {
      await runInDurableObject(shard, async (hub, state) => {
        const [first] = state.getWebSockets();
        first?.close(1001, "leaving");
        await hub.publish({ list: "tools" });
      });
    }
    await pause(100);
    // Listeners chose their shards at random: some shard may have had none.
    expect(heard).toBeGreaterThanOrEqual(36);
    expect(heard).toBeLessThan(40);
    for (const socket of sockets) socket.close(1000);
  });

  it("a session that fails to listen keeps nobody else from hearing", async () => {
    const [broken, whole] = [await open(), await open()];
    const uri = "test://watched-resource";
    for (const session of [broken, whole])
      await (await send(session, request(1, "resources/subscribe", { uri }))).text();
    await runInDurableObject(stubOf(broken), (_object, { storage }) => storage.kv.put("subscriptions", 5));
    const events = new Events(await get(whole));
    await events.next();
    await hubDoor(bindings.HUB).publish({ uri });
    expect(await events.message()).toMatchObject({ method: "notifications/resources/updated" });
    await events.cancel();
    await runInDurableObject(stubOf(broken), (_object, { storage }) => storage.kv.delete("subscriptions"));
  });

  it("a change between admission and handshake does not make the hub forget the session", async () => {
    const door = hubDoor(bindings.HUB);
    const id = bindings.SESSION.newUniqueId();
    await door.admit(id.toString(), callerKey(ANONYMOUS), undefined);
    await door.hear(id.toString(), callerKey(ANONYMOUS));
    await door.publish({ list: "tools" });
    await bindings.SESSION.get(id).initialize({ ...CONVERSATION.row });
    expect(await rowsOfHub(id.toString())).toBe(1);
  });

  it("a session admitted and never opened goes with a later change", async () => {
    const door = hubDoor(bindings.HUB);
    const id = bindings.SESSION.newUniqueId().toString();
    await door.admit(id, callerKey(ANONYMOUS), undefined);
    await door.hear(id, callerKey(ANONYMOUS));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    await door.publish({ list: "tools" });
    expect(await rowsOfHub(id)).toBe(0);
  });

  it("a change for one caller reaches that caller's sessions only", async () => {
    const session = await open();
    const events = new Events(await get(session));
    await events.next();
    const door = hubDoor(bindings.HUB);
    await door.publish({ list: "prompts", audience: '["none","mallory","none"]' });
    await door.publish({ list: "tools", audience: callerKey(ANONYMOUS) });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("a session trusts nobody with whom a change is for", async () => {
    const session = await open();
    const events = new Events(await get(session));
    await events.next();
    const notify = async (change: Change): Promise<string> => stubOf(session).notify(change);
    expect(await notify({ list: "prompts", audience: '["none","mallory","none"]' })).toBe("told");
    expect(await notify({ uri: "test://not-watched" })).toBe("told");
    expect(await notify({ list: "tools" })).toBe("told");
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("subscribing to a and ab and unsubscribing a keeps ab, on the one stream that is held", async () => {
    const session = await open();
    const streams = [new Events(await get(session)), new Events(await get(session))];
    for (const stream of streams) await stream.next();
    for (const [method, uri] of [
      ["subscribe", "test://a"],
      ["subscribe", "test://ab"],
      ["unsubscribe", "test://a"],
    ])
      await (await send(session, request(1, `resources/${method}`, { uri }))).text();
    await evictDurableObject(stubOf(session), { webSockets: "hibernate" });
    const door = hubDoor(bindings.HUB);
    await door.publish({ uri: "test://a" });
    await door.publish({ uri: "test://ab" });
    await pause(50);
    const read = await Promise.all(streams.map((stream) => timeout(stream.message(), 300)));
    expect(read.filter((one) => one !== "timeout")).toMatchObject([{ params: { uri: "test://ab" } }]);
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
    new Promise((resolve) => context.signal.addEventListener("abort", () => resolve("stopped"), { once: true }));

  it("stops the handler, ends the POST, and says nothing more", () =>
    onStage(async ({ room, call, settled }) => {
      const handled = call(slow);
      cancel(room, 9);
      // Settles only because the signal was aborted.
      await settled();
      expect(await handled).toEqual({ kind: "accepted" });
      expect(room.rows.newestStream()).toBe(0);
    }));

  it("ends the stream of a call that had one", () =>
    onStage(async ({ room, call, settled }) => {
      const handled = await call((context) => (context.progress(1), slow(context)));
      const socket = attach(room, NEWEST, streamOf(handled), 0);
      cancel(room, 9);
      await settled();
      expect(streamsIn(room)).toEqual([]);
      expect([...room.rows.eventsAfter(streamOf(handled), 0)]).toEqual([]);
      expect(room.state.getWebSockets(String(streamOf(handled)))[0]?.readyState).not.toBe(WebSocket.READY_STATE_OPEN);
      if (socket.ok) socket.value.accept();
    }));

  it("stops the newest of two calls with one id, and lets the other be answered", () =>
    onStage(async ({ room, call, settled }) => {
      let finish = (): void => undefined;
      const first = call(() => new Promise((resolve) => (finish = () => resolve("first"))));
      const second = call(slow);
      cancel(room, 9);
      finish();
      await settled();
      expect(await second).toEqual({ kind: "accepted" });
      expect(await first).toMatchObject({ kind: "answer", text: expect.stringContaining("first") as string });
    }));

  it("ends a call that waits, and takes its question back", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(3, "test_elicitation", { message: "?" })));
    const { id, eventId } = await events.message();
    await send(session, isCancelled(3));
    expect(await events.message()).toMatchObject({ method: "notifications/cancelled", params: { requestId: id } });
    expect(await events.next()).toBeUndefined();
    expect((await get(session, eventId)).status).toBe(400);
    await send(session, { jsonrpc: "2.0", id, result: { action: "decline" } });
    expect((await send(session, request(1, "ping"))).status).toBe(200);
  });
});

describe("streams", () => {
  it("an alarm leaves a call alone that is at work", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(1, "spec_slow", { ms: 1_300 })));
    await runDurableObjectAlarm(stubOf(session));
    expect(await events.message()).toMatchObject({ id: 1, result: {} });
    expect(await events.next()).toBeUndefined();
  });

  it("a question sets the alarm for its own end", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(1, "test_elicitation", { message: "?" })));
    await events.message();
    const alarm = await runInDurableObject(stubOf(session), (_object, { storage }) => storage.getAlarm());
    expect(Number(alarm) - Date.now()).toBeLessThanOrEqual(QUESTION_TTL_MS);
    await runDurableObjectAlarm(stubOf(session));
    const next = await runInDurableObject(stubOf(session), (_object, { storage }) => storage.getAlarm());
    expect(Number(next) - Date.now()).toBeLessThanOrEqual(QUESTION_TTL_MS);
    await events.cancel();
  });

  it("keep a bounded number of bytes, and know which events are gone", () =>
    onStage(({ room }) => {
      const stream = openStream(room, "open", "null");
      for (let count = 0; count < 100; count++) emit(room, stream, "x".repeat(100_000));
      const kept = [...room.rows.eventsAfter(stream, 0)];
      expect(kept.length).toBeLessThan(MAX_EVENT_BYTES / 100_000);
      expect(kept.length).toBeGreaterThan(MAX_EVENT_BYTES / 200_000);
      const oldest = kept[0]?.seq ?? 0;
      expect(attach(room, NEWEST, stream, oldest - 2).ok).toBe(false);
      expect(attach(room, NEWEST, stream, oldest - 1).ok).toBe(true);
      return Promise.resolve();
    }));

  it("forget what is old: events, the streams that ended with them, and never a sequence number", () =>
    onStage(({ room }) => {
      const [ended, waiting] = [openStream(room, "running", "{}"), openStream(room, "running", "{}")];
      room.rows.addEvent(ended, "{}", true, 1);
      for (const at of [1, 2, 300]) room.rows.addEvent(waiting, "{}", false, at);
      room.rows.dropBefore(100);
      expect(room.rows.stream(ended)).toBeUndefined();
      expect([...room.rows.eventsAfter(ended, 0)]).toEqual([]);
      expect(room.rows.stream(waiting)?.dropped).toBe(2);
      expect([...room.rows.eventsAfter(waiting, 0)].map(({ seq }) => seq)).toEqual([3]);
      room.rows.dropBefore(1_000);
      expect(room.rows.addEvent(waiting, "{}", false, 2_000)).toBe(4);
      expect(room.rows.addEvent(ended, "{}", false, 2_000)).toBe(0);
      expect([...room.rows.eventsAfter(ended, 0)]).toEqual([]);
      return Promise.resolve();
    }));

  it("old events go with the alarm", async () => {
    const session = await open();
    await (await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken: "p" }))).text();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + EVENT_TTL_MS + 1_000 });
    await runDurableObjectAlarm(stubOf(session));
    await runInDurableObject(stubOf(session), (_object, { storage }) => {
      expect(storage.sql.exec("SELECT 1 FROM events UNION ALL SELECT 1 FROM streams").toArray()).toEqual([]);
    });
  });

  it("opened by GET are few, but those that are held all live", async () => {
    const session = await open();
    const held = await Promise.all([1, 2, 3].map(async () => new Events(await get(session))));
    const ids = await Promise.all(held.map(async (events) => (await events.next())?.id?.split("-")[0] ?? ""));
    for (let count = 0; count < MAX_OPEN_STREAMS + 3; count++) await new Events(await get(session)).cancel();
    await pause(50);
    await new Events(await get(session)).cancel();
    await runInDurableObject(stubOf(session), (_object, { storage }) => {
      const kept = storage.sql
        .exec<{ id: number }>("SELECT id FROM streams")
        .toArray()
        .map(({ id }) => String(id));
      expect(kept.length).toBeLessThanOrEqual(MAX_OPEN_STREAMS + held.length);
      expect(ids.filter((id) => kept.includes(id))).toEqual(ids);
    });
    await Promise.all(held.map((events) => events.cancel()));
  });

  it("that nobody holds keep what comes for whoever resumes", async () => {
    const session = await open();
    const events = new Events(await get(session));
    const { id = "" } = (await events.next()) ?? {};
    await leave(session, events);
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    const resumed = new Events(await get(session, id));
    expect(await resumed.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await resumed.cancel();
  });

  it("get what is for nobody in particular where somebody holds one, newer or not", async () => {
    const session = await open();
    const held = new Events(await get(session));
    await held.next();
    const newer = new Events(await get(session));
    const { id = "" } = (await newer.next()) ?? {};
    await newer.cancel();
    await runInDurableObject(stubOf(session), (_object, state) => {
      for (const socket of state.getWebSockets(id.split("-")[0])) socket.close(1000);
    });
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    expect(await timeout(held.message(), 500)).toMatchObject({ method: "notifications/tools/list_changed" });
    await held.cancel();
  });

  it("are written to while their reader is leaving", () =>
    onStage(({ room, sent }) => {
      const stream = openStream(room, "open", "null");
      attach(room, NEWEST, stream, 0);
      for (const socket of room.state.getWebSockets(String(stream))) socket.close(1000);
      emit(room, stream, '{"kept":true}');
      expect(sent(stream)).toEqual([{ kept: true }]);
      return Promise.resolve();
    }));

  it("have one reader: who resumes ends the connection that was lost without notice", async () => {
    const session = await open();
    const first = new Events(await get(session));
    const { id = "" } = (await first.next()) ?? {};
    const second = new Events(await get(session, id));
    expect(await timeout(first.next(), 500)).toBeUndefined();
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    expect(await second.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await second.cancel();
  });

  it.each(["2025-06-18", "2025-03-26"])("are not primed in %s, and a call is not let go there", async (date) => {
    const session = await open(date);
    const response = await send(session, callTool(1, "test_reconnection"));
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({ id: 1, result: {} });
    const events = new Events(await send(session, callTool(2, "test_tool_with_progress", {}, { progressToken: "p" })));
    expect((await events.next())?.data).toContain("notifications/progress");
  });

  it("are primed once, and end when their call lets go", async () => {
    const session = await open();
    const events = new Events(await send(session, callTool(1, "test_reconnection")));
    const { id = "", data } = (await events.next()) ?? {};
    expect({ id, data }).toEqual({ id: expect.stringMatching(/-0$/) as string, data: "" });
    expect(await timeout(events.next(), 500)).toBeUndefined();
    const resumed = new Events(await get(session, id));
    const { eventId } = await resumed.message();
    const again = new Events(await get(session, eventId));
    expect(await timeout(again.next(), 500)).toBeUndefined();
  });

  it("free their socket when the client leaves", async () => {
    const session = await open();
    const events = new Events(await get(session));
    await events.next();
    await events.cancel();
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    await pause(100);
    await runInDurableObject(stubOf(session), (_object, state) => expect(state.getWebSockets()).toEqual([]));
  });

  it("a call that lets go ends the connection that holds its stream, not the stream", () =>
    onStage(async ({ room, call, sent, settled }) => {
      let attached = (): void => undefined;
      const holding = new Promise<void>((resolve) => (attached = resolve));
      const stream = streamOf(
        await call(async (context) => {
          context.progress(1);
          await holding;
          context.release();
          await pause(50);
          return "done";
        }),
      );
      expect(attach(room, NEWEST, stream, 0).ok).toBe(true);
      attached();
      await pause(10);
      const [socket] = room.state.getWebSockets(String(stream));
      expect(socket?.readyState).not.toBe(WebSocket.READY_STATE_OPEN);
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, result: {} });
    }));

  it("the question that expires first is the one the alarm is for", () =>
    onStage(({ room }) => {
      for (const expires of [300, 100, 200]) room.rows.keepCall(openStream(room, "waiting", "{}"), "{}", "{}", expires);
      expect(room.rows.waiting().map(({ expires }) => expires)).toEqual([100, 200, 300]);
      return Promise.resolve();
    }));

  it.each([1000, 1001, 1005, 1006, 1015])(
    "a socket that is lost with code %i is let go without a word",
    async (code) => {
      const session = await open();
      const events = new Events(await get(session));
      await events.next();
      const sockets = await runInDurableObject(stubOf(session), async (object, state) => {
        const [socket] = state.getWebSockets();
        if (socket === undefined) throw new Error("Nobody is attached");
        await closed(object, socket, code);
        return [socket.readyState];
      });
      expect(sockets).not.toContain(WebSocket.READY_STATE_OPEN);
    },
  );

  it("progress goes nowhere without a token that is one", async () => {
    const session = await open();
    for (const progressToken of [{}, null, true, undefined]) {
      const response = await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken }));
      expect(response.headers.get("content-type")).toBe("application/json");
      await response.text();
    }
  });
});

describe("each date in its own words", () => {
  it("a model is not offered tools before clients could declare that", async () => {
    const session = await open("2025-06-18", { sampling: { tools: {} } });
    const response = await send(session, callTool(1, "spec_sample_tools"));
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  });

  it("nobody hears that a URL is done with where nobody can be sent to one", async () => {
    const session = await open("2025-06-18");
    const events = new Events(await get(session));
    await pause(50);
    await stubOf(session).complete("x");
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("log lines come from the level on that the client set", async () => {
    const session = await open();
    await (await send(session, request(1, "logging/setLevel", { level: "alert" }))).text();
    const events = new Events(await send(session, callTool(2, "spec_log")));
    expect(await events.message()).toMatchObject({ params: { level: "alert" } });
    expect(await events.message()).toMatchObject({ params: { level: "emergency" } });
    expect(await events.message()).toMatchObject({ id: 2, result: {} });
  });
});

describe("shares", () => {
  const mallory = { issuer: "none", subject: "mallory", client: "none", scopes: [] };

  it("a session holds so many subscriptions", async () => {
    const session = await open();
    await runInDurableObject(stubOf(session), (_object, { storage }) =>
      storage.kv.put(
        "subscriptions",
        Array.from({ length: MAX_SUBSCRIPTIONS }, (_, index) => `test://${index}`),
      ),
    );
    const body = request(1, "resources/subscribe", { uri: "test://one-more" });
    expect(await (await send(session, body)).json()).toMatchObject({ error: { code: -32602 } });
  });

  it("a listener hears only what is for everyone, or for its own caller", async () => {
    const door = hubDoor(bindings.HUB);
    const filter = { toolsListChanged: true, resourceSubscriptions: ["test://a"] };
    const socket = await listener(door, filter);
    const heard: unknown[] = [];
    socket.addEventListener("message", ({ data }) => void heard.push(JSON.parse(String(data))));
    socket.accept();
    await door.publish({ list: "tools", audience: callerKey(mallory) });
    await door.publish({ list: "prompts" });
    await door.publish({ uri: "test://ab" });
    await door.publish({ uri: "test://a", audience: callerKey(ANONYMOUS) });
    await pause(50);
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
      (await context.ask("name", { message: "?", form: FORM })).action;
    const asks = resource({
      uri,
      name: "asks",
      mimeType: "text/plain",
      cache: { ttlMs: 60_000, scope: "public" },
      read,
    });
    const door = {
      server: catalog({ info: { name: "stage", version: "1" }, resources: [asks] }),
      services: servicesFor(),
      hub: hubDoor(bindings.HUB),
    };
    const http = new Request("http://127.0.0.1/mcp", { method: "POST", headers: headers("resources/read", uri) });
    const params = { uri, _meta: envelope, inputResponses: { name: { action: "decline" } } };
    const message = { kind: "request", id: 1, method: "resources/read", params } as const;
    const answer: { result: object } = await (await serveStateless(door, http, message, ANONYMOUS, unrecorded)).json();
    expect(answer.result).toMatchObject({ contents: [{ text: "decline" }] });
    expect(answer.result).not.toMatchObject({ ttlMs: 60_000 });
  });

  it("a listener that leaves frees its socket", async () => {
    const count = async (): Promise<number> => {
      const all = shards().map((shard) => runInDurableObject(shard, (_hub, state) => state.getWebSockets().length));
      return (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
    };
    const before = await count();
    const body = request(1, "subscriptions/listen", { _meta: envelope, notifications: { toolsListChanged: true } });
    const events = new Events(await send(undefined, body, { headers: headers("subscriptions/listen") }));
    await events.message();
    expect(await count()).toBe(before + 1);
    await events.cancel();
    await hubDoor(bindings.HUB).publish({ list: "tools" });
    await pause(100);
    expect(await count()).toBe(before);
  });
});
