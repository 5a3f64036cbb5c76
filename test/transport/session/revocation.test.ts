/** A grant is taken back: what it opened and holds ends at once, wherever it runs; what others opened goes on. */

import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Caller } from "../../../src/base/caller.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { createHubClient, HUB_SHARDS } from "../../../src/hub/client.ts";
import { buildServer } from "../../../src/server/registry.ts";
import {
  handleSessionDelete,
  handleSessionGet,
  handleSessionPost,
} from "../../../src/transport/session/transport.ts";
import { SessionObject } from "../../../src/transport/session/session-object.ts";
import type { SessionTransportDependencies } from "../../../src/transport/session/initialize.ts";
import { openSubscriptionStream } from "../../../src/transport/stateless/subscriptions.ts";
import { readMessages, type Message } from "../../../src/wire/jsonrpc.ts";
import { servicesFor, unrecordedSpan } from "../../server/services.ts";
import { costs, countedNamespace } from "../../world/counting.ts";
import { faults } from "../../world/faults.ts";
import { EVERYTHING } from "../../world/parts.ts";
import {
  bindings,
  callTool,
  EventReader,
  jsonRpcRequest,
  sessionStub,
  type Session,
} from "./client.ts";

const hub = createHubClient(countedNamespace(bindings.HUB));
const door: SessionTransportDependencies = {
  // Only `initialize` and the hub's filter look at it; calls are served by the world's own objects.
  server: buildServer(
    {
      info: { name: "revocation", version: "1" },
      tools: [],
      resources: [{ uri: "test://a", name: "a", read: () => "" }] as never,
    },
    EVERYTHING,
  ),
  services: servicesFor(),
  hub,
  sessions: countedNamespace(bindings.SESSION),
  pinnedRevision: undefined,
};

