/**
 * What handlers keep: storage, cached values and limits, each as its own caller's. Whatever goes wrong becomes an error
 * that the caller may read.
 */

import { ownerKey, type Caller } from "../base/caller.ts";
import type { JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { withSpan, type Attributes, type Span } from "../base/span.ts";
import { PublicError } from "../server/content.ts";
import type { ContextMembers } from "../server/handler-context.ts";
import type { StorageClient } from "./client.ts";
import type { CachedValue, CacheOptions, HandleFault, RateLimitResult, Store } from "./types.ts";

/** Whose a cached value is: everybody's unless told. A value made with a caller's credential is the caller's. */
export interface ScopedCacheOptions extends CacheOptions {
  readonly scope?: "everyone" | "caller";
}
/** Whose uses are counted together: the caller's unless told. */
export interface RateLimitOptions {
  readonly scope?: "everyone" | "caller";
}

/** What the storage feature adds to Context. */
export interface StorageContext {
  /** The caller's own storage: the same in every session, era and client. On a server that asks nobody, everybody's. */
  readonly storage: Store;
  /** Makes storage that lives for so many seconds (default 30 days), and gives the caller's handle to it: a tool argument. */
  readonly createStorage: (seconds?: number) => Promise<string>;
  /** The storage behind a handle. A handle that is expired, made up or another caller's ends the call, and wakes nothing. */
  readonly openStorage: (handle: string) => Promise<Store>;
  /** A handle to the same storage for whoever holds it, for so many seconds and never longer than the first one. */
  readonly shareStorage: (handle: string, seconds?: number) => Promise<string>;
  /**
   * The value of `key`, loaded at most once in `ttl` seconds, or once a day (UTC) with "today", by one of all who ask
   * at the same time. When loading fails, or takes long for who waits, an old value is given for a while, and says so.
   * `load` ends though its client leaves, unless it stops by `signal`; it then fails for nobody else, and whoever waited longest loads.
   * Who waits for another's load for 60 s gets an error.
   */
  readonly cache: <T extends JsonValue>(
    key: string,
    ttl: number | "today",
    load: () => Promise<T>,
    options?: ScopedCacheOptions,
  ) => Promise<CachedValue<T>>;
  /** Counts a use of `key`, of which there may be `max` in any `windowMs` milliseconds. Says whether this one may be. */
  readonly rateLimit: (
    key: string,
    max: number,
    windowMs: number,
    options?: RateLimitOptions,
  ) => Promise<RateLimitResult>;
}

declare module "../server/context.ts" {
  interface Context extends StorageContext {}
}

/** Thirty days. */
const DEFAULT_STORAGE_SECONDS = 2_592_000;

/** The members of {@link StorageContext}, on the storage behind `client`. */
export function storageMembers(client: StorageClient): ContextMembers<StorageContext> {
  return {
    storage: ({ request, span }) => tracedStore(span, client.ofOwner(ownerKey(request.caller))),
    createStorage:
      ({ request }) =>
      (seconds = DEFAULT_STORAGE_SECONDS) =>
        client.create(ownerKey(request.caller), seconds),
    openStorage:
      ({ request, span }) =>
      async (handle) =>
        tracedStore(span, unwrapHandle(await client.open(handle, ownerKey(request.caller)))),
    shareStorage:
      ({ request }) =>
      async (handle, seconds = DEFAULT_STORAGE_SECONDS) =>
        unwrapHandle(await client.share(handle, ownerKey(request.caller), seconds)),
    cache:
      ({ request, span, cancel: { signal } }) =>
      (key, ttl, load, { scope = "everyone", ...options } = {}) =>
        withSpan(span, ["cache", "internal"], () =>
          client.cache(scopedKey(scope, request.caller, key), ttl, load, { ...options, signal }),
        ).catch(throwPublicError),
    rateLimit:
      ({ request, span }) =>
      (key, max, windowMs, { scope = "caller" } = {}) =>
        withSpan(span, ["Store.limit", "client", DURABLE_OBJECT_ATTRIBUTES], () =>
          client.consume(scopedKey(scope, request.caller, key), max, windowMs),
        ),
  };
}

/** A public error of whoever loaded a value is one for everybody who waited: it crossed into an object, and lost its class. */
function throwPublicError(error: unknown): never {
  throw error instanceof Error && error.name === "PublicError"
    ? new PublicError(error.message)
    : error;
}

const DURABLE_OBJECT_ATTRIBUTES: Attributes = { "rpc.system.name": "cloudflare.durable_objects" };

/** The store with a span for each use of it, where anything is recorded. */
function tracedStore(span: Span, store: Store): Store {
  if (!span.isRecording) return store;
  const traced = <Name extends Exclude<keyof Store, "access">>(name: Name): Store[Name] => {
    const operation = store[name] as (...args: unknown[]) => Promise<unknown>;
    const withItsSpan: typeof operation = (...args) =>
      withSpan(span, [`Store.${name}`, "client", DURABLE_OBJECT_ATTRIBUTES], () =>
        operation(...args),
      );
    return withItsSpan as Store[Name];
  };
  return {
    access: store.access,
    get: traced("get"),
    put: traced("put"),
    update: traced("update"),
    list: traced("list"),
    delete: traced("delete"),
    sql: traced("sql"),
  };
}

/** JSON keeps callers and keys apart, whatever characters they hold. */
function scopedKey(scope: "everyone" | "caller", caller: Caller, key: string): string {
  return JSON.stringify(scope === "everyone" ? [key] : [ownerKey(caller), key]);
}

function unwrapHandle<T>(result: Result<T, HandleFault>): T {
  if (result.ok) return result.value;
  throw new PublicError(
    result.error === "expired"
      ? "This handle has expired: start anew"
      : "This handle is not yours: use it exactly as it was given to you",
  );
}
