/**
 * The vault: credentials for upstream services by (owner, service, name), sealed in D1, a row each.
 * A database that is missing, silent or without its tables is a fault with a reason, never a hang or an exception.
 * Leaves to its callers who the owner is. What is kept is JSON of at most 64 KiB.
 */

import { utf8 } from "../base/bytes.ts";
import { now } from "../base/clock.ts";
import { checkJson, MAX_DEPTH, type JsonObject } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { secret, type Secret } from "../base/secret.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { digest } from "../crypto/seal.ts";
import type { Entry, Identity, Upstream } from "./credential.ts";
import { renew } from "./renew.ts";
import { rewrapPage, type Rewrapped } from "./rewrap.ts";
import { vaultRows, type RowKey } from "./rows.ts";
import { freshVersion, safeWith, type Safe, type VaultFault } from "./safe.ts";

type Answer<T> = Promise<Result<T, VaultFault>>;

export interface Vault {
  put(id: Identity, value: JsonObject): Answer<void>;
  get(id: Identity): Answer<Secret<JsonObject> | undefined>;
  /** True when there was one. */
  forget(id: Identity): Answer<boolean>;
  /** Never what they hold. */
  list(owner: string, service?: string): Answer<readonly Entry[]>;
  /** The access token of an OAuth credential, renewed by one of all who ask at once when it is about to expire. */
  token(id: Identity, upstream: Upstream): Answer<Secret | undefined>;
  /** Seals up to `most` credentials after cursor `after` ("": the start) anew under the current key. */
  rewrap(after: string, most: number): Answer<Rewrapped>;
}

const MAX_VALUE_BYTES = 65_536;
const NAME = /^[\w.:/@ -]{1,64}$/;

/** The vault in `db`; without a database everything is unavailable. */
export function vaultIn(db: D1Database | undefined, ring: KeyRing): Vault {
  const safe = db && safeWith(vaultRows(db), ring);
  const inside = <T>(work: (safe: Safe) => Answer<T>): Answer<T> =>
    safe === undefined ? Promise.resolve(unavailable("no D1 database is bound as VAULT")) : reach(work(safe));
  return {
    put: (id, value) =>
      inside(async ({ rows, seal }) => {
        const row = await rowKey(id);
        if (utf8(JSON.stringify(value)).length > MAX_VALUE_BYTES)
          throw new RangeError(`A credential has at most ${MAX_VALUE_BYTES} bytes as JSON`);
        // What nests deeper would be sealed, and never be read back.
        if (!checkJson(value)) throw new RangeError(`A credential nests at most ${MAX_DEPTH} levels deep`);
        return ok(await rows.write(row, await seal(row, value), freshVersion(), now()));
      }),
    get: (id) =>
      inside(async ({ rows, open }) => {
        const row = await rows.read(await rowKey(id));
        if (row === undefined) return ok(undefined);
        const value = await open(row);
        return value.ok ? ok(secret(value.value)) : value;
      }),
    forget: (id) => inside(async ({ rows }) => ok(await rows.remove(await rowKey(id)))),
    list: (owner, service) => inside(async ({ rows }) => ok(await rows.list(await digest(owner), service))),
    token: (id, upstream) => inside(async (open) => renew(open, await rowKey(id), upstream)),
    rewrap: (cursor, most) => inside((open) => rewrapPage(open, cursor, most)),
  };
}

/** The table names nobody: an owner stands there as a digest. Throws where a name cannot be one: a handler's bug. */
async function rowKey({ owner, service, name }: Identity): Promise<RowKey> {
  for (const one of [service, name])
    if (!NAME.test(one)) throw new RangeError("Service and name are 1 to 64 letters, digits and . : / @ _ - or spaces");
  return { owner: await digest(owner), service, name };
}

/** What D1 throws is a fault; what a handler did wrong is thrown on. */
async function reach<T>(work: Answer<T>): Answer<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    const { message } = error as Error;
    return unavailable(/no such table/.test(message) ? `${message}: make its tables with "make migrate"` : message);
  }
}

function unavailable(why: string): Result<never, VaultFault> {
  return err({ reason: "unavailable", message: `The database of credentials cannot be used: ${why}` });
}