afterEach(() => {
  vi.useRealTimers();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const timeout = <T>(promise: Promise<T>, ms: number): Promise<T | "timeout"> =>
  Promise.race([promise, pause(ms).then(() => "timeout" as const)]);

let count = 0;
/** A caller of ada's one client, by a grant of its own. */
function caller(): Caller & { grant: string } {
  const grant = (++count).toString(16).padStart(64, "a");
  return { issuer: "https://issuer.test", subject: "ada", client: "cli", scopes: [], grant };
}

function http(session: Session | undefined, method: string = "POST"): Request {
  const headers = {
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  };
  const named = session === undefined ? {} : { "mcp-session-id": session.id };
  return new Request("http://127.0.0.1/mcp", { method, headers: { ...headers, ...named } });
}

function messagesOf(body: object): readonly Message[] {
  const read = readMessages(body as JsonValue);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

const post = (by: Caller, session: Session | undefined, body: object): Promise<Response> =>
  handleSessionPost(door, http(session), messagesOf(body), false, by, unrecordedSpan);
const stream = async (by: Caller, session: Session): Promise<EventReader> =>
  new EventReader(await handleSessionGet(door, http(session, "GET"), by));
const ping = async (by: Caller, session: Session): Promise<number> =>
  (await post(by, session, jsonRpcRequest(1, "ping"))).status;

const INFO = { name: "t", version: "1" };

async function open(by: Caller): Promise<Session> {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {} },
    clientInfo: INFO,
  };
  const response = await post(by, undefined, jsonRpcRequest(0, "initialize", params));
  return { id: response.headers.get("mcp-session-id") ?? "", revision: "2025-11-25" };
}

function openSubscription(by: Caller): Promise<Response> {
  const params = { notifications: { resourceSubscriptions: ["test://a"] } };
  const message = { kind: "request", id: "s", method: "subscriptions/listen", params } as const;
  return openSubscriptionStream(door, http(undefined), { ...message, capabilities: {} }, by);
}

async function subscribe(by: Caller): Promise<EventReader> {
  return new EventReader(await openSubscription(by));
}

/** Everything that can be live under one grant: a session, each kind of stream, a silent call. */
async function live(by: Caller): Promise<{
  session: Session;
  get: EventReader;
  asking: EventReader;
  working: EventReader;
  silent: Promise<Response>;
  listening: EventReader;
}> {
  const session = await open(by);
  const get = await stream(by, session);
  const asking = new EventReader(
    await post(by, session, callTool(1, "test_elicitation", { message: "?" })),
  );
  const working = new EventReader(await post(by, session, callTool(2, "spec_slow", { ms: 4_000 })));
  const silent = post(by, session, callTool(3, "spec_slow", { ms: 900 }));
  const listening = await subscribe(by);
  await get.next();
  await asking.message();
  await working.next();
  await listening.message();
  return { session, get, asking, working, silent, listening };
}

const shards = (): DurableObjectStub[] =>
  Array.from({ length: HUB_SHARDS }, (_, index) => bindings.HUB.getByName(`shard-${index}`));

/** Evicts these sessions and the hub; their sockets stay. */
async function evict(...sessions: Session[]): Promise<void> {
  for (const stub of [...sessions.map(sessionStub), ...shards()])
    await evictDurableObject(stub, { webSockets: "hibernate" });
}

/** The grants under which the hub knows the session, or undefined when it does not know it. */
async function grantsOf({ id }: Session): Promise<string[] | undefined> {
  const found = shards().map((shard) =>
    runInDurableObject(shard, (_hub, { storage }) =>
      storage.sql
        .exec<{ grants: string }>("SELECT grants FROM sessions WHERE id = ?", id)
        .toArray(),
    ),
  );
  const [row] = (await Promise.all(found)).flat();
  return row === undefined ? undefined : (JSON.parse(row.grants) as string[]);
}

it(
  "ends every session, stream and call of the grant, and none of another",
  { timeout: 120_000 },
  async () => {
    const [a, b] = [caller(), caller()];
    const [ended, other] = await Promise.all([live(a), live(b)]);
    await hub.revoke(a.grant);

    for (const events of [ended.get, ended.asking, ended.working])
      expect(await timeout(events.next(), 500)).toBeUndefined();
    expect((await ended.silent).status).toBe(404);
    expect(await ended.listening.message()).toMatchObject({
      id: "s",
      result: { resultType: "complete" },
    });
    expect(await ended.listening.message()).toMatchObject({ method: "notifications/cancelled" });
    expect(await timeout(ended.listening.next(), 500)).toBeUndefined();
    expect(await ping(a, ended.session)).toBe(404);
    expect((await handleSessionGet(door, http(ended.session, "GET"), a)).status).toBe(404);
    expect((await handleSessionDelete(door, http(ended.session, "DELETE"), a)).status).toBe(404);
    expect(await grantsOf(ended.session)).toBeUndefined();
    await runInDurableObject(sessionStub(ended.session), async (_object, { storage }) => {
      expect((await storage.list()).size).toBe(0);
      expect(await storage.getAlarm()).toBeNull();
    });

    expect((await other.silent).status).toBe(200);
    expect(await ping(b, other.session)).toBe(200);
    await hub.publish({ uri: "test://a" });
    expect(await other.listening.message()).toMatchObject({
      method: "notifications/resources/updated",
    });
    await hub.publish({ list: "tools" });
    expect(await other.get.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    expect(await other.working.message()).toMatchObject({ id: 2, result: {} });
    expect(await timeout(other.asking.next(), 100)).toBe("timeout");
    await hub.revoke(b.grant);
  },
);

it("stops the handlers of the grant", async () => {
  const [a, b] = [caller(), caller()];
  const [ended, other] = [await open(a), await open(b)];
  // A call of spec_slow that is stopped says so by changing this resource.
  const uri = "test://watched-resource";
  await (await post(b, other, jsonRpcRequest(1, "resources/subscribe", { uri }))).text();
  const events = await stream(b, other);
  await events.next();
  const posted = post(a, ended, callTool(1, "spec_slow", { ms: 5_000 }));
  await pause(100);
  await hub.revoke(a.grant);
  expect((await posted).status).toBe(404);
  expect(await timeout(events.message(), 1_500)).toMatchObject({ params: { uri } });
  await events.cancel();
});

it("reaches sessions, sockets and listeners whose objects were evicted", async () => {
  const [a, b] = [caller(), caller()];
  const [ended, other] = [await open(a), await open(b)];
  const [get, listening, otherGet, otherListening] = [
    await stream(a, ended),
    await subscribe(a),
    await stream(b, other),
    await subscribe(b),
  ] as const;
  for (const events of [get, listening, otherGet, otherListening]) await events.next();
  await evict(ended, other);
  await hub.revoke(a.grant);
  expect(await timeout(get.next(), 500)).toBeUndefined();
  expect(await listening.message()).toMatchObject({ id: "s", result: {} });
  expect(await ping(a, ended)).toBe(404);
  expect(await ping(b, other)).toBe(200);
  await hub.publish({ uri: "test://a" });
  expect(await otherListening.message()).toMatchObject({
    method: "notifications/resources/updated",
  });
  expect(await timeout(otherGet.next(), 100)).toBe("timeout");
});

it("reaches sessions whose objects died", async () => {
  const [a, b] = [caller(), caller()];
  const [ended, other] = [await open(a), await open(b)];
  await abortAllDurableObjects();
  await hub.revoke(a.grant);
  expect(await ping(a, ended)).toBe(404);
  expect(await ping(b, other)).toBe(200);
});

it("ends what a newer grant of the same caller holds in a session, and leaves the session to the one that opened it", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  const own = await stream(a, session);
  const newer = await stream(b, session);
  const working = new EventReader(await post(b, session, callTool(2, "spec_slow", { ms: 3_000 })));
  const silent = post(b, session, callTool(3, "spec_slow", { ms: 900 }));
  const kept = post(a, session, callTool(4, "spec_slow", { ms: 900 }));
  for (const events of [own, newer, working]) await events.next();
  await hub.revoke(b.grant);
  expect(await timeout(newer.next(), 500)).toBeUndefined();
  expect(await timeout(working.next(), 500)).toBeUndefined();
  expect((await silent).status).toBe(404);
  expect((await kept).status).toBe(200);
  expect(await ping(a, session)).toBe(200);
  expect(await timeout(own.next(), 100)).toBe("timeout");
  await hub.revoke(a.grant);
  expect(await timeout(own.next(), 500)).toBeUndefined();
  expect(await ping(b, session)).toBe(404);
});

it("a newer grant is noted once, and survives the object's memory", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  for (let round = 0; round < 3; round++) await ping(b, session);
  const newer = await stream(b, session);
  await newer.next();
  await evict(session);
  await ping(b, session);
  await hub.revoke(b.grant);
  expect(await timeout(newer.next(), 500)).toBeUndefined();
  expect(await grantsOf(session)).toEqual([a.grant, b.grant]);
});

