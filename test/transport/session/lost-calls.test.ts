/** A call that cannot be answered any more ends with an error at once, and no call beside it is lost with it. */

import { expect, it, vi } from "vitest";
import { failCallWithoutQuestions } from "../../../src/transport/session/lost-calls.ts";
import { handleSessionPost } from "../../../src/transport/session/transport.ts";
import {
  appendEvent,
  attach,
  openSockets,
  openStream,
} from "../../../src/transport/session/streams.ts";
import type { SessionRuntime } from "../../../src/transport/session/types.ts";
import { MAX_EVENT_BYTES } from "../../../src/transport/session/limits.ts";
import { readMessages } from "../../../src/wire/jsonrpc.ts";
import { mcpRequest, newCaller, openSession, sessionDependencies } from "../../hub/hub.ts";
import { unrecordedSpan } from "../../server/services.ts";
import { callTool } from "./client.ts";
import { FORM, NEWEST, REQUEST_CONTEXT, streamIdOf, withTestSession } from "./test-session.ts";

const LOST = "The answer was lost, in a restart or unread: call again";

/** Drops every older event for want of room. */
function fill(runtime: SessionRuntime): void {
  const stream = openStream(runtime, "running", '{"request":{"id":1},"openRequests":{}}');
  for (let bytes = 0; bytes <= MAX_EVENT_BYTES; bytes += 1_000_000)
    appendEvent(runtime, stream, "x".repeat(1_000_000));
}

/** What comes on `socket`, from now on. */
function readAll(socket: WebSocket): string[] {
  const received: string[] = [];
  socket.addEventListener("message", ({ data }) => received.push(String(data)));
  socket.accept();
  return received;
}

it.each([
  ["ends where its client comes back without having it", 0, true],
  ["goes on where its client has it", 1, false],
])("a call whose question was dropped for want of room %s", (_, after, isLost) =>
  withTestSession(async ({ runtime, call, sentOn, settled }) => {
    const asked = await call((context) =>
      context.elicitForm("q", { message: "Sure?", form: FORM }),
    );
    await settled();
    const stream = streamIdOf(asked);
    expect(sentOn(stream)).toMatchObject([{ method: "elicitation/create" }]);
    fill(runtime);
    expect(sentOn(stream)).toEqual([]);
    failCallWithoutQuestions(runtime, runtime.store.stream(stream), after);
    const told = [{ method: "notifications/cancelled" }, { id: 9, error: { message: LOST } }];
    expect(sentOn(stream)).toMatchObject(isLost ? told : []);
    expect(runtime.store.stream(stream)?.state).toBe(isLost ? "running" : "suspended");
  }),
);

it("a call whose question was dropped before a slow client was passed it ends where the client reads on", () =>
  withTestSession(async ({ runtime, restart, call, settled }) => {
    const asked = await call(async (context) => {
      for (const step of [1, 2, 3]) context.progress(step, 9, "x".repeat(500_000));
      return context.elicitForm("q", { message: "Sure?", form: FORM });
    });
    const stream = streamIdOf(asked);
    const attached = attach(runtime, NEWEST, stream, -1);
    if (!attached.ok) throw new Error(attached.error.message);
    const received = readAll(attached.value.socket);
    await settled();
    fill(runtime);
    for (const socket of openSockets(runtime, stream)) restart().webSocketMessage(socket);
    await vi.waitUntil(() => received.at(-1)?.includes(LOST));
    expect(received.at(-2)).toContain("notifications/cancelled");
  }));

it("a call whose question was dropped before its POST attached ends", () =>
  withTestSession(async ({ runtime, restart, call, settled }) => {
    const stream = streamIdOf(
      await call((context) => context.elicitForm("q", { message: "Sure?", form: FORM })),
    );
    await settled();
    fill(runtime);
    const { caller } = REQUEST_CONTEXT.record;
    const url = `https://session/?caller=${caller}&stream=${stream}&after=-1`;
    const { webSocket } = await restart().fetch(
      new Request(url, { headers: { upgrade: "websocket" } }),
    );
    const received = readAll(webSocket as WebSocket);
    await vi.waitUntil(() => received.at(-1)?.includes(LOST));
    expect(received.at(-2)).toContain("notifications/cancelled");
  }));

it("a call whose progress was dropped, and whose question was not, goes on", () =>
  withTestSession(async ({ runtime, call, sentOn, settled }) => {
    const asked = await call((context) => {
      context.progress(1);
      return context.elicitForm("q", { message: "Sure?", form: FORM });
    });
    await settled();
    const stream = streamIdOf(asked);
    runtime.store.dropEventsBeginning(stream, [
      '{"jsonrpc":"2.0","method":"notifications/progress"',
    ]);
    expect(sentOn(stream)).toMatchObject([{ method: "elicitation/create" }]);
    failCallWithoutQuestions(runtime, runtime.store.stream(stream), 0);
    expect(sentOn(stream)).toHaveLength(1);
  }));

it("where the object is restarted before its Worker attaches, the answers beside it arrive", async () => {
  const by = newCaller();
  const session = await openSession(by);
  const done = '{"jsonrpc":"2.0","id":2,"result":{"content":[]}}';
  const stub = {
    handlePost: () =>
      Promise.resolve([
        { kind: "stream", streamId: 1_763_700_000_000 },
        { kind: "answer", text: done },
      ]),
    fetch: () => Promise.reject(new Error("The object was reset because its code was updated")),
  };
  const sessions = new Proxy(sessionDependencies.sessions, {
    get(target, name) {
      if (name === "get") return () => stub;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
  const messages = readMessages([callTool(1, "a"), callTool(2, "b")] as never);
  if (!messages.ok) throw new Error(messages.error.message);
  const response = await handleSessionPost(
    { ...sessionDependencies, sessions },
    mcpRequest(session),
    messages.value,
    true,
    by,
    unrecordedSpan,
  );
  const text = await response.text();
  expect(text).toContain(done);
  expect(text).toContain(LOST);
});
