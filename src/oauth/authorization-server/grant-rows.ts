/**
 * The one row of a grant object: never a code, a token or a secret. Times are milliseconds since the epoch.
 *
 *   alive      kv "grant"  {"terms":{"client":"dcr:…",…},"generation":1,"createdAtMs":1763700000000,…}
 *   ending     kv "grant"  {"client":"dcr:…","attempts":0}: it has ended, and what lived by it may still go on
 *   ended      kv "grant"  "ended": denied, or ended with all that lived by it
 */

import { now } from "../../base/time.ts";

export interface GrantRow {
  readonly terms: GrantTerms;
  /** Of the newest refresh token; 0 while the code was not redeemed. */
  readonly generation: number;
  readonly createdAtMs: number;
  /** Nothing came of the newest generation: the one before it stays good for a day, or until it is sent again. */
  readonly isUndelivered?: boolean;
  /** The newest generation was given twice: nothing that came of one of the two says that it was not delivered. */
  readonly isShared?: boolean;
  /** When the newest generation was made. */
  readonly lastUsedAtMs: number;
  /** When the grant dies unless it is used. */
  readonly expiresAtMs: number;
  readonly refreshSeconds: number;
}

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
  /** The newest generation is given once more. True where nothing had come of it: then the window begins now. */
  noteGivenAgain(): boolean;
  /**
   * Nothing came of `generation`, if it is the newest: what was redeemed for it may be redeemed again. A refresh token for a
   * day, a code until `codeSeconds` after the grant was opened.
   */
  restore(generation: number, codeSeconds: number): void;
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
    noteGivenAgain() {
      const row = grant();
      if (row?.isUndelivered === true) {
        kv.put("grant", { ...row, isUndelivered: false, lastUsedAtMs: now() });
        return true;
      }
      if (row !== undefined && row.isShared !== true) kv.put("grant", { ...row, isShared: true });
      return false;
    },
    restore(generation, codeSeconds) {
      const row = grant();
      if (row?.generation !== generation) return;
      const expiresAtMs = row.createdAtMs + codeSeconds * 1000;
      // The first came of the code.
      if (generation === 1) kv.put("grant", { ...row, generation: 0, expiresAtMs });
      else if (row.isShared !== true) kv.put("grant", { ...row, isUndelivered: true });
    },
  };
}

/** Neither long ago nor far ahead: a row that was written by a clock ahead must not stretch what it begins. */
export function isWithinMs(start: number, ms: number): boolean {
  return Math.abs(now() - start) < ms;
}

/** Milliseconds for which a refresh token may be sent again of which nothing came. */
const RESTORED_MS = 86_400_000;

/** Whether the refresh token before the newest is still good, which a client may hold that did not get the newest. */
export function isPreviousGood(
  { lastUsedAtMs, isUndelivered = false }: GrantRow,
  graceSeconds: number,
): boolean {
  return isWithinMs(lastUsedAtMs, isUndelivered ? RESTORED_MS : graceSeconds * 1000);
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
  /** {@link epochDigest} of the sign-in; absent in grants of versions that did not note it: the next refresh does. */
  readonly epoch?: string;
}
