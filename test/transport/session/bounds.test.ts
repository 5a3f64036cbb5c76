/**
 * Every place where a client's bytes or rows stay in a session, with its bound: the rows of the table in SECURITY.md
 * that are the session's. Numbers are written out, so that a bound that moves is seen.
 */

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { seal } from "../../../src/crypto/seal.ts";
import { createHubClient } from "../../../src/hub/client.ts";
import type { Context } from "../../../src/server/context.ts";
import { ELICITATION_ID_PURPOSE } from "../../../src/server/run-handler.ts";
import { cancelCall, resumeCall } from "../../../src/transport/session/calls.ts";
import { failLostAndExpiredCalls } from "../../../src/transport/session/lost-calls.ts";
import { completeElicitation } from "../../../src/transport/session/transport.ts";
import {
  scheduleAlarm,
  type MessageOutcome,
  type SessionRuntime,
} from "../../../src/transport/session/types.ts";
import { createSessionStore } from "../../../src/transport/session/session-rows.ts";
import { ringOf } from "../../crypto/keys.ts";
import {
  bindings,
  callStateless,
  callTool,
  EventReader,
  openGetStream,
  openSession,
  jsonRpcRequest,
  send,
  sessionStub,
} from "./client.ts";
import {
  responseTo,
  REQUEST_CONTEXT,
  FORM,
  withTestSession,
  sleep,
  streamIdOf,
} from "./test-session.ts";

const MEGABYTE = 1_048_576;
const HOUR_MS = 3_600_000;

// Megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 });
afterEach(() => {
  vi.useRealTimers();
});

const saying = (text: string): string => expect.stringContaining(text) as string;
const ask = async (context: Context): Promise<string> =>
  (await context.elicitForm("name", { message: "?", form: FORM })).action;

const sleepUntilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve());
  });

/** Bytes of everything in the object's tables. */
function stored({ objectState: { storage } }: SessionRuntime): number {
  const [{ n }] = storage.sql
    .exec(
      `SELECT (SELECT TOTAL(octet_length(data)) FROM events) + (SELECT TOTAL(octet_length(call_json)) FROM suspended_calls)
        + (SELECT TOTAL(octet_length(call_json)) FROM streams) AS n`,
    )
    .toArray() as [{ n: number }];
  return n;
}

