/**
 * The one row of a grant object: never a code, a token or a secret. Times are milliseconds since the epoch.
 *
 *   alive      kv "grant"  {"terms":{"client":"dcr:…",…},"generation":1,"createdAtMs":1763700000000,…}
 *   ending     kv "grant"  {"client":"dcr:…","attempts":0}: it has ended, and what lived by it may still go on
 *   ended      kv "grant"  "ended": denied, or ended with all that lived by it
 */

import { now } from "../../base/time.ts";
import { CODE_SECONDS } from "../lifetimes.ts";
import { RESTORED_MS } from "../limits.ts";

export interface GrantRow {
  readonly terms: GrantTerms;
  /** Of the newest refresh token; 0 while the code was not redeemed. */
  readonly generation: number;
  readonly createdAtMs: number;
  /** Nothing came of the newest generation: the one before it stays good for a day or the window, or until it is sent again. */
  readonly isUndelivered?: boolean;
  /** The requests that were given the newest generation, and did not say that nothing came of it; of many the newest. */
  readonly givenTo?: readonly string[];
  /** When the newest generation was made. */
  readonly lastUsedAtMs: number;
  /** When the grant dies unless it is used. */
  readonly expiresAtMs: number;
  readonly refreshSeconds: number;
}

/** More requests at once than that for one generation are nobody's habit. */
const MAX_GIVEN = 20;

/** `client`: whose grant it was. `attempts`: of the alarm. */
export interface GrantEnding {
  readonly client: string;
  readonly attempts: number;
}

export interface GrantRows {
  /** Whether anything was ever written. */
  isUsed(): boolean;
  /** The grant, unless it is over or was never opened. */
  grant(): GrantRow | undefined;
  ending(): GrantEnding | undefined;
  write(row: GrantRow | GrantEnding | "ended"): void;
  /** The newest generation is given once more, to another request. Where nothing had come of it, the window begins now. */
  noteGivenAgain(requestId: string): void;
  /**
   * Nothing came of `generation` for the request that it was given to. Where that holds for all of them, and it is the
   * newest, what was redeemed for it may be redeemed again: a refresh token for a day, a code as long as it lives.
   */
  restore(generation: number, requestId: string): void;
  /**
   * Replaces the sealed properties: a hook renewed them (`isRenewed`), or their key is no longer the current one. Those that
   * another hook has renewed since they were read, at `renewalCount`, stay. False when the grant is over.
   */
  replaceProperties(properties: string, renewalCount: number, isRenewed: boolean): boolean;
}

/** The row of one grant object. */
export function createGrantRows({ kv }: DurableObjectStorage): GrantRows {
  const read = (): GrantRow | GrantEnding | "ended" | undefined => kv.get("grant");
  const grant = (): GrantRow | undefined => {
    const row = read();
    return typeof row === "object" && "terms" in row ? row : undefined;
  };
  return {
    isUsed: () => read() !== undefined,
    grant,
    ending() {
      const row = read();
      return typeof row === "object" && "attempts" in row ? row : undefined;
    },
    write: (row) => kv.put("grant", row),
    noteGivenAgain(requestId) {
      const row = grant();
      if (row === undefined) return;
      const { isUndelivered = false, givenTo = [""], lastUsedAtMs } = row;
      const others = givenTo.filter((one) => one !== requestId);
      kv.put("grant", {
        ...row,
        isUndelivered: false,
        givenTo: [...others, requestId].slice(-MAX_GIVEN),
        lastUsedAtMs: isUndelivered ? now() : lastUsedAtMs,
      });
    },
    restore(generation, requestId) {
      const row = grant();
      if (row?.generation !== generation) return;
      const expiresAtMs = row.createdAtMs + CODE_SECONDS * 1000;
      const givenTo = (row.givenTo ?? [requestId]).filter((one) => one !== requestId);
      // The first came of the code.
      if (generation === 1) kv.put("grant", { ...row, generation: 0, expiresAtMs });
      else kv.put("grant", { ...row, givenTo, isUndelivered: givenTo.length === 0 });
    },
    replaceProperties(properties, renewalCount, isRenewed) {
      const row = grant();
      if (row === undefined) return false;
      const count = isRenewed ? renewalCount + 1 : renewalCount;
      if ((row.terms.renewalCount ?? 0) === renewalCount)
        kv.put("grant", { ...row, terms: { ...row.terms, properties, renewalCount: count } });
      return true;
    },
  };
}

/** Neither long ago nor far ahead: a row that was written by a clock ahead must not stretch what it begins. */
export function isWithinMs(start: number, ms: number): boolean {
  return Math.abs(now() - start) < ms;
}

/** Whether the refresh token before the newest is still good, which a client may hold that did not get the newest. */
export function isPreviousGood(
  { lastUsedAtMs, isUndelivered = false }: GrantRow,
  graceSeconds: number,
): boolean {
  return isWithinMs(lastUsedAtMs, Math.max(graceSeconds * 1000, isUndelivered ? RESTORED_MS : 0));
}

/** Whether the code, or the newest refresh token, is still good. */
export function isUnexpired({ lastUsedAtMs, expiresAtMs }: GrantRow): boolean {
  return isWithinMs(lastUsedAtMs, expiresAtMs - lastUsedAtMs);
}

/** False when the passphrase, or whatever else people sign in with, has changed since they agreed. */
export function isOfEpoch({ epoch }: GrantTerms, current: string | undefined): boolean {
  return epoch === undefined || current === undefined || epoch === current;
}

/** What a person agreed to. Kept as long as the grant lives. */
export interface GrantTerms {
  /** {@link Client.key}. */
  readonly client: string;
  readonly clientName: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly resource: string;
  readonly redirectUri: string;
  /** PKCE code challenge, S256. */
  readonly challenge: string;
  /** The caller's properties, sealed in the Worker (purpose "properties", context: the object id). */
  readonly properties: string;
  /** How often a hook renewed the properties. Absent: never. */
  readonly renewalCount?: number;
  /** {@link epochDigest} of the sign-in; absent in grants of versions that did not note it: the next refresh does. */
  readonly epoch?: string;
}
