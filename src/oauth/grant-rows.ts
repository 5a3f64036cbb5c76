/**
 * The one row of a grant object, in its key-value storage: never a code, a token or a secret.
 *
 *   opened    kv "grant"  {"terms":{…},"generation":0,"since":1763700000000,"used":1763700000000,"expires":1763700060000,…}
 *   redeemed  kv "grant"  {"terms":{…},"generation":1,"since":1763700000000,"used":1763700005000,"expires":1766292005000,…}
 *   over      kv "grant"  "over": denied or revoked, and what it held is gone
 */

import type { Terms } from "./grant.ts";

/** Times are milliseconds since the epoch. */
export interface GrantRow {
  readonly terms: Terms;
  /** Of the newest refresh token; 0 while the code was not redeemed. */
  readonly generation: number;
  readonly since: number;
  /** When the newest generation was made. */
  readonly used: number;
  /** When the grant dies unless it is used. */
  readonly expires: number;
  readonly refreshSeconds: number;
}

export interface GrantRows {
  /** The grant, unless it is over or was never opened. */
  read(): GrantRow | undefined;
  isFresh(): boolean;
  write(row: GrantRow | "over"): void;
}

export function grantRows({ kv }: DurableObjectStorage): GrantRows {
  return {
    read() {
      const row = kv.get<GrantRow | "over">("grant");
      return row === "over" ? undefined : row;
    },
    isFresh: () => kv.get("grant") === undefined,
    write: (row) => kv.put("grant", row),
  };
}
