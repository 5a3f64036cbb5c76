/**
 * The token endpoint: RFC 6749 sections 3.2, 4.1.3, 4.4, 5 and 6, OAuth 2.1 sections 3.2 and 4.3, RFC 7636 section 4.6,
 * RFC 8707 section 2.2, and client credentials as the MCP extension has them. One function for each grant type.
 * Refuses forged names here, before any object wakes; what was used, rotated or revoked is refused by the grant.
 * Who the client is, `clients/authenticate.ts` says.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { keepAlive } from "../../base/keep-alive.ts";
import { ok } from "../../base/result.ts";
import { retried } from "../../base/retry.ts";
import { randomBytes } from "../../base/time.ts";
import { verifyText } from "../../crypto/hmac.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { grantableScopes, requestedScopes } from "./authorization-request.ts";
import { authenticateClient } from "../clients/authenticate.ts";
import type { Client } from "../clients/types.ts";
import type { AuthorizationServer } from "./types.ts";
import { oauthError, oauthJson, oauthErrorResponse } from "../errors.ts";
import type { GrantResult, TokenRequest } from "./grant-request.ts";
import { findGrant, verifyRefreshToken } from "./grant-reference.ts";
import { missingParameter, readForm, type Params } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { checkResource } from "../identifiers.ts";
import { epochDigest } from "../sign-in/types.ts";
import {
  createTokenResponse,
  invalidGrant,
  issueFromGrant,
  renewProperties,
  type TokenResponse,
} from "./issue-token.ts";

type GrantTypeHandler = (
  authServer: AuthorizationServer,
  client: Client,
  form: Params,
  identifiers: ServerIdentifiers,
) => Promise<TokenResponse>;

// spec: token.password
const GRANT_TYPES: ReadonlyMap<string, GrantTypeHandler> = new Map([
  ["authorization_code", redeemCode],
  ["refresh_token", redeemRefreshToken],
  ["client_credentials", issueToClient],
]);

/** The token endpoint (OAuth 2.1 section 3.2): every answer and every error is JSON that is not cached. */
export async function tokenEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<Response> {
  const response = await handleTokenRequest(authServer, http, identifiers);
  return response.ok ? oauthJson(response.value) : oauthErrorResponse("token", response, http);
}