it("a session is used by sixteen grants: one more finds none, and a revocation still reaches each of them", async () => {
  const a = caller();
  const others = Array.from({ length: 17 }, caller);
  const session = await open(a);
  const statuses = await Promise.all(others.map((by) => ping(by, session)));
  const used = others.filter((_, at) => statuses[at] === 200);
  expect([used.length, statuses.filter((status) => status === 404).length]).toEqual([15, 2]);
  expect((await grantsOf(session))?.toSorted()).toEqual(
    [a, ...used].map(({ grant }) => grant).toSorted(),
  );
  // Also when the object has forgotten who was let in.
  await evict(session);
  for (const [at, by] of others.entries()) expect(await ping(by, session)).toBe(statuses[at]);
  for (const { grant } of others) await hub.revoke(grant);
  for (const by of others) expect(await ping(by, session)).toBe(404);
  expect(await ping(a, session)).toBe(200);
});

it("a grant that the hub cannot note is not let in: no revocation would reach it", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  for (const shard of shards())
    await runInDurableObject(shard, (_hub, { storage }) => {
      storage.sql.exec("DELETE FROM sessions WHERE id = ?", session.id);
    });
  expect(await ping(b, session)).toBe(404);
  expect(await ping(a, session)).toBe(200);
});

it("a session that ends while a newer grant joins it is gone for that one too", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  const [status] = await Promise.all([
    ping(b, session),
    handleSessionDelete(door, http(session, "DELETE"), a),
  ]);
  expect(status).toBe(404);
});

