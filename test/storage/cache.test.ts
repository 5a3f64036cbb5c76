/** Cached values in real objects: loaded once for all who ask, old ones for an error, and what each way costs. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import { leaveHandler } from "../../src/server/input-round.ts";
import { createStorageClient } from "../../src/storage/client.ts";
import { ringOf } from "../crypto/keys.ts";
import type { StoreObject } from "../../src/storage/store-object.ts";
import { measureCost, storageClient, uniqueKey, sleep, storeNamespace } from "./counted-client.ts";
import { thrownMessage } from "../world/thrown-message.ts";

afterEach(() => {
  vi.useRealTimers();
});

const NOON = 1_763_726_400_000;
const objectOf = async (key: string): Promise<DurableObjectStub<StoreObject>> =>
  storeNamespace.getByName(`cache ${await sha256Base64url(key)}`);

/** Loads that are counted. */
function loader<T>(make: (count: number) => T | Promise<T>): {
  count: number;
  load: () => Promise<T>;
} {
  const one = { count: 0, load: async () => make(++one.count) };
  return one;
}

/** Takes the lease of a key as another isolate would. */
async function lease(key: string): Promise<number> {
  const taken = await (await objectOf(key)).acquire();
  if (taken.kind !== "leaseAcquired") throw new Error(`The lease is not to be had: ${taken.kind}`);
  return taken.lease;
}

/** A load that has taken longer than its lease, and another one that was begun since. The clock is set to noon before. */
async function lostLease() {
  const key = uniqueKey();
  const slow = await lease(key);
  vi.setSystemTime(NOON + 31_000);
  return { object: await objectOf(key), slow, second: await lease(key) };
}

const kept = (text: string, freshUntilMs: number, usableUntilMs: number = freshUntilMs) => ({
  text,
  loadedAtMs: Date.now(),
  freshUntilMs,
  usableUntilMs,
});

it.each<[string, unknown]>([
  ["nothing", undefined],
  ["what JSON cannot write", 1n],
])("a load that gives %s fails, and holds up nobody", async (_, value) => {
  const key = uniqueKey();
  const one = loader(async () => {
    await sleep(50);
    return value as never;
  });
  const ask = (): Promise<string> =>
    storageClient.cache(key, 60, one.load).then(
      () => "a value",
      (error: unknown) => String((error as Error).name),
    );
  expect(await Promise.all([ask(), ask(), ask()])).toEqual(["TypeError", "TypeError", "TypeError"]);
  // Whoever waited was told what the first one met.
  expect(one.count).toBe(1);
});

