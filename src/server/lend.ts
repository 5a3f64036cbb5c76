/**
 * What a handler may keep and reach beyond its request: storage, cached values, limits, credentials, each as its own
 * caller's. Whatever goes wrong there becomes an error that the caller may read, and a log line that says the rest.
 */

import { ownerKey, type Caller } from "../base/caller.ts";
import type { JsonValue } from "../base/json.ts";
import { log } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import { fetchTrusted, type Fetched, type Limits, type Sent } from "../net/fetch.ts";
import type { Cached, HandleFault, Limited, Store } from "../state/store.ts";
import { describeCall } from "../telemetry/http.ts";
import { during, traceHeaders, type Attributes, type Span } from "../telemetry/span.ts";
import type { VaultFault } from "../vault/safe.ts";
import { PublicError } from "./content.ts";
import type { CacheChoice, Credentials, LimitChoice } from "./context.ts";
import type { Services } from "./types.ts";

/** Thirty days. */
const STATE_SECONDS = 2_592_000;

/** What the house lends from, to whom, and the part of the trace that it happens in. */
export interface Lender {
  readonly services: Pick<Services, "stores" | "vault">;
  readonly caller: Caller;
  readonly part: Span;
}

export function mineOf({ services, caller, part }: Lender): Store {
  return tracedStore(part, services.stores.mine(ownerKey(caller)));
}

export function createState({ services, caller }: Lender, seconds: number = STATE_SECONDS): Promise<string> {
  return services.stores.create(ownerKey(caller), seconds);
}

export async function openState({ services, caller, part }: Lender, handle: string): Promise<Store> {
  return tracedStore(part, orThrow(await services.stores.open(handle, ownerKey(caller))));
}

export async function shareState(
  { services, caller }: Lender,
  handle: string,
  seconds: number = STATE_SECONDS,
): Promise<string> {
  return orThrow(await services.stores.share(handle, ownerKey(caller), seconds));
}

/** A public error of whoever loaded is one for everybody who waited. */
export async function cached<T extends JsonValue>(
  { services, caller, part }: Lender,
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  { scope = "everyone", ...options }: CacheChoice = {},
): Promise<Cached<T>> {
  const ask = (): Promise<Cached<T>> => services.stores.cache(scopedKey(scope, caller, key), ttl, load, options);
  try {
    return await during(part, ["cache", "internal"], ask);
  } catch (error) {
    const told = error instanceof Error && error.name === "PublicError" ? new PublicError(error.message) : error;
    throw told;
  }
}

export function limited(
  { services, caller, part }: Lender,
  key: string,
  max: number,
  windowMs: number,
  { scope = "caller" }: LimitChoice = {},
): Promise<Limited> {
  const ask = (): Promise<Limited> => services.stores.limit(scopedKey(scope, caller, key), max, windowMs);
  return during(part, ["Store.limit", "client", OBJECT], ask);
}

/** Passes the trace on. Its span has no query, which may be a secret, and no credential. */
export function fetchFrom({ part }: Lender, url: string, limits: Limits & Sent): Promise<Result<Fetched, string>> {
  const { method = "GET" } = limits;
  return during(part, [method, "client", part.recorded ? describeCall(method, url) : {}], async (call) => {
    const answer = await fetchTrusted(url, { ...limits, headers: { ...limits.headers, ...traceHeaders(call) } });
    if (answer.ok) call.set({ "http.response.status_code": answer.value.status });
    const failed = answer.ok ? answer.value.status >= 400 && String(answer.value.status) : answer.error;
    call.end(failed === false ? undefined : failed);
    return answer;
  });
}

const OBJECT: Attributes = { "rpc.system.name": "cloudflare.durable_objects" };

/** The store with a span for each use of it, where anything is recorded. */
function tracedStore(part: Span, store: Store): Store {
  if (!part.recorded) return store;
  const use = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    during(part, [`Store.${what}`, "client", OBJECT], work);
  return {
    access: store.access,
    get: (key) => use("get", () => store.get(key)),
    put: (key, value) => use("put", () => store.put(key, value)),
    update: (key, change) => use("update", () => store.update(key, change)),
    list: (options) => use("list", () => store.list(options)),
    delete: (key) => use("delete", () => store.delete(key)),
    sql: (statement, ...bindings) => use("sql", () => store.sql(statement, ...bindings)),
  };
}

/** JSON keeps callers and keys apart, whatever characters they hold. */
function scopedKey(scope: "everyone" | "caller", caller: Caller, key: string): string {
  return JSON.stringify(scope === "everyone" ? [key] : [ownerKey(caller), key]);
}

function orThrow<T>(result: Result<T, HandleFault>): T {
  if (result.ok) return result.value;
  throw new PublicError(
    result.error === "expired"
      ? "This handle has expired: start anew"
      : "This handle is not one of yours: use it exactly as it was given to you",
  );
}

/** The vault as the caller's own: nobody names another owner. */
export function credentialsOf({ services: { vault }, caller, part }: Lender): Credentials {
  const owner = ownerKey(caller);
  const use = async <T>(what: string, service: string, work: () => Promise<Result<T, VaultFault>>): Promise<T> => {
    const about = { "db.system.name": "sqlite", "db.operation.name": what, "db.collection.name": "credentials" };
    return fromVault(service, await during(part, [`vault ${what}`, "client", about], work));
  };
  return {
    put: (service, name, value) => use("put", service, () => vault.put({ owner, service, name }, value)),
    get: (service, name) => use("get", service, () => vault.get({ owner, service, name })),
    token: (service, name, upstream) => use("token", service, () => vault.token({ owner, service, name }, upstream)),
    forget: (service, name) => use("forget", service, () => vault.forget({ owner, service, name })),
    list: (service) => use("list", service ?? "", () => vault.list(owner, service)),
  };
}

function fromVault<T>(service: string, result: Result<T, VaultFault>): T {
  if (result.ok) return result.value;
  const { reason, message } = result.error;
  log("error", "vault.fault", { reason, service, message });
  switch (reason) {
    case "over":
      throw new PublicError(`Your access to ${service} has ended there: sign in again`);
    case "upstream":
      throw new PublicError(`${service} cannot be reached to renew your access: try again in a minute`);
    case "unavailable":
      throw new PublicError("The store of credentials cannot be reached: try again in a minute");
    case "key.missing":
    case "format.unknown":
    case "cut.short":
    case "changed":
    case "moved":
      throw new PublicError(
        `Your credential for ${service} cannot be opened here (${reason}): store it anew, or tell the operator`,
      );
  }
}
