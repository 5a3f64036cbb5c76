/**
 * When lists last changed, as far as this object's memory goes: a session that listens for the first time began before. Most
 * listen a moment after they begin. For the others a row with each change would cost more than it is worth.
 */

import { now } from "../base/time.ts";

export interface ListChanges {
  /** A list changed: for `audience`, a caller's key, or for everybody. */
  note(audience: string | undefined): void;
  /** Whether a list that the caller of `share` sees is known to have changed since `timeMs`, in milliseconds since the epoch. */
  hasComeSince(timeMs: number, share: string): boolean;
}

/** Callers whose lists changed that are remembered: the last ones. */
const MAX_AUDIENCES = 1_000;

/** The list changes that one hub object has passed on. */
export function createListChanges(): ListChanges {
  const changedAtMs = new Map<string, number>();
  return {
    note(audience = "") {
      changedAtMs.delete(audience);
      changedAtMs.set(audience, now());
      const [oldest] = changedAtMs.keys();
      if (changedAtMs.size > MAX_AUDIENCES && oldest !== undefined) changedAtMs.delete(oldest);
    },
    hasComeSince(timeMs, share) {
      const nowMs = now();
      for (const [audience, atMs] of changedAtMs)
        // A share begins with its caller's key, which begins no other. A clock that was ahead says nothing.
        if (atMs >= timeMs && atMs <= nowMs && share.startsWith(audience)) return true;
      return false;
    },
  };
}
