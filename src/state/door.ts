/**
 * The Worker's side of storage: names objects, judges handles before anything wakes, and does the waiting.
 */

import type { JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { StoreObject } from "./object.ts";
import type { Cached, CacheOptions, HandleFault, Limited, Store } from "./store.ts";

/** `owner`: {@link ownerKey}. */
export interface StateDoor {
  /** New storage of `owner`, for so many seconds. Nothing is written before its first `put`. */
  create(owner: string, seconds: number): Promise<string>;
  open(handle: string, owner: string): Promise<Result<Store, HandleFault>>;
  /** A handle that opens the same storage for whoever holds it; it never outlives the one it came from. */
  share(handle: string, owner: string, seconds: number): Promise<Result<string, HandleFault>>;
  /** The owner's own storage, without a handle and without an end. */
  mine(owner: string): Store;
  cache<T extends JsonValue>(
    key: string,
    ttl: number | "today",
    load: () => Promise<T>,
    options?: CacheOptions,
  ): Promise<Cached<T>>;
  limit(key: string, max: number, windowMs: number): Promise<Limited>;
}

export function stateDoor(_ring: KeyRing, _stores: DurableObjectNamespace<StoreObject>): StateDoor {
  return {} as StateDoor; // stub
}
