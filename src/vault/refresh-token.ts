/**
 * Renewing upstream access tokens: RFC 6749 sections 5.1, 5.2 and 6. One of all who ask at once does it, under a lease
 * in the row; the others ask the row again. A final no is remembered. Nothing is lost when the upstream fails, and a new
 * value that somebody put meanwhile stays. Leaves the first token to whoever signed in: `put` it.
 */

import { keepAlive } from "../base/keep-alive.ts";
import { now, sleep } from "../base/time.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { secret, type Secret } from "../base/secret.ts";
import { JSON_LIMITS, postForm } from "../net/fetch.ts";
import { isFinalNo } from "./final-refusal.ts";
import type { Upstream } from "./types.ts";
import type { SealedRow } from "../crypto/row-seal.ts";
import type { CredentialRow, RowKey, VaultRows } from "./credential-rows.ts";
import { newVersion, type CredentialCipher, type VaultFault } from "./credential-cipher.ts";
import {
  DEFAULT_LIFETIME_SECONDS,
  FIRST_PAUSE_MS,
  MAX_LIFETIME_SECONDS,
  MAX_PAUSE_MS,
  QUERY_TIMEOUT_MS,
  RENEW_AGAIN_MS,
  RENEWAL_TIMEOUT_MS,
  RENEW_EARLY_MS,
} from "./limits.ts";

/** However it says it: what an upstream gives in place of a refresh token that it has taken is nowhere else. */
const LIMITS = { ...JSON_LIMITS, isLenient: true, timeoutMs: RENEWAL_TIMEOUT_MS };
/**
 * For how long one may be at it: until the lease is taken, the upstream has answered and the row is written, each within its
 * limit, by clocks that may be apart. Were it shorter, the next would send a refresh token that is spent.
 */
const RENEWAL_LEASE_MS = 2 * QUERY_TIMEOUT_MS + RENEWAL_TIMEOUT_MS + 5_000;

/**
 * What is kept: `{"kind":"oauth","access_token":…,"refresh_token":…,"expires":…}`, the last in milliseconds. `refused`: an access token
 * that the upstream no longer takes.
 */
export async function getAccessToken(
  cipher: CredentialCipher,
  key: RowKey,
  upstream: Upstream,
  refused: Secret | undefined,
): Promise<Result<Secret | undefined, VaultFault>> {
  const deadlineMs = now() + 2 * RENEWAL_LEASE_MS;
  let versionWaitedFor: string | undefined;
  for (
    let pauseMs = FIRST_PAUSE_MS;
    now() < deadlineMs;
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
  ) {
    // 1. There is one, and it is not revoked.
    const row = await cipher.rows.read(key);
    if (row === undefined) return ok(undefined);
    if (row.is_revoked) return revokedFault(row);
    // 2. It opens, and is of this kind.
    const opened = await cipher.open(row);
    if (!opened.ok) return opened;
    const { kind, access_token: token } = opened.value;
    const saidUntil = opened.value["expires"] ?? Infinity;
    if (kind !== "oauth" || typeof token !== "string" || typeof saidUntil !== "number")
      throw new RangeError(
        `Credential "${row.name}" of service "${row.service}" is no OAuth credential`,
      );
    // 3. It lasts. One that has just come and is refused would be no better anew: an upstream that refuses all is left alone.
    const isRefused = token === refused?.reveal() && now() - row.updated_at_ms > RENEW_AGAIN_MS;
    const expires = Math.min(saidUntil, guessedExpiry(row, opened.value));
    const isToRenew =
      expires - now() <= Math.min(RENEW_EARLY_MS, (expires - row.updated_at_ms) / 2);
    if (!isRefused && !isToRenew) return ok(secret(token));
    const mayLast = !isRefused && saidUntil > now();
    // 4. Whoever waited for one who failed has failed too, or an upstream in trouble would be asked by each in turn.
    if (row.version === versionWaitedFor && row.lease_until_ms === 0)
      return upstreamFault(row, "whoever renewed it could not");
    // 5. One renews it. 6. The others take what still lasts, or wait.
    const renewed = await keepAlive(acquireAndRenew(cipher, row, opened.value, upstream));
    if (renewed === "retry") continue;
    if (renewed !== "leased") {
      const hasUpstreamFailed = !renewed.ok && renewed.error.reason === "upstream";
      return hasUpstreamFailed && mayLast ? ok(secret(token)) : renewed;
    }
    if (mayLast) return ok(secret(token));
    versionWaitedFor = row.version;
    await sleep(pauseMs);
  }
  return upstreamFault(key, "nobody renewed it in time");
}