it("leaves sessions without a grant alone, and costs them nothing", async () => {
  const { grant: _none, ...stranger } = caller();
  const session = await open(stranger);
  const before = { ...costs };
  expect(await ping(stranger, session)).toBe(200);
  expect(costs.requests - before.requests).toBe(1);
  await hub.revoke("undefined");
  await hub.revoke("");
  await hub.revoke("null");
  expect(await ping(stranger, session)).toBe(200);
  expect(await grantsOf(session)).toEqual([]);
});

it("a session opened by a grant costs two object requests and three rows, and a call one and none", async () => {
  const a = caller();
  for (let round = 0; round < 2; round++) await open(a);
  let before = { ...costs };
  const session = await open(a);
  expect({ requests: costs.requests - before.requests, rows: costs.rows - before.rows }).toEqual({
    requests: 2,
    rows: 3,
  });
  before = { ...costs };
  expect(await ping(a, session)).toBe(200);
  expect({ requests: costs.requests - before.requests, rows: costs.rows - before.rows }).toEqual({
    requests: 1,
    rows: 0,
  });
});

it("a token of a grant that ended opens nothing more, for as long as it is good elsewhere", async () => {
  const [a, b] = [caller(), caller()];
  await hub.revoke(a.grant);
  for (const shard of shards()) await evictDurableObject(shard, { webSockets: "hibernate" });
  expect((await open(a)).id).toBe("");
  expect((await openSubscription(a)).status).toBe(401);
  // Another grant of the same caller goes on.
  expect(await ping(b, await open(b))).toBe(200);
});

it("a grant that ended is known for a day: no token of it opens anything meanwhile; then it is forgotten", async () => {
  const a = caller();
  await hub.revoke(a.grant);
  /** What is left of it on the shards, after their alarms. */
  const known = async (): Promise<number> => {
    for (const shard of shards()) await runDurableObjectAlarm(shard);
    const found = shards().map((shard) =>
      runInDurableObject(shard, (_hub, { storage }) =>
        Number(storage.kv.get(`revoked ${a.grant}`) !== undefined),
      ),
    );
    return (await Promise.all(found)).reduce((sum, one) => sum + one, 0);
  };
  const start = Date.now();
  for (const hours of [1, 12, 23]) {
    vi.useFakeTimers({ toFake: ["Date"], now: start + hours * 3_600_000 });
    expect([hours, await known()]).toEqual([hours, HUB_SHARDS]);
    const body = jsonRpcRequest(0, "initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: INFO,
    });
    const refused = await post(a, undefined, body);
    expect([refused.status, refused.headers.get("mcp-session-id")]).toEqual([401, null]);
    expect((await openSubscription(a)).status).toBe(401);
  }
  vi.useFakeTimers({ toFake: ["Date"], now: start + 25 * 3_600_000 });
  expect(await known()).toBe(0);
});

it("a token of a grant that ended reaches no session that another grant opened, whether it was there before or not", async () => {
  const [a, early, late] = [caller(), caller(), caller()];
  const session = await open(a);
  expect(await ping(early, session)).toBe(200);
  await hub.revoke(early.grant);
  await hub.revoke(late.grant);
  for (const by of [early, late]) {
    expect(await ping(by, session)).toBe(404);
    expect((await handleSessionGet(door, http(session, "GET"), by)).status).toBe(404);
  }
  expect(await ping(a, session)).toBe(200);
});

