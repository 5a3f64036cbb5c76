/** What an eviction between any two messages must not change. The pool evicts for real: memory goes, sockets and rows stay. */

import {
  abortAllDurableObjects,
  evictAllDurableObjects,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ANONYMOUS, callerKey } from "../../../src/base/caller.ts";
import { SessionObject } from "../../../src/transport/session/session-object.ts";
import { faults } from "../../world/faults.ts";
import { INPUT_REQUEST_TTL_MS, SESSION_TTL_MS } from "../../../src/transport/session/limits.ts";
import {
  callTool,
  EventReader,
  openGetStream,
  openSession,
  jsonRpcRequest,
  send,
  sessionStub,
  type Session,
} from "./client.ts";

afterEach(() => {
  vi.useRealTimers();
});

const evict = (): Promise<void> => evictAllDurableObjects({ webSockets: "hibernate" });
const answerTo = (question: Record<string, unknown>, result: object): object => ({
  jsonrpc: "2.0",
  id: question["id"],
  result,
});

async function ask(
  session: Session,
): Promise<{ events: EventReader; question: Record<string, unknown>; eventId: string }> {
  const events = new EventReader(
    await send(session, callTool(7, "test_elicitation", { message: "Who?" })),
  );
  const { eventId = "", ...question } = await events.message();
  expect(question["method"]).toBe("elicitation/create");
  return { events, question, eventId };
}

/** A batch of calls, each of which asks its client something. */
async function askInBatch(
  ids: readonly number[],
): Promise<{ session: Session; events: EventReader; questions: Record<string, unknown>[] }> {
  const session = await openSession("2025-03-26");
  const calls = ids.map((id) => callTool(id, "test_sampling", { prompt: `${id}` }));
  const events = new EventReader(await send(session, calls));
  const questions: Record<string, unknown>[] = [];
  for (const _ of ids) questions.push(await events.message());
  return { session, events, questions };
}

/** The questions of {@link askInBatch} are answered, and then its calls, each once. */
async function expectAllAnswered(
  ids: readonly number[],
  { session, events, questions }: Awaited<ReturnType<typeof askInBatch>>,
): Promise<void> {
  const answer = { role: "assistant", model: "m", content: { type: "text", text: "yes" } };
  for (const question of questions) await send(session, answerTo(question, answer));
  const answered = new Set<unknown>();
  for (const _ of ids) answered.add((await events.message())["id"]);
  expect(answered).toEqual(new Set(ids));
  expect(await events.next()).toBeUndefined();
}

const openSockets = (session: Session): Promise<number> =>
  runInDurableObject(
    sessionStub(session),
    (_object, state) =>
      state.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN).length,
  );

const ADA = { action: "accept", content: { username: "ada", email: "ada@example.com" } };

describe("evicted while idle", () => {
  it("a listening stream still delivers", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    await evict();
    await (await send(session, callTool(1, "test_trigger_tool_change"))).text();
    expect(await events.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await events.cancel();
  });

  it("an elicitation answered afterwards finishes on the first stream", async () => {
    const session = await openSession();
    const { events, question } = await ask(session);
    await evict();
    expect((await send(session, answerTo(question, ADA))).status).toBe(202);
    const result = await events.message();
    expect(result).toMatchObject({ id: 7, result: { content: [{ type: "text" }] } });
    expect(JSON.stringify(result)).toContain("ada");
    expect(await events.next()).toBeUndefined();
  });

  it("an elicitation can be answered after the connection died too, and the result be fetched", async () => {
    const session = await openSession();
    const { events, question, eventId } = await ask(session);
    await events.cancel();
    await evict();
    await send(session, answerTo(question, ADA));
    await evict();
    const resumed = new EventReader(await openGetStream(session, eventId));
    expect(await resumed.message()).toMatchObject({ id: 7, result: {} });
    expect(await resumed.next()).toBeUndefined();
  });

  it("another caller is refused before and after", async () => {
    const session = await openSession();
    const mallory = { issuer: "none", subject: "mallory", client: "none", scopes: [] };
    const message = { kind: "request", id: 1, method: "ping", params: {} } as const;
    expect(await sessionStub(session).handlePost(mallory, [message], false, "t", {})).toEqual([
      { kind: "sessionNotFound" },
    ]);
    await evict();
    expect(await sessionStub(session).handlePost(mallory, [message], false, "t", {})).toEqual([
      { kind: "sessionNotFound" },
    ]);
    expect(
      await sessionStub(session).deleteSession(JSON.stringify(["none", "mallory", "none"])),
    ).toBe(false);
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });

  it("a replayed stream gives exactly what followed, the result included", async () => {
    const session = await openSession();
    const events = new EventReader(
      await send(session, callTool(3, "test_tool_with_progress", {}, { progressToken: "p" })),
    );
    const first = await events.message();
    await events.cancel();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await evict();
    const resumed = new EventReader(await openGetStream(session, first.eventId));
    const rest = [await resumed.message(), await resumed.message(), await resumed.message()];
    expect(rest.map((one) => one["method"] ?? one["id"])).toEqual([
      "notifications/progress",
      "notifications/progress",
      3,
    ]);
    expect(await resumed.next()).toBeUndefined();
  });
});