/** An upstream that renews, and does not say when, means soon: an access token kept for ever would never be renewed. */
function guessedExpiry(row: CredentialRow, { expires, refresh_token: token }: JsonObject): number {
  const isGuessed = typeof expires !== "number" && isToken(token);
  return isGuessed ? row.updated_at_ms + DEFAULT_LIFETIME_SECONDS * 1_000 : Infinity;
}

/**
 * Ends though the caller leaves: an upstream that rotates takes back the refresh token that is kept, so that the row must
 * have the new one. "leased": somebody else is at it.
 */
async function acquireAndRenew(
  cipher: CredentialCipher,
  row: CredentialRow,
  value: JsonObject,
  upstream: Upstream,
): Promise<Result<Secret, VaultFault> | "retry" | "leased"> {
  const leaseUntilMs = now() + RENEWAL_LEASE_MS;
  const isMine = await cipher.rows.acquireLease(row, row.version, now(), leaseUntilMs);
  return isMine
    ? renewRow(cipher, { ...row, lease_until_ms: leaseUntilMs }, value, upstream)
    : "leased";
}

/** "retry": somebody else wrote meanwhile, and what they wrote counts. */
async function renewRow(
  { rows, seal }: CredentialCipher,
  row: CredentialRow,
  value: JsonObject,
  upstream: Upstream,
): Promise<Result<Secret, VaultFault> | "retry"> {
  const { refresh_token: refreshToken } = value;
  const response =
    typeof refreshToken === "string"
      ? await requestToken(upstream, refreshToken)
      : err("there is no refresh_token");
  if (!response.ok) {
    const isRevoked = response.error === ENDED;
    const isNoted = await rows.endLease(row, row.version, row.lease_until_ms, isRevoked);
    if (!isRevoked) return upstreamFault(row, response.error);
    return isNoted ? revokedFault(row) : "retry";
  }
  const { token, ...renewed } = response.value;
  const sealed = await seal(row, { ...value, ...renewed, access_token: token });
  return (await replaceInTime(rows, row, sealed)) ? ok(secret(token)) : "retry";
}

/**
 * Writes over the version of `row`, again while the lease lasts where the database fails: an upstream that rotates has taken back
 * what is kept. False when somebody else wrote meanwhile. @throws what the database threw last.
 */
async function replaceInTime(
  rows: VaultRows,
  row: CredentialRow,
  sealed: SealedRow,
): Promise<boolean> {
  const version = newVersion();
  let hasFailed = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS))
    try {
      if (await rows.replace(row, sealed, row.version, version, now())) return true;
      // What seemed to fail may have been written.
      return hasFailed && (await rows.read(row))?.version === version;
    } catch (error) {
      if (now() + pauseMs > row.lease_until_ms) throw error;
      hasFailed = true;
      await sleep(pauseMs);
    }
}

/** Why there is no token: the upstream will never give one again. */
const ENDED = "the upstream ended it";

/** The token, and what else of the credential is new, or why there is none. */
async function requestToken(
  upstream: Upstream,
  refreshToken: string,
): Promise<Result<{ readonly token: string; readonly [member: string]: JsonValue }, string>> {
  const { tokenUrl, clientId, clientSecret, clientSecretMethod } = upstream;
  const response = await postForm(
    tokenUrl,
    { grant_type: "refresh_token", refresh_token: refreshToken },
    { id: clientId, secret: clientSecret?.reveal(), method: clientSecretMethod },
    LIMITS,
  );
  if (!response.ok) return response;
  const { status, json = {} } = response.value;
  const {
    access_token: token,
    refresh_token: nextRefreshToken,
    expires_in: lifetimeSeconds,
  } = json;
  if (!isToken(token) && isFinalNo(status, json, upstream)) return err(ENDED);
  // Section 5.1 says 200; some answer each POST with 201.
  if (status < 200 || status > 299) return err(`it answered ${status}`);
  if (!isToken(token)) return err("there is no access_token");
  return ok({
    token,
    // An upstream that does not rotate leaves it out, or empty, and the old one stays.
    ...(typeof nextRefreshToken === "string" &&
      nextRefreshToken.trim() !== "" && { refresh_token: nextRefreshToken }),
    // Section 5.1 lets it out. A life kept for ever would never be renewed, and one of nothing by every call.
    expires:
      now() +
      (Number(lifetimeSeconds) > 0
        ? Math.min(Number(lifetimeSeconds), MAX_LIFETIME_SECONDS)
        : DEFAULT_LIFETIME_SECONDS) *
        1_000,
  });
}

function isToken(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function revokedFault({ service, name }: RowKey): Result<never, VaultFault> {
  return err({
    reason: "revoked",
    message: `The upstream ended credential "${name}" of service "${service}"`,
  });
}

function upstreamFault({ service, name }: RowKey, problem: string): Result<never, VaultFault> {
  return err({
    reason: "upstream",
    message: `Cannot renew credential "${name}" of service "${service}": ${problem}`,
  });
}
