/**
 * Key sets: the public keys of issuers and clients, inline or at a URL. RFC 7517 section 5.
 * A set is fetched again after ten minutes, or when it lacks a key that a token names, but never more than every 30 seconds;
 * a fetch that fails leaves what was there, for an hour. Values are kept, not promises: none may cross requests in workerd,
 * so the first requests of a cold isolate each fetch for themselves.
 */

import { now } from "../base/time.ts";
import { isObject, withoutNulls, type JsonObject } from "../base/json.ts";
import { isKeyForAlgorithm, verifyJws, type Jws } from "../crypto/jws.ts";
import { fetchUntrusted, fetchConfigured } from "../net/fetch.ts";
import { createTtlCache } from "../base/ttl-cache.ts";

type Keys = readonly JsonObject[];

/** `fetchedAt`: when it was last asked for, in milliseconds since the epoch. */
type KeySet = { readonly keys: Keys; fetchedAt: number };

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

/** True when a key of the set (a JWKS, or the URL of one) made the signature. */
export async function isSignedBy(
  jws: Jws,
  jwks: JsonObject | string,
  source: KeySetSource = "stranger",
): Promise<boolean> {
  const { kid } = jws.header;
  const select = (keys: Keys): Keys =>
    keys
      .filter((key) => isKeyForAlgorithm(key, jws.alg) && (kid === undefined || key["kid"] === kid))
      .slice(0, MAX_CANDIDATE_KEYS);
  const candidates =
    typeof jwks === "string" ? await fetchKeys(jwks, source, select) : select(readKeys(jwks) ?? []);
  for (const key of candidates) if (await verifyJws(jws, key)) return true;
  return false;
}

/** What `select` finds in the set at `url`: as it was kept, or as it is now. */
async function fetchKeys(
  url: string,
  source: KeySetSource,
  select: (keys: Keys) => Keys,
): Promise<Keys> {
  const time = now();
  const cachedSet = keySets[source].get(url, time);
  const candidates = select(cachedSet?.keys ?? []);
  if (cachedSet !== undefined) {
    if (time - cachedSet.fetchedAt < (candidates.length > 0 ? FRESH_MS : COOL_DOWN_MS))
      return candidates;
    cachedSet.fetchedAt = time;
  }
  const response = await (source === "trusted" ? fetchConfigured : fetchUntrusted)(
    url,
    FETCH_LIMITS,
  );
  const keys =
    response.ok && response.value.status === 200 ? readKeys(response.value.json) : undefined;
  if (keys === undefined) return candidates;
  keySets[source].put(url, { keys, fetchedAt: time }, time + CACHE_MS);
  return select(keys);
}

function readKeys(jwks: JsonObject | undefined): Keys | undefined {
  const keys = jwks?.["keys"];
  return Array.isArray(keys) ? keys.filter(isObject).map(withoutNulls) : undefined;
}
