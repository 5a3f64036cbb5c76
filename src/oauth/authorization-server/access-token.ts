/**
 * Access tokens of our own: the caller, sealed for one resource until a given second. RFC 6749 section 1.4, RFC 8707.
 * Whoever holds one can read nothing of it. Checking costs no storage; verified ones are remembered in the isolate.
 * Refuses what is not authentic, expired, or meant for another resource. That a grant was revoked elsewhere is known
 * only in strict mode, which asks the grant each time; otherwise such a token ends with its time.
 */

import type { Caller } from "../../base/caller.ts";
import { retried } from "../../base/retry.ts";
import { now } from "../../base/time.ts";
import type { JsonObject } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { open, seal } from "../../crypto/seal.ts";
import type { TokenVerifier } from "../resource-server/bearer.ts";
import { createTtlCache } from "../../base/ttl-cache.ts";
import type { AuthorizationServer } from "./types.ts";
import { findGrant } from "./grant-reference.ts";
import { epochDigest } from "../sign-in/types.ts";

/** Mints an access token for `caller` at `resource`, valid until `expires` (seconds since the epoch). */
export async function sealAccessToken(
  ring: KeyRing,
  caller: Caller,
  resource: string,
  expires: number,
): Promise<string> {
  return seal(ring, "access", { caller: caller as unknown as JsonObject, resource, expires });
}

export interface AccessTokenPayload {
  readonly caller: Caller;
  readonly resource: string;
  /** Seconds since the epoch. */
  readonly expires: number;
}

/** What an access token says, or the reason why it is none here. `now` in milliseconds. Asks no grant. */
export async function openAccessToken(
  ring: KeyRing,
  token: string,
  resource: string,
  time: number,
): Promise<Result<AccessTokenPayload, string>> {
  // spec: token.unguessable, bearer.foreign.refused
  const opened = await open(ring, "access", token);
  if (!opened.ok) return err("token.forged");
  const payload = opened.value as unknown as AccessTokenPayload;
  // spec: bearer.audience.checked
  if (payload.resource !== resource) return err("token.audience");
  // spec: bearer.expiry.checked
  return time < payload.expires * 1000 ? ok(payload) : err("token.expired");
}

/** Reads bearer tokens of our own: at best a lookup, and never a storage operation unless the settings are strict. */
export function builtinTokenVerifier(authServer: AuthorizationServer): TokenVerifier {
  const verifiedTokens = createTtlCache<Caller>();
  return async (token, { audience: resource }) => {
    const key = `${resource} ${token}`;
    let caller = verifiedTokens.get(key, now());
    if (caller === undefined) {
      const payload = await openAccessToken(authServer.ring, token, resource, now());
      if (!payload.ok) return payload;
      ({ caller } = payload.value);
      verifiedTokens.put(key, caller, payload.value.expires * 1000);
    }
    const { grant } = caller;
    if (grant === undefined) return ok(caller);
    const isActive = authServer.settings.hasStrictRevocation
      ? await isGrantActive(authServer, grant)
      : locallyRevokedGrants.get(grant, now()) === undefined;
    return isActive ? ok(caller) : err("grant.ended");
  };
}

/** Asks the grant. */
export async function isGrantActive(
  authServer: AuthorizationServer,
  grant: string,
): Promise<boolean> {
  const epoch = await epochDigest(authServer.login.signIn);
  const status = await retried(async () => findGrant(authServer.grants, grant)?.stub.status(epoch));
  return status?.isActive === true;
}

/** Grants that were revoked by this isolate: their tokens die here at once, strict or not. */
const locallyRevokedGrants = createTtlCache<true>();

/** No access token of `grant` is good in this isolate any more. */
export function blockGrantInThisIsolate(grant: string): void {
  locallyRevokedGrants.put(grant, true, Infinity);
}
