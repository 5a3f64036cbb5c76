/**
 * What handlers see of storage: types only. `client.ts` makes them, `store-object.ts` stores what they hold.
 */

import type { JsonValue } from "../base/json.ts";

/** What SQLite keeps in a column. */
export type SqlValue = ArrayBuffer | string | number | null;

/** Why a handle opens nothing. "forged" is also another caller's: nothing in a handle says whose it is. */
export type HandleFault = "forged" | "expired";

/** Storage of one owner, or of whoever holds a shared handle. Keys: 1 to 512 characters. Values: JSON of at most 1 MB. */
export interface Store {
  /** How it was opened: by its owner, or through a handle that was shared. */
  readonly access: "owner" | "shared";
  get<T extends JsonValue>(key: string): Promise<T | undefined>;
  put(key: string, value: JsonValue): Promise<void>;
  /**
   * Reads, changes and writes, and does it again when somebody else wrote meanwhile, so that no change is lost.
   * Gives what was written. A `change` that throws leaves everything as it was.
   */
  update<T extends JsonValue>(key: string, change: (old: T | undefined) => T): Promise<T>;
  /** Entries in the order of their keys. */
  list<T extends JsonValue>(
    options?: ListOptions,
  ): Promise<readonly (readonly [key: string, value: T])[]>;
  /** True when there was something. */
  delete(key: string): Promise<boolean>;
  /** One SQL statement with bound parameters on the store's own SQLite tables. The rows it gives. */
  sql<Row extends Record<string, SqlValue>>(
    statement: string,
    ...bindings: SqlValue[]
  ): Promise<readonly Row[]>;
}

export interface ListOptions {
  readonly prefix?: string;
  /** Only keys after this one. */
  readonly after?: string;
  /** Default 100, at most 1,000. */
  readonly limit?: number;
}

/** A cached value, and what a person should be told of it. */
export interface CachedValue<T> {
  readonly value: T;
  /** Seconds since it was loaded. */
  readonly ageSeconds: number;
  /** True when loading a newer one failed and this one is past its time. */
  readonly isStale: boolean;
}

export interface CacheOptions {
  /** Seconds past its time for which a value is still better than an error, or a long wait; default one day, 0 for never, at most ten years. */
  readonly staleIfErrorSeconds?: number;
}

/** What a limiter says of one use. */
export interface RateLimitResult {
  readonly isAllowed: boolean;
  /** Uses left in the window now. */
  readonly remaining: number;
  /** Milliseconds until a use may succeed again; 0 when this one did. */
  readonly retryAfterMs: number;
}