describe("reset while a client listens", () => {
  it("was seen when it last listened, a day before it is forgotten", async () => {
    const session = await openSession();
    const events = new EventReader(await openGetStream(session));
    await events.next();
    const start = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: start + SESSION_TTL_MS + 1_000 });
    await runDurableObjectAlarm(sessionStub(session));
    vi.setSystemTime(start + 2 * SESSION_TTL_MS);
    await Promise.all([events.cancel(), abortAllDurableObjects()]);
    vi.setSystemTime(start + 2 * SESSION_TTL_MS + 500);
    await runDurableObjectAlarm(sessionStub(session));
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });
});

describe("lost while at work", () => {
  it("a streamed call ends with an error on its stream, never with silence", async () => {
    const session = await openSession();
    const response = await send(
      session,
      callTool(5, "test_tool_with_progress", {}, { progressToken: "p" }),
    );
    const events = new EventReader(response);
    const { eventId } = await events.message();
    await abortAllDurableObjects();
    const resumed = new EventReader(await openGetStream(session, eventId));
    for (;;) {
      const message = await resumed.message();
      if (message["method"] !== undefined) continue;
      expect(message).toMatchObject({ id: 5, error: { code: -32603 } });
      break;
    }
    expect(await resumed.next()).toBeUndefined();
  });

  // Two of them have no event before that by which a client could come back.
  it.each(["2025-11-25", "2025-06-18", "2025-03-26"])(
    "a call that was silent so far ends with an error on the stream of its POST (%s)",
    async (revision) => {
      const session = await openSession(revision);
      const events = new EventReader(await send(session, callTool(5, "spec_slow", { ms: 20_000 })));
      await abortAllDurableObjects();
      expect(await events.message()).toMatchObject({ id: 5, error: { code: -32603 } });
      expect(await events.next()).toBeUndefined();
    },
  );

  it("a call that waits for an answer goes on on the stream of its POST", async () => {
    const session = await openSession("2025-06-18");
    const { events, question } = await ask(session);
    await abortAllDurableObjects();
    await send(session, answerTo(question, ADA));
    expect(await events.message()).toMatchObject({ id: 7, result: {} });
    expect(await events.next()).toBeUndefined();
  });

  it("a batch of calls that wait for their client outlives resets, whatever their number", async () => {
    const ids = [1, 2, 3, 4, 5, 6];
    const batch = await askInBatch(ids);
    for (let resets = 0; resets < 3; resets += 1) {
      await abortAllDurableObjects();
      await vi.waitFor(async () => expect(await openSockets(batch.session)).toBe(ids.length));
    }
    await expectAllAnswered(ids, batch);
  });

  it("calls outlive seconds without their object, which is asked for one of them alone", async () => {
    const ids = Array.from({ length: 30 }, (_, id) => id);
    const batch = await askInBatch(ids);
    const connect = vi.spyOn(SessionObject.prototype, "fetch").mockImplementation(() => {
      throw new Error("away");
    });
    await abortAllDurableObjects();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(connect).toHaveBeenCalledTimes(4);
    connect.mockRestore();
    await expectAllAnswered(ids, batch);
  }, 15_000);

  it("an object that says nothing to one connection has the others all the same", async () => {
    const ids = [1, 2, 3];
    const batch = await askInBatch(ids);
    const connect = vi.spyOn(SessionObject.prototype, "fetch");
    connect.mockImplementationOnce(() => new Promise(() => undefined));
    await abortAllDurableObjects();
    await vi.waitFor(() => expect(connect).toHaveBeenCalled());
    await expectAllAnswered(ids, batch);
    connect.mockRestore();
  }, 30_000);

  it("a connection that comes too late takes no other's place, and opens no stream", async () => {
    const session = await openSession("2025-06-18");
    const { events, question } = await ask(session);
    const streams = (): Promise<unknown[]> =>
      runInDurableObject(sessionStub(session), (_object, { storage }) =>
        storage.sql.exec("SELECT id FROM streams").toArray(),
      );
    const before = await streams();
    const [{ id } = { id: 0 }] = before as { id: number }[];
    for (const stream of [String(id), "new"]) {
      const query = new URLSearchParams({
        stream,
        after: "0",
        within: "-1",
        caller: callerKey(ANONYMOUS),
      });
      const late = sessionStub(session).fetch(`https://session/?${query.toString()}`);
      await expect(late).rejects.toThrow("Nobody waits any more");
    }
    expect([await openSockets(session), await streams()]).toEqual([1, before]);
    await send(session, answerTo(question, ADA));
    expect(await events.message()).toMatchObject({ id: 7, result: {} });
  });

  it("leaves no connection of a client that left meanwhile", async () => {
    const session = await openSession("2025-06-18");
    const { events } = await ask(session);
    await Promise.all([abortAllDurableObjects(), events.cancel()]);
    await vi.waitFor(async () => expect(await openSockets(session)).toBe(0));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await openSockets(session)).toBe(0);
  });

  it("a stream is opened all the same where the object is reset while it is asked", async () => {
    const session = await openSession();
    let resets = 1;
    faults.beforeHubAnswer = async (method) => {
      if (method !== "enableListChanges" || resets === 0) return;
      resets -= 1;
      await runInDurableObject(sessionStub(session), (_object, state) => {
        state.abort("deployed");
      }).catch(() => undefined);
    };
    const response = await openGetStream(session);
    faults.beforeHubAnswer = () => Promise.resolve();
    expect([response.status, resets]).toEqual([200, 0]);
    await response.body?.cancel();
  });

  it("an answer of the client is taken all the same where the object was reset", async () => {
    const session = await openSession("2025-06-18");
    const { events, question } = await ask(session);
    const handlePost = vi.spyOn(SessionObject.prototype, "handlePost");
    handlePost.mockImplementationOnce(function (this: SessionObject<unknown>) {
      (this as unknown as { ctx: DurableObjectState }).ctx.abort("deployed");
      return Promise.resolve([]);
    });
    expect((await send(session, answerTo(question, ADA))).status).toBe(202);
    handlePost.mockRestore();
    expect(await events.message()).toMatchObject({ id: 7, result: {} });
  });

  it("a session begins, and ends, all the same where its object is reset while it is asked", async () => {
    for (const name of ["initialize", "deleteSession"] as const) {
      const spy = vi.spyOn(SessionObject.prototype, name);
      spy.mockImplementationOnce(function (this: SessionObject<unknown>) {
        (this as unknown as { ctx: DurableObjectState }).ctx.abort("deployed");
        return Promise.resolve(true);
      });
      const session = await openSession();
      const response = await send(session, undefined, { method: "DELETE", body: null });
      expect([name, response.status, spy.mock.calls.length]).toEqual([name, 204, 2]);
      spy.mockRestore();
    }
  });

  it("a session whose end was not heard of has ended", async () => {
    const session = await openSession();
    const spy = vi.spyOn(SessionObject.prototype, "deleteSession");
    spy.mockImplementationOnce(async function (this: SessionObject<unknown>, ...args) {
      await this.deleteSession(...args);
      (this as unknown as { ctx: DurableObjectState }).ctx.abort("deployed");
      return true;
    });
    expect((await send(session, undefined, { method: "DELETE", body: null })).status).toBe(204);
    spy.mockRestore();
  });

  it("an answer beside a request is taken all the same, and the request is told that it was lost", async () => {
    const session = await openSession("2025-03-26");
    const events = new EventReader(
      await send(session, callTool(1, "test_sampling", { prompt: "p" })),
    );
    const question = await events.message();
    const handlePost = vi.spyOn(SessionObject.prototype, "handlePost");
    handlePost.mockImplementationOnce(function (this: SessionObject<unknown>) {
      (this as unknown as { ctx: DurableObjectState }).ctx.abort("deployed");
      return Promise.resolve([]);
    });
    const content = { type: "text", text: "yes" };
    const answer = answerTo(question, { role: "assistant", model: "m", content });
    const response = await send(session, [answer, jsonRpcRequest(9, "ping")]);
    handlePost.mockRestore();
    expect(await response.json()).toMatchObject([{ id: 9, error: { code: -32603 } }]);
    expect(await events.message()).toMatchObject({ id: 1, result: {} });
  });

  it("an object that cannot be had is asked four times, however many streams a batch has there", async () => {
    const session = await openSession("2025-03-26");
    const connect = vi.spyOn(SessionObject.prototype, "fetch").mockImplementation(() => {
      throw new Error("away");
    });
    const calls = [1, 2, 3].map((id) => callTool(id, "test_sampling", { prompt: "p" }));
    const text = await (await send(session, calls)).text();
    expect(connect).toHaveBeenCalledTimes(4);
    connect.mockRestore();
    expect(text.match(/was lost/g)).toHaveLength(3);
  });

  it("a listener comes back by itself: its connection ends", async () => {
    const session = await openSession("2025-06-18");
    const events = new EventReader(await openGetStream(session));
    await abortAllDurableObjects();
    expect(await events.next()).toBeUndefined();
  });
});