describe("a value", () => {
  it("is loaded once for fifty who ask at once", async () => {
    const key = uniqueKey();
    const one = loader(async (count) => {
      await sleep(150);
      return { count };
    });
    const all = await Promise.all(
      Array.from({ length: 50 }, () => storageClient.cache(key, 60, one.load)),
    );
    expect(one.count).toBe(1);
    for (const { value, isStale: stale } of all)
      expect([value, stale]).toEqual([{ count: 1 }, false]);
  });

  it("is kept for its seconds, tells its age, and is then loaded anew", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const one = loader((count) => count);
    expect(await storageClient.cache(key, 300, one.load)).toEqual({
      value: 1,
      ageSeconds: 0,
      isStale: false,
    });
    vi.setSystemTime(NOON + 299_999);
    expect(await storageClient.cache(key, 300, one.load)).toEqual({
      value: 1,
      ageSeconds: 299,
      isStale: false,
    });
    vi.setSystemTime(NOON + 300_000);
    expect(await storageClient.cache(key, 300, one.load)).toEqual({
      value: 2,
      ageSeconds: 0,
      isStale: false,
    });
  });

  it("of today ends with the day, in UTC", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const one = loader((count) => count);
    await storageClient.cache(key, "today", one.load);
    vi.setSystemTime(Date.parse("2025-11-21T23:59:59.999Z"));
    expect((await storageClient.cache(key, "today", one.load)).value).toBe(1);
    vi.setSystemTime(Date.parse("2025-11-22T00:00:00.000Z"));
    expect((await storageClient.cache(key, "today", one.load)).value).toBe(2);
  });

  it("cannot be spoilt by who was given it", async () => {
    const key = uniqueKey();
    const first = await storageClient.cache<{ list: number[] }>(key, 60, async () => ({
      list: [1],
    }));
    first.value.list.push(2);
    const second = await storageClient.cache<{ list: number[] }>(key, 60, async () => ({
      list: [],
    }));
    second.value.list.push(3);
    expect((await storageClient.cache(key, 60, async () => ({ list: [] }))).value).toEqual({
      list: [1],
    });
  });

  it("too large to keep is given and not kept", async () => {
    const key = uniqueKey();
    const one = loader(() => "x".repeat(600_000));
    expect((await storageClient.cache(key, 60, one.load)).value).toHaveLength(600_000);
    expect((await storageClient.cache(key, 60, one.load)).value).toHaveLength(600_000);
    expect(one.count).toBe(2);
  });

  it("too large to keep is loaded by each of many for themselves, without waiting in line", async () => {
    const key = uniqueKey();
    const one = loader(() => "x".repeat(600_000));
    await storageClient.cache(key, 60, one.load);
    const object = await objectOf(key);
    const kinds = [await object.acquire(), await object.acquire()].map(({ kind }) => kind);
    expect(kinds).toEqual(["leaseAcquired", "leaseAcquired"]);
    const all = Array.from({ length: 20 }, () => storageClient.cache(key, 60, one.load));
    expect((await Promise.all(all)).map(({ value }) => value.length)).toEqual(
      Array(20).fill(600_000),
    );
    expect(one.count).toBe(21);
    // One that can be kept ends it.
    const small = loader(() => "small");
    for (let round = 0; round < 2; round++)
      expect((await storageClient.cache(key, 60, small.load)).value).toBe("small");
    expect(small.count).toBe(1);
    expect((await object.acquire()).kind).toBe("cached");
  });

  it("is not confused with another of a similar key", async () => {
    const key = uniqueKey();
    await storageClient.cache(key, 60, async () => "one");
    expect((await storageClient.cache(`${key} `, 60, async () => "other")).value).toBe("other");
  });

  it.each([0, -1, Number.NaN, Infinity, 1e9])("has no life of %s seconds", async (ttl) => {
    expect(await thrownMessage(() => storageClient.cache(uniqueKey(), ttl, async () => 1))).toMatch(
      /ttl/,
    );
  });

  it.each([-1, Number.NaN, Infinity, 315_360_001])(
    "is not kept for %s seconds past its time",
    async (staleIfErrorSeconds) => {
      const load = vi.fn<() => Promise<number>>(async () => 1);
      const cached = (): Promise<unknown> =>
        storageClient.cache(uniqueKey(), 60, load, { staleIfErrorSeconds });
      expect(await thrownMessage(cached)).toMatch(/staleIfErrorSeconds/);
      // Such a time would set no alarm, and the object would stay for good.
      expect(load).not.toHaveBeenCalled();
    },
  );
});

describe("a load that asks the client", () => {
  it("has failed for nobody, and loads when the answer is there", async () => {
    const key = uniqueKey();
    const ask = (): Promise<string> => Promise.reject(inputRequired());
    for (let round = 0; round < 2; round++)
      expect(await thrownMessage(() => storageClient.cache(key, 60, ask))).toContain("waits");
    // At once: a load that failed would be remembered for a moment.
    expect((await storageClient.cache(key, 60, async () => "answered")).value).toBe("answered");
  });

  it("lets another caller load who came meanwhile", async () => {
    const key = uniqueKey();
    const asking = storageClient.cache(key, 60, async () => {
      await sleep(100);
      throw inputRequired();
    });
    const other = storageClient.cache(key, 60, async () => "other");
    await expect(asking).rejects.toThrow("waits");
    expect((await other).value).toBe("other");
  });

  it("asks though there is an old value", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    await storageClient.cache(key, 60, async () => "old");
    vi.setSystemTime(NOON + 61_000);
    const ask = (): Promise<string> => Promise.reject(inputRequired());
    expect(await thrownMessage(() => storageClient.cache(key, 60, ask))).toContain("waits");
    expect((await storageClient.cache(key, 60, async () => "new")).value).toBe("new");
  });
});

