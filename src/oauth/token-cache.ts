/**
 * Verified access tokens of one isolate, so that the hot path is a lookup. Holds values only, at most 1,000 of them, none
 * beyond its time. A revocation in another isolate is not seen here: that is what `expires` bounds.
 */

import type { Caller } from "../base/caller.ts";

export interface TokenCache {
  /** The caller kept under `key`, unless its time is over. Times are milliseconds since the epoch. */
  get(key: string, now: number): Caller | undefined;
  /** Keeps `caller`. The key must hold all that the verdict depended on: the token, and the resource it is for. */
  put(key: string, caller: Caller, expires: number): void;
}

const MOST = 1_000;

export function tokenCache(): TokenCache {
  const kept = new Map<string, { readonly caller: Caller; readonly expires: number }>();
  return {
    get(key, now) {
      const entry = kept.get(key);
      if (entry === undefined || now < entry.expires) return entry?.caller;
      kept.delete(key);
      return undefined;
    },
    put(key, caller, expires) {
      const [oldest] = kept.size >= MOST ? kept.keys() : [];
      if (oldest !== undefined) kept.delete(oldest);
      kept.set(key, { caller, expires });
    },
  };
}
