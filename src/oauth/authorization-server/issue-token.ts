/**
 * What the token endpoint answers with: access token and refresh token, RFC 6749 sections 5.1 and 6.
 * What is redeemed is used up before anything is issued. Where nothing comes of it, it may be redeemed again.
 */

import { retried } from "../../base/retry.ts";
import type { Caller } from "../../base/caller.ts";
import { asJson, canonicalJson, copyJson, isObject, type JsonObject } from "../../base/json.ts";
import { ok, type Result } from "../../base/result.ts";
import { now } from "../../base/time.ts";
import { open, seal } from "../../crypto/seal.ts";
import { audit, oauthError, type OAuthError, type OAuthFailure } from "../errors.ts";
import type { Client } from "../clients/types.ts";
import { sealAccessToken } from "./access-token.ts";
import { parseScopes } from "./authorization-request.ts";
import { signRefreshToken, type GrantRef } from "./grant-reference.ts";
import type { GrantResult } from "./grant-request.ts";
import type { GrantTerms } from "./grant-rows.ts";
import { runHook } from "./hooks.ts";
import { onGrantRevoked } from "./revocation.ts";
import type { AuthorizationServer, TokenSubject } from "./types.ts";

export type TokenResponse = Result<JsonObject, OAuthError>;

type Granted = Extract<GrantResult, { kind: "granted" }>;

/** What a grant gives, or what its refusal means. `scopes`: those asked for, if any were. */
export async function issueFromGrant(
  authServer: AuthorizationServer,
  client: Client,
  grant: GrantRef,
  result: GrantResult,
  cause: "code" | "refresh",
  scopes: readonly string[] = [],
): Promise<TokenResponse> {
  if (result.kind === "refused") {
    const { reason, revoked } = result;
    if (revoked !== undefined) onGrantRevoked(authServer, grant.id, revoked, reason);
    if (reason !== "scope.wider") return invalidGrant(reason);
    return oauthError("invalid_scope", reason, "scope holds what was not granted");
  }
  // The client is told to try again, and has nothing else to try with.
  const restore = (): Promise<void> =>
    retried(async () => grant.stub.restore(result.generation, result.requestId));
  let issued: TokenResponse;
  try {
    issued = await issueGranted(authServer, client, grant, result, cause, scopes);
  } catch (error) {
    await restore();
    throw error;
  }
  if (!issued.ok) await restore();
  return issued;
}

async function issueGranted(
  authServer: AuthorizationServer,
  client: Client,
  grant: GrantRef,
  { terms, generation }: Granted,
  cause: "code" | "refresh",
  scopes: readonly string[],
): Promise<TokenResponse> {
  const { ring, settings } = authServer;
  // What the person allowed, as far as the operator still lets this client have it.
  const allowed = parseScopes(terms.scopes.join(" "), client, settings);
  if (allowed.length === 0 && terms.scopes.length > 0 && client.scopes !== undefined)
    return invalidGrant("scope.none");
  const opened = await open(ring, "properties", terms.properties, grant.id);
  if (!opened.ok) return invalidGrant("grant.sealed");
  // spec: refresh.scope.kept, refresh.bound
  const caller = {
    issuer: new URL(terms.resource).origin,
    subject: terms.subject,
    client: client.key,
    grant: grant.id,
    scopes: scopes.length === 0 ? allowed : scopes,
    properties: opened.value as JsonObject,
  };
  const renewed = await renewProperties(authServer, caller, cause);
  if (!renewed.ok) return renewed;
  const properties = renewed.value;
  if (!(await keepProperties(authServer, grant, terms, properties, caller.properties)))
    return invalidGrant("grant.ended");
  const subject = { ...caller, properties };
  const response = await createTokenResponse(authServer, subject, terms.resource, cause);
  if (!client.grantTypes.includes("refresh_token")) return ok(response);
  return ok({ ...response, refresh_token: await signRefreshToken(ring, grant.id, generation) });
}

/**
 * Keeps what a hook made of the properties `before`. What rests under an older key moves to the current one, so that old keys
 * can leave the ring. False when the grant has ended while the hook was at work.
 */
async function keepProperties(
  { ring, login }: AuthorizationServer,
  { id, stub }: GrantRef,
  { properties: sealedBefore, renewalCount = 0 }: GrantTerms,
  properties: JsonObject,
  before: JsonObject,
): Promise<boolean> {
  const isRenewed = canonicalJson(properties) !== canonicalJson(before);
  if (!isRenewed && sealedBefore.startsWith(`${ring.currentId}.`))
    return login.hooks?.onTokenIssue === undefined || (await stub.status()) !== undefined;
  const sealed = await seal(ring, "properties", properties, id);
  return stub.replaceProperties(sealed, renewalCount, isRenewed);
}

/** The caller's properties from now on: the app may renew them whenever a token is issued. */
export async function renewProperties(
  { login }: AuthorizationServer,
  { subject, client, scopes, properties }: TokenSubject,
  cause: "code" | "refresh" | "client",
): Promise<Result<JsonObject, OAuthError>> {
  const { hooks } = login;
  if (hooks?.onTokenIssue === undefined) return ok(properties);
  // It may change what it is given; what it returns is from now on.
  const given = { subject, client, scopes: [...scopes], properties: copyJson(properties) };
  const called = await runHook("onTokenIssue", async () => {
    const renewed = asJson((await hooks.onTokenIssue?.(given, cause)) ?? properties);
    if (!isObject(renewed)) throw new TypeError("Properties must be an object");
    return renewed;
  });
  if (called.ok) return ok(called.value as JsonObject);
  // Not server_error: at that, clients send the person to sign in again (the refresh of @modelcontextprotocol/client 2.4).
  return oauthError(
    "temporarily_unavailable",
    called.error,
    "The server could not finish: try again in a moment",
  );
}

/** The response of RFC 6749 section 5.1. */
export async function createTokenResponse(
  { ring, settings }: AuthorizationServer,
  caller: Caller & TokenSubject,
  resource: string,
  cause: "code" | "refresh" | "client",
): Promise<JsonObject> {
  const { client, scopes } = caller;
  // spec: token.lifetime.limited
  const expires_in = settings.accessSeconds;
  const expires = Math.floor(now() / 1000) + expires_in;
  const access_token = await sealAccessToken(ring, caller, resource, expires);
  audit("oauth.token_issued", { client, cause });
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  // spec: token.response.nulls, token.response, token.response.scope, bearer.cookie.clear
  return { access_token, token_type: "Bearer", expires_in, ...scope };
}

/** Whoever guesses or steals learns nothing of why: the reason is for the audit line alone. */
export function invalidGrant(reason: string): OAuthFailure {
  return oauthError("invalid_grant", reason, "The code or token is not valid");
}
