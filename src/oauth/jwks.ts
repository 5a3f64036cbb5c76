/**
 * Key sets: the public keys of issuers and clients, inline or at a URL. RFC 7517 section 5.
 * A set is fetched again after ten minutes, or when it lacks a key that a token names, but never more than every 30 seconds;
 * a fetch that fails leaves what was there, for an hour. Values are kept, not promises: none may cross requests in workerd,
 * so the first requests of a cold isolate each fetch for themselves.
 */

import { now } from "../base/time.ts";
import { isObject, withoutNulls, type JsonObject } from "../base/json.ts";
import { isKeyForAlgorithm, verifyJws, type Jws } from "../crypto/jws.ts";
import {
  fetchUntrusted,
  fetchConfigured,
  isTemporaryFault,
  isTemporaryStatus,
} from "../net/fetch.ts";
import { err, ok, type Result } from "../base/result.ts";
import { createTtlCache } from "../base/ttl-cache.ts";

type Keys = readonly JsonObject[];

/** `fetchedAt`: when it was last asked for, in milliseconds since the epoch. `isStale`: that failed, so that a key may be missing. */
type KeySet = { readonly keys: Keys; fetchedAt: number; isStale: boolean };

const FRESH_MS = 600_000;
const CACHE_MS = 3_600_000;
const COOL_DOWN_MS = 30_000;
const FETCH_LIMITS = {
  accept: "application/jwk-set+json, application/json",
  maxBytes: 65_536,
  timeoutMs: 5_000,
};
/** How many sets are kept, and how many keys are tried when nothing in the token tells them apart. */
const MAX_KEY_SETS = 100;
const MAX_CANDIDATE_KEYS = 4;

/** Who named the URL of a key set: decides what may be fetched. */
type KeySetSource = "stranger" | "trusted";

/** Kept apart, so that strangers cannot push out the keys of the issuer. */
const keySets = {
  stranger: createTtlCache<KeySet>(MAX_KEY_SETS),
  trusted: createTtlCache<KeySet>(MAX_KEY_SETS),
};

/** "unreachable": the keys could not be fetched, so that nothing can be said of the signature. */
type SignatureFault = "signature" | "unreachable";

/** Whether a key of the set (a JWKS, or the URL of one) made the signature. */
export async function checkSignature(
  jws: Jws,
  jwks: JsonObject | string,
  source: KeySetSource = "stranger",
): Promise<Result<void, SignatureFault>> {
  const { kid } = jws.header;
  const select = (keys: Keys): Keys =>
    keys
      .filter((key) => isKeyForAlgorithm(key, jws.alg) && (kid === undefined || key["kid"] === kid))
      .slice(0, MAX_CANDIDATE_KEYS);
  const candidates =
    typeof jwks === "string" ? await fetchKeys(jwks, source, select) : select(readKeys(jwks) ?? []);
  if (candidates === undefined) return err("unreachable");
  for (const key of candidates) if (await verifyJws(jws, key)) return ok(undefined);
  return err("signature");
}

/** What `select` finds in the set at `url`: as it was kept, or as it is now. Undefined where that is nothing, and it cannot be fetched. */
async function fetchKeys(
  url: string,
  source: KeySetSource,
  select: (keys: Keys) => Keys,
): Promise<Keys | undefined> {
  const time = now();
  const cachedSet = keySets[source].get(url, time);
  const candidates = select(cachedSet?.keys ?? []);
  const hasCandidates = candidates.length > 0;
  if (cachedSet !== undefined) {
    if (time - cachedSet.fetchedAt < (hasCandidates ? FRESH_MS : COOL_DOWN_MS))
      return hasCandidates || !cachedSet.isStale ? candidates : undefined;
    cachedSet.fetchedAt = time;
    cachedSet.isStale = true;
  }
  const response = await (source === "trusted" ? fetchConfigured : fetchUntrusted)(
    url,
    FETCH_LIMITS,
  );
  const keys =
    response.ok && response.value.status === 200 ? readKeys(response.value.json) : undefined;
  if (keys === undefined) {
    const isTemporary = response.ok
      ? isTemporaryStatus(response.value.status)
      : isTemporaryFault(response.error);
    // What a stranger serves in place of keys is its own mistake, and stays; of the issuer nothing is held against its tokens.
    const isOutage = source === "trusted" || isTemporary;
    return hasCandidates || !isOutage ? candidates : undefined;
  }
  keySets[source].put(url, { keys, fetchedAt: time, isStale: false }, time + CACHE_MS);
  return select(keys);
}

function readKeys(jwks: JsonObject | undefined): Keys | undefined {
  const keys = jwks?.["keys"];
  return Array.isArray(keys) ? keys.filter(isObject).map(withoutNulls) : undefined;
}
