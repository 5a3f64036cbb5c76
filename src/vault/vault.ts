/**
 * Credentials for upstream services, by (owner, service, name).
 */

import type { JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { Secret } from "../base/secret.ts";
import type { KeyRing } from "../crypto/keyring.ts";

/** Which credential. `owner`: {@link ownerKey}. */
export interface Identity {
  readonly owner: string;
  readonly service: string;
  readonly name: string;
}

/** Why a credential cannot be had. `message` is for the operator's log: it says the state and never holds a secret. */
export interface VaultFault {
  readonly reason: "key.missing" | "format.unknown" | "cut.short" | "changed" | "moved" | "unavailable" | "over" | "upstream";
  readonly message: string;
}

/** What is listed of a credential: never what it holds. Times are milliseconds since the epoch. */
export interface Entry {
  readonly service: string;
  readonly name: string;
  readonly since: number;
  readonly updated: number;
  /** The upstream ended it: only signing in again helps. */
  readonly over: boolean;
}

/** Where and as whom an upstream token is refreshed (RFC 6749 section 6). */
export interface Upstream {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: Secret;
}

export interface Vault {
  put(id: Identity, value: JsonObject): Promise<Result<void, VaultFault>>;
  get(id: Identity): Promise<Result<Secret<JsonObject> | undefined, VaultFault>>;
  /** True when there was one. */
  forget(id: Identity): Promise<Result<boolean, VaultFault>>;
  list(owner: string, service?: string): Promise<Result<readonly Entry[], VaultFault>>;
  /** The access token of an OAuth credential, refreshed by one of all who ask at once when it is about to expire. */
  token(id: Identity, upstream: Upstream): Promise<Result<Secret | undefined, VaultFault>>;
  /** Seals up to `most` credentials after `after` anew under the current key. */
  rewrap(after: string, most: number): Promise<Result<Rewrapped, VaultFault>>;
}

export interface Rewrapped {
  /** Where the next page starts; undefined at the end. */
  readonly next: string | undefined;
  readonly rewrapped: number;
  /** Left as they were, because they do not open: how many by the reason. */
  readonly unreadable: Readonly<Record<string, number>>;
}

/** The vault in `db`; without a database everything is unavailable. */
export function vaultIn(_db: D1Database | undefined, _ring: KeyRing): Vault {
  return {} as Vault; // stub
}
