/**
 * Key sets: the public keys of issuers and clients, inline or at a URL. RFC 7517 section 5.
 * A set is fetched again after ten minutes, or when none of its keys made a signature, but never more than every 30 seconds;
 * a fetch that fails leaves what was there, for an hour. Values are kept, not promises: none may cross requests in workerd,
 * so the first requests of a cold isolate each fetch for themselves.
 */

import { keepAlive } from "../base/keep-alive.ts";
import { now } from "../base/time.ts";
import { isObject, withoutNulls, type JsonObject } from "../base/json.ts";
import { isKeyForAlgorithm, JWS_ALGORITHMS, verifyJws, type Jws } from "../crypto/jws.ts";
import {
  fetchUntrusted,
  fetchConfigured,
  isTemporary,
  JSON_LIMITS,
  successJson,
} from "../net/fetch.ts";
import { err, ok, type Result } from "../base/result.ts";
import { createTtlCache } from "../base/ttl-cache.ts";
import {
  CLOCK_SKEW_MS,
  COOL_DOWN_MS,
  FIRST_COOL_DOWN_MS,
  ISSUER_CACHE_MS,
  KEYS_FRESH_MS,
  MAX_CANDIDATE_KEYS,
  MAX_KEYS,
  MAX_KEY_SETS,
} from "./limits.ts";

type Keys = readonly JsonObject[];

/** "unreachable", "unusable": the keys cannot be had, for now or as they are served: nothing can be said of the signature. */
export type SignatureFault = "signature" | "unreachable" | "unusable";

/** `fetchedAt`: when it was last asked for, in milliseconds since the epoch. `fault`: what holds of a signature by none of its keys. */
type KeySet = { keys: Keys; fetchedAt: number; fault: SignatureFault };

const FETCH_LIMITS = {
  ...JSON_LIMITS,
  accept: "application/jwk-set+json, application/json",
};

/** Who named the URL of a key set: decides what may be fetched. */
type KeySetSource = "stranger" | "trusted";

/** Kept apart, so that strangers cannot push out the keys of the issuer. */
const keySets = {
  stranger: createTtlCache<KeySet>(MAX_KEY_SETS),
  trusted: createTtlCache<KeySet>(MAX_KEY_SETS),
};

/** Whether a key of the set (a JWKS, or the URL of one) made the signature: as the set was kept, or as it is now. */
export async function checkSignature(
  jws: Jws,
  jwks: JsonObject | string,
  source: KeySetSource = "stranger",
): Promise<Result<void, SignatureFault>> {
  if (typeof jwks !== "string")
    return (await isSigned(jws, readKeys(jwks) ?? [])) ? ok(undefined) : err("signature");
  const time = now();
  const set = keySets[source].get(jwks, time) ?? { keys: [], fetchedAt: 0, fault: "signature" };
  const isFresh = time - set.fetchedAt < KEYS_FRESH_MS;
  if (isFresh && (await isSigned(jws, set.keys))) return ok(undefined);
  if (time - set.fetchedAt < COOL_DOWN_MS)
    return err(set.fault === "signature" && mayBeOfNewKey(jws, set) ? "unreachable" : set.fault);
  // Kept alive: a client that leaves would cancel a fetch that is noted already, and leave everybody the old keys.
  await keepAlive(refetch(set, jwks, source, time));
  return (await isSigned(jws, set.keys)) ? ok(undefined) : err(set.fault);
}

/**
 * Whether the signature may be of a key that is newer than the set: one that it does not name, of what was issued after the
 * set was fetched. What is older was signed by a key that is no longer in the set, or by nobody's.
 */
function mayBeOfNewKey({ header, payload: { iat } }: Jws, { keys, fetchedAt }: KeySet): boolean {
  const isNamed = keys.some(({ kid }) => kid !== undefined && kid === header["kid"]);
  const issuedAtMs = typeof iat === "number" ? iat * 1_000 : Infinity;
  return !isNamed && issuedAtMs > fetchedAt - CLOCK_SKEW_MS;
}

async function isSigned(jws: Jws, keys: Keys): Promise<boolean> {
  const { kid } = jws.header;
  const candidates = keys.filter(
    (key) => isKeyForAlgorithm(key, jws.alg) && (kid === undefined || key["kid"] === kid),
  );
  for (const key of candidates.slice(0, MAX_CANDIDATE_KEYS))
    if (await verifyJws(jws, key)) return true;
  return false;
}

/** Brings `set` up to date with what is at `url`. Where that fails its keys stay, for as long as they would have. */
async function refetch(
  set: KeySet,
  url: string,
  source: KeySetSource,
  time: number,
): Promise<void> {
  // Others who come meanwhile have what was there.
  Object.assign(set, { fetchedAt: time, fault: "unreachable" });
  const response = await (source === "trusted" ? fetchConfigured : fetchUntrusted)(
    url,
    FETCH_LIMITS,
  );
  const keys = readKeys(successJson(response));
  if (keys !== undefined && keys.length > 0) {
    Object.assign(set, { keys, fault: "signature" });
    keySets[source].put(url, set, time + ISSUER_CACHE_MS);
    return;
  }
  // Nothing is held against what it signed. Of a client, an answer that is no key set may be another in a moment (a challenge
  // of its network, a page); an issuer's is for an operator to see.
  if (!isTemporary(response) && source === "trusted") set.fault = "unusable";
  const end = now();
  const isKept = keySets[source].get(url, end) !== undefined;
  // A set without a key that can be used is served for a moment while keys change; for longer where all were withdrawn.
  if (isKept && keys !== undefined) keySets[source].put(url, set, end + COOL_DOWN_MS);
  if (source === "trusted" && !isKept) keySets.trusted.put(url, set, end + FIRST_COOL_DOWN_MS);
}

/** What makes a public key, and what it is told from others by: all else of a set would be many times its bytes in memory. */
const KEY_MEMBERS: readonly string[] = ["kty", "crv", "x", "y", "n", "e", "alg", "kid"];

/** Of a JWKS the keys that an algorithm takes, at most {@link MAX_KEYS}; undefined where it is none. */
export function readKeys(jwks: JsonObject | undefined): JsonObject[] | undefined {
  const keys = jwks?.["keys"];
  if (!Array.isArray(keys)) return undefined;
  const usable = keys
    .filter(isObject)
    .map(withoutNulls)
    .filter((key) => JWS_ALGORITHMS.some((alg) => isKeyForAlgorithm(key, alg)));
  return usable.slice(0, MAX_KEYS).map(keyMembers);
}

function keyMembers(key: JsonObject): JsonObject {
  const members = Object.entries(key).filter(
    ([name, value]) => KEY_MEMBERS.includes(name) && typeof value === "string",
  );
  return Object.fromEntries(members);
}