describe("calls that wait", () => {
  it("keep nothing that a client adds to its request", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const pad = "x".repeat(1_800_000);
      const more = { pad, _meta: { progressToken: "p", pad } };
      for (let count = 0; count < 10; count++) await call(ask, { small: true }, more);
      await settled();
      expect(room.store.suspendedStreams()).toHaveLength(10);
      expect(stored(room)).toBeLessThan(10_000);
      // And go on with all that they need.
      const [first] = room.store.suspendedStreams();
      const stream = first?.id ?? 0;
      resumeCall(
        room,
        REQUEST_CONTEXT,
        responseTo(sent(stream).at(-1)?.["id"], { action: "decline" }),
      );
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({
        id: 9,
        result: { content: [{ text: "decline" }] },
      });
    }));

  it("keep two megabytes of arguments and answers together, and one more is an error", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const streams: number[] = [];
      for (let count = 0; count < 6; count++)
        streams.push(streamIdOf(await call(ask, { text: "€".repeat(150_000) })));
      await settled();
      expect(room.store.suspendedStreams()).toHaveLength(4);
      expect(stored(room)).toBeLessThan(2 * MEGABYTE + 10_000);
      for (const stream of streams.slice(4))
        expect(sent(stream)).toMatchObject([
          { id: 9, error: { code: -32603, message: saying("too large") } },
        ]);
      // What ends makes room.
      cancelCall(room, 9);
      const next = streamIdOf(await call(ask, { text: "€".repeat(150_000) }));
      await settled();
      expect(sent(next)).toMatchObject([{ method: "elicitation/create" }]);
    }));

  it("count the answers of their open rounds", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const both = (context: Context): unknown =>
        Promise.all(["a", "b"].map((key) => context.elicitForm(key, { message: "?", form: FORM })));
      const streams = [streamIdOf(await call(both)), streamIdOf(await call(both))];
      await settled();
      const answer = { action: "accept", content: { name: "x".repeat(1_500_000) } };
      for (const stream of streams)
        resumeCall(room, REQUEST_CONTEXT, responseTo(sent(stream)[0]?.["id"], answer));
      expect(room.store.suspendedStreams()).toHaveLength(1);
      expect(sent(streams[1] ?? 0).at(-1)).toMatchObject({ id: 9, error: { code: -32603 } });
      expect(stored(room)).toBeLessThan(2 * MEGABYTE);
    }));

  it("are 64", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const streams: number[] = [];
      for (let count = 0; count < 66; count++) {
        streams.push(streamIdOf(await call(ask)));
        await settled();
      }
      expect(room.store.suspendedStreams()).toHaveLength(64);
      expect(sent(streams[65] ?? 0)).toMatchObject([{ id: 9, error: { code: -32603 } }]);
    }));

  it("are found, counted and ended without what is kept of them being read", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      for (let count = 0; count < 3; count++) await call(ask, { text: "x".repeat(100_000) });
      await settled();
      const read: number[] = [];
      Object.assign(room.store, {
        keptCall: (id: number) => {
          read.push(id);
        },
      });
      cancelCall(room, "nobody's");
      failLostAndExpiredCalls(room);
      resumeCall(room, REQUEST_CONTEXT, responseTo("5.forged", {}));
      for (const { id } of room.store.suspendedStreams())
        resumeCall(room, REQUEST_CONTEXT, responseTo(`${id}.forged`, {}));
      await call(ask);
      cancelCall(room, 9);
      await settled();
      expect(room.store.suspendedStreams()).toHaveLength(3);
      expect(read).toEqual([]);
      expect(
        room.store.suspendedStreams().every(({ call_json: noted }) => noted.length < 300),
      ).toBe(true);
    }));

  it("end with the first thousand characters of a client's reason", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const stream = streamIdOf(await call(ask));
      await settled();
      const id = String(sent(stream)[0]?.["id"]);
      // The thousandth is half of a character.
      const message = `${"x".repeat(999)}${"😀".repeat(1_000_000)}`;
      resumeCall(room, REQUEST_CONTEXT, {
        kind: "response",
        id,
        error: { code: 1, message, data: message },
      });
      const error = {
        code: -32603,
        message: `The client refused elicitation/create: ${"x".repeat(999)}\ufffd…`,
      };
      expect(sent(stream).at(-1)).toEqual({ jsonrpc: "2.0", id: 9, error });
      expect(stored(room)).toBeLessThan(2_000);
    }));

  it("that an earlier version let wait go on", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const stream = streamIdOf(await call(ask, { old: true }));
      await settled();
      const { sql } = room.objectState.storage;
      const whole = {
        ...JSON.parse(room.store.suspendedCallJson(stream) ?? ""),
        ...JSON.parse(room.store.stream(stream)?.call_json ?? ""),
      } as object;
      const kept = JSON.parse(room.store.suspendedCallJson(stream) ?? "") as { request: object };
      sql.exec(
        "UPDATE streams SET call_json = ? WHERE id = ?",
        JSON.stringify({ ...whole, request: kept.request }),
        stream,
      );
      sql.exec("DELETE FROM suspended_calls");
      resumeCall(
        room,
        REQUEST_CONTEXT,
        responseTo(sent(stream).at(-1)?.["id"], { action: "decline" }),
      );
      await settled();
      expect(sent(stream).at(-1)).toMatchObject({
        id: 9,
        result: { content: [{ text: "decline" }] },
      });
    }));
});

it("calls at work are 64", () =>
  withTestSession(async ({ runtime: room, call, settled }) => {
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const calls = Array.from({ length: 65 }, () => call(() => held.then(() => "done")));
    const refused = (await calls[64]) as MessageOutcome & { text: string };
    expect(JSON.parse(refused.text)).toMatchObject({ id: 9, error: { code: -32603 } });
    expect(room.runningCalls.size).toBe(64);
    end();
    await settled();
    expect(
      (await Promise.all(calls)).filter((one) => "text" in one && one.text.includes("done")),
    ).toHaveLength(64);
  }));

