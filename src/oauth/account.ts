/**
 * The account object: what is remembered between logins. One per subject (named by a digest of it) and one per client
 * that signs assertions. RFC 6749 section 10.10, RFC 7523 section 3 (`jti`).
 *
 * Storage: `account-rows.ts`: one row a person, one row for each assertion that is still valid.
 * Life: written by wrong attempts, logins and assertions. An alarm clears what is old: all of it, where no grants are.
 * Trade-off: whoever spends a hundred wrong attempts an hour, from many addresses, keeps the person out as well.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import { digest } from "../crypto/seal.ts";
import { accountRows, type AccountRows } from "./account-rows.ts";

const MINUTE = 60_000;
const MAX_OF_ADDRESS = 5;
const MAX_OF_ALL = 100;
/** Far more than are in use at once, and no more than one request may ask (the account page does). */
const MAX_GRANTS = 400;

/** `address`: a digest. `grant`: "" for none. */
export interface Attempt {
  readonly address: string;
  readonly good: boolean;
  readonly grant: string;
}

export class Account extends DurableObject {
  readonly #rows: AccountRows = accountRows(this.ctx.storage);

  /**
   * One sign-in attempt from `address` (a digest). A good one notes `grant`, so that the account page finds it, and
   * clears the address. Locked out, a good one is told nothing else than in how many minutes one counts again: guessing
   * on gains nothing. No address: nobody could guess, the person was kept signed in. A list of grants, the oldest, is
   * "ok" too: they are too many, and to be ended and forgotten.
   */
  enter({ address, good, grant }: Attempt): "ok" | "wrong" | number | readonly string[] {
    const { failed, grants } = this.#rows.read();
    const at = now();
    // Either way: an attempt that a clock ahead noted must not count for longer.
    const since = (attempt: { readonly at: number }): number => Math.abs(at - attempt.at);
    const recent = failed.filter((attempt) => since(attempt) < 60 * MINUTE);
    const own = recent.filter((attempt) => attempt.address === address && since(attempt) < 15 * MINUTE);
    const free = Math.max(
      own.length < MAX_OF_ADDRESS ? 0 : (own[0]?.at ?? at) + 15 * MINUTE,
      recent.length < MAX_OF_ALL ? 0 : (recent[0]?.at ?? at) + 60 * MINUTE,
    );
    if (address !== "" && free > 0) return Math.ceil((free - at) / MINUTE);
    if (!good) {
      this.#rows.write({ grants, failed: [...recent, { address, at }] });
      this.#clearLater();
      return "wrong";
    }
    const noted = grant === "" || grants.includes(grant) ? grants : [...grants, grant];
    const others = recent.filter((attempt) => attempt.address !== address);
    if (noted !== grants || others.length < failed.length) this.#rows.write({ grants: noted, failed: others });
    return noted.length > MAX_GRANTS ? noted.slice(0, -MAX_GRANTS) : "ok";
  }

  grants(): readonly string[] {
    return this.#rows.read().grants;
  }

  forget(...over: string[]): void {
    const row = this.#rows.read();
    this.#rows.write({ ...row, grants: row.grants.filter((grant) => !over.includes(grant)) });
  }

  /** Uses up an assertion id until `expires` (seconds since the epoch). False when it was used before. */
  spend(jti: string, expires: number): boolean {
    // A minute more: the clock of the Worker that judged the expiry may be behind.
    const fresh = this.#rows.spend(jti, expires, now() / 1000 - 60);
    if (fresh) this.#clearLater();
    return fresh;
  }

  override async alarm(): Promise<void> {
    const { grants } = this.#rows.read();
    if (grants.length === 0) await this.ctx.storage.deleteAll();
    else this.#rows.write({ grants, failed: [] });
  }

  /** An hour after the last of them, attempts do not count any more, and every assertion has expired. */
  #clearLater(): void {
    void this.ctx.storage.setAlarm(now() + 60 * MINUTE);
  }
}

/** The name of a person's account object. */
export function accountName(subject: string): Promise<string> {
  return digest(`subject ${subject}`);
}