describe("time", () => {
  it("an unanswered question ends its call with a clear error", async () => {
    const session = await openSession();
    const { events } = await ask(session);
    await evict();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + INPUT_REQUEST_TTL_MS + 1 });
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    expect(await events.message()).toMatchObject({ method: "notifications/cancelled" });
    expect(await events.message()).toMatchObject({
      id: 7,
      error: { message: expect.stringContaining("did not answer") as string },
    });
  });

  it("a session that nobody uses ends, and its id is unknown from then on", async () => {
    const session = await openSession();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS + 1 });
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(404);
    const left = await runInDurableObject(sessionStub(session), (_object, state) =>
      state.storage.list(),
    );
    expect(left.size).toBe(0);
  });

  it("a session that is used lives on", async () => {
    const session = await openSession();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS / 2 });
    await send(session, jsonRpcRequest(1, "ping"));
    vi.setSystemTime(Date.now() + SESSION_TTL_MS / 2 + 1);
    await runDurableObjectAlarm(sessionStub(session));
    expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(200);
  });
});

describe("who comes back for a stream", () => {
  it("and has all of it is told not to come again", async () => {
    const session = await openSession();
    const { events, question } = await ask(session);
    const refusal = { jsonrpc: "2.0", id: question["id"], error: { code: -1, message: "no" } };
    await send(session, refusal);
    const { eventId, ...last } = await events.message();
    expect(last).toMatchObject({ id: 7, error: {} });
    for (const id of [eventId, eventId]) {
      const again = await openGetStream(session, id);
      expect(again.status).toBe(405);
      expect(await again.json()).toMatchObject({
        error: { message: expect.stringContaining("All of this stream was sent") as string },
      });
    }
  });

  it("of a batch, of which something is left, gets that", async () => {
    const session = await openSession("2025-03-26");
    const calls = [
      callTool(1, "spec_slow", { ms: 1_200 }),
      callTool(2, "spec_slow", { ms: 1_200 }),
    ];
    const events = new EventReader(await send(session, calls));
    const { eventId: first } = await events.message();
    const { eventId: last } = await events.message();
    expect((await openGetStream(session, last)).status).toBe(405);
    const rest = await openGetStream(session, first);
    expect([rest.status, (await rest.text()).match(/"result"/g)]).toEqual([200, ['"result"']]);
  });
});