it.each(["2025-11-25", "2025-06-18"])(
  "a POST is told so whose answer was dropped for want of room while its client was reading (%s)",
  async (revision) => {
    const session = await openSession(revision);
    const tell = (id: string, count: number): Promise<Response> =>
      send(session, callTool(id, "spec_progress", { count, pad: 100_000 }, { progressToken: id }));
    // More than is passed to a client that does not read.
    const slow = await tell("A", 15);
    for (const id of ["B", "C"]) await (await tell(id, 60)).text();
    const text = await slow.text();
    expect(text.trimEnd().split("\n").at(-1)).toContain('"id":"A","error"');
  },
);

it("calls that were cancelled count among them while their handlers are at work", () =>
  withTestSession(async ({ runtime: room, call, settled }) => {
    let [atWork, end] = [0, (): void => undefined];
    const held = new Promise<void>((resolve) => (end = resolve));
    const refused: string[] = [];
    for (let index = 0; index < 70; index += 1) {
      const posted = call(() => {
        atWork += 1;
        return held.then(() => "done");
      });
      cancelCall(room, 9);
      const outcome = await posted;
      if ("text" in outcome) refused.push(outcome.text);
    }
    expect([atWork, room.runningCalls.size, refused.length]).toEqual([64, 0, 6]);
    expect(refused[0]).toContain("let one end");
    end();
    await settled();
    expect(room.stoppedCalls.size).toBe(0);
    expect(await call(() => "done")).toMatchObject({
      text: expect.stringContaining("done") as string,
    });
  }));

it("streams that were let go before their client came are forgotten with their calls", () =>
  withTestSession(async ({ runtime: room, call, settled }) => {
    const letGo = async (rest: (context: Context) => unknown): Promise<number> =>
      streamIdOf(
        await call((context) => {
          context.closeStream();
          return rest(context);
        }),
      );
    await letGo(() => "done");
    await letGo(() => Promise.reject(new Error("failed")));
    await letGo(ask);
    await settled();
    // Its question is answered, or nobody answers it in time.
    expect(room.closedBeforeAttach.size).toBe(1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS });
    failLostAndExpiredCalls(room);
    const stopped = await letGo((context) => sleepUntilAborted(context.signal));
    expect([...room.closedBeforeAttach]).toEqual([stopped]);
    cancelCall(room, 9);
    await settled();
    expect(room.closedBeforeAttach.size).toBe(0);
  }));

