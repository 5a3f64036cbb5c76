/**
 * Cached values, loaded once for all who ask: in the isolate's memory first, behind it an object for each key.
 * The load runs with whoever came first, never in the object, and the others ask again with growing pauses: no promise
 * may cross requests, and nothing that waits for an upstream keeps an object awake. It ends though its caller leaves.
 */

import { now, sleep } from "../base/time.ts";
import { jsonText, type JsonValue } from "../base/json.ts";
import { keepAlive } from "../base/keep-alive.ts";
import { createTtlCache } from "../base/ttl-cache.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import { isInputRequired } from "../server/input-round.ts";
import {
  CACHE_LEASE_MS,
  type LoadFailure,
  type StoreNamespace,
  type StoreObject,
} from "./store-object.ts";
import { MAX_STORED_SECONDS, MAX_STORED_VALUE_BYTES, type CachedRow } from "./store-rows.ts";
import type { CachedValue, CacheOptions } from "./types.ts";

/**
 * `ttl`: seconds, or "today" until the next midnight UTC. Throws what `load` throws, unless an old value will do. `signal`:
 * says that the caller left; a load that fails then has failed for nobody else.
 */
export type CacheFunction = <T extends JsonValue>(
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  options?: CacheOptions & { readonly signal?: AbortSignal },
) => Promise<CachedValue<T>>;

const DAY_MS = 86_400_000;
/** Pauses between two questions of one who waits, in milliseconds. */
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;

/** A cache over store objects: one load for all who ask at once, and an old value when loading fails. */
export function createCache(stores: StoreNamespace): CacheFunction {
  return async (key, ttl, load, { staleIfErrorSeconds = DAY_MS / 1000, signal } = {}) => {
    if (ttl !== "today" && !(ttl > 0 && ttl <= 31_536_000))
      throw new RangeError("A ttl is a number of seconds up to a year");
    if (!(staleIfErrorSeconds >= 0 && staleIfErrorSeconds <= MAX_STORED_SECONDS))
      throw new RangeError("staleIfErrorSeconds is a number of seconds up to ten years");
    const cachedLocally = localRows.get(key, now());
    if (cachedLocally !== undefined) return toCachedValue(cachedLocally);
    const objectName = `cache ${await sha256Base64url(key)}`;
    // Anew for each question: one whose object was reset fails for good.
    const stub = (): DurableObjectStub<StoreObject> => stores.getByName(objectName);
    const mayServe = (row: CachedRow | undefined): row is CachedRow =>
      row !== undefined && now() < row.freshUntilMs + staleIfErrorSeconds * 1000;
    const acquireOrLoad = async (...question: Parameters<StoreObject["acquire"]>) => {
      const lookup = await stub().acquire(...question);
      if (lookup.kind !== "leaseAcquired") return lookup;
      const { lease } = lookup;
      const keep = (text: string): Promise<void> =>
        keepLoaded(stub(), lease, key, makeCachedRow(text, ttl, staleIfErrorSeconds));
      const release = (failure?: LoadFailure): Promise<void> =>
        stub()
          .releaseLease(lease, signal?.aborted === true ? undefined : failure)
          .catch(() => undefined);
      const staleRow = mayServe(lookup.staleRow) ? lookup.staleRow : undefined;
      return {
        kind: "loaded",
        value: await loadUnderLease(load, keep, release, staleRow),
      } as const;
    };
    const deadlineMs = now() + 2 * CACHE_LEASE_MS;
    let leaseWaitedFor = Infinity;
    let ticket: number | undefined;
    let knownStaleRow: CachedRow | undefined;
    for (
      let pauseMs = FIRST_PAUSE_MS;
      now() < deadlineMs;
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
    ) {
      // Who goes away with the old value keeps no place among those who wait.
      const isLastQuestion = pauseMs === MAX_PAUSE_MS && mayServe(knownStaleRow);
      const againInMs = isLastQuestion ? undefined : pauseMs;
      // From the lease on: left behind by a client that hangs up, it would keep everybody waiting.
      const lookup = await keepAlive(acquireOrLoad(leaseWaitedFor, ticket, againInMs));
      if (lookup.kind === "loaded") return lookup.value;
      if (lookup.kind === "cached") return toCachedValue(rememberLocally(key, lookup.row));
      // A load that takes long is as good as one that fails to whoever can do with an old value.
      if ((lookup.kind === "failed" || pauseMs === MAX_PAUSE_MS) && mayServe(lookup.staleRow))
        return toCachedValue(lookup.staleRow);
      if (lookup.kind === "failed") return throwFailure(lookup.failure);
      leaseWaitedFor = Math.min(leaseWaitedFor, lookup.lease);
      ({ ticket, staleRow: knownStaleRow } = lookup);
      await sleep(pauseMs);
      signal?.throwIfAborted();
    }
    throw new Error(`The value of "${key}" was not loaded in ${(2 * CACHE_LEASE_MS) / 1000} s`);
  };
}

