/** The limiter: its arithmetic against a slow and exact one, and its objects in workerd. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import { emptyAtMs, consume, type SlidingWindow } from "../../src/storage/sliding-window.ts";
import type { StoreObject } from "../../src/storage/store-object.ts";
import { measureCost, storageClient, uniqueKey, storeNamespace } from "./counted-client.ts";
import { thrownMessage } from "../world/thrown-message.ts";

afterEach(() => {
  vi.useRealTimers();
});

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
      const [max, windowMs] = [
        1 + Math.floor(random() * 12),
        1_000 * (1 + Math.floor(random() * 60)),
      ];
      const allowed: number[] = [];
      let window: SlidingWindow | undefined;
      let at = 1_763_700_000_000;
      for (let count = 0; count < 3_000; count++) {
        at += Math.floor((random() ** 3 * 4 * windowMs) / max);
        const { result: limited, window: after } = consume(window, at, max, windowMs);
        const within = (length: number): number =>
          allowed.filter((one) => one > at - length).length;
        expect(after !== undefined).toBe(limited.isAllowed);
        if (limited.isAllowed) {
          // The exact rule, written out: uses of the last windowMs, this one among them.
          expect(within(windowMs) + 1).toBeLessThanOrEqual(max);
          expect(limited.remaining).toBeLessThanOrEqual(max - within(windowMs) - 1);
          allowed.push(at);
          window = after;
        } else {
          // A refusal needs as many in a window that is an eighth longer.
          expect(within(windowMs * (1 + 1 / 8) + 1)).toBeGreaterThanOrEqual(max);
          expect(consume(window, at + limited.retryAfterMs, max, windowMs).result.isAllowed).toBe(
            true,
          );
          expect(
            consume(window, at + limited.retryAfterMs - 1, max, windowMs).result.isAllowed,
          ).toBe(false);
        }
        expect(window?.counts).toHaveLength(9);
      }
      expect(allowed.length).toBeGreaterThan(20);
    },
  );

  it("counts a clock that is behind into the newest slot", () => {
    const first = consume(undefined, 80_000, 2, 8_000);
    const second = consume(first.window, 10_000, 2, 8_000);
    expect(second.result.isAllowed).toBe(true);
    expect(consume(second.window, 88_900, 2, 8_000).result.isAllowed).toBe(false);
  });

  it("says when nothing counts any more", () => {
    const { window: after } = consume(undefined, 80_500, 5, 8_000);
    expect(after && emptyAtMs(after)).toBe(89_000);
  });
});

describe("a limiter", () => {
  it("lets exactly max of fifty through that come at once", async () => {
    const key = uniqueKey();
    const all = await Promise.all(
      Array.from({ length: 50 }, () => storageClient.consume(key, 7, 60_000)),
    );
    expect(all.filter(({ isAllowed: ok }) => ok)).toHaveLength(7);
    expect(new Set(all.map(({ remaining }) => remaining))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    for (const { isAllowed: ok, retryAfterMs } of all) expect(retryAfterMs > 0).toBe(!ok);
  });

  it("counts by key and by window", async () => {
    const [one, other] = [uniqueKey(), uniqueKey()];
    expect((await storageClient.consume(one, 1, 60_000)).isAllowed).toBe(true);
    expect((await storageClient.consume(one, 1, 60_000)).isAllowed).toBe(false);
    expect((await storageClient.consume(other, 1, 60_000)).isAllowed).toBe(true);
    for (const windowMs of [30_000, 120_000])
      expect((await storageClient.consume(one, 1, windowMs)).isAllowed).toBe(true);
  });

  it("costs a request and a row, and a refusal no row", async () => {
    const key = uniqueKey();
    expect(await measureCost(() => storageClient.consume(key, 3, 60_000))).toEqual({
      requests: 1,
      rows: 2,
    });
    expect(await measureCost(() => storageClient.consume(key, 3, 60_000))).toEqual({
      requests: 1,
      rows: 1,
    });
    expect(await measureCost(() => storageClient.consume(key, 3, 60_000))).toEqual({
      requests: 1,
      rows: 1,
    });
    expect(await measureCost(() => storageClient.consume(key, 3, 60_000))).toEqual({
      requests: 1,
      rows: 0,
    });
  });

  it("outlives its object, and is cleaned away when its window is long over", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const key = uniqueKey();
    const object: DurableObjectStub<StoreObject> = storeNamespace.getByName(
      `limit 60000 ${await sha256Base64url(key)}`,
    );
    await storageClient.consume(key, 1, 60_000);
    await evictDurableObject(object);
    expect((await storageClient.consume(key, 1, 60_000)).isAllowed).toBe(false);
    // An alarm that comes while the window counts keeps the count, and comes again.
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect((await storageClient.consume(key, 1, 60_000)).isAllowed).toBe(false);
    vi.setSystemTime(1_763_700_100_000);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(
      await runInDurableObject(object, (_, { storage }) => storage.kv.get("window")),
    ).toBeUndefined();
    expect((await storageClient.consume(key, 1, 60_000)).isAllowed).toBe(true);
  });

  it("in steady use wakes for cleaning once an hour at most", async () => {
    const [key, start] = [uniqueKey(), Date.now()];
    const object: DurableObjectStub<StoreObject> = storeNamespace.getByName(
      `limit 1000 ${await sha256Base64url(key)}`,
    );
    await storageClient.consume(key, 100, 1_000);
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
    expect(await thrownMessage(() => storageClient.consume(uniqueKey(), max, windowMs))).toMatch(
      /whole number/,
    );
  });
});
