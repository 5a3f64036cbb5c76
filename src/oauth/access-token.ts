/**
 * Access tokens of our own: the caller, sealed for one resource until a given second. RFC 6749 section 1.4, RFC 8707.
 * Whoever holds one can read nothing of it. Checking costs no storage; verified ones are remembered in the isolate.
 * Refuses what is not authentic, expired, or meant for another resource. That a grant was revoked elsewhere is known
 * only in strict mode, which asks the grant each time; otherwise such a token ends with its time.
 */

import type { Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { open, seal } from "../crypto/seal.ts";
import type { Verifier } from "./bearer.ts";
import { cache } from "./cache.ts";
import type { Desk } from "./desk.ts";
import { findGrant } from "./grant.ts";
import { epochOf } from "./sign-in.ts";

/** Mints an access token for `caller` at `resource`, valid until `expires` (seconds since the epoch). */
export async function mintAccess(ring: KeyRing, caller: Caller, resource: string, expires: number): Promise<string> {
  return seal(ring, "access", { caller: caller as unknown as JsonObject, resource, expires });
}

export interface Access {
  readonly caller: Caller;
  readonly resource: string;
  /** Seconds since the epoch. */
  readonly expires: number;
}

/** What an access token says, or the reason why it is none here. `now` in milliseconds. Asks no grant. */
export async function readAccess(
  ring: KeyRing,
  token: string,
  resource: string,
  now: number,
): Promise<Result<Access, string>> {
  // spec: token.unguessable, bearer.foreign.refused, bearer.audience.checked, bearer.expiry.checked
  const opened = await open(ring, "access", token);
  if (!opened.ok) return err("token.forged");
  const access = opened.value as unknown as Access;
  if (access.resource !== resource) return err("token.audience");
  return now < access.expires * 1000 ? ok(access) : err("token.expired");
}

/** Reads bearer tokens of our own: at best a lookup, and never a storage operation unless the desk is strict. */
export function ownTokens(desk: Desk): Verifier {
  const verified = cache<Caller>();
  return async (token, { audience: resource }) => {
    const key = `${resource} ${token}`;
    let caller = verified.get(key, now());
    if (caller === undefined) {
      const access = await readAccess(desk.ring, token, resource, now());
      if (!access.ok) return access;
      ({ caller } = access.value);
      verified.put(key, caller, access.value.expires * 1000);
    }
    const { grant } = caller;
    if (grant === undefined) return ok(caller);
    const live = desk.settings.strict ? await isLive(desk, grant) : revoked.get(grant, now()) === undefined;
    return live ? ok(caller) : err("grant.over");
  };
}

/** Asks the grant. */
export async function isLive(desk: Desk, grant: string): Promise<boolean> {
  return (await findGrant(desk.grants, grant)?.object.status(await epochOf(desk.entrance.signIn)))?.live === true;
}

/** Grants that were revoked by this isolate: their tokens die here at once, strict or not. */
const revoked = cache<true>();

/** No access token of `grant` is good in this isolate any more. */
export function forgetAccess(grant: string): void {
  revoked.put(grant, true, Infinity);
}
