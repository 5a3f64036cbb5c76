/** The limiter: its arithmetic against a slow and exact one, and its objects in workerd. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { digest } from "../../src/crypto/seal.ts";
import { emptyAt, use, type Window } from "../../src/state/limit.ts";
import type { StoreObject } from "../../src/state/object.ts";
import { cost, door, fresh, stores, thrown } from "./door.ts";

afterEach(() => void vi.useRealTimers());

/** Numbers that look random and are the same in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe("the arithmetic", () => {
  it.each([1, 2, 3, 5, 8, 13, 21, 34])(
    "never lets more than max through in any window, and is late by an eighth at most (seed %i)",
    (seed) => {
      const random = dice(seed * 7_919);
      const [max, windowMs] = [1 + Math.floor(random() * 12), 1_000 * (1 + Math.floor(random() * 60))];
      const allowed: number[] = [];
      let window: Window | undefined;
      let at = 1_763_700_000_000;
      for (let count = 0; count < 3_000; count++) {
        at += Math.floor((random() ** 3 * 4 * windowMs) / max);
        const { limited, after } = use(window, at, max, windowMs);
        const within = (length: number): number => allowed.filter((one) => one > at - length).length;
        expect(after !== undefined).toBe(limited.ok);
        if (limited.ok) {
          // The exact rule, written out: uses of the last windowMs, this one among them.
          expect(within(windowMs) + 1).toBeLessThanOrEqual(max);
          expect(limited.remaining).toBeLessThanOrEqual(max - within(windowMs) - 1);
          allowed.push(at);
          window = after;
        } else {
          // A refusal needs as many in a window that is an eighth longer.
          expect(within(windowMs * (1 + 1 / 8) + 1)).toBeGreaterThanOrEqual(max);
          expect(use(window, at + limited.retryAfterMs, max, windowMs).limited.ok).toBe(true);
          expect(use(window, at + limited.retryAfterMs - 1, max, windowMs).limited.ok).toBe(false);
        }
        expect(window?.counts).toHaveLength(9);
      }
      expect(allowed.length).toBeGreaterThan(20);
    },
  );

  it("counts a clock that is behind into the newest slot", () => {
    const first = use(undefined, 80_000, 2, 8_000);
    const second = use(first.after, 10_000, 2, 8_000);
    expect(second.limited.ok).toBe(true);
    expect(use(second.after, 88_900, 2, 8_000).limited.ok).toBe(false);
  });

  it("says when nothing counts any more", () => {
    const { after } = use(undefined, 80_500, 5, 8_000);
    expect(after && emptyAt(after)).toBe(89_000);
  });
});

describe("a limiter", () => {
  it("lets exactly max of fifty through that come at once", async () => {
    const key = fresh();
    const all = await Promise.all(Array.from({ length: 50 }, () => door.limit(key, 7, 60_000)));
    expect(all.filter(({ ok }) => ok)).toHaveLength(7);
    expect(new Set(all.map(({ remaining }) => remaining))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    for (const { ok, retryAfterMs } of all) expect(retryAfterMs > 0).toBe(!ok);
  });

  it("counts by key and by window", async () => {
    const [one, other] = [fresh(), fresh()];
    expect((await door.limit(one, 1, 60_000)).ok).toBe(true);
    expect((await door.limit(one, 1, 60_000)).ok).toBe(false);
    expect((await door.limit(other, 1, 60_000)).ok).toBe(true);
    for (const windowMs of [30_000, 120_000]) expect((await door.limit(one, 1, windowMs)).ok).toBe(true);
  });

  it("costs a request and a row, and a refusal no row", async () => {
    const key = fresh();
    expect(await cost(() => door.limit(key, 3, 60_000))).toEqual({ requests: 1, rows: 2 });
    expect(await cost(() => door.limit(key, 3, 60_000))).toEqual({ requests: 1, rows: 1 });
    expect(await cost(() => door.limit(key, 3, 60_000))).toEqual({ requests: 1, rows: 1 });
    expect(await cost(() => door.limit(key, 3, 60_000))).toEqual({ requests: 1, rows: 0 });
  });

  it("outlives its object, and is cleaned away when its window is long over", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const key = fresh();
    const object: DurableObjectStub<StoreObject> = stores.getByName(`limit 60000 ${await digest(key)}`);
    await door.limit(key, 1, 60_000);
    await evictDurableObject(object);
    expect((await door.limit(key, 1, 60_000)).ok).toBe(false);
    // An alarm that comes while the window counts keeps the count, and comes again.
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect((await door.limit(key, 1, 60_000)).ok).toBe(false);
    vi.setSystemTime(1_763_700_100_000);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await runInDurableObject(object, (_, { storage }) => storage.kv.get("window"))).toBeUndefined();
    expect((await door.limit(key, 1, 60_000)).ok).toBe(true);
  });

  it("in steady use wakes for cleaning once an hour at most", async () => {
    const [key, start] = [fresh(), Date.now()];
    const object: DurableObjectStub<StoreObject> = stores.getByName(`limit 1000 ${await digest(key)}`);
    await door.limit(key, 100, 1_000);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    const next = await runInDurableObject(object, (_, { storage }) => storage.getAlarm());
    expect(next).toBeGreaterThanOrEqual(start + 3_600_000);
  });

  it.each([
    [0, 60_000],
    [1.5, 60_000],
    [1_000_001, 60_000],
    [1, 999],
    [1, 1_000.5],
    [1, 1e12],
  ])("is not made of %s uses in %s ms", async (max, windowMs) => {
    expect(await thrown(() => door.limit(fresh(), max, windowMs))).toMatch(/whole number/);
  });
});
