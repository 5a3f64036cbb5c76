/** A session that missed a change stays noted until it was told, whatever becomes of the hub object meanwhile. */

import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { callerKey } from "../../src/base/caller.ts";
import type { HubObject } from "../../src/hub/hub-object.ts";
import { addRegistryRows, deleteSessions, newCaller, shardOf } from "./hub.ts";

afterEach(() => {
  vi.useRealTimers();
});

interface Noted {
  readonly attempts: number;
}

interface Missed {
  readonly object: HubObject;
  readonly storage: DurableObjectStorage;
  readonly noted: () => Noted[];
}

/** A session that missed a change, as a version before noted it, and whose object answers so. No change reaches it. */
async function withMissed(
  notifyMissed: (object: HubObject) => Promise<unknown>,
  check: (missed: Missed) => Promise<void>,
): Promise<void> {
  const share = callerKey(newCaller());
  const shard = shardOf(share);
  const key = `unreached ${JSON.stringify([share, "s1"])}`;
  await runInDurableObject(shard, (_object, { storage }) => deleteSessions(storage));
  await addRegistryRows(share, 1, Date.now(), () => "s1", true);
  await runInDurableObject(shard, async (object, { storage }) => {
    storage.kv.put(key, { session: { share, id: "s1" }, attempts: 1 });
    const session = {
      notify: () => Promise.reject(new Error("restarted")),
      notifyMissed: () => notifyMissed(object),
      retire: () => Promise.resolve("busy"),
    };
    object.sessions = () => ({ idFromString: (id: string) => id, get: () => session }) as never;
    const noted = (): Noted[] =>
      [...storage.kv.list<Noted>({ prefix: "unreached " })].map(([, one]) => one);
    await check({ object, storage, noted });
    storage.kv.delete(key);
    Reflect.deleteProperty(object, "sessions");
    deleteSessions(storage);
  });
}

it("where the hub object dies while it tells the session", () =>
  withMissed(
    () => new Promise(() => undefined),
    ({ object, noted }) => {
      // It never goes on: as much as an object did that is restarted meanwhile.
      void object.alarm();
      expect(noted()).toMatchObject([{ attempts: 2 }]);
      return Promise.resolve();
    },
  ));

it("as an earlier version noted it, and ends no alarm", () => {
  let told = 0;
  return withMissed(
    () => Promise.resolve((told += 1)),
    async ({ object, storage, noted }) => {
      await object.alarm();
      expect([told, noted()]).toEqual([1, []]);
      expect(await storage.getAlarm()).not.toBeNull();
    },
  );
});

it("where it misses another while it is told, and it is told of that with its tries anew", () => {
  let told = 0;
  return withMissed(
    async (object) => {
      told += 1;
      if (told === 1) await object.publish({ list: "tools" });
    },
    async ({ object, noted }) => {
      await object.alarm();
      expect(noted()).toMatchObject([{ attempts: 1 }]);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
      await object.alarm();
      expect([told, noted()]).toEqual([2, []]);
    },
  );
});

it("where it misses others and cannot be told either, for no more than its tries", () => {
  let tries = 0;
  return withMissed(
    async (object) => {
      tries += 1;
      await object.publish({ list: "tools" });
      throw new Error("restarted");
    },
    async ({ object, noted }) => {
      const start = Date.now();
      for (let hours = 0; hours < 80 && noted().length > 0; hours += 1) {
        vi.useFakeTimers({ toFake: ["Date"], now: start + hours * 3_600_000 });
        await object.alarm();
      }
      expect([tries, noted()]).toEqual([50, []]);
    },
  );
});
