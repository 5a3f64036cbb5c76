/** Room for one more session: who asks for it is not refused for what nobody uses, and nobody pays for anybody else. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ANONYMOUS, callerKey, type Caller } from "../../src/base/caller.ts";
import { MAX_ANONYMOUS_SESSIONS, MAX_SESSIONS_PER_CALLER } from "../../src/hub/admission.ts";
import { shareOf } from "../../src/hub/client.ts";
import { clientAddress } from "../../src/wire/response.ts";
import {
  bindings,
  callTool,
  jsonRpcRequest,
  sessionStub,
  type Session,
} from "../transport/session/client.ts";
import { costs } from "../world/counting.ts";
import {
  addRegistryRow,
  addRegistryRows,
  deleteSessions,
  insertSession,
  hub,
  initialize,
  openGetStream,
  openSession,
  ping,
  post,
  registryRows,
  shardOf,
  sleep,
  newCaller,
  recordRequestedSessions,
} from "./hub.ts";

afterEach(() => {
  vi.useRealTimers();
});

const MINUTE = 60_000;
const HOUR = 3_600_000;
const newId = (): string => bindings.SESSION.newUniqueId().toString();
/** Minutes pass; only the clock is set. */
const at = (start: number, minutes: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: start + minutes * MINUTE });
};

/** Whatever the session had is gone: rows, alarm, and its row at the hub. */
async function expectGone(by: Caller, session: Session): Promise<void> {
  expect(await ping(by, session)).toBe(404);
  expect((await registryRows(callerKey(by))).map(({ id }) => id)).not.toContain(session.id);
  await runInDurableObject(sessionStub(session), async (_object, { storage }) => {
    expect((await storage.list()).size).toBe(0);
    expect(await storage.getAlarm()).toBeNull();
  });
}

/** Fills up the share of `by` with sessions that are seen last, so that nobody asks them. */
async function crowd(by: Caller, others: number): Promise<void> {
  await addRegistryRows(callerKey(by), MAX_SESSIONS_PER_CALLER - others, Date.now() + HOUR, newId);
}

/** The ids of the sessions that the hub asks from now on, for want of room in this share. */
async function askedBy(share: string): Promise<string[]> {
  const asked: string[] = [];
  await runInDurableObject(shardOf(share), (object) =>
    recordRequestedSessions(object, (id) => {
      asked.push(id);
    }),
  );
  return asked;
}