describe("names that a client chooses", () => {
  const long = "x".repeat(1_025);
  const fits = "é".repeat(512);

  it.each([long, `${fits}x`])("a progress token has 1,024 bytes", async (progressToken) => {
    const message =
      "params._meta.progressToken must be an integer or a string of at most 1024 bytes";
    const session = await openSession();
    const inSession = await send(
      session,
      callTool(1, "test_tool_with_progress", {}, { progressToken }),
    );
    expect(await inSession.json()).toMatchObject({ id: 1, error: { code: -32602, message } });
    const alone = await callStateless(
      1,
      "test_tool_with_progress",
      {},
      { _meta: { progressToken } },
    );
    expect(alone.status).toBe(400);
    expect(await alone.json()).toMatchObject({ id: 1, error: { code: -32602, message } });
    const taken = await send(
      session,
      callTool(1, "test_tool_with_progress", {}, { progressToken: fits }),
    );
    expect(await new EventReader(taken).message()).toMatchObject({
      params: { progressToken: fits },
    });
  });

  it("an id has 1,024 bytes", async () => {
    const session = await openSession();
    const message = '"id" must be an integer or a string of at most 1024 bytes';
    for (const refused of [
      await send(session, callTool(long, "test_simple_text")),
      await callStateless(long, "test_simple_text"),
    ]) {
      expect(refused.status).toBe(400);
      const body: object = await refused.json();
      expect(body).toMatchObject({ error: { code: -32600, message } });
      expect(body).not.toHaveProperty("id");
    }
    expect(await (await send(session, callTool(fits, "test_simple_text"))).json()).toMatchObject({
      id: fits,
      result: {},
    });
  });

  it("an elicitation id of another length is nobody's", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    const ring = ringOf("a");
    const issued = await seal(ring, ELICITATION_ID_PURPOSE, session.id);
    await completeElicitation(bindings.SESSION, ring, `${issued}${long}`);
    await sessionStub(session).notifyElicitationComplete(long);
    await completeElicitation(bindings.SESSION, ring, issued);
    expect(await events.message()).toMatchObject({ params: { elicitationId: issued } });
    await events.cancel();
  });

  it("what a client says of itself, and what it watches, is counted in bytes", async () => {
    const params = (name: string): object => ({
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name, version: "1" },
    });
    const refused = await send(
      undefined,
      jsonRpcRequest(1, "initialize", params("€".repeat(3_000))),
    );
    expect(await refused.json()).toMatchObject({
      error: { code: -32602, message: saying("8192 bytes") },
    });
    expect(
      (await send(undefined, jsonRpcRequest(1, "initialize", params("x".repeat(3_000))))).status,
    ).toBe(200);
    const session = await openSession();
    const watch = async (uri: string): Promise<object> =>
      (await send(session, jsonRpcRequest(1, "resources/subscribe", { uri }))).json();
    expect(await watch(`test://${"€".repeat(700)}`)).toMatchObject({ error: { code: -32602 } });
    expect(await watch(`test://${"x".repeat(700)}`)).toMatchObject({ result: {} });
  });

  it("the URIs that a session watches are 64 KiB together, as the hub keeps them", async () => {
    const session = await openSession();
    const about = (method: string, uri: string): Promise<Response> =>
      send(session, jsonRpcRequest(1, method, { uri }));
    // In JSON each of these characters is six.
    const uri = (count: number): string => `x:${count}${"\u0001".repeat(1_600)}`;
    for (let count = 0; count < 6; count++)
      expect(await (await about("resources/subscribe", uri(count))).json()).toMatchObject({
        result: {},
      });
    const refused = await (await about("resources/subscribe", uri(6))).json();
    expect(refused).toMatchObject({
      error: { code: -32602, message: saying("65536 bytes together") },
    });
    expect(await (await about("resources/unsubscribe", uri(0))).json()).toMatchObject({
      result: {},
    });
    expect(await (await about("resources/subscribe", uri(6))).json()).toMatchObject({ result: {} });
    // What could not be named to the client again.
    for (const unspeakable of ["test:\ud800", "no URI"])
      expect(await (await about("resources/subscribe", unspeakable)).json()).toMatchObject({
        error: { code: -32602 },
      });
  });
});

