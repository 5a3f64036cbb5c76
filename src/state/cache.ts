/**
 * Cached values, loaded once for all who ask: in the isolate's memory first, behind it an object for each key.
 * The load runs with whoever came first, never in the object, and the others ask again with growing pauses: no promise
 * may cross requests, and nothing that waits for an upstream keeps an object awake.
 */

import { now, pause } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { digest } from "../crypto/seal.ts";
import { LEASE_MS, type Failure, type StoreObject, type Stores } from "./object.ts";
import { MAX_VALUE_BYTES, type CachedRow } from "./rows.ts";
import type { Cached, CacheOptions } from "./store.ts";

/** `ttl`: seconds, or "today" until the next midnight UTC. Throws what `load` throws, unless an old value will do. */
export type CacheIn = <T extends JsonValue>(
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  options?: CacheOptions,
) => Promise<Cached<T>>;

const DAY_MS = 86_400_000;
/** Pauses between two questions of one who waits, in milliseconds. */
const FIRST_PAUSE = 20;
const LAST_PAUSE = 500;

export function cacheIn(stores: Stores): CacheIn {
  return async (key, ttl, load, { staleIfError = DAY_MS / 1000 } = {}) => {
    if (ttl !== "today" && !(ttl > 0 && ttl <= 31_536_000))
      throw new RangeError("A ttl is a number of seconds up to a year");
    const near = memory.get(key);
    if (near !== undefined && now() < near.until) return show(near);
    const object = stores.getByName(`cache ${await digest(key)}`);
    const givenUp = now() + 2 * LEASE_MS;
    for (let wait = FIRST_PAUSE; now() < givenUp; wait = Math.min(wait * 2, LAST_PAUSE)) {
      const taken = await object.take();
      if (taken.kind === "fresh") return show(remember(key, taken.row));
      const old =
        "old" in taken && taken.old !== undefined && mayServe(taken.old, staleIfError) ? taken.old : undefined;
      if (taken.kind === "load") {
        const { lease } = taken;
        return loadFor(object, lease, load, (text) => remember(key, rowOf(text, ttl, staleIfError)), old);
      }
      if (taken.kind === "failed") return old === undefined ? raise(taken.failure) : show(old);
      await pause(wait);
    }
    throw new Error(`The value of "${key}" was not loaded by anybody in ${(2 * LEASE_MS) / 1000} s`);
  };
}

async function loadFor<T extends JsonValue>(
  object: DurableObjectStub<StoreObject>,
  lease: string,
  load: () => Promise<T>,
  make: (text: string) => CachedRow,
  old: CachedRow | undefined,
): Promise<Cached<T>> {
  let value: T;
  try {
    value = await load();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    await object.release(lease, { name, message }).catch(() => undefined);
    if (old === undefined) throw error;
    return show(old);
  }
  // Two bytes a character would be the most. What was loaded is good, whether or not it can be kept.
  const text = JSON.stringify(value);
  const kept = text.length > MAX_VALUE_BYTES / 2 ? object.release(lease) : object.keep(lease, make(text));
  await kept.catch(() => undefined);
  return { value, age: 0, stale: false };
}

function rowOf(text: string, ttl: number | "today", staleIfError: number): CachedRow {
  const loaded = now();
  const until = ttl === "today" ? (Math.floor(loaded / DAY_MS) + 1) * DAY_MS : loaded + ttl * 1000;
  return { text, loaded, until, stale: until + staleIfError * 1000 };
}

function mayServe({ until }: CachedRow, staleIfError: number): boolean {
  return now() < until + staleIfError * 1000;
}

function raise({ name, message }: Failure): never {
  throw Object.assign(new Error(message), { name });
}

/** Parsed anew each time: a handler may change what it is given. */
function show<T extends JsonValue>({ text, loaded, until }: CachedRow): Cached<T> {
  const at = now();
  return { value: JSON.parse(text) as T, age: Math.floor((at - loaded) / 1000), stale: at >= until };
}

/** What this isolate has seen, the oldest first: a hit here costs nothing. Data may cross requests, promises may not. */
const memory = new Map<string, CachedRow>();
const MOST_IN_MEMORY = 200;
const MOST_CHARACTERS = 50_000;

function remember(key: string, row: CachedRow): CachedRow {
  memory.delete(key);
  if (row.text.length > MOST_CHARACTERS) return row;
  const [oldest] = memory.size >= MOST_IN_MEMORY ? memory.keys() : [];
  if (oldest !== undefined) memory.delete(oldest);
  memory.set(key, row);
  return row;
}