describe("the hundred and first session", () => {
  it("ends the one that nobody used for longest, not the one that was opened first", async () => {
    const by = newCaller();
    const start = Date.now();
    const used = await openSession(by);
    at(start, 1);
    const held = await openSession(by);
    await openGetStream(by, held);
    at(start, 2);
    const idle = await openSession(by);
    at(start, 3);
    const late = await openSession(by);
    at(start, 30);
    await ping(by, used);
    await crowd(by, 4);
    expect((await initialize(by)).status).toBe(200);
    await expectGone(by, idle);
    for (const session of [used, held, late]) expect(await ping(by, session)).toBe(200);
    // They were all used now: of the four, the one with the stream stays whatever happens.
    at(start, 31);
    for (const session of [used, late]) await ping(by, session);
    at(start, 32);
    await crowd(by, MAX_SESSIONS_PER_CALLER);
    expect((await initialize(by)).status).toBe(200);
    expect(await ping(by, held)).toBe(200);
    expect(await registryRows(callerKey(by))).toHaveLength(MAX_SESSIONS_PER_CALLER);
  });

  it("costs a request for each session that is asked, and no more than one that is idle", async () => {
    const by = newCaller();
    const [first, second] = [await openSession(by), await openSession(by)];
    await crowd(by, 2);
    const asked = await askedBy(callerKey(by));
    const before = { ...costs };
    expect((await initialize(by)).status).toBe(200);
    // Two of the Worker's, as ever, and one of the hub's.
    expect([costs.requests - before.requests, asked]).toEqual([3, [first.id]]);
    await expectGone(by, first);
    expect(await ping(by, second)).toBe(200);
  });

  it("ends no session that runs a call or holds a stream, however long ago it was opened", async () => {
    const by = newCaller();
    const start = Date.now();
    const [working, held, idle] = [
      await openSession(by),
      await openSession(by),
      await openSession(by),
    ];
    await openGetStream(by, held);
    const posted = post(by, working, callTool(1, "spec_slow", { ms: 900 }));
    at(start, 120);
    await crowd(by, 3);
    expect((await initialize(by)).status).toBe(200);
    await expectGone(by, idle);
    expect((await posted).status).toBe(200);
    expect(await ping(by, held)).toBe(200);
  });

  it("finds out that a session is gone, or was never opened, and leaves alone one that is being opened", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const [gone, opening] = [newId(), newId()];
    await addRegistryRow(share, gone, Date.now() - 2 * MINUTE);
    await addRegistryRow(share, opening, Date.now() - 1_000);
    await crowd(by, 2);
    expect((await initialize(by)).status).toBe(200);
    const ids = (await registryRows(share)).map(({ id }) => id);
    expect([ids.includes(gone), ids.includes(opening), ids.length]).toEqual([
      false,
      true,
      MAX_SESSIONS_PER_CALLER,
    ]);
    // Though it is the oldest now, what is being opened keeps its place.
    expect((await initialize(by)).status).toBe(200);
    expect((await registryRows(share)).map(({ id }) => id)).toContain(opening);
  });

  it("many at once never are more than the bound", async () => {
    const by = newCaller();
    const share = callerKey(by);
    await addRegistryRows(share, MAX_SESSIONS_PER_CALLER - 1, Date.now() - HOUR, newId);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => hub.registerSession(newId(), share, undefined)),
    );
    expect(new Set(answers)).toEqual(new Set(["registered"]));
    expect(await registryRows(share)).toHaveLength(MAX_SESSIONS_PER_CALLER);
  });

  it("many at once end as many that are idle, though these were opened a moment ago", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const start = Date.now();
    const idle = 30;
    for (let opened = 0; opened < idle; opened += 1) {
      at(start, opened / 60);
      await openSession(by);
    }
    await crowd(by, idle);
    const asked = await askedBy(share);
    at(start, 0.6);
    const answers = await Promise.all(
      Array.from({ length: idle }, () => hub.registerSession(newId(), share, undefined)),
    );
    expect(answers.filter((answer) => answer !== "registered")).toEqual([]);
    // Each is asked by one of them.
    expect([asked.length, new Set(asked).size]).toEqual([idle, idle]);
    expect(await registryRows(share)).toHaveLength(MAX_SESSIONS_PER_CALLER);
  });

  it("knows to the moment when each was used, as long as its object is awake", async () => {
    const by = newCaller();
    const start = Date.now();
    const used = await openSession(by);
    at(start, 1);
    const idle = await openSession(by);
    at(start, 2);
    await ping(by, used);
    await crowd(by, 2);
    expect((await initialize(by)).status).toBe(200);
    await expectGone(by, idle);
    expect(await ping(by, used)).toBe(200);
  });

  it("keeps its place in line through an eviction, to within ten minutes", async () => {
    const by = newCaller();
    const start = Date.now();
    const used = await openSession(by);
    at(start, 1);
    const idle = await openSession(by);
    at(start, 60);
    await ping(by, used);
    await runInDurableObject(sessionStub(used), (_object, { storage }) => {
      expect(storage.kv.get<{ lastSeenMs: number }>("session")?.lastSeenMs).toBe(
        start + 60 * MINUTE,
      );
    });
    await crowd(by, 2);
    expect((await initialize(by)).status).toBe(200);
    await expectGone(by, idle);
    expect(await ping(by, used)).toBe(200);
  });
});

