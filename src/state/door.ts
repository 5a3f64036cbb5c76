/**
 * The Worker's side of storage: judges handles before anything wakes, names objects, and does the waiting.
 * A change that needs the old value is made here and written only if nobody was faster. Bounds are checked here.
 */

import { now, pause, randomBytes } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { utf8 } from "../base/bytes.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { digest } from "../crypto/seal.ts";
import { cacheIn, type CacheIn } from "./cache.ts";
import { mintHandle, readHandle, shareHandle } from "./handle.ts";
import type { StoreObject, Stores } from "./object.ts";
import { MAX_VALUE_BYTES } from "./rows.ts";
import type { HandleFault, Limited, ListOptions, Store } from "./store.ts";

/** `owner`: {@link ownerKey}. */
export interface StateDoor {
  /** New storage of `owner`, for so many seconds. Nothing is written before something is kept there. */
  create(owner: string, seconds: number): Promise<string>;
  open(handle: string, owner: string): Promise<Result<Store, HandleFault>>;
  /** A handle that opens the same storage for whoever holds it, for so many seconds and never past the storage's end. */
  share(handle: string, owner: string, seconds: number): Promise<Result<string, HandleFault>>;
  /** The owner's own storage, without a handle and without an end. */
  mine(owner: string): Store;
  readonly cache: CacheIn;
  limit(key: string, max: number, windowMs: number): Promise<Limited>;
}

const MAX_KEY_LENGTH = 512;
/** Seconds: ten years, more than anybody plans for. */
const MAX_SECONDS = 315_360_000;
const MAX_WINDOW_MS = 2_678_400_000;
/** How often a change is tried before it is given up. */
const MAX_TRIES = 100;

export function stateDoor(ring: KeyRing, stores: Stores): StateDoor {
  const seconds = (): number => Math.floor(now() / 1000);
  const handle = (text: string, owner: string) => readHandle(ring, text, owner, now() / 1000);
  return {
    async create(owner, life) {
      require(isWhole(life, 1, MAX_SECONDS), `Storage lives for 1 to ${MAX_SECONDS} whole seconds`);
      return mintHandle(ring, owner, seconds() + life);
    },
    async open(text, owner) {
      const read = await handle(text, owner);
      if (!read.ok) return err(read.error);
      const { name, access, end } = read.value;
      return ok(storeAt(async () => stores.getByName(`state ${name}`), access, end));
    },
    async share(text, owner, life) {
      require(isWhole(life, 1, MAX_SECONDS), `A handle lives for 1 to ${MAX_SECONDS} whole seconds`);
      const read = await handle(text, owner);
      if (!read.ok) return err(read.error);
      // Whoever was invited may invite, for no longer than they were.
      const { expires } = read.value;
      return ok(await shareHandle(ring, read.value, Math.min(seconds() + life, expires)));
    },
    mine: (owner) => storeAt(async () => stores.getByName(`mine ${await digest(owner)}`), "owner"),
    cache: cacheIn(stores),
    async limit(key, max, windowMs) {
      require(isWhole(max, 1, 1_000_000), "A limit is a whole number from 1 to 1000000");
      require(isWhole(
        windowMs,
        1_000,
        MAX_WINDOW_MS,
      ), "A window is a whole number of milliseconds, from 1 s to 31 days");
      // Another window is another limiter: counts of one say nothing of the other.
      return stores.getByName(`limit ${windowMs} ${await digest(key)}`).use(max, windowMs);
    },
  };
}

type Stub = DurableObjectStub<StoreObject>;

function storeAt(stub: () => Promise<Stub>, access: Store["access"], end?: number): Store {
  return {
    access,
    async get(key) {
      return readValue(await (await stub()).read(checkKey(key)));
    },
    async put(key, value) {
      await (await stub()).write(checkKey(key), writeValue(value), end);
    },
    async update(key, change) {
      const object = await stub();
      let is = await object.read(checkKey(key));
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const value = change(readValue(is));
        const swapped = await object.swap(key, is, writeValue(value), end);
        if (swapped.done) return value;
        ({ is } = swapped);
        await pause(((randomBytes(1)[0] ?? 0) * Math.min(tries, 8)) / 16);
      }
      throw new Error(`"${key}" was changed by others ${MAX_TRIES} times in a row`);
    },
    async list<T extends JsonValue>(options: ListOptions = {}) {
      const { limit = 100, prefix = "", after: last = "" } = options;
      require(isWhole(limit, 1, 1_000), "A list has 1 to 1000 entries");
      require(prefix.length + last.length <= 2 * MAX_KEY_LENGTH, `A key has at most ${MAX_KEY_LENGTH} characters`);
      const entries = await (await stub()).list({ ...options, limit });
      return entries.map(({ key, text }): [string, T] => [key, JSON.parse(text) as T]);
    },
    async delete(key) {
      return (await stub()).remove(checkKey(key));
    },
    async sql<Row>(statement: string, ...bindings: SqlStorageValue[]) {
      const done = await (await stub()).query(statement, bindings, end);
      if (!done.ok) throw new Error(done.error);
      return done.value as Row[];
    },
  };
}

function checkKey(key: string): string {
  require(key.length >= 1 && key.length <= MAX_KEY_LENGTH, `A key has 1 to ${MAX_KEY_LENGTH} characters`);
  // Half a surrogate pair comes back from the platform as another key.
  require(key.isWellFormed(), "A key is well-formed Unicode");
  return key;
}

function writeValue(value: JsonValue): string {
  const text = JSON.stringify(value) as string | undefined;
  require(text !== undefined, "Only JSON can be kept");
  require(utf8(text).length <= MAX_VALUE_BYTES, `A value has at most ${MAX_VALUE_BYTES} bytes as JSON`);
  return text;
}

function readValue<T extends JsonValue>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** What a handler does wrong here is a bug of the handler. */
function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new RangeError(otherwise);
}