describe("events", () => {
  it("are six megabytes at most after every one that is written, of whoever's stream", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      const most: number[] = [];
      for (let count = 0; count < 2; count++) {
        await call((context) => {
          for (let value = 1; value <= 120; value++) {
            context.progress(value, undefined, "x".repeat(60_000));
            most.push(stored(room));
          }
          return "done";
        });
      }
      await settled();
      expect(Math.max(...most)).toBeLessThanOrEqual(6 * MEGABYTE);
      expect(Math.max(...most)).toBeGreaterThan(5 * MEGABYTE);
    }));

  it("are counted with what their rows cost, however small they are", () =>
    withTestSession(({ runtime: room }) => {
      const stream = room.store.newestStreamId() + 1;
      room.store.addStream(stream, "listening", "null");
      for (let count = 0; count < 100; count++) room.store.addEvent(stream, "{}", false, 1);
      expect(room.store.eventBytes()).toBe(100 * 102);
      room.store.dropEventsBefore(2);
      expect(room.store.eventBytes()).toBe(0);
      return Promise.resolve();
    }));

  it("are counted rightly by an object that wakes", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      await call((context) => {
        context.progress(1);
        return "done";
      });
      await settled();
      expect(createSessionStore(room.objectState.storage).eventBytes()).toBe(
        room.store.eventBytes(),
      );
      expect(room.store.eventBytes()).toBeGreaterThan(200);
    }));

  it("go within an hour, by an alarm that their session sets, and take no other alarm away", async () => {
    const session = await openSession();
    const alarm = (): Promise<number | null> =>
      runInDurableObject(sessionStub(session), (_object, { storage }) => storage.getAlarm());
    const rows = (): Promise<number> =>
      runInDurableObject(sessionStub(session), (_object, { storage }) =>
        Number(
          storage.sql
            .exec("SELECT (SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM streams) AS n")
            .one()["n"],
        ),
      );
    const start = Date.now();
    expect(Number(await alarm()) - start).toBeGreaterThan(23 * HOUR_MS);
    /** A call on a stream of its own has five minutes: its alarm comes first, though it is answered by then. */
    const callAndPassItsTime = async (id: number): Promise<void> => {
      await (
        await send(session, callTool(id, "test_tool_with_progress", {}, { progressToken: "p" }))
      ).text();
      const end = Number(await alarm());
      expect(end - Date.now()).toBeGreaterThan(290_000);
      expect(end - Date.now()).toBeLessThanOrEqual(310_000);
      vi.setSystemTime(end);
      await runDurableObjectAlarm(sessionStub(session));
    };
    vi.useFakeTimers({ toFake: ["Date"], now: start });
    await callAndPassItsTime(1);
    const first = Number(await alarm());
    expect(first - start).toBeGreaterThan(HOUR_MS - 1_000);
    expect(first - start).toBeLessThanOrEqual(HOUR_MS + 10_000);
    // Later ones do not put it off.
    vi.setSystemTime(start + 30 * 60_000);
    await callAndPassItsTime(2);
    expect(await alarm()).toBe(first);
    vi.setSystemTime(first);
    await runDurableObjectAlarm(sessionStub(session));
    expect(await rows()).toBe(5);
    const second = Number(await alarm());
    expect(second - start).toBeLessThanOrEqual(90 * 60_000 + 10_000);
    expect(second - first).toBeGreaterThanOrEqual(15 * 60_000);
    vi.setSystemTime(second);
    await runDurableObjectAlarm(sessionStub(session));
    expect(await rows()).toBe(0);
    // Nothing is left to sweep: the next alarm is the session's own end.
    expect(Number(await alarm()) - start).toBeGreaterThan(23 * HOUR_MS);
    await callAndPassItsTime(3);
    expect(Number(await alarm()) - second).toBeLessThanOrEqual(HOUR_MS + 10_000);
  });

  it("and questions have one alarm, the earliest, whoever asks for it first, and after an eviction too", () =>
    withTestSession(async ({ runtime: room, settled }) => {
      const alarm = async (): Promise<number> =>
        Number(await room.objectState.storage.getAlarm()) - start;
      const start = Date.now();
      scheduleAlarm(room, start + HOUR_MS);
      scheduleAlarm(room, start + 600_000);
      scheduleAlarm(room, start + HOUR_MS);
      await settled();
      expect(await alarm()).toBe(600_000);
      room.alarmAt = Infinity;
      scheduleAlarm(room, start + HOUR_MS);
      await settled();
      expect(await alarm()).toBe(600_000);
    }));
});

describe("streams opened by GET", () => {
  it("are eight, held or not: the oldest end", async () => {
    const session = await openSession();
    const held: EventReader[] = [];
    const ids: string[] = [];
    for (let count = 0; count < 12; count++) {
      const events = new EventReader(await openGetStream(session));
      ids.push((await events.next())?.id?.split("-")[0] ?? "");
      held.push(events);
    }
    for (const events of held.slice(0, 4)) expect(await events.next()).toBeUndefined();
    await runInDurableObject(sessionStub(session), (_object, state) => {
      const open = state
        .getWebSockets()
        .filter(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
      expect(open).toHaveLength(8);
      const kept = state.storage.sql
        .exec<{ id: number }>("SELECT id FROM streams ORDER BY id")
        .toArray();
      expect(kept.map(({ id }) => String(id))).toEqual(ids.slice(4));
    });
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await held[11]?.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await Promise.all(held.map((events) => events.cancel()));
  });

  it("that nobody holds go before those that somebody holds", async () => {
    const session = await openSession();
    const held = new EventReader(await openGetStream(session));
    await held.next();
    for (let count = 0; count < 12; count++) {
      const events = new EventReader(await openGetStream(session));
      await events.next();
      await events.cancel();
      await sleep(20);
    }
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await held.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await held.cancel();
  });
});