/** What a question throws to leave its handler. */
function inputRequired(): Error {
  try {
    return leaveHandler();
  } catch (error) {
    return error as Error;
  }
}

describe("a load that fails", () => {
  const failing = (): Promise<string> => Promise.reject(new TypeError("the upstream is down"));

  it("gives its own error, and one try for all who waited", async () => {
    const key = uniqueKey();
    const one = loader(async () => {
      await sleep(100);
      throw new TypeError("the upstream is down");
    });
    const all = await Promise.all(
      Array.from({ length: 20 }, () => thrownMessage(() => storageClient.cache(key, 60, one.load))),
    );
    expect([...new Set(all)]).toEqual(["the upstream is down"]);
    expect(one.count).toBe(1);
    // A moment later it is tried again.
    await sleep(1_100);
    expect((await storageClient.cache(key, 60, async () => "up")).value).toBe("up");
  });

  it("gives the old value, marked, as long as that is allowed", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    await storageClient.cache(key, 60, async () => "old", { staleIfErrorSeconds: 600 });
    vi.setSystemTime(NOON + 61_000);
    expect(
      await thrownMessage(() => storageClient.cache(key, 60, failing, { staleIfErrorSeconds: 0 })),
    ).toBe("the upstream is down");
    vi.setSystemTime(NOON + 659_000);
    expect(await storageClient.cache(key, 60, failing, { staleIfErrorSeconds: 600 })).toEqual({
      value: "old",
      ageSeconds: 659,
      isStale: true,
    });
    // Whoever comes within the moment gets the same, and asks no upstream.
    const one = loader(failing);
    expect(
      (await storageClient.cache(key, 60, one.load, { staleIfErrorSeconds: 600 })).isStale,
    ).toBe(true);
    expect(one.count).toBe(0);
    vi.setSystemTime(NOON + 661_000);
    expect(
      await thrownMessage(() =>
        storageClient.cache(key, 60, failing, { staleIfErrorSeconds: 600 }),
      ),
    ).toBe("the upstream is down");
  });

  it("has failed for whoever waited for it, however late the question comes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const object = await objectOf(key);
    const held = await lease(key);
    const one = loader(() => "mine");
    const waiting = thrownMessage(() => storageClient.cache(key, 60, one.load));
    await sleep(100);
    await object.releaseLease(held, { name: "TypeError", message: "the upstream is down" });
    vi.setSystemTime(NOON + 5_000);
    expect([await waiting, one.count]).toEqual(["the upstream is down", 0]);
    // Whoever did not wait tries anew.
    expect((await storageClient.cache(key, 60, one.load)).value).toBe("mine");
  });

  it("as its caller left has failed for nobody else", async () => {
    const key = uniqueKey();
    const caller = new AbortController();
    const left = thrownMessage(() =>
      storageClient.cache(
        key,
        60,
        async () => {
          await sleep(200);
          caller.abort();
          throw new DOMException("The call was aborted", "AbortError");
        },
        { signal: caller.signal },
      ),
    );
    await sleep(50);
    expect((await storageClient.cache(key, 60, async () => "mine")).value).toBe("mine");
    expect(await left).toBe("The call was aborted");
  });
});

