/** Cached values in real objects: loaded once for all who ask, old ones for an error, and what each way costs. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { digest } from "../../src/crypto/seal.ts";
import { stateDoor } from "../../src/state/door.ts";
import { ringOf } from "../unit/keys.ts";
import type { StoreObject } from "../../src/state/object.ts";
import { cost, door, fresh, pause, stores, thrown } from "./door.ts";

afterEach(() => void vi.useRealTimers());

const NOON = 1_763_726_400_000;
const objectOf = async (key: string): Promise<DurableObjectStub<StoreObject>> =>
  stores.getByName(`cache ${await digest(key)}`);

/** Loads that are counted. */
function loader<T>(make: (count: number) => T | Promise<T>): { count: number; load: () => Promise<T> } {
  const one = { count: 0, load: async () => make(++one.count) };
  return one;
}

/** Takes the lease of a key as another isolate would. */
async function lease(key: string): Promise<string> {
  const taken = await (await objectOf(key)).take();
  if (taken.kind !== "load") throw new Error(`The lease is not to be had: ${taken.kind}`);
  return taken.lease;
}

const kept = (text: string, until: number, stale: number = until) => ({ text, loaded: Date.now(), until, stale });

describe("a value", () => {
  it("is loaded once for fifty who ask at once", async () => {
    const key = fresh();
    const one = loader(async (count) => {
      await pause(150);
      return { count };
    });
    const all = await Promise.all(Array.from({ length: 50 }, () => door.cache(key, 60, one.load)));
    expect(one.count).toBe(1);
    for (const { value, stale } of all) expect([value, stale]).toEqual([{ count: 1 }, false]);
  });

  it("is kept for its seconds, tells its age, and is then loaded anew", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = fresh();
    const one = loader((count) => count);
    expect(await door.cache(key, 300, one.load)).toEqual({ value: 1, age: 0, stale: false });
    vi.setSystemTime(NOON + 299_999);
    expect(await door.cache(key, 300, one.load)).toEqual({ value: 1, age: 299, stale: false });
    vi.setSystemTime(NOON + 300_000);
    expect(await door.cache(key, 300, one.load)).toEqual({ value: 2, age: 0, stale: false });
  });

  it("of today ends with the day, in UTC", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = fresh();
    const one = loader((count) => count);
    await door.cache(key, "today", one.load);
    vi.setSystemTime(Date.parse("2025-11-21T23:59:59.999Z"));
    expect((await door.cache(key, "today", one.load)).value).toBe(1);
    vi.setSystemTime(Date.parse("2025-11-22T00:00:00.000Z"));
    expect((await door.cache(key, "today", one.load)).value).toBe(2);
  });

  it("cannot be spoilt by who was given it", async () => {
    const key = fresh();
    const first = await door.cache<{ list: number[] }>(key, 60, async () => ({ list: [1] }));
    first.value.list.push(2);
    const second = await door.cache<{ list: number[] }>(key, 60, async () => ({ list: [] }));
    second.value.list.push(3);
    expect((await door.cache(key, 60, async () => ({ list: [] }))).value).toEqual({ list: [1] });
  });

  it("too large to keep is given and not kept", async () => {
    const key = fresh();
    const one = loader(() => "x".repeat(600_000));
    expect((await door.cache(key, 60, one.load)).value).toHaveLength(600_000);
    expect((await door.cache(key, 60, one.load)).value).toHaveLength(600_000);
    expect(one.count).toBe(2);
  });

  it("is not confused with another of a similar key", async () => {
    const key = fresh();
    await door.cache(key, 60, async () => "one");
    expect((await door.cache(`${key} `, 60, async () => "other")).value).toBe("other");
  });

  it.each([0, -1, Number.NaN, Infinity, 1e9])("has no life of %s seconds", async (ttl) => {
    expect(await thrown(() => door.cache(fresh(), ttl, async () => 1))).toMatch(/ttl/);
  });
});

describe("a load that fails", () => {
  const failing = (): Promise<string> => Promise.reject(new TypeError("the upstream is down"));

  it("gives its own error, and one try for all who waited", async () => {
    const key = fresh();
    const one = loader(async () => {
      await pause(100);
      throw new TypeError("the upstream is down");
    });
    const all = await Promise.all(Array.from({ length: 20 }, () => thrown(() => door.cache(key, 60, one.load))));
    expect([...new Set(all)]).toEqual(["the upstream is down"]);
    expect(one.count).toBe(1);
    // A moment later it is tried again.
    await pause(1_100);
    expect((await door.cache(key, 60, async () => "up")).value).toBe("up");
  });

  it("gives the old value, marked, as long as that is allowed", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = fresh();
    await door.cache(key, 60, async () => "old", { staleIfError: 600 });
    vi.setSystemTime(NOON + 61_000);
    expect(await thrown(() => door.cache(key, 60, failing, { staleIfError: 0 }))).toBe("the upstream is down");
    vi.setSystemTime(NOON + 659_000);
    expect(await door.cache(key, 60, failing, { staleIfError: 600 })).toEqual({ value: "old", age: 659, stale: true });
    // Whoever comes within the moment gets the same, and asks no upstream.
    const one = loader(failing);
    expect((await door.cache(key, 60, one.load, { staleIfError: 600 })).stale).toBe(true);
    expect(one.count).toBe(0);
    vi.setSystemTime(NOON + 661_000);
    expect(await thrown(() => door.cache(key, 60, failing, { staleIfError: 600 }))).toBe("the upstream is down");
  });
});

