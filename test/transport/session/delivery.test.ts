/** A stream delivers what it accepted: large answers, floods, backlogs and slow readers, in both eras. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { ANONYMOUS } from "../../../src/base/caller.ts";
import { createHubClient } from "../../../src/hub/client.ts";
import { buildServer } from "../../../src/server/registry.ts";
import { resumeCall } from "../../../src/transport/session/calls.ts";
import { handleSessionPost } from "../../../src/transport/session/transport.ts";
import { handleMessages } from "../../../src/transport/session/handle-message.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { MAX_EVENT_BYTES } from "../../../src/transport/session/limits.ts";
import { noteListener } from "../../../src/transport/session/listeners.ts";
import {
  attach,
  appendEvent,
  continueReplay,
  openStream,
  WINDOW_BYTES,
} from "../../../src/transport/session/streams.ts";
import type { SessionRuntime } from "../../../src/transport/session/types.ts";
import { readMessages, type Message } from "../../../src/wire/jsonrpc.ts";
import { servicesFor, unrecordedSpan } from "../../server/services.ts";
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
  type Session,
} from "./client.ts";
import {
  responseTo,
  callStatelessTool,
  REQUEST_CONTEXT,
  FORM,
  NEWEST,
  withTestSession,
  sleep,
  streamIdOf,
} from "./test-session.ts";

// Megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const MEGABYTE = 1_048_576;

type Answer = Record<string, unknown> & {
  readonly id?: unknown;
  readonly error?: { message: string };
};

function messagesOf(bodies: readonly object[]): readonly Message[] {
  const read = readMessages(bodies as never);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

/** Whichever way it came: the messages with an id, in order. */
async function answersOf(response: Response): Promise<Answer[]> {
  const text = await response.text();
  const streamed = response.headers.get("content-type") === "text/event-stream";
  const parts: string[] = streamed
    ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => data ?? "")
    : [text];
  const messages = parts.flatMap((part): Answer[] => [JSON.parse(part) as Answer].flat());
  return messages.filter(({ id }) => id !== undefined);
}

const slow = (id: number, ms: number, text: string): object =>
  callTool(id, "spec_slow", { ms, text });

/** Every way in which an answer reaches a client. Each answers request 1 with `text`. */
const WAYS: Record<string, (text: string) => Promise<Response>> = {
  "as JSON in a session": async (text) => send(await openSession(), slow(1, 0, text)),
  "on a stream in a session": async (text) => send(await openSession(), slow(1, 1_100, text)),
  "as JSON in a batch": async (text) =>
    send(await openSession("2025-03-26"), [jsonRpcRequest(2, "ping"), slow(1, 0, text)]),
  "on a stream in a batch": async (text) =>
    send(await openSession("2025-03-26"), [jsonRpcRequest(2, "ping"), slow(1, 1_100, text)]),
  "as JSON without a session": async (text) => callStateless(1, "spec_slow", { ms: 0, text }),
  "on a stream without a session": async (text) =>
    callStateless(1, "spec_slow", { ms: 1_100, text }),
};

describe.each(Object.entries(WAYS))("an answer %s", (way, answered) => {
  const type = way.startsWith("as JSON") ? "application/json" : "text/event-stream";

  it.each(["x".repeat(1_800_000), "€".repeat(600_000)])("of 1.8 MB arrives", async (text) => {
    const response = await answered(text);
    expect(response.headers.get("content-type")).toBe(type);
    const answers = await answersOf(response);
    expect(answers.find(({ id }) => id === 1)?.["result"]).toMatchObject({ content: [{ text }] });
    expect(answers).toHaveLength(way.endsWith("batch") ? 2 : 1);
  });

  it.each(["x".repeat(2_000_000), "€".repeat(666_666)])(
    "that is too large is an error, once",
    async (text) => {
      const answers = await answersOf(await answered(text));
      const [one, ...more] = answers.filter(({ id }) => id === 1);
      expect(one).toMatchObject({
        error: { code: -32603, message: "The answer is larger than 1900000 bytes" },
      });
      expect(more).toEqual([]);
      expect(answers).toHaveLength(way.endsWith("batch") ? 2 : 1);
    },
  );
});