/** Keeps what was loaded under `lease` for all, and in this isolate, unless it is too large, or a newer one is there. */
async function keepLoaded(
  stub: DurableObjectStub<StoreObject>,
  lease: number,
  key: string,
  row: CachedRow,
): Promise<void> {
  // What was loaded is good, whether or not it can be kept. Two bytes a character would be the most.
  if (row.text.length > MAX_STORED_VALUE_BYTES / 2)
    return stub.releaseUnkept(lease).catch(() => undefined);
  // An object that cannot be reached knows no newer one.
  if (await stub.storeLoaded(lease, row).catch(() => true)) rememberLocally(key, row);
}

/** Whatever becomes of the load, its lease ends: with `keep` of what was loaded as JSON, or `release`. */
async function loadUnderLease<T extends JsonValue>(
  load: () => Promise<T>,
  keep: (text: string) => Promise<void>,
  release: (failure?: LoadFailure) => Promise<void>,
  staleRow: CachedRow | undefined,
): Promise<CachedValue<T>> {
  let text: string;
  try {
    text = jsonText(await load());
  } catch (error) {
    // A load that asks the client has not failed: it comes back with the answer.
    if (isInputRequired(error)) {
      await release();
      throw error;
    }
    await release(failureOf(error));
    if (staleRow === undefined) throw error;
    return toCachedValue(staleRow);
  }
  await keep(text);
  // As whoever comes later has it.
  return { value: JSON.parse(text) as T, ageSeconds: 0, isStale: false };
}

/** Anything may be thrown, also what has no words. Whoever loads it gets that itself. */
function failureOf(error: unknown): LoadFailure {
  const { name, message } = error instanceof Error ? error : new Error("The load failed");
  return { name, message };
}

function makeCachedRow(
  text: string,
  ttl: number | "today",
  staleIfErrorSeconds: number,
): CachedRow {
  const loadedAtMs = now();
  const freshUntilMs =
    ttl === "today" ? (Math.floor(loadedAtMs / DAY_MS) + 1) * DAY_MS : loadedAtMs + ttl * 1000;
  return {
    text,
    loadedAtMs,
    freshUntilMs,
    usableUntilMs: freshUntilMs + staleIfErrorSeconds * 1000,
  };
}

function throwFailure({ name, message }: LoadFailure): never {
  throw Object.assign(new Error(message), { name });
}

/** Parsed anew each time: a handler may change what it is given. */
function toCachedValue<T extends JsonValue>({
  text,
  loadedAtMs,
  freshUntilMs,
}: CachedRow): CachedValue<T> {
  const nowMs = now();
  return {
    value: JSON.parse(text) as T,
    // Another machine's clock may be ahead.
    ageSeconds: Math.max(0, Math.floor((nowMs - loadedAtMs) / 1000)),
    isStale: nowMs >= freshUntilMs,
  };
}

/** What this isolate has seen, the oldest first: a hit here costs nothing. Data may cross requests, promises may not. */
const MAX_LOCAL_ROWS = 200;
const localRows = createTtlCache<CachedRow>(MAX_LOCAL_ROWS);
/** Of a key and its value together: a handler may make a key of what a client sent. */
const MAX_LOCAL_CHARACTERS = 50_000;

function rememberLocally(key: string, row: CachedRow): CachedRow {
  if (key.length + row.text.length <= MAX_LOCAL_CHARACTERS)
    localRows.put(key, row, row.freshUntilMs);
  return row;
}
