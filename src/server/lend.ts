/**
 * What a handler may keep and reach beyond its request: storage, cached values, limits, credentials, each as its own
 * caller's. Whatever goes wrong there becomes an error that the caller may read, and a log line that says the rest.
 */

import { ownerKey, type Caller } from "../base/caller.ts";
import type { JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { Cached, HandleFault, Limited, Store } from "../state/store.ts";
import type { VaultFault } from "../vault/safe.ts";
import type { Identity } from "../vault/vault.ts";
import { PublicError } from "./content.ts";
import type { CacheChoice, Credentials, LimitChoice } from "./context.ts";
import type { Services } from "./run.ts";

/** Thirty days. */
const STATE_SECONDS = 2_592_000;

type Lender = Pick<Services, "stores" | "vault">;

export function createState({ stores }: Lender, caller: Caller, seconds: number = STATE_SECONDS): Promise<string> {
  return stores.create(ownerKey(caller), seconds);
}

export async function openState({ stores }: Lender, caller: Caller, handle: string): Promise<Store> {
  return orThrow(await stores.open(handle, ownerKey(caller)));
}

export async function shareState(
  { stores }: Lender,
  caller: Caller,
  handle: string,
  seconds: number = STATE_SECONDS,
): Promise<string> {
  return orThrow(await stores.share(handle, ownerKey(caller), seconds));
}

export function cached<T extends JsonValue>(
  { stores }: Lender,
  caller: Caller,
  key: string,
  ttl: number | "today",
  load: () => Promise<T>,
  { scope = "everyone", ...options }: CacheChoice = {},
): Promise<Cached<T>> {
  return stores.cache(scopedKey(scope, caller, key), ttl, load, options);
}

export function limited(
  { stores }: Lender,
  caller: Caller,
  key: string,
  max: number,
  windowMs: number,
  { scope = "caller" }: LimitChoice = {},
): Promise<Limited> {
  return stores.limit(scopedKey(scope, caller, key), max, windowMs);
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
export function credentialsOf({ vault }: Lender, caller: Caller): Credentials {
  const identity = (service: string, name: string): Identity => ({ owner: ownerKey(caller), service, name });
  return {
    put: async (service, name, value) => fromVault(service, await vault.put(identity(service, name), value)),
    get: async (service, name) => fromVault(service, await vault.get(identity(service, name))),
    token: async (service, name, upstream) => fromVault(service, await vault.token(identity(service, name), upstream)),
    forget: async (service, name) => fromVault(service, await vault.forget(identity(service, name))),
    list: async (service) => fromVault(service ?? "", await vault.list(ownerKey(caller), service)),
  };
}

function fromVault<T>(service: string, result: Result<T, VaultFault>): T {
  if (result.ok) return result.value;
  const { reason, message } = result.error;
  console.error(JSON.stringify({ event: "vault.fault", reason, service, message }));
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