async function handleTokenRequest(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<TokenResponse> {
  // 1. What is wanted?
  const form = await readForm(http);
  if (!form.ok) return form;
  const grantType = form.value.get("grant_type");
  if (grantType === undefined) return missingParameter("grant_type");
  const handler = GRANT_TYPES.get(grantType);
  if (handler === undefined)
    return oauthError(
      "unsupported_grant_type",
      "grant_type.unknown",
      "This grant_type is not supported",
    );
  // 2. Who wants it, and may they?
  const client = await authenticateClient(authServer, http, form.value, identifiers);
  if (!client.ok) return client;
  // spec: machine.confidential, client.privileges
  if (!client.value.grantTypes.includes(grantType))
    return oauthError(
      "unauthorized_client",
      "client.grant",
      "This grant_type is not for this client",
    );
  // 3. For this server?
  const resource = checkResource(form.value.get("resource"), identifiers);
  return resource.ok ? handler(authServer, client.value, form.value, identifiers) : resource;
}

/** What all tries of a request to a grant take, at most. */
const LONGEST_TRY_SECONDS = 5;

const CODE_VERIFIER = /^[\w.~-]{43,128}$/;

async function redeemCode(
  authServer: AuthorizationServer,
  client: Client,
  form: Params,
  { audience: resource }: ServerIdentifiers,
): Promise<TokenResponse> {
  // 1. The code is one of this server's. A forged one wakes nothing.
  const code = form.get("code");
  if (code === undefined) return missingParameter("code");
  const grant = findGrant(authServer.grants, await verifyText(authServer.ring, "code", code));
  // spec: code.valid
  if (grant === undefined) return invalidGrant("code.forged");
  // 2. There is a verifier, of the right form.
  const verifier = form.get("code_verifier");
  // spec: code.verifier.required
  if (verifier === undefined) return missingParameter("code_verifier");
  // spec: code.verifier.syntax
  if (!CODE_VERIFIER.test(verifier)) return invalidGrant("code.verifier");
  // 3. The grant says whether client, redirect URI and verifier fit, and whether this is the first time.
  const redirectUri = form.get("redirect_uri");
  // spec: code.verifier.method
  const challenge = await sha256Base64url(verifier);
  const shown = await describeRequest(authServer, client, resource);
  const redeem = async (): Promise<TokenResponse> => {
    const request = { ...shown, redirectUri, challenge };
    const result = await grant.stub.redeem(request);
    return issueFromGrant(authServer, client, grant, result, "code");
  };
  // Kept alive once it is used up, and not before: who has left by then may send it again.
  return keepAlive(redeem());
}

async function redeemRefreshToken(
  authServer: AuthorizationServer,
  client: Client,
  form: Params,
  { audience: resource }: ServerIdentifiers,
): Promise<TokenResponse> {
  // 1. The token is one of this server's. A forged one wakes nothing.
  const refreshToken = form.get("refresh_token");
  if (refreshToken === undefined) return missingParameter("refresh_token");
  const [id, generation = 0] = (await verifyRefreshToken(authServer.ring, refreshToken)) ?? [];
  const grant = findGrant(authServer.grants, id);
  // spec: refresh.valid
  if (grant === undefined) return invalidGrant("refresh.forged");
  // 2. The grant says whether the client fits, the scopes are none but its own, and which generation comes next.
  const requested = requestedScopes(form.get("scope") ?? "", client, authServer.settings);
  if (!requested.ok) return requested;
  const scopes = requested.value;
  const { graceSeconds, refreshSeconds } = authServer.settings;
  const request = {
    ...(await describeRequest(authServer, client, resource)),
    generation,
    scopes,
  };
  const ask = async (): Promise<GrantResult> =>
    grant.stub.refresh(request, { graceSeconds, refreshSeconds });
  const refresh = async (): Promise<TokenResponse> => {
    // Past that time a second request of this one would be a reuse.
    const result = await (graceSeconds > LONGEST_TRY_SECONDS ? retried(ask) : ask());
    // 3. This token may carry fewer scopes; the grant keeps all of its own.
    return issueFromGrant(authServer, client, grant, result, "refresh", scopes);
  };
  // As with a code.
  return keepAlive(refresh());
}

/** What a grant is told of any request. */
async function describeRequest(
  { login }: AuthorizationServer,
  client: Client,
  resource: string,
): Promise<TokenRequest> {
  const epoch = await epochDigest(login.signIn);
  return { client: client.key, resource, epoch, requestId: encodeBase64url(randomBytes(9)) };
}

/** No person and no grant: the client is its own subject. Only an operator can give a client this grant type. */
async function issueToClient(
  authServer: AuthorizationServer,
  client: Client,
  form: Params,
  { audience: resource }: ServerIdentifiers,
): Promise<TokenResponse> {
  // Registration and the operator's list give no public client this grant type.
  // spec: machine.authenticated
  if (client.auth.method === "none")
    return oauthError(
      "unauthorized_client",
      "client.public",
      "This grant_type is for clients with a secret or a key",
    );
  const scopes = grantableScopes(form.get("scope"), client, authServer.settings);
  if (!scopes.ok) return scopes;
  const issuer = new URL(resource).origin;
  const caller = {
    issuer,
    // spec: machine.told-apart
    subject: client.key,
    client: client.key,
    scopes: scopes.value,
    properties: {},
  };
  const renewed = await renewProperties(authServer, caller, "client");
  if (!renewed.ok) return renewed;
  const subject = { ...caller, properties: renewed.value };
  return ok(await createTokenResponse(authServer, subject, resource, "client"));
}
