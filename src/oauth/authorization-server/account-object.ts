/**
 * The account object: what is remembered between logins. One per subject (named by a digest of it) and one per client
 * that signs assertions. RFC 6749 section 10.10, RFC 7523 section 3 (`jti`).
 *
 * Storage: `account-rows.ts`: one row a person, one row for each assertion that is still valid.
 * Life: written by wrong attempts, logins and assertions. An alarm clears what is old: all of it, where no grants are.
 * Trade-off: whoever spends a hundred wrong attempts an hour, from many addresses, keeps the person out as well.
 */

import { DurableObject } from "../../base/platform.ts";
import { now } from "../../base/time.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { createAccountRows, type AccountRows } from "./account-rows.ts";
import { MAX_FAILURES_PER_ADDRESS, MAX_FAILURES_TOTAL, MAX_GRANTS, MINUTE_MS } from "../limits.ts";

/** `address`: a digest. `grant`: "" for none. */
export interface Attempt {
  readonly address: string;
  readonly hasSucceeded: boolean;
  readonly grant: string;
}

export class AccountObject extends DurableObject {
  readonly #rows: AccountRows = createAccountRows(this.ctx.storage);

  /**
   * One sign-in attempt from `address` (a digest). A good one notes `grant`, so that the account page finds it, and
   * clears the address. Locked out, a good one is told nothing else than in how many minutes one counts again: guessing
   * on gains nothing. No address: nobody could guess, the person was kept signed in. A list of grants, the oldest, is
   * "ok" too: they are too many, and to be ended and forgotten.
   */
  recordSignIn({
    address,
    hasSucceeded,
    grant,
  }: Attempt): "ok" | "rejected" | number | readonly string[] {
    const { failed, grants } = this.#rows.read();
    const time = now();
    // Either way: an attempt that a clock ahead noted must not count for longer.
    const elapsedMs = (attempt: { readonly atMs: number }): number => Math.abs(time - attempt.atMs);
    const recent = failed.filter((attempt) => elapsedMs(attempt) < 60 * MINUTE_MS);
    const fromAddress = recent.filter(
      (attempt) => attempt.address === address && elapsedMs(attempt) < 15 * MINUTE_MS,
    );
    const unlocksAt = Math.max(
      fromAddress.length < MAX_FAILURES_PER_ADDRESS
        ? 0
        : (fromAddress[0]?.atMs ?? time) + 15 * MINUTE_MS,
      recent.length < MAX_FAILURES_TOTAL ? 0 : (recent[0]?.atMs ?? time) + 60 * MINUTE_MS,
    );
    if (address !== "" && unlocksAt > 0) return Math.ceil((unlocksAt - time) / MINUTE_MS);
    if (!hasSucceeded) {
      this.#rows.write({ grants, failed: [...recent, { address, atMs: time }] });
      this.#scheduleCleanup();
      return "rejected";
    }
    const updatedGrants = grant === "" || grants.includes(grant) ? grants : [...grants, grant];
    const others = recent.filter((attempt) => attempt.address !== address);
    if (updatedGrants !== grants || others.length < failed.length)
      this.#rows.write({ grants: updatedGrants, failed: others });
    return updatedGrants.length > MAX_GRANTS ? updatedGrants.slice(0, -MAX_GRANTS) : "ok";
  }

  grants(): readonly string[] {
    return this.#rows.read().grants;
  }

  dropGrants(...endedGrants: string[]): void {
    const row = this.#rows.read();
    this.#rows.write({
      ...row,
      grants: row.grants.filter((grant) => !endedGrants.includes(grant)),
    });
  }

  /** Uses up an assertion id until `expires` (seconds since the epoch). False when it was used before. */
  consumeJti(jti: string, expires: number): boolean {
    // A minute more: the clock of the Worker that judged the expiry may be behind.
    const isFirstUse = this.#rows.consumeJti(jti, expires, now() / 1000 - 60);
    if (isFirstUse) this.#scheduleCleanup();
    return isFirstUse;
  }

  override async alarm(): Promise<void> {
    const { grants } = this.#rows.read();
    if (grants.length === 0) await this.ctx.storage.deleteAll();
    else this.#rows.write({ grants, failed: [] });
  }

  /** So long after the last of them, attempts do not count any more, and every assertion has expired, by any clock. */
  #scheduleCleanup(): void {
    void this.ctx.storage.setAlarm(now() + 65 * MINUTE_MS);
  }
}

/** The name of a person's account object. */
export function accountObjectName(subject: string): Promise<string> {
  return sha256Base64url(`subject ${subject}`);
}
