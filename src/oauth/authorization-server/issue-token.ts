/**
 * What the token endpoint answers with: access token and refresh token, RFC 6749 sections 5.1 and 6.
 * What is redeemed is used up before anything is issued. Where nothing comes of it, it may be redeemed again.
 */

import type { Caller } from "../../base/caller.ts";
import type { JsonObject } from "../../base/json.ts";
import { log, errorStack } from "../../base/log.ts";
import { ok, type Result } from "../../base/result.ts";
import { now } from "../../base/time.ts";
import { open, seal } from "../../crypto/seal.ts";
import { audit, oauthError, type OAuthError, type OAuthFailure } from "../errors.ts";
import type { Client } from "../clients/types.ts";
import { sealAccessToken } from "./access-token.ts";
import { signRefreshToken, type GrantRef } from "./grant-reference.ts";
import type { GrantResult } from "./grant-request.ts";
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
    if (revoked !== undefined) await onGrantRevoked(authServer, grant.id, revoked, reason);
    if (reason !== "scope.wider") return invalidGrant(reason);
    return oauthError("invalid_scope", reason, "scope holds what was not granted");
  }
  // The client is told to try again, and has nothing else to try with.
  const restore = async (): Promise<void> => {
    if (result.isFirst)
      await grant.stub.restore(result.generation, authServer.settings.codeSeconds);
  };
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
  { id, stub }: GrantRef,
  { terms, generation }: Granted,
  cause: "code" | "refresh",
  scopes: readonly string[],
): Promise<TokenResponse> {
  const { ring } = authServer;
  const opened = await open(ring, "properties", terms.properties, id);
  if (!opened.ok) return invalidGrant("grant.sealed");
  // spec: refresh.scope.kept, refresh.bound
  const caller = {
    issuer: new URL(terms.resource).origin,
    subject: terms.subject,
    client: client.key,
    grant: id,
    scopes: scopes.length === 0 ? terms.scopes : scopes,
    properties: opened.value as JsonObject,
  };
  const issuedToken = await issueToken(authServer, caller, terms.resource, cause);
  if (!issuedToken.ok) return issuedToken;
  const { response, properties } = issuedToken.value;
  // What rests under an older key moves to the current one, so that old keys can leave the ring.
  if (properties !== caller.properties || !terms.properties.startsWith(`${ring.currentId}.`))
    await stub.replaceProperties(await seal(ring, "properties", properties, id));
  if (!client.grantTypes.includes("refresh_token")) return ok(response);
  return ok({ ...response, refresh_token: await signRefreshToken(ring, id, generation) });
}

/** The response of RFC 6749 section 5.1, and the caller's properties from now on: the app may renew them. */
export async function issueToken(
  { login, ring, settings }: AuthorizationServer,
  caller: Caller & TokenSubject,
  resource: string,
  cause: "code" | "refresh" | "client",
): Promise<Result<{ response: JsonObject; properties: JsonObject }, OAuthError>> {
  const { subject, client, scopes } = caller;
  let { properties } = caller;
  try {
    const tokenSubject = { subject, client, scopes, properties };
    properties = (await login.hooks?.onTokenIssue?.(tokenSubject, cause)) ?? properties;
  } catch (error) {
    log("error", "hook.failed", { hook: "issuing", error: errorStack(error) });
    return oauthError("server_error", "hook.failed", "The server could not finish: try again");
  }
  // spec: token.lifetime.limited
  const expires_in = settings.accessSeconds;
  const expires = Math.floor(now() / 1000) + expires_in;
  const access_token = await sealAccessToken(ring, { ...caller, properties }, resource, expires);
  audit("oauth.token_issued", { client, cause });
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  // spec: token.response.nulls, token.response, token.response.scope, bearer.cookie.clear
  return ok({ properties, response: { access_token, token_type: "Bearer", expires_in, ...scope } });
}

/** Whoever guesses or steals learns nothing of why: the reason is for the audit line alone. */
export function invalidGrant(reason: string): OAuthFailure {
  return oauthError("invalid_grant", reason, "The code or token is not valid here or no longer");
}