describe("who loads", () => {
  it("and takes long is not waited for where an old value will do", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const one = loader((count) => count);
    await storageClient.cache(key, 60, one.load, { staleIfErrorSeconds: 600 });
    vi.setSystemTime(NOON + 61_000);
    const held = await lease(key);
    const old = { value: 1, ageSeconds: 61, isStale: true };
    expect(await storageClient.cache(key, 60, one.load, { staleIfErrorSeconds: 600 })).toEqual(old);
    // To whom it is too old, the new one alone will do.
    const waiting = storageClient.cache(key, 60, one.load, { staleIfErrorSeconds: 0 });
    await sleep(1_500);
    await (await objectOf(key)).storeLoaded(held, kept("7", NOON + 99_000));
    expect((await waiting).value).toBe(7);
    expect(one.count).toBe(1);
  });

  it("is waited for, and what it keeps is everybody's", async () => {
    const key = uniqueKey();
    const held = await lease(key);
    const one = loader(() => "mine");
    const waiting = storageClient.cache(key, 60, one.load);
    await sleep(100);
    await (await objectOf(key)).storeLoaded(held, kept('"theirs"', Date.now() + 60_000));
    expect((await waiting).value).toBe("theirs");
    expect(one.count).toBe(0);
  });

  it("and dies is replaced after a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    await lease(key);
    vi.setSystemTime(NOON + 29_999);
    const one = loader(() => "second");
    const waiting = storageClient.cache(key, 60, one.load);
    await sleep(200);
    expect(one.count).toBe(0);
    vi.setSystemTime(NOON + 30_000);
    expect((await waiting).value).toBe("second");
  });

  it("and leaves again and again keeps nobody else waiting", async () => {
    const key = uniqueKey();
    const one = loader(() => "mine");
    let waiting: Promise<unknown> | undefined;
    let leavingCount = 0;
    const leave = async (): Promise<never> => {
      leavingCount += 1;
      waiting ??= storageClient.cache(key, 60, one.load);
      await sleep(100);
      throw new DOMException("The call was aborted", "AbortError");
    };
    for (let round = 0; round < 30 && one.count === 0; round++)
      await thrownMessage(() =>
        storageClient.cache(key, 60, leave, { signal: AbortSignal.abort() }),
      );
    await waiting;
    expect([one.count, leavingCount]).toEqual([1, 1]);
  });

  it("is followed by whoever waited longest, and not by one who left", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const object = await objectOf(key);
    const held = await lease(key);
    const wait = async (againInMs: number): Promise<number> => {
      const lookup = await object.acquire(Infinity, undefined, againInMs);
      return lookup.kind === "loading" ? lookup.ticket : 0;
    };
    const askAgain = async (ticket: number, againInMs?: number) =>
      (await object.acquire(held, ticket, againInMs)).kind;
    const [left, first, second] = [await wait(20), await wait(20), await wait(20)];
    vi.setSystemTime(NOON + 100);
    expect([await askAgain(second, 500), await askAgain(first, 500)]).toEqual([
      "loading",
      "loading",
    ]);
    await object.releaseLease(held);
    // One who may still ask again is waited for.
    expect(await askAgain(first, 500)).toBe("loading");
    expect((await object.acquire()).kind).toBe("loading");
    vi.setSystemTime(NOON + 521);
    expect(await askAgain(second, 500)).toBe("loading");
    expect(await askAgain(first, 500)).toBe("leaseAcquired");
    expect([await askAgain(second, 500), await askAgain(left, 500)]).toEqual([
      "loading",
      "loading",
    ]);
  });

  it("is followed by whoever comes next, where those before went away with the old value", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const object = await objectOf(key);
    await object.storeLoaded(await lease(key), kept('"old"', NOON));
    vi.setSystemTime(NOON + 1);
    const held = await lease(key);
    const waiter = await object.acquire(Infinity, undefined, 20);
    if (waiter.kind !== "loading") throw new Error(waiter.kind);
    expect((await object.acquire(held, waiter.ticket)).kind).toBe("loading");
    await object.releaseLease(held);
    expect((await object.acquire()).kind).toBe("leaseAcquired");
  });

  it("is not waited for by whose caller left", async () => {
    const key = uniqueKey();
    await lease(key);
    const one = loader(() => "mine");
    const signal = AbortSignal.timeout(50);
    await expect(storageClient.cache(key, 60, one.load, { signal })).rejects.toThrow("time");
    expect(one.count).toBe(0);
  });

  it("and ends while another loads is kept, and what the other loads after it", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const { object, slow, second } = await lostLease();
    expect(await object.storeLoaded(slow, kept('"late"', NOON + 99_000))).toBe(true);
    expect(await object.acquire()).toMatchObject({ kind: "cached", row: { text: '"late"' } });
    expect(await object.storeLoaded(second, kept('"newer"', NOON + 99_000))).toBe(true);
    expect(await object.acquire()).toMatchObject({ kind: "cached", row: { text: '"newer"' } });
  });

  it("and fails while another loads leaves that one its place", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const { object, slow } = await lostLease();
    await object.releaseLease(slow, { name: "Error", message: "late" });
    expect((await object.acquire()).kind).toBe("loading");
  });

  it("and is kept while another loads leaves that one its place", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const { object, slow } = await lostLease();
    // What is kept is past its time at once.
    await object.storeLoaded(slow, kept('"late"', NOON + 31_000));
    expect((await object.acquire()).kind).toBe("loading");
  });

  it("and comes after whoever took its place has stored overwrites nothing newer", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const object = await objectOf(key);
    const slow = await lease(key);
    vi.setSystemTime(NOON + 31_000);
    await object.storeLoaded(await lease(key), kept('"newer"', NOON + 99_000));
    await object.storeLoaded(slow, kept('"late"', NOON + 99_000));
    expect(await object.acquire()).toMatchObject({ kind: "cached", row: { text: '"newer"' } });
    // The place is known from the row, when the object has forgotten it and the clock has gone back.
    await evictDurableObject(object);
    vi.setSystemTime(NOON - 1_000_000);
    expect(await object.acquire()).toMatchObject({ kind: "cached", row: { text: '"newer"' } });
    await object.storeLoaded(slow, kept('"late"', NOON + 99_000));
    expect(await object.acquire()).toMatchObject({ kind: "cached", row: { text: '"newer"' } });
  });

  it("and comes too late is given its own value, which this isolate does not remember over the newer one", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOON });
    const key = uniqueKey();
    const slow = storageClient.cache(key, 600, async () => {
      vi.setSystemTime(NOON + 31_000);
      await (await objectOf(key)).storeLoaded(await lease(key), kept('"newer"', NOON + 600_000));
      return "late";
    });
    expect((await slow).value).toBe("late");
    expect((await storageClient.cache(key, 600, async () => "third")).value).toBe("newer");
  });

  it("may be forgotten by an eviction, and the value is right all the same", async () => {
    const key = uniqueKey();
    const held = await lease(key);
    await evictDurableObject(await objectOf(key));
    expect((await storageClient.cache(key, 60, async () => "second")).value).toBe("second");
    await (await objectOf(key)).storeLoaded(held, kept('"first"', Date.now() + 60_000));
    const taken = await (await objectOf(key)).acquire();
    expect(taken.kind === "cached" && ['"first"', '"second"']).toContain(
      taken.kind === "cached" && taken.row.text,
    );
  });
});

