/**
 * The vault: credentials for upstream services by (owner, service, name), sealed in D1, a row each.
 * A database that is missing, silent or without its tables is a fault with a reason, never a hang or an exception.
 * Leaves to its callers who the owner is. What is kept is JSON of at most 64 KiB.
 */

import { encodeUtf8 } from "../base/bytes.ts";
import { now } from "../base/time.ts";
import {
  checkJson,
  isObject,
  jsonText,
  MAX_JSON_DEPTH,
  type JsonObject,
  type JsonValue,
} from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { secret, type Secret } from "../base/secret.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import type { CredentialInfo, CredentialId, Upstream } from "./types.ts";
import { getAccessToken } from "./refresh-token.ts";
import { resealPage, type ResealedPage } from "./reseal.ts";
import { vaultRows, type RowKey } from "./credential-rows.ts";
import {
  newVersion,
  createCredentialCipher,
  type CredentialCipher,
  type VaultFault,
} from "./credential-cipher.ts";
import { MAX_KEPT_CREDENTIAL_BYTES } from "./limits.ts";

type VaultResult<T> = Promise<Result<T, VaultFault>>;

export interface Vault {
  put(id: CredentialId, value: JsonObject): VaultResult<void>;
  get(id: CredentialId): VaultResult<Secret<JsonObject> | undefined>;
  /** True when there was one. */
  delete(id: CredentialId): VaultResult<boolean>;
  /** Never what they hold. */
  list(owner: string, service?: string): VaultResult<readonly CredentialInfo[]>;
  /**
   * The access token of an OAuth credential, renewed by one of all who ask at once when it is about to expire, or is the one that was
   * `refused`.
   */
  token(id: CredentialId, upstream: Upstream, refused?: Secret): VaultResult<Secret | undefined>;
  /** Seals up to `most` credentials after cursor `after` ("": the start) anew under the current key. */
  reseal(after: string, limit: number): VaultResult<ResealedPage>;
}

const ALLOWED_NAME = /^[\w.:/@ -]{1,64}$/;

/** The vault in `db`; without a database everything is unavailable. */
export function createVault(db: D1Database | undefined, ring: KeyRing): Vault {
  const cipher = db && createCredentialCipher(vaultRows(db), ring);
  const withDatabase = <T>(work: (cipher: CredentialCipher) => VaultResult<T>): VaultResult<T> =>
    cipher === undefined
      ? Promise.resolve(unavailable("VAULT is not bound"))
      : catchDatabaseErrors(work(cipher));
  return {
    put: async (id, given) => {
      const value = readCredential(given);
      return withDatabase(async ({ rows, seal }) => {
        const row = await rowKey(id);
        return ok(await rows.write(row, await seal(row, value), newVersion(), now()));
      });
    },
    get: (id) =>
      withDatabase(async ({ rows, open }) => {
        const row = await rows.read(await rowKey(id));
        if (row === undefined) return ok(undefined);
        const value = await open(row);
        return value.ok ? ok(secret(value.value)) : value;
      }),
    delete: (id) => withDatabase(async ({ rows }) => ok(await rows.remove(await rowKey(id)))),
    list: (owner, service) =>
      withDatabase(async ({ rows }) => ok(await rows.list(await sha256Base64url(owner), service))),
    token: (id, upstream, refused) =>
      withDatabase(async (cipherAndRows) => {
        // As it is now, as with what is put.
        const { tokenUrl, clientId, clientSecret, clientSecretMethod, finalErrors } = upstream;
        const own = {
          tokenUrl,
          clientId,
          ...(clientSecret !== undefined && { clientSecret }),
          clientSecretMethod,
          finalErrors: [...(finalErrors ?? [])],
        };
        return getAccessToken(cipherAndRows, await rowKey(id), own, refused);
      }),
    reseal: (cursor, limit) =>
      withDatabase((cipherAndRows) => resealPage(cipherAndRows, cursor, limit)),
  };
}

/** As it is now: whoever put it may go on with it. @throws where it would be sealed, and never be read back: a handler's bug */
function readCredential(given: JsonObject): JsonObject {
  const json = jsonText(given);
  const value = JSON.parse(json) as JsonValue;
  if (encodeUtf8(json).length <= MAX_KEPT_CREDENTIAL_BYTES && isObject(value) && checkJson(value))
    return value;
  throw new RangeError(
    `A credential is an object of at most ${MAX_KEPT_CREDENTIAL_BYTES} bytes as JSON and ${MAX_JSON_DEPTH} levels`,
  );
}

/** The table names nobody: an owner stands there as a digest. Throws where a name cannot be one: a handler's bug. */
async function rowKey({ owner, service, name }: CredentialId): Promise<RowKey> {
  for (const one of [service, name])
    if (!ALLOWED_NAME.test(one))
      throw new RangeError(
        "Service and name are 1 to 64 letters, digits and . : / @ _ - or spaces",
      );
  return { owner: await sha256Base64url(owner), service, name };
}

/** What D1 throws is a fault; what a handler did wrong is thrown on. */
async function catchDatabaseErrors<T>(work: VaultResult<T>): VaultResult<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    const { message } = error as Error;
    return unavailable(
      /no such table/.test(message) ? `${message}: make its tables with "make migrate"` : message,
    );
  }
}

function unavailable(problem: string): Result<never, VaultFault> {
  return err({
    reason: "unavailable",
    message: `The database of credentials cannot be used: ${problem}`,
  });
}