describe("who loads", () => {
  it("is waited for, and what it keeps is everybody's", async () => {
    const key = fresh();
    const held = await lease(key);
    const one = loader(() => "mine");
    const waiting = door.cache(key, 60, one.load);
    await pause(100);
    await (await objectOf(key)).keep(held, kept('"theirs"', Date.now() + 60_000));
    expect((await waiting).value).toBe("theirs");
    expect(one.count).toBe(0);
  });

  it("and dies is replaced after a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = fresh();
    await lease(key);
    vi.setSystemTime(NOON + 29_999);
    expect((await (await objectOf(key)).take()).kind).toBe("wait");
    vi.setSystemTime(NOON + 30_000);
    expect((await door.cache(key, 60, async () => "second")).value).toBe("second");
  });

  it("and comes too late overwrites nothing newer", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = fresh();
    const slow = await lease(key);
    vi.setSystemTime(NOON + 31_000);
    await lease(key);
    const object = await objectOf(key);
    await object.keep(slow, kept('"late"', NOON + 99_000));
    await object.release(slow, { name: "Error", message: "late" });
    expect((await object.take()).kind).toBe("wait");
  });

  it("may be forgotten by an eviction, and the value is right all the same", async () => {
    const key = fresh();
    const held = await lease(key);
    await evictDurableObject(await objectOf(key));
    expect((await door.cache(key, 60, async () => "second")).value).toBe("second");
    await (await objectOf(key)).keep(held, kept('"first"', Date.now() + 60_000));
    const taken = await (await objectOf(key)).take();
    expect(taken.kind === "fresh" && ['"first"', '"second"']).toContain(taken.kind === "fresh" && taken.row.text);
  });
});

it("costs nothing in memory, a request beyond it, and two rows to fill", async () => {
  const key = fresh();
  expect(await cost(() => door.cache(key, 60, async () => 1))).toEqual({ requests: 2, rows: 2 });
  expect(await cost(() => door.cache(key, 60, async () => 1))).toEqual({ requests: 0, rows: 0 });
  const other = fresh();
  await (await objectOf(other)).keep(await lease(other), kept("1", Date.now() + 60_000));
  expect(await cost(() => door.cache(other, 60, async () => 2))).toEqual({ requests: 1, rows: 0 });
});

it("that was loaded is given, though the object cannot be reached to keep it", async () => {
  const gone = (): Promise<never> => Promise.reject(new Error("Network connection lost"));
  const stub = { take: async () => ({ kind: "load", lease: "l", old: undefined }), keep: gone, release: gone };
  const unreachable = stateDoor(ringOf("a"), { getByName: () => stub } as never);
  expect(await unreachable.cache(fresh(), 60, async () => 1)).toEqual({ value: 1, age: 0, stale: false });
  expect(await thrown(() => unreachable.cache(fresh(), 60, () => Promise.reject(new Error("its own"))))).toBe(
    "its own",
  );
});

it("is bounded in memory: the oldest goes first", async () => {
  const first = fresh();
  await door.cache(first, 60, async () => 1);
  await Promise.all(Array.from({ length: 200 }, () => door.cache(fresh(), 60, async () => 1)));
  expect(await cost(() => door.cache(first, 60, async () => 1))).toEqual({ requests: 1, rows: 0 });
}, 20_000);

it("is cleaned away when it would not even do for an error", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOON });
  const key = fresh();
  await door.cache(key, 60, async () => 1, { staleIfError: 60 });
  const object = await objectOf(key);
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(await runInDurableObject(object, (_, { storage }) => storage.kv.get("cached"))).toBeDefined();
  vi.setSystemTime(NOON + 120_000);
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(await runInDurableObject(object, (_, { storage }) => storage.kv.get("cached"))).toBeUndefined();
});

it("that is loaded again and again wakes its object for cleaning once an hour at most", async () => {
  const [key, start] = [fresh(), Date.now()];
  const object = await objectOf(key);
  const next = () => runInDurableObject(object, async (_, { storage }) => (await storage.getAlarm()) ?? 0);
  await object.keep(await lease(key), kept("1", start + 1));
  expect(await next()).toBeGreaterThanOrEqual(start + 3_600_000);
  await pause(5);
  await object.keep(await lease(key), kept("2", start + 60_000));
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(await next()).toBeGreaterThanOrEqual(start + 3_600_000);
});
