/**
 * The Worker's side of storage: judges handles before anything wakes, names objects, and does the waiting.
 * A change that needs the old value is made here and written only if nobody was faster. Bounds are checked here.
 */

import { now, sleep, randomBytes } from "../base/time.ts";
import { jsonText, type JsonValue } from "../base/json.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isObjectAway, retried } from "../base/retry.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import { createCache, type CacheFunction } from "./cache.ts";
import { createHandle, verifyHandle, shareHandle } from "./handle.ts";
import type { StoreObject, StoreNamespace } from "./store-object.ts";
import { MAX_STORED_SECONDS, MAX_STORED_VALUE_BYTES } from "./store-rows.ts";
import type { HandleFault, RateLimitResult, ListOptions, Store } from "./types.ts";

/** `owner`: {@link ownerKey}. */
export interface StorageClient {
  /** New storage of `owner`, for so many seconds. Nothing is written before something is kept there. */
  create(owner: string, seconds: number): Promise<string>;
  open(handle: string, owner: string): Promise<Result<Store, HandleFault>>;
  /** A handle that opens the same storage for whoever holds it, for so many seconds and never past the storage's end. */
  share(handle: string, owner: string, seconds: number): Promise<Result<string, HandleFault>>;
  /** The owner's own storage, without a handle and without an end. */
  ofOwner(owner: string): Store;
  readonly cache: CacheFunction;
  consume(key: string, max: number, windowMs: number): Promise<RateLimitResult>;
}

const MAX_KEY_LENGTH = 512;
const MAX_WINDOW_MS = 2_678_400_000;
/** How often a change is tried before it is given up, and the milliseconds by which the longest pause grows with each try. */
const MAX_ATTEMPTS = 100;
const PAUSE_GROWTH_MS = 16;

/** The Worker's side of storage. `ring` signs handles. */
export function createStorageClient(ring: KeyRing, stores: StoreNamespace): StorageClient {
  const seconds = (): number => Math.floor(now() / 1000);
  const verify = (text: string, owner: string) => verifyHandle(ring, text, owner, now() / 1000);
  return {
    async create(owner, lifetimeSeconds) {
      assertWholeNumber("A lifetime in seconds", lifetimeSeconds, 1, MAX_STORED_SECONDS);
      return createHandle(ring, owner, seconds() + lifetimeSeconds);
    },
    async open(handle, owner) {
      const verified = await verify(handle, owner);
      if (!verified.ok) return err(verified.error);
      const { name, access, storageEndsAtSeconds } = verified.value;
      return ok(
        createStore(async () => stores.getByName(`state ${name}`), access, storageEndsAtSeconds),
      );
    },
    async share(handle, owner, lifetimeSeconds) {
      assertWholeNumber("A lifetime in seconds", lifetimeSeconds, 1, MAX_STORED_SECONDS);
      const verified = await verify(handle, owner);
      if (!verified.ok) return err(verified.error);
      // Whoever was invited may invite, for no longer than they were.
      const { expiresAtSeconds } = verified.value;
      return ok(
        await shareHandle(
          ring,
          verified.value,
          Math.min(seconds() + lifetimeSeconds, expiresAtSeconds),
        ),
      );
    },
    ofOwner: (owner) =>
      createStore(async () => stores.getByName(`owner ${await sha256Base64url(owner)}`), "owner"),
    cache: createCache(stores),
    async consume(key, max, windowMs) {
      assertWholeNumber("A limit", max, 1, 1_000_000);
      assertWholeNumber("A window in milliseconds", windowMs, 1_000, MAX_WINDOW_MS);
      // Another window is another limiter: counts of one say nothing of the other.
      return stores
        .getByName(`limit ${windowMs} ${await sha256Base64url(key)}`)
        .consume(max, windowMs);
    },
  };
}

type Stub = DurableObjectStub<StoreObject>;

function createStore(stub: () => Promise<Stub>, access: Store["access"], end?: number): Store {
  // What only reads is asked again where the object was reset. What writes may have been done.
  const read = (key: string): Promise<string | undefined> =>
    retried(async () => (await stub()).read(key), isObjectAway);
  return {
    access,
    async get(key) {
      return parseValue(await read(checkKey(key)));
    },
    async put(key, value) {
      // As it is now: whoever put it may go on with it.
      const text = serializeValue(value);
      await (await stub()).write(checkKey(key), text, end);
    },
    async update(key, change) {
      let current = await read(checkKey(key));
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const value = change(parseValue(current));
        const text = serializeValue(value);
        const object = await stub();
        const swapped = await object.compareAndSwap(key, current, text, end);
        if (swapped.swapped) return parseValue(text) as typeof value;
        ({ current } = swapped);
        if (attempt === 0) continue;
        // The more there are, the longer the pauses grow: otherwise of hundreds only one in each round would win.
        await sleep(((randomBytes(1)[0] ?? 0) / 256) * attempt * PAUSE_GROWTH_MS);
        // Where others write without end, a value from before the pause would lose every time.
        current = await read(key);
      }
      throw new Error(`"${key}" was changed by others ${MAX_ATTEMPTS} times in a row`);
    },
    async list<T extends JsonValue>(options: ListOptions = {}) {
      const { limit = 100, prefix = "", after: lastKey = "" } = options;
      assertWholeNumber("The limit of a list", limit, 1, 1_000);
      assertArgument(
        prefix.length + lastKey.length <= 2 * MAX_KEY_LENGTH,
        `A key has at most ${MAX_KEY_LENGTH} characters`,
      );
      const given = { ...options, limit };
      const entries = await retried(async () => (await stub()).list(given), isObjectAway);
      return entries.map(({ key, text }): [string, T] => [key, JSON.parse(text) as T]);
    },
    async delete(key) {
      return (await stub()).remove(checkKey(key));
    },
    async sql<Row>(statement: string, ...bindings: SqlStorageValue[]) {
      const given = structuredClone(bindings);
      const result = await (await stub()).query(statement, given, end);
      if (!result.ok) throw new Error(result.error);
      return result.value as Row[];
    },
  };
}

function checkKey(key: string): string {
  assertArgument(
    // Half a surrogate pair comes back from the platform as another key.
    key.length >= 1 && key.length <= MAX_KEY_LENGTH && key.isWellFormed(),
    `A key is 1 to ${MAX_KEY_LENGTH} characters of well-formed Unicode`,
  );
  return key;
}

function serializeValue(value: JsonValue): string {
  const text = jsonText(value);
  assertArgument(
    encodeUtf8(text).length <= MAX_STORED_VALUE_BYTES,
    `A value has at most ${MAX_STORED_VALUE_BYTES} bytes as JSON`,
  );
  return text;
}

function parseValue<T extends JsonValue>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

function assertWholeNumber(what: string, value: number, min: number, max: number): void {
  assertArgument(
    Number.isInteger(value) && value >= min && value <= max,
    `${what} must be a whole number from ${min} to ${max}`,
  );
}

/** What a handler does wrong here is a bug of the handler. */
function assertArgument(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RangeError(message);
}