it("answers of a batch are counted in bytes, not in characters", () =>
  withTestSession(async ({ runtime: room, call }) => {
    expect(await call(() => "x")).toMatchObject({ kind: "answer" });
    await call(() => "\u4e2d".repeat(600_000));
    const messages = Array.from(
      { length: 5 },
      (_, id) => ({ kind: "request", id, method: "tools/call", params: { name: "play" } }) as const,
    );
    const handled = await handleMessages(room, REQUEST_CONTEXT, messages, "batch");
    const texts = handled.map((one) => (one.kind === "answer" ? one.text : ""));
    expect(encodeUtf8(texts.join()).length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(texts.map((text) => "error" in (JSON.parse(text) as Answer))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  }));

it("answers of a batch that are too much together become errors, and the others arrive", () =>
  withTestSession(async ({ runtime: room, call }) => {
    const sizes = [1_800_000, 10, 1_800_000, 1_800_000, 1_800_000, 20];
    let count = 0;
    const play = (): string => "x".repeat(sizes[count++ % sizes.length] ?? 0);
    const first = await call(play);
    expect(first).toMatchObject({ kind: "answer" });
    count = 0;
    const messages = sizes.map(
      (_, id) => ({ kind: "request", id, method: "tools/call", params: { name: "play" } }) as const,
    );
    const handled = await handleMessages(room, REQUEST_CONTEXT, messages, "batch");
    const answers = handled.map((one) => (one.kind === "answer" ? one.text : ""));
    expect(answers.map((text) => (JSON.parse(text) as Answer).id)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(answers.map((text) => "error" in (JSON.parse(text) as Answer))).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
    ]);
    expect(answers.join().length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  }));

describe("without a session", () => {
  const noJson = { content: [], _meta: { big: 1n } };
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;

  it.each([
    ["a BigInt", noJson],
    ["a cycle", { content: [], _meta: cycle }],
  ])("a result that is no JSON is an error, at once and on a stream: %s", async (_, result) => {
    const message = expect.stringMatching(/^Internal error \(trace [0-9a-f]{32}\)$/) as string;
    const error = { id: 1, error: { code: -32603, message } };
    expect(await answersOf(await callStatelessTool(() => result))).toMatchObject([error]);
    expect(
      await answersOf(await callStatelessTool(() => sleep(20).then(() => result))),
    ).toMatchObject([error]);
    const streamed = await callStatelessTool((context) => {
      context.progress(1);
      return sleep(20).then(() => result);
    });
    expect(streamed.headers.get("content-type")).toBe("text/event-stream");
    expect(await answersOf(streamed)).toMatchObject([error]);
  });

  it("a flood of notices costs no answer, and waits for nobody beyond a megabyte", async () => {
    const args = { count: 200, pad: 60_000 };
    const response = await callStateless(1, "spec_progress", args, { _meta: { progressToken: 1 } });
    const text = await response.text();
    expect(text.length).toBeLessThan(MEGABYTE + 130_000);
    expect(text.length).toBeGreaterThan(MEGABYTE - 60_000);
    expect(text).toMatch(/data: \{"jsonrpc":"2.0","id":1,"result":[^\n]+\n\n$/);
  });

  it("a notice that is too large is dropped", async () => {
    const response = await callStatelessTool((context) => {
      context.progress(1, 2, "x".repeat(2_000_000));
      return "done";
    });
    expect(await response.json()).toMatchObject({ id: 1, result: { content: [{ text: "done" }] } });
  });
});

/** A stream of a session with `count` events of 60 KB, numbered from 1, and its id. */
async function withBacklog(session: Session, count: number): Promise<string> {
  const events = new EventReader(await openGetStream(session));
  const { id = "" } = (await events.next()) ?? {};
  await events.cancel();
  await sleep(50);
  const stream = Number(id.split("-")[0]);
  await runInDurableObject(sessionStub(session), (_object, { storage }) => {
    for (let seq = 1; seq <= count; seq++) {
      const data = JSON.stringify({
        jsonrpc: "2.0",
        method: "n",
        params: { seq, pad: ".".repeat(60_000) },
      });
      storage.sql.exec("INSERT INTO events VALUES (?, ?, ?, 0, ?)", stream, seq, data, Date.now());
    }
  });
  return String(stream);
}

const numberOf = (message: Record<string, unknown>): unknown =>
  (message["params"] as { seq?: number }).seq;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** What the sockets of the session were passed. */
async function passed(session: Session): Promise<{ seq: number; bytes: number } | undefined> {
  return runInDurableObject(sessionStub(session), (_object, state) => {
    const open = state
      .getWebSockets()
      .find(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
    return open?.deserializeAttachment() as { seq: number; bytes: number } | undefined;
  });
}

describe("a replay", () => {
  it.each([20, 90])("of %i events of 60 KB arrives whole, and goes on live", async (count) => {
    const session = await openSession();
    const stream = await withBacklog(session, count);
    const events = new EventReader(await openGetStream(session, `${stream}-0`));
    const seen: unknown[] = [];
    while (seen.length < count) seen.push(numberOf(await events.message()));
    expect(seen).toEqual(upTo(count));
    await sleep(50);
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("waits for its reader, also when the object is evicted meanwhile, and loses nothing", async () => {
    const session = await openSession();
    const stream = await withBacklog(session, 60);
    const events = new EventReader(await openGetStream(session, `${stream}-0`));
    const seen = [numberOf(await events.message())];
    await sleep(200);
    const before = await passed(session);
    expect(before?.seq).toBeLessThan(30);
    expect(before?.bytes).toBeLessThan(WINDOW_BYTES + 61_000);
    // What is written meanwhile comes in its turn.
    await createHubClient(bindings.HUB).publish({ list: "tools" });
    await evictDurableObject(sessionStub(session), { webSockets: "hibernate" });
    while (seen.length < 60) seen.push(numberOf(await events.message()));
    expect(seen).toEqual(upTo(60));
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("brings the answer at its end, and then ends", async () => {
    const session = await openSession();
    const stream = await withBacklog(session, 40);
    await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      const data = `{"jsonrpc":"2.0","id":5,"result":{"text":"${"x".repeat(1_800_000)}"}}`;
      storage.sql.exec(
        "INSERT INTO events VALUES (?, 41, ?, 1, ?)",
        Number(stream),
        data,
        Date.now(),
      );
    });
    expect(await answersOf(await openGetStream(session, `${stream}-0`))).toMatchObject([{ id: 5 }]);
  });
});

/** A stream opened by GET, and the object's end of its connection, of which nobody reads. */
function attachListener(room: SessionRuntime): { stream: number; held: WebSocket } {
  const stream = openStream(room, "listening", "null");
  const socket = attach(room, NEWEST, stream, 0);
  if (!socket.ok) throw new Error("Not attached");
  socket.value.socket.accept();
  const [held] = room.objectState.getWebSockets(String(stream));
  if (held === undefined) throw new Error("Nobody is attached");
  return { stream, held };
}

describe("a call that floods its stream", () => {
  it.each(["2025-06-18", "2025-11-25"])("still answers its POST: %s", async (date) => {
    const session = await openSession(date);
    const body = callTool(1, "spec_progress", { count: 200, pad: 60_000 }, { progressToken: "p" });
    const response = await send(session, body);
    expect(response.status).toBe(200);
    expect(await answersOf(response)).toMatchObject([{ id: 1, result: {} }]);
  });

  it("passes on no more than its reader takes", () =>
    withTestSession(async ({ runtime: room, call, settled }) => {
      const stream = streamIdOf(
        await call(async (context) => {
          context.progress(1);
          await sleep(20);
          for (let value = 2; value <= 60; value++)
            context.progress(value, undefined, "x".repeat(60_000));
          return "done";
        }),
      );
      const socket = attach(room, NEWEST, stream, -1);
      if (!socket.ok) throw new Error("Not attached");
      const received: { id: string; acknowledge?: boolean; data: string }[] = [];
      socket.value.socket.addEventListener("message", ({ data }) => {
        received.push(JSON.parse(String(data)) as never);
      });
      let ended = false;
      socket.value.socket.addEventListener("close", () => (ended = true));
      socket.value.socket.accept();
      await settled();
      await sleep(50);
      const first = received.length;
      expect(first).toBeLessThan(25);
      expect(received.filter(({ acknowledge }) => acknowledge === true)).toEqual([received.at(-1)]);
      expect(ended).toBe(false);
      const [held] = room.objectState.getWebSockets(String(stream));
      while (received.at(-1)?.acknowledge === true && held !== undefined) {
        continueReplay(room, held);
        await sleep(50);
      }
      const numbers = received.map(({ id }) => Number(id.split("-")[1]));
      expect(numbers).toEqual([0, ...upTo(61)]);
      expect(JSON.parse(received.at(-1)?.data ?? "")).toMatchObject({ id: 9, result: {} });
      expect(ended).toBe(true);
    }));

  it("counts what is around a small message too: the event id of a batch names fifty streams", () =>
    withTestSession(async ({ runtime: room }) => {
      const { stream, held } = attachListener(room);
      for (let count = 0; count < 2_000; count++) appendEvent(room, stream, '"x"');
      const { seq } = held.deserializeAttachment() as { seq: number };
      expect(seq).toBeGreaterThan(500);
      expect(seq).toBeLessThan(WINDOW_BYTES / 950);
    }));

  it("a listener that reads too slowly is told so, and does not miss a message without knowing", () =>
    withTestSession(async ({ runtime: room }) => {
      const { stream, held } = attachListener(room);
      for (let count = 0; count < 120; count++)
        appendEvent(room, stream, `"${"x".repeat(60_000)}"`);
      const { seq } = held.deserializeAttachment() as { seq: number };
      expect(seq).toBeLessThan(20);
      continueReplay(room, held);
      expect(held.readyState).not.toBe(WebSocket.READY_STATE_OPEN);
      // Come back, it is told what may have changed, behind what is left.
      const before = [...room.store.eventsAfter(stream, 0)].at(-1)?.seq ?? 0;
      noteListener(room, stream, seq);
      expect(attach(room, NEWEST, stream, seq).ok).toBe(true);
      const told = [...room.store.eventsAfter(stream, before)].map(({ data }) => data);
      expect(told.join()).toContain("notifications/tools/list_changed");
      await sleep(1);
    }));

  it("goes on behind what was dropped, when it asks in between", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      const stream = streamIdOf(
        await call(async (context) => {
          for (let value = 1; value <= 120; value++)
            context.progress(value, undefined, "x".repeat(60_000));
          return (await context.elicitForm("name", { message: "?", form: FORM })).action;
        }),
      );
      await settled();
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
      for (const after of [-1, 0]) {
        const back = attach(room, NEWEST, stream, after);
        if (!back.ok) throw new Error("Not attached");
        const texts: string[] = [];
        back.value.socket.addEventListener("message", ({ data }) => texts.push(String(data)));
        back.value.socket.accept();
        let [held] = room.objectState.getWebSockets(String(stream));
        for (; !texts.join("").includes("decline") && held !== undefined; await sleep(20)) {
          continueReplay(room, held);
          held = room.objectState
            .getWebSockets(String(stream))
            .find(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
        }
        await sleep(20);
        expect(texts.join("")).toContain("decline");
      }
    }));
});

it("an answer that was dropped before its POST came for it is answered with an error, and with the id", async () => {
  const session = await openSession("2025-03-26");
  /** A session object that forgets a stream before anybody attaches to it. */
  const stub = new Proxy(sessionStub(session), {
    get(target, name) {
      if (name !== "fetch") {
        const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => Reflect.apply(method, target, args);
      }
      return async (url: string, init: RequestInit): Promise<Response> => {
        if (url.includes("stream=1")) {
          const first = Number(new URL(url).searchParams.get("stream"));
          await runInDurableObject(target, (_object, { storage }) =>
            storage.sql
              .exec("DELETE FROM streams WHERE id = ? AND call_json LIKE '%\"gone\"%'", first)
              .toArray(),
          );
        }
        return target.fetch(url, init);
      };
    },
  });
  const sessions = new Proxy(bindings.SESSION, {
    get(target, name) {
      if (name === "get") return () => stub;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
  const services = servicesFor();
  const server = buildServer({ info: { name: "stage", version: "1" } });
  const door = {
    server,
    services,
    hub: createHubClient(bindings.HUB),
    sessions,
    pinnedRevision: undefined,
  };
  const http = new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: { "mcp-session-id": session.id },
  });
  const progress = (id: string): object =>
    callTool(id, "test_tool_with_progress", {}, { progressToken: id });
  const lost = {
    id: "gone",
    error: { code: -32603, message: expect.stringContaining("call again") as string },
  };
  const alone = await handleSessionPost(
    door,
    http,
    messagesOf([progress("gone")]),
    false,
    ANONYMOUS,
    unrecordedSpan,
  );
  expect(alone.status).toBe(200);
  expect(await answersOf(alone)).toMatchObject([lost]);
  const both = [progress("gone"), progress("kept")];
  const batch = await answersOf(
    await handleSessionPost(door, http, messagesOf(both), true, ANONYMOUS, unrecordedSpan),
  );
  expect(batch.toSorted((a, b) => String(a.id).localeCompare(String(b.id)))).toMatchObject([
    lost,
    { id: "kept", result: {} },
  ]);
});

it("no stream is stored on its way, whoever opened it", async () => {
  const session = await openSession();
  const streams = [
    await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken: "p" })),
    await openGetStream(session),
    await callStateless(1, "test_tool_with_progress", {}, { _meta: { progressToken: "p" } }),
  ];
  for (const { headers } of streams) {
    expect(headers.get("content-type")).toBe("text/event-stream");
    expect(headers.get("cache-control")).toBe("no-store");
  }
  await Promise.all(streams.map(async ({ body }) => body?.cancel()));
});

it("a session keeps no more events than it may, whatever a call sends", () =>
  withTestSession(async ({ runtime: room, call, settled }) => {
    const sizes: number[] = [];
    await call((context) => {
      for (let value = 1; value <= 150; value++) {
        context.progress(value, undefined, "€".repeat(60_000));
        sizes.push(room.store.eventBytes());
      }
      return "x".repeat(1_800_000);
    });
    await settled();
    sizes.push(room.store.eventBytes());
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    const [{ n }] = room.objectState.storage.sql
      .exec("SELECT SUM(octet_length(data)) AS n FROM events")
      .toArray() as [{ n: number }];
    expect(n).toBeGreaterThan(1_800_000);
    expect(n).toBeLessThanOrEqual(room.store.eventBytes());
  }));
