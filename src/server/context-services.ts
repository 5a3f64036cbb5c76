/**
 * What a handler may keep and reach beyond its request: storage, cached values, limits, credentials, each as its own
 * caller's. Whatever goes wrong there becomes an error that the caller may read, and a log line that says the rest.
 */

import { ownerKey, type Caller } from "../base/caller.ts";
import type { JsonValue } from "../base/json.ts";
import { log } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import { fetchConfigured, type FetchResult, type FetchLimits, type FetchOptions } from "../net/fetch.ts";
import type { CachedValue, HandleFault, RateLimitResult, Store } from "../storage/types.ts";
import { outgoingRequestAttributes } from "../telemetry/http.ts";
import { withSpan, traceHeaders, type Attributes, type Span } from "../telemetry/span.ts";
import type { VaultFault } from "../vault/credential-cipher.ts";
import { PublicError } from "./content.ts";
import type { ScopedCacheOptions, Credentials, RateLimitOptions } from "./context.ts";
import type { Services } from "./types.ts";

/** Thirty days. */
const DEFAULT_STORAGE_SECONDS = 2_592_000;

/** The services behind a Context, the caller they are for, and the span that they belong to. */
export interface ContextScope {
  readonly services: Pick<Services, "storage" | "vault">;
  readonly caller: Caller;
  readonly span: Span;
}

/** The caller's own storage, the same in every session and era. */
export function callerStorage({ services, caller, span }: ContextScope): Store {
  return tracedStore(span, services.storage.ofOwner(ownerKey(caller)));
}

/** A handle to storage of its own for `seconds`; nothing is stored until the first put. */
export function createStorage(
  { services, caller }: ContextScope,
  seconds: number = DEFAULT_STORAGE_SECONDS,
): Promise<string> {
  return services.storage.create(ownerKey(caller), seconds);
}

/** The storage behind `handle`. Throws a {@link PublicError} when the handle is not good for this caller. */
export async function openStorage({ services, caller, span }: ContextScope, handle: string): Promise<Store> {
  return tracedStore(span, unwrapHandle(await services.storage.open(handle, ownerKey(caller))));
}

/** A handle that opens the same storage to whoever holds it. Throws as {@link openStorage} does. */
export async function shareStorage(
  { services, caller }: ContextScope,
  handle: string,
  seconds: number = DEFAULT_STORAGE_SECONDS,
): Promise<string> {
  return unwrapHandle(await services.storage.share(handle, ownerKey(caller), seconds));
}

/** A public error of whoever loaded is one for everybody who waited. */
export async function cacheValue<T extends JsonValue>(
  { services, caller, span }: ContextScope,
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  { scope = "everyone", ...options }: ScopedCacheOptions = {},
): Promise<CachedValue<T>> {
  const getValue = (): Promise<CachedValue<T>> =>
    services.storage.cache(scopedKey(scope, caller, key), ttl, load, options);
  try {
    return await withSpan(span, ["cache", "internal"], getValue);
  } catch (error) {
    const publicError = error instanceof Error && error.name === "PublicError" ? new PublicError(error.message) : error;
    throw publicError;
  }
}

/** Counts a use against `max` in any window of `windowMs` milliseconds. */
export function countUse(
  { services, caller, span }: ContextScope,
  key: string,
  max: number,
  windowMs: number,
  { scope = "caller" }: RateLimitOptions = {},
): Promise<RateLimitResult> {
  const consume = (): Promise<RateLimitResult> =>
    services.storage.consume(scopedKey(scope, caller, key), max, windowMs);
  return withSpan(span, ["Store.limit", "client", DURABLE_OBJECT_ATTRIBUTES], consume);
}

/** Passes the trace on. Its span has no query, which may be a secret, and no credential. */
export function tracedFetch(
  { span }: ContextScope,
  url: string,
  limits: FetchLimits & FetchOptions,
): Promise<Result<FetchResult, string>> {
  const { method = "GET" } = limits;
  return withSpan(
    span,
    [method, "client", span.isRecording ? outgoingRequestAttributes(method, url) : {}],
    async (fetchSpan) => {
      const response = await fetchConfigured(url, {
        ...limits,
        headers: { ...limits.headers, ...traceHeaders(fetchSpan) },
      });
      if (response.ok) fetchSpan.set({ "http.response.status_code": response.value.status });
      const errorType = response.ok ? response.value.status >= 400 && String(response.value.status) : response.error;
      fetchSpan.end(errorType === false ? undefined : errorType);
      return response;
    },
  );
}

const DURABLE_OBJECT_ATTRIBUTES: Attributes = { "rpc.system.name": "cloudflare.durable_objects" };

/** The store with a span for each use of it, where anything is recorded. */
function tracedStore(span: Span, store: Store): Store {
  if (!span.isRecording) return store;
  const traced = <T>(operation: string, work: () => Promise<T>): Promise<T> =>
    withSpan(span, [`Store.${operation}`, "client", DURABLE_OBJECT_ATTRIBUTES], work);
  return {
    access: store.access,
    get: (key) => traced("get", () => store.get(key)),
    put: (key, value) => traced("put", () => store.put(key, value)),
    update: (key, change) => traced("update", () => store.update(key, change)),
    list: (options) => traced("list", () => store.list(options)),
    delete: (key) => traced("delete", () => store.delete(key)),
    sql: (statement, ...bindings) => traced("sql", () => store.sql(statement, ...bindings)),
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
      : "This handle is not one of yours: use it exactly as it was given to you",
  );
}

/** The vault as the caller's own: nobody names another owner. */
export function callerCredentials({ services: { vault }, caller, span }: ContextScope): Credentials {
  const owner = ownerKey(caller);
  const traced = async <T>(
    operation: string,
    service: string,
    work: () => Promise<Result<T, VaultFault>>,
  ): Promise<T> => {
    const attributes = {
      "db.system.name": "sqlite",
      "db.operation.name": operation,
      "db.collection.name": "credentials",
    };
    return unwrapCredential(service, await withSpan(span, [`vault ${operation}`, "client", attributes], work));
  };
  return {
    put: (service, name, value) => traced("put", service, () => vault.put({ owner, service, name }, value)),
    get: (service, name) => traced("get", service, () => vault.get({ owner, service, name })),
    token: (service, name, upstream) => traced("token", service, () => vault.token({ owner, service, name }, upstream)),
    delete: (service, name) => traced("forget", service, () => vault.delete({ owner, service, name })),
    list: (service) => traced("list", service ?? "", () => vault.list(owner, service)),
  };
}

function unwrapCredential<T>(service: string, result: Result<T, VaultFault>): T {
  if (result.ok) return result.value;
  const { reason, message } = result.error;
  log("error", "vault.failed", { reason, service, message });
  switch (reason) {
    case "revoked":
      throw new PublicError(`Your access to ${service} has ended there: sign in again`);
    case "upstream":
      throw new PublicError(`${service} cannot be reached to renew your access: try again in a minute`);
    case "unavailable":
      throw new PublicError("The store of credentials cannot be reached: try again in a minute");
    case "key.missing":
    case "format.unknown":
    case "truncated":
    case "changed":
    case "moved":
      throw new PublicError(
        `Your credential for ${service} cannot be opened here (${reason}): store it anew, or tell the operator`,
      );
  }
}
