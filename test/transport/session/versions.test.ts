/**
 * What other versions of this server left in a session: rows of the last format are read as they are; a session that
 * cannot be read ends, so that its client begins anew. And an answer that nobody took is not accepted.
 */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { registryRows } from "../../hub/hub.ts";
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

/** The tables without `suspended_calls`. */
const TABLES = `
  CREATE TABLE streams (id INTEGER PRIMARY KEY, state TEXT, call_json TEXT, expires_at_ms INTEGER, dropped_seq INTEGER);
  CREATE TABLE events (stream INTEGER, seq INTEGER, data TEXT, is_final INTEGER, created_at_ms INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID;`;

/** The tables as an earlier version named them, with a call that waits. */
const OLD_TABLES = `
  CREATE TABLE streams (id INTEGER PRIMARY KEY, state TEXT, call TEXT, expires INTEGER, dropped INTEGER);
  CREATE TABLE waiting (stream INTEGER PRIMARY KEY, call TEXT);
  INSERT INTO streams VALUES (1, 'waiting', '{"request":{"id":1},"questions":{}}', 4102444800000, 0);
  INSERT INTO waiting VALUES (1, '{}')`;

/** Writes to the session's storage as another version would, and lets this version find it. */
async function leave(
  session: Session,
  write: (storage: DurableObjectStorage) => void,
): Promise<void> {
  await runInDurableObject(sessionStub(session), (_object, { storage }) => write(storage));
  await evictDurableObject(sessionStub(session));
}

const isRegistered = async ({ id }: Session): Promise<boolean> =>
  (await registryRows("")).some((row) => row.id === id);
const answer = (id: string): object => ({
  jsonrpc: "2.0",
  id,
  result: { action: "accept", content: { username: "ada", email: "ada@example.com" } },
});

it("a session whose storage lacks the table of suspended calls goes on", async () => {
  const session = await openSession();
  const stream = Date.now() - 5_000;
  const asked = `${stream}.AAAAAAAAAAAA`;
  const working = stream + 1;
  const question = JSON.stringify({
    jsonrpc: "2.0",
    id: asked,
    method: "elicitation/create",
    params: {},
  });
  await leave(session, ({ sql }) => {
    sql.exec(TABLES);
    const call = {
      request: {
        kind: "request",
        id: 7,
        method: "tools/call",
        params: {
          name: "test_elicitation",
          arguments: { message: "Who?" },
          _meta: { progressToken: 3 },
        },
      },
      openRequests: { [asked]: { key: "user", method: "elicitation/create" } },
      retryState: { answers: {}, once: {} },
    };
    const callDeadline = {
      deadline: stream + 300_000,
      message: "spec_slow took longer than 300 s",
    };
    const lost = JSON.stringify({ request: { id: 8 }, callDeadline });
    const add = "INSERT INTO streams VALUES (?, ?, ?, ?, 0)";
    sql.exec(add, stream, "suspended", JSON.stringify(call), stream + 600_000);
    sql.exec(add, working, "running", lost, 0);
    sql.exec(add, working + 1, "listening", "null", 0);
    sql.exec("INSERT INTO events VALUES (?, 1, ?, 0, ?)", stream, question, stream);
  });
  expect(
    (await new EventReader(await openGetStream(session, `${working}-0`)).message())["error"],
  ).toMatchObject({
    code: -32603,
  });
  const asking = new EventReader(await openGetStream(session, `${stream}-0`));
  expect(await asking.message()).toMatchObject({ id: asked, eventId: `${stream}-1` });
  expect((await send(session, answer(asked))).status).toBe(202);
  const answered = await asking.message();
  expect(answered).toMatchObject({ id: 7, eventId: `${stream}-2`, result: {} });
  expect(JSON.stringify(answered)).toContain("ada@example.com");
  const listening = new EventReader(await openGetStream(session, `${working + 1}-0`));
  await send(session, callTool(9, "spec_hub", { do: "tools" }));
  expect(await listening.message()).toMatchObject({ method: "notifications/tools/list_changed" });
  await listening.cancel();
});

const add = ({ sql }: DurableObjectStorage, state: string, call: string): void => {
  sql.exec(TABLES);
  sql.exec("INSERT INTO streams VALUES (1, ?, ?, ?, 0)", state, call, Date.now() + 600_000);
};

it.each<[what: string, write: (storage: DurableObjectStorage) => void]>([
  ["with a call at work that is no JSON", (storage) => add(storage, "running", "?")],
  ["with a call at work that has no request", (storage) => add(storage, "running", "{}")],
  [
    "with a call that waits for no known questions",
    (storage) => add(storage, "suspended", '{"request":{"id":1}}'),
  ],
  [
    "with other columns",
    ({ sql }) =>
      sql.exec("CREATE TABLE streams (id INTEGER); CREATE TABLE suspended_calls (id INTEGER)"),
  ],
  ["with the tables of an earlier version", ({ sql }) => sql.exec(OLD_TABLES)],
  [
    "with the record of an earlier version",
    ({ kv }) => {
      const { lastSeenMs: seen, ...record } = kv.get<{ lastSeenMs: number }>("session") ?? {};
      kv.put("session", { ...record, seen });
    },
  ],
  [
    "of a revision that is not served",
    ({ kv }) => kv.put("session", { ...kv.get<object>("session"), revision: "2031-01-01" }),
  ],
])("a session %s has ended for its client", async (_what, write) => {
  const session = await openSession();
  await leave(session, write);
  expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(404);
  expect((await send(session, callTool(2, "test_simple_text"))).status).toBe(404);
  expect((await send(session, answer("1.A"))).status).toBe(404);
  expect((await openGetStream(session)).status).toBe(404);
  expect((await send(await openSession(), jsonRpcRequest(1, "ping"))).status).toBe(200);
});

it("it leaves nothing behind, here or at the hub", async () => {
  const session = await openSession();
  await leave(session, (storage) => add(storage, "running", "?"));
  expect(await isRegistered(session)).toBe(true);
  expect((await send(session, jsonRpcRequest(1, "ping"))).status).toBe(404);
  await expect.poll(() => isRegistered(session)).toBe(false);
  const left = await runInDurableObject(
    sessionStub(session),
    (_object, { storage: { sql, kv } }) => [
      sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'streams'").toArray(),
      [...kv.list()],
    ],
  );
  expect(left).toEqual([[], []]);
});

it("an answer, or a notification, that the session could not take is an error, and none that was accepted", async () => {
  const session = await openSession();
  const asking = new EventReader(
    await send(session, callTool(3, "test_elicitation", { message: "Who?" })),
  );
  const { id } = await asking.message();
  // A trigger stands for a disk that is full.
  await runInDurableObject(sessionStub(session), (_object, { storage }) => {
    storage.sql.exec(
      "CREATE TRIGGER full BEFORE UPDATE ON streams BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    );
  });
  expect((await send(session, answer(String(id)))).status).toBe(500);
  await runInDurableObject(sessionStub(session), (_object, { storage }) => {
    storage.sql.exec("DROP TRIGGER full");
  });
  expect((await send(session, answer(String(id)))).status).toBe(202);
  const answered = await asking.message();
  expect(JSON.stringify(answered)).toContain("ada@example.com");
});