describe("bounds", () => {
  it("a cursor older than what is kept goes on with what is left, and one of a stream that is gone is refused", async () => {
    const session = await openSession();
    const call = callTool(1, "spec_progress", { count: 5 }, { progressToken: "a" });
    const { eventId = "" } = await new EventReader(await send(session, call)).message();
    const stream = Number(eventId.split("-")[0]);
    await vi.waitFor(async () =>
      expect(
        await runInDurableObject(sessionStub(session), (_object, { storage }) =>
          storage.sql.exec("SELECT * FROM events WHERE is_final = 1").toArray(),
        ),
      ).toHaveLength(1),
    );
    await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      storage.sql.exec("UPDATE streams SET dropped_seq = 4 WHERE id = ?", stream);
      storage.sql.exec("DELETE FROM events WHERE seq <= 4");
    });
    const rest = new EventReader(await openGetStream(session, `${stream}-1`));
    expect(await rest.message()).toMatchObject({ params: { progress: 5 } });
    expect(await rest.message()).toMatchObject({ id: 1, result: {} });
    const refused = await openGetStream(session, `${stream + 1}-3`);
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("too old");
  });

  it("duplicate ids in flight each get their own answer", async () => {
    const session = await openSession();
    const [first, second] = await Promise.all([ask(session), ask(session)]);
    const other = { action: "accept", content: { username: "bob", email: "bob@example.com" } };
    await send(session, answerTo(second.question, other));
    await send(session, answerTo(first.question, ADA));
    expect(JSON.stringify(await first.events.message())).toContain("ada");
    expect(JSON.stringify(await second.events.message())).toContain("bob");
  });
});