it("is not younger than new, where it was loaded by a machine with a clock ahead", async () => {
  const key = uniqueKey();
  const row = { ...kept("1", Date.now() + 60_000), loadedAtMs: Date.now() + 2_000 };
  await (await objectOf(key)).storeLoaded(await lease(key), row);
  expect(await storageClient.cache(key, 60, async () => 2)).toMatchObject({
    value: 1,
    ageSeconds: 0,
  });
});

it("costs nothing in memory, a request beyond it, and two rows to fill", async () => {
  const key = uniqueKey();
  expect(await measureCost(() => storageClient.cache(key, 60, async () => 1))).toEqual({
    requests: 2,
    rows: 2,
  });
  expect(await measureCost(() => storageClient.cache(key, 60, async () => 1))).toEqual({
    requests: 0,
    rows: 0,
  });
  const other = uniqueKey();
  await (await objectOf(other)).storeLoaded(await lease(other), kept("1", Date.now() + 60_000));
  expect(await measureCost(() => storageClient.cache(other, 60, async () => 2))).toEqual({
    requests: 1,
    rows: 0,
  });
});

it("that was loaded is given, though the object cannot be reached to keep it", async () => {
  const gone = (): Promise<never> => Promise.reject(new Error("Network connection lost"));
  const stub = {
    acquire: async () => ({ kind: "leaseAcquired", lease: 1, staleRow: undefined }),
    storeLoaded: gone,
    releaseLease: gone,
  };
  const unreachable = createStorageClient(ringOf("a"), { getByName: () => stub } as never);
  expect(await unreachable.cache(uniqueKey(), 60, async () => 1)).toEqual({
    value: 1,
    ageSeconds: 0,
    isStale: false,
  });
  expect(
    await thrownMessage(() =>
      unreachable.cache(uniqueKey(), 60, () => Promise.reject(new Error("its own"))),
    ),
  ).toBe("its own");
});

