/**
 * Cached values, loaded once for all who ask: in the isolate's memory first, behind it an object for each key.
 * The load runs with whoever came first, never in the object, and the others ask again with growing pauses: no promise
 * may cross requests, and nothing that waits for an upstream keeps an object awake.
 */

import { now, sleep } from "../base/time.ts";
import type { JsonValue } from "../base/json.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import { CACHE_LEASE_MS, type LoadFailure, type StoreObject, type StoreNamespace } from "./store-object.ts";
import { MAX_STORED_VALUE_BYTES, type CachedRow } from "./store-rows.ts";
import type { CachedValue, CacheOptions } from "./types.ts";

/** `ttl`: seconds, or "today" until the next midnight UTC. Throws what `load` throws, unless an old value will do. */
export type CacheFunction = <T extends JsonValue>(
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  options?: CacheOptions,
) => Promise<CachedValue<T>>;

const DAY_MS = 86_400_000;
/** Pauses between two questions of one who waits, in milliseconds. */
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;

/** A cache over store objects: one load for all who ask at once, and an old value when loading fails. */
export function createCache(stores: StoreNamespace): CacheFunction {
  return async (key, ttl, load, { staleIfErrorSeconds = DAY_MS / 1000 } = {}) => {
    if (ttl !== "today" && !(ttl > 0 && ttl <= 31_536_000))
      throw new RangeError("A ttl is a number of seconds up to a year");
    const cachedLocally = localRows.get(key);
    if (cachedLocally !== undefined && now() < cachedLocally.freshUntilMs) return toCachedValue(cachedLocally);
    const stub = stores.getByName(`cache ${await sha256Base64url(key)}`);
    const deadlineMs = now() + 2 * CACHE_LEASE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; now() < deadlineMs; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const lookup = await stub.acquire();
      if (lookup.kind === "cached") return toCachedValue(rememberLocally(key, lookup.row));
      const staleRow =
        "staleRow" in lookup && lookup.staleRow !== undefined && mayServeStale(lookup.staleRow, staleIfErrorSeconds)
          ? lookup.staleRow
          : undefined;
      if (lookup.kind === "leaseAcquired") {
        const { lease } = lookup;
        return loadUnderLease(
          stub,
          lease,
          load,
          (text) => rememberLocally(key, makeCachedRow(text, ttl, staleIfErrorSeconds)),
          staleRow,
        );
      }
      if (lookup.kind === "failed")
        return staleRow === undefined ? throwFailure(lookup.failure) : toCachedValue(staleRow);
      await sleep(pauseMs);
    }
    throw new Error(`The value of "${key}" was not loaded by anybody in ${(2 * CACHE_LEASE_MS) / 1000} s`);
  };
}

async function loadUnderLease<T extends JsonValue>(
  stub: DurableObjectStub<StoreObject>,
  lease: string,
  load: () => Promise<T>,
  makeRow: (text: string) => CachedRow,
  staleRow: CachedRow | undefined,
): Promise<CachedValue<T>> {
  let value: T;
  try {
    value = await load();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    await stub.releaseLease(lease, { name, message }).catch(() => undefined);
    if (staleRow === undefined) throw error;
    return toCachedValue(staleRow);
  }
  // Two bytes a character would be the most. What was loaded is good, whether or not it can be kept.
  const text = JSON.stringify(value);
  const stored =
    text.length > MAX_STORED_VALUE_BYTES / 2 ? stub.releaseLease(lease) : stub.storeLoaded(lease, makeRow(text));
  await stored.catch(() => undefined);
  return { value, ageSeconds: 0, isStale: false };
}

function makeCachedRow(text: string, ttl: number | "today", staleIfErrorSeconds: number): CachedRow {
  const loadedAtMs = now();
  const freshUntilMs = ttl === "today" ? (Math.floor(loadedAtMs / DAY_MS) + 1) * DAY_MS : loadedAtMs + ttl * 1000;
  return { text, loadedAtMs, freshUntilMs, usableUntilMs: freshUntilMs + staleIfErrorSeconds * 1000 };
}

function mayServeStale({ freshUntilMs }: CachedRow, staleIfErrorSeconds: number): boolean {
  return now() < freshUntilMs + staleIfErrorSeconds * 1000;
}

function throwFailure({ name, message }: LoadFailure): never {
  throw Object.assign(new Error(message), { name });
}

/** Parsed anew each time: a handler may change what it is given. */
function toCachedValue<T extends JsonValue>({ text, loadedAtMs, freshUntilMs }: CachedRow): CachedValue<T> {
  const nowMs = now();
  return {
    value: JSON.parse(text) as T,
    ageSeconds: Math.floor((nowMs - loadedAtMs) / 1000),
    isStale: nowMs >= freshUntilMs,
  };
}

/** What this isolate has seen, the oldest first: a hit here costs nothing. Data may cross requests, promises may not. */
const localRows = new Map<string, CachedRow>();
const MAX_LOCAL_ROWS = 200;
const MAX_LOCAL_CHARACTERS = 50_000;

function rememberLocally(key: string, row: CachedRow): CachedRow {
  localRows.delete(key);
  if (row.text.length > MAX_LOCAL_CHARACTERS) return row;
  const [oldest] = localRows.size >= MAX_LOCAL_ROWS ? localRows.keys() : [];
  if (oldest !== undefined) localRows.delete(oldest);
  localRows.set(key, row);
  return row;
}
