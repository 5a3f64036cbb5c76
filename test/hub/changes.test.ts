/** Changes: whoever can hear hears, nobody is woken for nothing, and one bad listener silences nobody. */

import {
  evictAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { ANONYMOUS, callerKey, type Caller } from "../../src/base/caller.ts";
import type { Env } from "../world/env.ts";
import { acceptListener } from "../../src/hub/listener.ts";
import { HUB_PAGE_SIZE, MAX_SESSIONS_PER_CALLER } from "../../src/hub/admission.ts";
import type { Change } from "../../src/protocol/change.ts";
import { createHubClient, HUB_SHARDS, type HubClient } from "../../src/hub/client.ts";
import { MAX_GET_STREAMS } from "../../src/transport/session/limits.ts";
import { handleSessionGet } from "../../src/transport/session/transport.ts";
import { openSubscriptionStream } from "../../src/transport/stateless/subscriptions.ts";
import {
  bindings,
  callTool,
  EventReader,
  jsonRpcRequest,
  sessionStub,
  type Session,
} from "../transport/session/client.ts";
import { costs } from "../world/counting.ts";
import { faults } from "../world/faults.ts";
import {
  sessionDependencies,
  addRegistryRows,
  deleteSessions,
  mcpRequest,
  hub,
  openGetStream,
  openSession,
  sleep,
  ping,
  post,
  registryRows,
  shardOf,
  shards,
  newCaller,
  recordRequestedSessions,
} from "./hub.ts";

afterEach(() => {
  vi.useRealTimers();
});

const MINUTE = 60_000;
const tools: Change = { list: "tools" };
const told = { method: "notifications/tools/list_changed" };

/** A subscription of `by`, before anything of it was read. */
function subscribe(by: Caller, uris: readonly string[], id: string = "s"): Promise<Response> {
  const params = { notifications: { toolsListChanged: true, resourceSubscriptions: [...uris] } };
  return openSubscriptionStream(
    sessionDependencies,
    mcpRequest(),
    { kind: "request", id, method: "subscriptions/listen", params, capabilities: {} },
    by,
  );
}

/** A list of URIs whose filter is so many bytes of JSON: one is `text` as often as it goes, and ASCII fills up. */
function urisOf(bytes: number, text: string): string[] {
  const size = (uri: string): number =>
    encodeUtf8(JSON.stringify({ toolsListChanged: true, resourceSubscriptions: [uri] })).length;
  const frame = size("test://");
  const many = text.repeat(
    Math.floor((bytes - frame) / (encodeUtf8(JSON.stringify(text)).length - 2)),
  );
  const uri = `test://${many}`;
  return [uri + "a".repeat(bytes - size(uri))];
}

const MAX_FILTER_BYTES = 12_288;

describe("a filter", () => {
  it.each([
    ["ASCII", "a"],
    [
      "one character above U+00FF, which doubles the others in memory",
      `${"a".repeat(11_900)}\u0100`,
    ],
    ["Latin, two bytes each", "\u00e9"],
    ["Chinese, three bytes each", "\u4e2d"],
    ["emoji, four bytes each", "\u{1f600}"],
    ["quotes, escaped", '"'],
  ])("of as many bytes as may be is kept and heard by, whatever they are: %s", async (_, text) => {
    const by = newCaller();
    const uris = urisOf(MAX_FILTER_BYTES, text.length > 10_000 ? "a" : text);
    if (text.length > 10_000) uris[0] = `${uris[0]?.slice(0, -2) ?? ""}\u0100`;
    const response = await subscribe(by, uris);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = new EventReader(response);
    expect(await events.message()).toMatchObject({
      params: { notifications: { resourceSubscriptions: uris } },
    });
    await evictAllDurableObjects({ webSockets: "hibernate" });
    await hub.publish({ uri: uris[0] ?? "" });
    expect(await events.message()).toMatchObject({ params: { uri: uris[0] } });
  });

  it.each(["a", "\u00e9", "\u{1f600}"])(
    "that is larger is refused, with what to do instead (%s)",
    async (text) => {
      const refused = await subscribe(newCaller(), urisOf(MAX_FILTER_BYTES + 1, text));
      expect(await refused.json()).toMatchObject({
        id: "s",
        error: {
          code: -32602,
          message: expect.stringContaining("open several subscriptions") as string,
        },
      });
    },
  );

  it("that does not fit beside its caller is refused too, and leaves nothing behind", async () => {
    const by = { ...newCaller(), subject: "\u4e2d".repeat(2_000) };
    const sockets = async (): Promise<number> => {
      const found = shards().map((shard) =>
        runInDurableObject(shard, (_hub, state) => state.getWebSockets().length),
      );
      return (await Promise.all(found)).reduce((sum, one) => sum + one, 0);
    };
    const before = await sockets();
    const refused = await subscribe(by, urisOf(MAX_FILTER_BYTES, "a"));
    expect(await refused.json()).toMatchObject({ error: { code: -32602 } });
    expect(await sockets()).toBe(before);
    // A smaller one of the same caller is heard.
    const events = new EventReader(await subscribe(by, ["test://a"]));
    await events.message();
    await hub.publish(tools);
    expect(await events.message()).toMatchObject(told);
  });
});

describe("one bad listener", () => {
  it("whose attachment is missing or unreadable silences nobody, and is closed", async () => {
    for (const shard of shards())
      await runInDurableObject(shard, (_hub, state) => {
        for (const attachment of [
          undefined,
          "x",
          encodeUtf8("{"),
          encodeUtf8("null"),
          encodeUtf8("{}"),
        ]) {
          const { 1: server } = new WebSocketPair();
          if (attachment !== undefined) server.serializeAttachment(attachment);
          state.acceptWebSocket(server, ["bad"]);
        }
      });
    const [one, other] = [
      new EventReader(await subscribe(newCaller(), [])),
      new EventReader(await subscribe(newCaller(), [])),
    ];
    for (const events of [one, other]) await events.message();
    await hub.publish(tools);
    for (const events of [one, other]) expect(await events.message()).toMatchObject(told);
    for (const shard of shards())
      await runInDurableObject(shard, (_hub, state) => {
        const open = state
          .getWebSockets("bad")
          .filter(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
        expect(open).toEqual([]);
      });
  });

  it("however many listen, one more finds room: the oldest makes it", async () => {
    await runInDurableObject(
      bindings.HUB.getByName("room for listeners"),
      async (_object, state) => {
        const ended: number[] = [];
        for (let at = 0; at < 7; at += 1) {
          const { 0: client, 1: server } = new WebSocketPair();
          acceptListener(state, server, [], 5);
          client.accept();
          client.addEventListener("close", () => ended.push(at));
        }
        await vi.waitFor(() => {
          expect(ended).toEqual([0, 1]);
        });
      },
    );
  });

  it("that opens ever more subscriptions loses its oldest, on each hub object, and nobody else loses one", async () => {
    const [shard] = shards();
    if (shard === undefined) throw new Error("There are no shards");
    const attach = async (share: string, name: string): Promise<WebSocket> => {
      const one = { getByName: () => shard } as unknown as Env["HUB"];
      const socket = await createHubClient(one).openListener(
        { resourceSubscriptions: [name] },
        ANONYMOUS,
        share,
      );
      if (!socket.ok) throw new Error("Refused");
      socket.value.accept();
      return socket.value;
    };
    const ended: string[] = [];
    const key = callerKey(ANONYMOUS);
    const other = await attach(`${key} other`, "other");
    other.addEventListener("close", () => {
      ended.push("other");
    });
    for (let count = 1; count <= MAX_SESSIONS_PER_CALLER + 2; count++) {
      const socket = await attach(`${key} greedy`, `greedy ${count}`);
      socket.addEventListener("close", () => {
        ended.push(`greedy ${count}`);
      });
    }
    await vi.waitFor(() => expect(ended).toEqual(["greedy 1", "greedy 2"]));
    // Where the platform tells no address, all strangers would be one.
    for (let count = 0; count <= MAX_SESSIONS_PER_CALLER; count++) {
      const socket = await attach(key, `anybody ${count}`);
      socket.addEventListener("close", () => {
        ended.push(`anybody ${count}`);
      });
    }
    await sleep(50);
    expect(ended).toHaveLength(2);
  });

  it("whose grant was revoked is closed, and makes none of the same caller give way", async () => {
    const [shard] = shards();
    if (shard === undefined) throw new Error("There are no shards");
    const one = createHubClient({ getByName: () => shard } as unknown as Env["HUB"]);
    const by = newCaller();
    const ended: string[] = [];
    const attach = async (name: string, listener: Caller): Promise<void> => {
      const socket = await one.openListener(
        { resourceSubscriptions: [name] },
        listener,
        callerKey(by),
      );
      if (!socket.ok) {
        ended.push(name);
        return;
      }
      socket.value.accept();
      socket.value.addEventListener("close", () => {
        ended.push(name);
      });
    };
    for (let count = 1; count <= MAX_SESSIONS_PER_CALLER; count++)
      await attach(`kept ${count}`, by);
    const revoked = { ...by, grant: "d".repeat(64) };
    await hub.revoke(revoked.grant);
    await attach("revoked", revoked);
    await vi.waitFor(() => expect(ended).toContain("revoked"));
    await sleep(50);
    expect(ended).toEqual(["revoked"]);
  });
});

/** The client goes away, and the platform notices. */
async function leave(session: Session): Promise<void> {
  await runInDurableObject(sessionStub(session), (_object, state) => {
    for (const socket of state.getWebSockets()) socket.close(1000);
  });
  await vi.waitFor(async () => {
    const sockets = await runInDurableObject(
      sessionStub(session),
      (_object, state) => state.getWebSockets().length,
    );
    expect(sockets).toBe(0);
  });
}

/** What these sessions have in memory goes; one that sleeps already stays asleep. */
async function evict(sessions: readonly Session[]): Promise<void> {
  for (const session of sessions)
    await evictDurableObject(sessionStub(session), { webSockets: "hibernate" }).catch(
      (error: unknown) => {
        if (!String(error).includes("not currently running")) throw error;
      },
    );
}

describe("a list change", () => {
  it("wakes the sessions that listen, and no other", async () => {
    const sessions: Session[] = [];
    const by = newCaller();
    for (let count = 0; count < 6; count++) sessions.push(await openSession(by));
    const [listening, gone, watching] = sessions as [Session, Session, Session];
    const events = await openGetStream(by, listening);
    await openGetStream(by, gone);
    await leave(gone);
    await (
      await post(by, watching, jsonRpcRequest(1, "resources/subscribe", { uri: "test://a" }))
    ).text();
    await evict(sessions);
    // The one that listens, and the one whose client may come back for what it missed.
    const before = { ...costs };
    await hub.publish(tools);
    expect(await events.message()).toMatchObject(told);
    expect(costs.objectsCreated - before.objectsCreated).toBe(2);
    // Of a resource hear who asked for it.
    await evict([listening, gone, watching]);
    const again = { ...costs };
    await hub.publish({ uri: "test://a" });
    expect(costs.objectsCreated - again.objectsCreated).toBe(1);
  });

  it("does not wake a session whose client has been away for an hour, until it listens again", async () => {
    const by = newCaller();
    const start = Date.now();
    const session = await openSession(by);
    await openGetStream(by, session);
    await leave(session);
    const wakes = async (minutes: number): Promise<number> => {
      vi.useFakeTimers({ toFake: ["Date"], now: start + minutes * MINUTE });
      await evict([session]);
      const before = costs.objectsCreated;
      await hub.publish({ ...tools, audience: callerKey(by) });
      return costs.objectsCreated - before;
    };
    expect([
      await wakes(30),
      await wakes(59),
      await wakes(61),
      await wakes(62),
      await wakes(63),
    ]).toEqual([1, 1, 1, 0, 0]);
    expect(await registryRows(callerKey(by))).toMatchObject([{ id: session.id, uris: "[]" }]);
    const events = await openGetStream(by, session);
    await hub.publish(tools);
    expect(await events.message()).toMatchObject(told);
    expect(await wakes(200)).toBe(1);
  });

  it("that nobody could tell a session of is told to its client as what may have happened, when it comes back", async () => {
    const by = newCaller();
    const session = await openSession(by);
    await (
      await post(by, session, jsonRpcRequest(1, "resources/subscribe", { uri: "test://a" }))
    ).text();
    await openGetStream(by, session);
    const lastEventId = await runInDurableObject(sessionStub(session), (_object, { storage }) => {
      const [row] = storage.sql
        .exec<{ id: number }>("SELECT id FROM streams WHERE state = 'listening'")
        .toArray();
      return `${row?.id}-0`;
    });
    await leave(session);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61 * MINUTE });
    await hub.publish({ ...tools, audience: callerKey(by) });
    const asked = mcpRequest(session, "GET");
    asked.headers.set("last-event-id", lastEventId);
    const events = new EventReader(await handleSessionGet(sessionDependencies, asked, by));
    const heard = [
      await events.message(),
      await events.message(),
      await events.message(),
      await events.message(),
    ];
    expect(heard).toMatchObject([
      told,
      { method: "notifications/prompts/list_changed" },
      { method: "notifications/resources/list_changed" },
      { method: "notifications/resources/updated", params: { uri: "test://a" } },
    ]);
  });

  describe("that nobody read before it was too old is told as what may have happened", () => {
    /** A client that listened and left; `at` moves the clock to so many minutes later. */
    async function away(): Promise<{
      by: Caller;
      session: Session;
      lastEventId: string;
      at: (minutes: number) => void;
    }> {
      const by = newCaller();
      const session = await openSession(by);
      const events = new EventReader(
        await handleSessionGet(sessionDependencies, mcpRequest(session, "GET"), by),
      );
      const { id: lastEventId = "" } = (await events.next()) ?? {};
      await leave(session);
      const start = Date.now();
      const at = (minutes: number): void => {
        vi.useFakeTimers({ toFake: ["Date"], now: start + minutes * MINUTE });
      };
      return { by, session, lastEventId, at };
    }
    const get = (by: Caller, session: Session, lastEventId?: string): Promise<Response> => {
      const asked = mcpRequest(session, "GET");
      if (lastEventId !== undefined) asked.headers.set("last-event-id", lastEventId);
      return handleSessionGet(sessionDependencies, asked, by);
    };
    const publish = (by: Caller): Promise<void> =>
      hub.publish({ list: "prompts", audience: callerKey(by) });
    /** What a fresh stream says first. */
    const heard = async (by: Caller, session: Session): Promise<object[]> => {
      const events = await openGetStream(by, session);
      const first = [await events.message(), await events.message(), await events.message()];
      await events.cancel();
      return first;
    };
    const keptEvents = (session: Session): Promise<unknown[]> =>
      runInDurableObject(sessionStub(session), (_object, { storage }) =>
        storage.sql.exec("SELECT * FROM events").toArray(),
      );
    const everything = ["tools", "prompts", "resources"].map((list) => ({
      method: `notifications/${list}/list_changed`,
    }));

    it("who comes back with an id that is too old, on the same stream", async () => {
      const { by, session, lastEventId, at } = await away();
      at(30);
      await publish(by);
      at(70);
      await publish(by);
      at(91);
      await runDurableObjectAlarm(sessionStub(session));
      at(100);
      let events = new EventReader(await get(by, session, lastEventId));
      // As often as its connection dies before it has read a newer id, and what is kept does not grow.
      for (let times = 0; times < 12; times += 1) {
        const first = [await events.message(), await events.message(), await events.message()];
        expect(first).toMatchObject(everything);
        await leave(session);
        events = new EventReader(await get(by, session, lastEventId));
      }
      expect(await keptEvents(session)).toHaveLength(1);
      for (const change of everything) expect(await events.message()).toMatchObject(change);
      await publish(by);
      expect(await events.message()).toMatchObject(everything[1] ?? {});
    });

    it("and what tells of something else is kept", async () => {
      const { by, session, lastEventId } = await away();
      await sessionStub(session).notifyElicitationComplete("one");
      await publish(by);
      expect(await heard(by, session)).toMatchObject(everything);
      await leave(session);
      const older = new EventReader(await get(by, session, lastEventId));
      expect(await older.message()).toMatchObject({
        method: "notifications/elicitation/complete",
        params: { elicitationId: "one" },
      });
    });

    it("who comes back within the hour without an id", async () => {
      const { by, session } = await away();
      await publish(by);
      expect(await heard(by, session)).toMatchObject(everything);
    });

    it.each<[string, number, (session: Session) => Promise<void>]>([
      ["held", 0, async () => undefined],
      ["just ended", 0, leave],
      ["held for long", 40, async () => undefined],
      ["ended after long", 40, leave],
    ])(
      "who comes back without an id after a change went into a connection that was dead, and is %s",
      async (_state, minutes, end) => {
        const { by, session, at } = await away();
        // Nobody reads it: the server cannot know yet.
        await get(by, session);
        await publish(by);
        await sleep(50);
        at(minutes);
        await end(session);
        expect(await heard(by, session)).toMatchObject(everything);
      },
    );

    it("who never listened, but watches a resource", async () => {
      const by = newCaller();
      const session = await openSession(by);
      const watch = jsonRpcRequest(1, "resources/subscribe", { uri: "test://a" });
      await (await post(by, session, watch)).text();
      await hub.publish({ uri: "test://a" });
      const events = await openGetStream(by, session);
      const first = [await events.message(), await events.message(), await events.message()];
      expect([...first, await events.message()]).toMatchObject([
        ...everything,
        { method: "notifications/resources/updated", params: { uri: "test://a" } },
      ]);
    });

    it("who listens for the first time, where a list changed since the session began, and not who listens already", async () => {
      const by = newCaller();
      // Before the session: what its client reads is newer.
      await publish(by);
      await sleep(5);
      const session = await openSession(by);
      const other = await openSession(by);
      const events = await openGetStream(by, other);
      await sleep(5);
      await publish(by);
      expect(await events.message()).toMatchObject(everything[1] ?? {});
      expect(await heard(by, session)).toMatchObject(everything);
      // One that begins later hears of the next change alone.
      await sleep(5);
      const later = await openGetStream(by, await openSession(by));
      await publish(by);
      expect(await later.message()).toMatchObject(everything[1] ?? {});
    });

    it("each time to a client that says no id, as the one before may have died unread, and what is kept does not grow", async () => {
      const { by, session } = await away();
      await publish(by);
      for (let times = 0; times < 12; times += 1) {
        expect(await heard(by, session)).toMatchObject(everything);
        await leave(session);
      }
      expect(await keptEvents(session)).toHaveLength(1);
    });

    it("and not to one that says by its id what it has", async () => {
      const { by, session } = await away();
      await publish(by);
      const events = await openGetStream(by, session);
      let eventId: string | undefined;
      for (const change of everything) {
        const message = await events.message();
        expect(message).toMatchObject(change);
        ({ eventId } = message);
      }
      await leave(session);
      const again = new EventReader(await get(by, session, eventId));
      await publish(by);
      expect(await again.message()).toMatchObject(everything[1] ?? {});
    });

    it("of a stream that is ended for a newer one", async () => {
      const { by, session, lastEventId } = await away();
      for (let streams = 1; streams < MAX_GET_STREAMS; streams += 1) await get(by, session);
      await leave(session);
      await get(by, session, lastEventId);
      await publish(by);
      await leave(session);
      expect(await heard(by, session)).toMatchObject(everything);
    });

    it("who comes back with an id of another stream than the one that keeps it", async () => {
      const { by, session, lastEventId } = await away();
      const newer = new EventReader(await get(by, session));
      const { id: newerId } = (await newer.next()) ?? {};
      await leave(session);
      await publish(by);
      const older = new EventReader(await get(by, session, lastEventId));
      const told = [await older.message(), await older.message(), await older.message()];
      expect(told).toMatchObject(everything);
      await leave(session);
      // The one that kept it has let it go: what may have changed is told there too.
      await publish(by);
      const events = new EventReader(await get(by, session, newerId));
      const later = [await events.message(), await events.message(), await events.message()];
      expect(later).toMatchObject(everything);
    });

    it("to whom nothing was told for long, though nothing else changed", async () => {
      const { by, session, at } = await away();
      at(30);
      await publish(by);
      at(91);
      await runDurableObjectAlarm(sessionStub(session));
      at(120);
      expect(await heard(by, session)).toMatchObject(everything);
    });

    it("to whom other messages left no room for it", async () => {
      const { by, session, at } = await away();
      await publish(by);
      at(1);
      const large = callTool(
        1,
        "spec_progress",
        { count: 80, pad: 100_000 },
        { progressToken: "p" },
      );
      await (await post(by, session, large)).text();
      expect(await heard(by, session)).toMatchObject(everything);
    });

    it("to a second stream, and what grew too old while one listened is not told", async () => {
      const { by, session, at } = await away();
      const events = await openGetStream(by, session);
      await publish(by);
      expect(await events.message()).toMatchObject(everything[1] ?? {});
      at(91);
      await runDurableObjectAlarm(sessionStub(session));
      const second = await openGetStream(by, session);
      await publish(by);
      expect(await second.message()).toMatchObject(everything[1] ?? {});
      at(92);
      // The server cannot know that the others are read.
      expect(await heard(by, session)).toMatchObject(everything);
    });

    it("and a hub that fails leaves no stream, and the client to come back", async () => {
      const { by, session, at } = await away();
      at(61);
      await publish(by);
      faults.beforeHubAnswer = () => Promise.reject(new Error("The hub cannot be reached"));
      await expect(get(by, session)).rejects.toThrow("The hub cannot be reached");
      faults.beforeHubAnswer = () => Promise.resolve();
      expect(await heard(by, session)).toMatchObject(everything);
    });
  });

  it("that a session could not be told of is told by the alarm as what may have happened, and once more to whoever comes next", async () => {
    const by = newCaller();
    const session = await openSession(by);
    const events = await openGetStream(by, session);
    const shard = shardOf(callerKey(by));
    const stub = sessionStub(session);
    let isDown = true;
    await runInDurableObject(shard, async (object) => {
      const real = object.sessions();
      object.sessions = () =>
        isDown
          ? ({
              idFromString: (id: string) => id,
              get: () => ({
                notify: () => Promise.reject(new Error("restarted")),
                notifyMissed: () => Promise.reject(new Error("restarted")),
              }),
            } as never)
          : real;
      await object.publish({ list: "prompts", audience: callerKey(by) });
    });
    // It is not there at the first try either.
    const start = Date.now();
    for (const [seconds, isDownNow] of [
      [5, true],
      [15, false],
    ] as const) {
      isDown = isDownNow;
      vi.useFakeTimers({ toFake: ["Date"], now: start + seconds * 1_000 });
      expect(await runDurableObjectAlarm(shard)).toBe(true);
    }
    const everything = ["tools", "prompts", "resources"].map((list) => ({
      method: `notifications/${list}/list_changed`,
    }));
    for (const change of everything) expect(await events.message()).toMatchObject(change);
    await runInDurableObject(shard, (object, { storage }) => {
      expect([...storage.kv.list({ prefix: "unreached " })]).toEqual([]);
      Reflect.deleteProperty(object, "sessions");
    });
    // The connection may have been dead.
    const next = await openGetStream(by, session);
    for (const change of everything) expect(await next.message()).toMatchObject(change);
    // A session that has ended meanwhile is told nothing.
    await stub.deleteSession(callerKey(by));
    await stub.notifyMissed();
  });

  it("that sessions could not be told of is told to each in its turn, whoever else stays away", async () => {
    const share = callerKey(newCaller());
    const shard = shardOf(share);
    await runInDurableObject(shard, (_object, { storage }) => deleteSessions(storage));
    const ids = Array.from({ length: 121 }, (_, index) => `s${String(index).padStart(3, "0")}`);
    await addRegistryRows(share, ids.length, Date.now(), (index) => ids[index] ?? "", true);
    const told: string[] = [];
    let isDown = true;
    await runInDurableObject(shard, async (object) => {
      object.sessions = () =>
        ({
          idFromString: (id: string) => id,
          get: (id: string) => ({
            notify: () => Promise.reject(new Error("down")),
            // All but the last stay away.
            notifyMissed: () =>
              isDown || id !== ids.at(-1)
                ? Promise.reject(new Error("down"))
                : Promise.resolve(told.push(id)),
          }),
        }) as never;
      await object.publish({ list: "tools", audience: share });
    });
    const start = Date.now();
    const at = async (seconds: number): Promise<void> => {
      vi.useFakeTimers({ toFake: ["Date"], now: start + seconds * 1_000 });
      await runDurableObjectAlarm(shard);
    };
    isDown = false;
    // Two pages, of which the second begins with those who have waited longest.
    await at(6);
    await at(6);
    expect(told).toEqual([ids.at(-1)]);
    // Another change does not give them all their tries again.
    await runInDurableObject(shard, async (object, { storage }) => {
      const noted = (): { attempts: number }[] =>
        [...storage.kv.list<{ attempts: number }>({ prefix: "unreached " })].map(([, one]) => one);
      expect(new Set(noted().map(({ attempts }) => attempts))).toEqual(new Set([2]));
      await object.publish({ list: "prompts", audience: share });
      expect(noted().filter(({ attempts }) => attempts === 1)).toHaveLength(1);
      Reflect.deleteProperty(object, "sessions");
      deleteSessions(storage);
    });
  });

  it("that an object of the hub did not take is handed to it again, and logged where it never takes it", async () => {
    vi.useRealTimers();
    let attempts = 0;
    const restarted = (failures: number): Promise<void> => {
      attempts += 1;
      return attempts <= failures ? Promise.reject(new Error("restarted")) : Promise.resolve();
    };
    const failing = (failures: number): Env["HUB"] =>
      ({
        getByName: () => {
          // A stub whose object was reset fails for good.
          let isBroken = false;
          const answer = (): Promise<void> => {
            if (isBroken) return Promise.reject(new Error("broken"));
            return restarted(failures).catch((error: unknown) => {
              isBroken = true;
              throw error;
            });
          };
          return {
            publish: answer,
            enableListChanges: answer,
            registerSession: answer,
            setSubscriptions: answer,
            addGrant: answer,
            fetch: async () => {
              await answer();
              return { status: 101, webSocket: {} };
            },
          };
        },
      }) as unknown as Env["HUB"];
    for (const ask of [
      (hub: HubClient) => hub.enableListChanges("id", "share"),
      (hub: HubClient) => hub.registerSession("id", "share", undefined),
      (hub: HubClient) => hub.setSubscriptions("id", "share", []),
      (hub: HubClient) => hub.addGrant("id", "share", "grant"),
      (hub: HubClient) => hub.openListener({ toolsListChanged: true }, ANONYMOUS, "share"),
    ]) {
      attempts = 0;
      await ask(createHubClient(failing(3)));
      expect(attempts).toBe(4);
    }
    attempts = 0;
    await createHubClient(failing(3)).publish(tools);
    expect(attempts).toBe(3 + HUB_SHARDS);
    const logged = vi.spyOn(console, "error");
    await expect(createHubClient(failing(Infinity)).publish(tools)).rejects.toThrow("restarted");
    expect(logged.mock.calls.flat().join()).toContain('"event":"change.lost"');
    logged.mockRestore();
  });

  it("a client that comes back while it is found to be away is not forgotten", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const session = await openSession(by);
    await openGetStream(by, session);
    await leave(session);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61 * MINUTE });
    await runInDurableObject(shardOf(share), async (object) => {
      const telling = object.publish(tools);
      // In between, as the platform may deliver it.
      object.enableListChanges({ share, id: session.id });
      await telling;
    });
    expect(await registryRows(share)).toMatchObject([{ uris: '[""]' }]);
  });

  it("nor when the next change is told to it before what was found has arrived", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const { id } = await openSession(by);
    await hub.enableListChanges(id, share);
    const [found, next] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    await runInDurableObject(shardOf(share), async (object) => {
      const results = [found.promise, next.promise];
      object.sessions = () =>
        ({ idFromString: () => id, get: () => ({ notify: () => results.shift() }) }) as never;
      const telling = object.publish({ list: "tools", audience: share });
      object.enableListChanges({ share, id });
      const tellingNext = object.publish({ list: "prompts", audience: share });
      found.resolve("notListening");
      await telling;
      next.resolve("delivered");
      await tellingNext;
      Reflect.deleteProperty(object, "sessions");
    });
    expect(await registryRows(share)).toMatchObject([{ uris: '[""]' }]);
  });

  it("subscriptions and listening do not undo each other, in whichever order they come", async () => {
    const by = newCaller();
    const share = callerKey(by);
    const { id } = await openSession(by);
    const uris = async (): Promise<string[]> =>
      (JSON.parse((await registryRows(share))[0]?.uris ?? "") as string[]).toSorted();
    await hub.setSubscriptions(id, share, ["test://a"]);
    await hub.enableListChanges(id, share);
    await hub.enableListChanges(id, share);
    expect(await uris()).toEqual(["", "test://a"]);
    await hub.setSubscriptions(id, share, ["test://b"]);
    expect(await uris()).toEqual(["", "test://b"]);
  });

  it("reaches any number in pages, each within what the platform allows in one invocation, and all of them once", async () => {
    const share = callerKey(newCaller());
    const shard = shardOf(share);
    const most = 2 * HUB_PAGE_SIZE + 100;
    await runInDurableObject(shard, (_object, { storage }) => deleteSessions(storage));
    // Ids that are none: each is asked for, and no object is built.
    await addRegistryRows(
      share,
      most,
      Date.now(),
      (index) => `no id ${String(index).padStart(5, "0")}`,
      true,
    );
    const asked: string[][] = [];
    await runInDurableObject(shard, async (object) => {
      recordRequestedSessions(object, (id) => {
        asked.at(-1)?.push(id);
      });
      asked.push([]);
      await object.publish(tools);
    });
    // Once more, while it is under way: all hear of it again.
    asked.push([]);
    await runInDurableObject(shard, (object) => object.publish(tools));
    for (let round = 0; round < 5; round++) {
      asked.push([]);
      expect(await runDurableObjectAlarm(shard)).toBe(true);
    }
    expect(asked.map((ids) => ids.length)).toEqual([
      HUB_PAGE_SIZE,
      0,
      HUB_PAGE_SIZE,
      100,
      HUB_PAGE_SIZE,
      HUB_PAGE_SIZE,
      100,
    ]);
    const [first, second] = [asked.slice(0, 4).flat(), asked.slice(4).flat()];
    expect([new Set(first).size, new Set(second).size]).toEqual([most, most]);
    await runInDurableObject(shard, async (_object, { storage }) => {
      expect([...storage.kv.list({ prefix: "pending " })]).toEqual([]);
      deleteSessions(storage);
    });
  });

  it("is told page by page in turn with others, however often these come again", async () => {
    const share = callerKey(newCaller());
    const shard = shardOf(share);
    await runInDurableObject(shard, (_object, { storage }) => deleteSessions(storage));
    await addRegistryRows(
      share,
      2 * HUB_PAGE_SIZE + 100,
      Date.now(),
      (index) => `none ${index}`,
      true,
    );
    await runInDurableObject(shard, (object) => {
      const session = { notify: () => Promise.resolve("delivered") };
      object.sessions = () => ({ idFromString: () => "", get: () => session }) as never;
    });
    const publish = (change: Change): Promise<void> =>
      runInDurableObject(shard, (object) => object.publish(change));
    const pending = (): Promise<string[]> =>
      runInDurableObject(shard, (_object, { storage }) =>
        [...storage.kv.list({ prefix: "pending " })].map(([key]) => key),
      );
    const prompts: Change = { list: "prompts" };
    await publish(prompts);
    await publish(tools);
    expect(await pending()).toHaveLength(2);
    // Two pages are left of it.
    for (let round = 0; round < 4; round++) {
      await publish(prompts);
      // One that nobody hears of takes no turn.
      await publish({ ...prompts, audience: "nobody" });
      expect(await runDurableObjectAlarm(shard)).toBe(true);
    }
    expect(await pending()).toEqual([`pending ${JSON.stringify(prompts)}`]);
    while ((await pending()).length > 0) await runDurableObjectAlarm(shard);
    await runInDurableObject(shard, (object, { storage }) => {
      Reflect.deleteProperty(object, "sessions");
      deleteSessions(storage);
    });
  });

  it("for one caller is told to that caller's sessions, behind whichever address a stranger is", async () => {
    const key = callerKey(ANONYMOUS);
    const by = newCaller();
    const session = await openSession(by);
    const events = await openGetStream(by, session);
    await addRegistryRows(`${key} a`, 1, Date.now(), () => "no id a", true);
    await addRegistryRows(`${key} b`, 1, Date.now(), () => "no id b", true);
    const asked: string[] = [];
    for (const shard of shards())
      await runInDurableObject(shard, async (object) => {
        recordRequestedSessions(object, (id) => {
          asked.push(id);
        });
        await object.publish({ ...tools, audience: key });
        await object.publish({ ...tools, audience: callerKey(by) });
      });
    expect(asked.toSorted()).toEqual([session.id, "no id a", "no id b"].toSorted());
    expect(await events.message()).toMatchObject(told);
    expect(await ping(by, session)).toBe(200);
  });
});