it("is bounded in memory: the oldest goes first", async () => {
  const first = uniqueKey();
  await storageClient.cache(first, 60, async () => 1);
  await Promise.all(
    Array.from({ length: 200 }, () => storageClient.cache(uniqueKey(), 60, async () => 1)),
  );
  expect(await measureCost(() => storageClient.cache(first, 60, async () => 1))).toEqual({
    requests: 1,
    rows: 0,
  });
}, 120_000);

it.each<[string, number, number]>([
  ["key", 49_000, 1_000],
  ["value", 1_000, 49_000],
])(
  "is not kept in memory with a long %s, and is loaded once all the same",
  async (_, ...lengths) => {
    const [keyLength, valueLength] = lengths;
    const one = loader(() => "x".repeat(valueLength));
    const ask = (length: number, key: string): Promise<unknown> =>
      storageClient.cache(key.padEnd(length, "-"), 60, one.load);
    const [large, fitting] = [uniqueKey(), uniqueKey()];
    await ask(keyLength, large);
    await ask(keyLength - 3, fitting);
    expect((await measureCost(() => ask(keyLength, large))).requests).toBe(1);
    expect((await measureCost(() => ask(keyLength - 3, fitting))).requests).toBe(0);
    expect(one.count).toBe(2);
  },
);

it("is cleaned away when it would not even do for an error", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOON });
  const key = uniqueKey();
  await storageClient.cache(key, 60, async () => 1, { staleIfErrorSeconds: 60 });
  const object = await objectOf(key);
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(
    await runInDurableObject(object, (_, { storage }) => storage.kv.get("cached")),
  ).toBeDefined();
  vi.setSystemTime(NOON + 120_000);
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(
    await runInDurableObject(object, (_, { storage }) => storage.kv.get("cached")),
  ).toBeUndefined();
});

it("that is loaded again and again wakes its object for cleaning once an hour at most", async () => {
  const [key, start] = [uniqueKey(), Date.now()];
  const object = await objectOf(key);
  const next = () =>
    runInDurableObject(object, async (_, { storage }) => (await storage.getAlarm()) ?? 0);
  await object.storeLoaded(await lease(key), kept("1", start + 1));
  expect(await next()).toBeGreaterThanOrEqual(start + 3_600_000);
  await sleep(5);
  await object.storeLoaded(await lease(key), kept("2", start + 60_000));
  expect(await runDurableObjectAlarm(object)).toBe(true);
  expect(await next()).toBeGreaterThanOrEqual(start + 3_600_000);
});

it("is given to its loader as to all others, and not as the object that the load made", async () => {
  const state = { who: "" };
  const cached = ["ada", "bob"].map((who) =>
    storageClient.cache(uniqueKey(), 60, () => Promise.resolve(Object.assign(state, { who }))),
  );
  expect((await Promise.all(cached)).map(({ value }) => value)).toEqual([
    { who: "ada" },
    { who: "bob" },
  ]);
});

it("whose load throws what has no words keeps nobody waiting", async () => {
  const key = uniqueKey();
  const odd = storageClient.cache(key, 60, () => Promise.reject(Object.create(null) as Error));
  expect(await odd.catch(() => "thrown")).toBe("thrown");
  const { kind } = await (await objectOf(key)).acquire();
  expect(kind).toBe("failed");
});