describe("where there is no room", () => {
  it("says so with 429 and when to come back, and does not ask all sessions again before", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const start = Date.now();
    const held = await openSession(by);
    const posted = post(by, held, callTool(1, "spec_slow", { ms: 900 }));
    // Nobody can ask these: they may be at work.
    await addRegistryRows(
      share,
      MAX_SESSIONS_PER_CALLER - 1,
      start - HOUR,
      (index) => `no id ${index}`,
    );
    const asked = await askedBy(share);
    const refused = await initialize(by);
    expect(asked).toHaveLength(MAX_SESSIONS_PER_CALLER);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(await refused.json()).toMatchObject({
      error: { code: 429, message: expect.stringContaining("DELETE") as string },
    });
    expect(await ping(by, held)).toBe(200);
    expect((await initialize(by)).status).toBe(429);
    expect(asked).toHaveLength(MAX_SESSIONS_PER_CALLER);
    // What was said is true: after a minute it looks again, and finds what became idle meanwhile.
    expect((await posted).status).toBe(200);
    at(start, 1.1);
    await ping(by, held);
    at(start, 2.2);
    expect((await initialize(by)).status).toBe(200);
    await expectGone(by, held);
  });

  it("has room at once when a session is ended", async () => {
    const by = newCaller();
    const share = callerKey(by);
    await addRegistryRows(
      share,
      MAX_SESSIONS_PER_CALLER,
      Date.now() - HOUR,
      (index) => `no id ${index}`,
    );
    expect((await initialize(by)).status).toBe(429);
    await hub.unregisterSession("no id 7", share);
    expect((await initialize(by)).status).toBe(200);
  });

  it("no other caller is the poorer", async () => {
    const by = newCaller();
    await addRegistryRows(
      callerKey(by),
      MAX_SESSIONS_PER_CALLER,
      Date.now() - HOUR,
      (index) => `no id ${index}`,
    );
    expect((await initialize(by)).status).toBe(429);
    for (const other of [
      { ...by, subject: `${by.subject} ` },
      { ...by, client: "cli2" },
      { ...by, issuer: "x" },
    ])
      expect((await initialize(other)).status).toBe(200);
  });
});

