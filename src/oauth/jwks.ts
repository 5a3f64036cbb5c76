/**
 * Key sets: the public keys of issuers and clients, inline or at a URL. RFC 7517 section 5.
 * A set is fetched again after ten minutes, or when it lacks a key that a token names, but never more than every 30 seconds;
 * a fetch that fails leaves what was there, for an hour. Values are kept, not promises: none may cross requests in workerd,
 * so the first requests of a cold isolate each fetch for themselves.
 */

import { now } from "../base/clock.ts";
import { isObject, withoutNulls, type JsonObject } from "../base/json.ts";
import { fitsAlgorithm, verifyJws, type Jws } from "../crypto/jws.ts";
import { fetchStranger, fetchTrusted } from "../net/fetch.ts";
import { cache } from "./cache.ts";

type Keys = readonly JsonObject[];

/** `tried`: when it was last asked for, in milliseconds since the epoch. */
type KeySet = { readonly keys: Keys; tried: number };

const FRESH_MS = 600_000;
const KEEP_MS = 3_600_000;
const COOL_DOWN_MS = 30_000;
const LIMITS = { accept: "application/jwk-set+json, application/json", maxBytes: 65_536, timeoutMs: 5_000 };
/** How many sets are kept, and how many keys are tried when nothing in the token tells them apart. */
const MOST_SETS = 100;
const MOST_TRIED = 4;

/** Who named the URL of a key set: decides what may be fetched. */
type Source = "stranger" | "trusted";

/** Kept apart, so that strangers cannot push out the keys of the issuer. */
const sets = { stranger: cache<KeySet>(MOST_SETS), trusted: cache<KeySet>(MOST_SETS) };

/** True when a key of the set (a JWKS, or the URL of one) made the signature. */
export async function isSignedBy(jws: Jws, jwks: JsonObject | string, source: Source = "stranger"): Promise<boolean> {
  const { kid } = jws.header;
  const select = (keys: Keys): Keys =>
    keys.filter((key) => fitsAlgorithm(key, jws.alg) && (kid === undefined || key["kid"] === kid)).slice(0, MOST_TRIED);
  const found = typeof jwks === "string" ? await fetchKeys(jwks, source, select) : select(readKeys(jwks) ?? []);
  for (const key of found) if (await verifyJws(jws, key)) return true;
  return false;
}

/** What `select` finds in the set at `url`: as it was kept, or as it is now. */
async function fetchKeys(url: string, source: Source, select: (keys: Keys) => Keys): Promise<Keys> {
  const time = now();
  const known = sets[source].get(url, time);
  const found = select(known?.keys ?? []);
  if (known !== undefined) {
    if (time - known.tried < (found.length > 0 ? FRESH_MS : COOL_DOWN_MS)) return found;
    known.tried = time;
  }
  const answer = await (source === "trusted" ? fetchTrusted : fetchStranger)(url, LIMITS);
  const keys = answer.ok && answer.value.status === 200 ? readKeys(answer.value.json) : undefined;
  if (keys === undefined) return found;
  sets[source].put(url, { keys, tried: time }, time + KEEP_MS);
  return select(keys);
}

function readKeys(jwks: JsonObject | undefined): Keys | undefined {
  const keys = jwks?.["keys"];
  return Array.isArray(keys) ? keys.filter(isObject).map(withoutNulls) : undefined;
}