describe("a grant that ends between a request and the hub's answer to it", () => {
  /** Ends `grant` while the session waits for what `method` of the hub gives it. */
  const revokeDuring = (method: string, grant: string): void => {
    faults.beforeHubAnswer = async (asked) => {
      if (asked === method) await hub.revoke(grant);
    };
  };
  const sockets = (session: Session): Promise<number> =>
    runInDurableObject(
      sessionStub(session),
      (_object, state) =>
        state.getWebSockets().filter((one) => one.readyState === WebSocket.READY_STATE_OPEN).length,
    );
  afterEach(() => {
    faults.beforeHubAnswer = () => Promise.resolve();
  });

  it.each([
    ["that lets it in", "addGrant"],
    ["that takes note of a listener", "enableListChanges"],
  ])("%s gets no stream", async (_which, method) => {
    const [a, b] = [caller(), caller()];
    const session = await open(a);
    if (method !== "addGrant") expect(await ping(b, session)).toBe(200);
    revokeDuring(method, b.grant);
    expect((await handleSessionGet(door, http(session, "GET"), b)).status).toBe(404);
    expect(await sockets(session)).toBe(0);
    expect(await ping(b, session)).toBe(404);
    // The session is that of the other, which listens as before.
    const own = await stream(a, session);
    await own.next();
    await hub.publish({ list: "tools" });
    expect(await own.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await own.cancel();
  });

  it("runs no call, and ends no session", async () => {
    for (const act of ["POST", "DELETE"]) {
      const [a, b] = [caller(), caller()];
      const session = await open(a);
      revokeDuring("addGrant", b.grant);
      const { status } =
        act === "POST"
          ? await post(b, session, callTool(1, "spec_slow", { ms: 0 }))
          : await handleSessionDelete(door, http(session, act), b);
      expect([act, status]).toEqual([act, 404]);
      expect(await ping(a, session)).toBe(200);
    }
  });

  it("stays out, whichever other grants ended after it", async () => {
    const [a, b, c] = [caller(), caller(), caller()];
    const session = await open(a);
    expect(await ping(c, session)).toBe(200);
    faults.beforeHubAnswer = async (asked) => {
      if (asked !== "addGrant") return;
      await hub.revoke(b.grant);
      await hub.revoke(c.grant);
    };
    expect((await handleSessionGet(door, http(session, "GET"), b)).status).toBe(404);
    expect(await sockets(session)).toBe(0);
  });
});

it("a call that the hub was slow to let in becomes a stream like any other", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  faults.beforeHubAnswer = () => pause(1_200);
  const response = await post(b, session, callTool(1, "spec_slow", { ms: 4_000 }));
  faults.beforeHubAnswer = () => Promise.resolve();
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await new EventReader(response).message()).toMatchObject({ id: 1, result: {} });
});

it("a revoked grant's token ends no session by DELETE", async () => {
  const [a, b] = [caller(), caller()];
  const session = await open(a);
  expect(await ping(b, session)).toBe(200);
  await hub.revoke(b.grant);
  expect((await handleSessionDelete(door, http(session, "DELETE"), b)).status).toBe(404);
  expect(await ping(a, session)).toBe(200);
});

it("a grant that ends while its session is being opened leaves none behind", async () => {
  const a = caller();
  const registerSession: typeof hub.registerSession = async (session, share, grant) => {
    const admitted = await hub.registerSession(session, share, grant);
    await hub.revoke(a.grant);
    return admitted;
  };
  const clientInfo = { name: "t", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const rows = costs.rows;
  const late = { ...door, hub: { ...hub, registerSession } };
  const messages = messagesOf(jsonRpcRequest(0, "initialize", params));
  const response = await handleSessionPost(
    late,
    http(undefined),
    messages,
    false,
    a,
    unrecordedSpan,
  );
  expect(response.status).toBe(404);
  expect(response.headers.get("mcp-session-id")).toBe(null);
  // One at the hub for the admission, one on each of its shards for the end, and none of a session.
  expect(costs.rows - rows).toBe(1 + HUB_SHARDS);
});

it("a grant that ends while its session begins opens none, also where the object is reset meanwhile", async () => {
  const by = caller();
  const initialize = vi.spyOn(SessionObject.prototype, "initialize");
  initialize.mockImplementationOnce(async function (this: SessionObject<unknown>) {
    // It reaches this object, whose memory alone knows it.
    await hub.revoke(by.grant);
    (this as unknown as { ctx: DurableObjectState }).ctx.abort("deployed");
    return true;
  });
  const session = await open(by);
  expect([session.id, initialize.mock.calls.length]).toEqual(["", 1]);
  initialize.mockRestore();
});