describe("strangers", () => {
  const worker = (exports as unknown as { default: Fetcher }).default;
  const key = callerKey(ANONYMOUS);
  const from = async (address: string): Promise<Response> =>
    worker.fetch("http://127.0.0.1/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "cf-connecting-ip": address,
      },
      body: JSON.stringify(
        jsonRpcRequest(0, "initialize", {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "t", version: "1" },
        }),
      ),
    });
  const shareFrom = (address: string): Promise<string> =>
    shareOf(
      ANONYMOUS,
      new Request("http://127.0.0.1/", { headers: { "cf-connecting-ip": address } }),
    );

  it("one address has its share, and fills nobody else's", async () => {
    const share = await shareFrom("192.0.2.1");
    await addRegistryRows(
      share,
      MAX_SESSIONS_PER_CALLER,
      Date.now() - HOUR,
      (index) => `no id ${index}`,
    );
    const refused = await from("192.0.2.1");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await from("192.0.2.2")).status).toBe(200);
    expect((await from("2001:db8::1")).status).toBe(200);
  });

  it("an address that opens many ends its own idle ones, never another's", async () => {
    const [mine, theirs] = [await shareFrom("192.0.2.3"), await shareFrom("192.0.2.4")];
    expect((await from("192.0.2.4")).status).toBe(200);
    await addRegistryRows(mine, MAX_SESSIONS_PER_CALLER, Date.now() - MINUTE - 1, newId);
    for (let round = 0; round < 3; round++) expect((await from("192.0.2.3")).status).toBe(200);
    expect(await registryRows(mine)).toHaveLength(MAX_SESSIONS_PER_CALLER);
    expect(await registryRows(theirs)).toHaveLength(1);
  });

  it("the addresses of one IPv6 network are one", async () => {
    const share = await shareFrom("2001:db8:1:2::1");
    await addRegistryRows(
      share,
      MAX_SESSIONS_PER_CALLER,
      Date.now() - HOUR,
      (index) => `no id ${index}`,
    );
    expect((await from("2001:db8:1:2:ffff:ffff:ffff:ffff")).status).toBe(429);
    expect((await from("2001:db8:1:3::1")).status).toBe(200);
  });

  it("all of them together have a bound, within which the session idle longest makes room", async () => {
    const share = await shareFrom("192.0.2.5");
    const shard = shardOf(share);
    const oldest = newId();
    const longAgo = Date.now() - HOUR;
    await runInDurableObject(shard, (_hub, { storage }) => {
      deleteSessions(storage);
      for (let index = 1; index < MAX_ANONYMOUS_SESSIONS; index++)
        insertSession(
          storage,
          `${key} address ${index}`,
          index === 77 ? oldest : newId(),
          longAgo + (index === 77 ? 0 : index + 1),
        );
    });
    // It knows of room that there was before these rows.
    await evictDurableObject(shard, { webSockets: "hibernate" });
    // The last that there is room for, and one more.
    for (let round = 0; round < 2; round++) expect((await from("192.0.2.5")).status).toBe(200);
    const rows = await runInDurableObject(shard, (_hub, { storage }) =>
      storage.sql.exec<{ id: string; share: string }>("SELECT id, share FROM sessions").toArray(),
    );
    const ids = rows.filter(({ share: owner }) => owner.startsWith(key)).map(({ id }) => id);
    expect(ids).not.toContain(oldest);
    expect(ids).toHaveLength(MAX_ANONYMOUS_SESSIONS);
    // Known callers on the same shard have nothing to do with it.
    expect(await hub.registerSession(newId(), '["known"]', undefined)).toBe("registered");
  });

  it("that is registered again, where the first answer was not heard, takes no more room", async () => {
    const id = newId();
    const share = JSON.stringify(["issuer", newId(), "client"]);
    for (let time = 0; time < 3; time += 1)
      expect(await hub.registerSession(id, share, undefined)).toBe("registered");
    const rows = await runInDurableObject(shardOf(share), (_hub, { storage }) =>
      storage.sql.exec("SELECT id FROM sessions WHERE share = ?", share).toArray(),
    );
    expect(rows).toEqual([{ id }]);
  });

  it("whose address the platform does not tell share the bound of all", async () => {
    expect(await shareOf(ANONYMOUS, new Request("http://127.0.0.1/"))).toBe(key);
    await addRegistryRows(
      key,
      MAX_SESSIONS_PER_CALLER + 1,
      Date.now() - HOUR,
      (index) => `no id ${index}`,
    );
    expect(await hub.registerSession(newId(), key, undefined)).toBe("registered");
  });

  it("a caller who is known is one whatever the address", async () => {
    const by = newCaller();
    const headers = { "cf-connecting-ip": "192.0.2.6" };
    expect(await shareOf(by, new Request("http://127.0.0.1/", { headers }))).toBe(callerKey(by));
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "8193:3512:0:0"],
    ["2001:0DB8::1", "8193:3512:0:0"],
    ["2001:db8:0:0:1:2:3:4", "8193:3512:0:0"],
    ["2001:db8::1:2:3:4:5", "8193:3512:0:1"],
    ["2001:db8:a::", "8193:3512:10:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4"],
    ["1:2:3:4:5:6:7::", "1:2:3:4"],
    [":::::::::::::", "0:0:0:0"],
  ])("%s is of %s", (address, network) => {
    const headers = { "cf-connecting-ip": address };
    expect(clientAddress(new Request("http://127.0.0.1/", { headers }))).toBe(network);
  });
});

it("a caller whose grant was revoked has no session make room for it", async () => {
  const by = newCaller();
  const share = callerKey(by);
  const idle = await openSession(by);
  await addRegistryRows(
    share,
    MAX_SESSIONS_PER_CALLER - 1,
    Date.now(),
    (index) => `at work ${index}`,
  );
  const revoked = { ...by, grant: "e".repeat(64) };
  await hub.revoke(revoked.grant);
  await sleep(5);
  expect((await initialize(revoked)).status).toBe(401);
  expect(await ping(by, idle)).toBe(200);
});
