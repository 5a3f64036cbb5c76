/** A session that has ended is gone at the hub too, also when the hub cannot be reached at first. */

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { MAX_ATTEMPTS } from "../../../src/base/retry.ts";
import { SESSION_TTL_MS } from "../../../src/transport/session/limits.ts";
import { registryRows } from "../../hub/hub.ts";
import { faults } from "../../world/faults.ts";
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
  faults.hub.forget = 0;
});

const end = async (session: Session): Promise<number> =>
  (
    await send(session, undefined, {
      method: "DELETE",
      body: null,
      headers: { "mcp-session-id": session.id, "mcp-protocol-version": session.revision },
    })
  ).status;
const isRegistered = async ({ id }: Session): Promise<boolean> =>
  (await registryRows("")).some((row) => row.id === id);
/** How many keys the object has, and whether an alarm. */
const left = (session: Session): Promise<[keys: number, alarm: boolean]> =>
  runInDurableObject(sessionStub(session), async (_object, { storage }) => [
    [...storage.kv.list()].length,
    (await storage.getAlarm()) !== null,
  ]);

it("DELETE leaves nothing, here or at the hub", async () => {
  const session = await openSession();
  expect(await end(session)).toBe(204);
  expect([await isRegistered(session), await left(session)]).toEqual([false, [0, false]]);
  expect(await end(session)).toBe(404);
});

it("who comes back for a stream of a session that has just ended is told that it is gone", async () => {
  const session = await openSession();
  const call = callTool(1, "test_tool_with_progress", {}, { progressToken: "p" });
  const events = new EventReader(await send(session, call));
  const first = await events.next();
  while ((await events.next()) !== undefined);
  expect(await end(session)).toBe(204);
  for (const lastEventId of [first?.id, "1-0", undefined]) {
    const resumed = await openGetStream(session, lastEventId);
    expect([lastEventId, resumed.status]).toEqual([lastEventId, 404]);
  }
});

it("a DELETE whose hub could not be reached ends the session at once, and its row by the alarm", async () => {
  const session = await openSession();
  faults.hub.forget = 3;
  expect(await end(session)).toBe(204);
  expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(404);
  expect(await end(session)).toBe(404);
  for (let round = 0; round < 2; round++) {
    expect([await isRegistered(session), await left(session)]).toEqual([true, [1, true]]);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
  }
  expect([await isRegistered(session), await left(session)]).toEqual([true, [1, true]]);
  expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
  expect([await isRegistered(session), await left(session)]).toEqual([false, [0, false]]);
});

it("so does the end that comes by itself", async () => {
  const session = await openSession();
  faults.hub.forget = 1;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SESSION_TTL_MS + 1 });
  expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
  expect(await isRegistered(session)).toBe(true);
  expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
  expect([await isRegistered(session), await left(session)]).toEqual([false, [0, false]]);
});

it("it is given up some day: the hub finds out by itself", async () => {
  const session = await openSession();
  faults.hub.forget = Infinity;
  await end(session);
  for (let round = 1; round < MAX_ATTEMPTS; round++)
    await runDurableObjectAlarm(sessionStub(session));
  expect(await left(session)).toEqual([1, true]);
  await runDurableObjectAlarm(sessionStub(session));
  expect([await isRegistered(session), await left(session)]).toEqual([true, [0, false]]);
});
