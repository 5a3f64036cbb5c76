/**
 * Reads what a known client asks for at the authorization endpoint. RFC 6749 section 4.1.1, OAuth 2.1 section 4.1.1,
 * RFC 7636 section 4.3, RFC 8707 section 2. Pure. Refuses repeated parameters, whatever is not a code with PKCE S256,
 * request objects, and questions that may not show a page. Parameters that nobody here knows are ignored.
 * Client and redirect URI are checked before; a fault from here may be sent to them.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import { ok, type Result } from "../../base/result.ts";
import type { Client } from "../clients/types.ts";
import type { AuthorizationServerSettings } from "../settings.ts";
import { oauthError, type OAuthError } from "../errors.ts";
import type { GrantTerms } from "./grant-rows.ts";
import { defaultScopes as serverDefaultScopes } from "../../server/scopes.ts";
import { missingParameter, readParams } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { checkResource } from "../identifiers.ts";
import { MAX_REQUEST_BYTES } from "../limits.ts";

/** A checked request: all that the rest of a login needs to know of it. */
export interface AuthorizationRequest extends Omit<GrantTerms, "subject" | "properties"> {
  readonly state?: string | undefined;
  /** {@link Client.metadataHost}. */
  readonly clientHost?: string | undefined;
}

const CODE_CHALLENGE = /^[\w-]{43}$/;

/** Checks an authorization request whose client and redirect URI are known (OAuth 2.1 section 4.1.1, RFC 7636, RFC 8707). `query` is without its "?". Does not look at client or redirect URI. */
export function parseAuthorizationRequest(
  query: string,
  client: Client,
  redirectUri: string,
  identifiers: ServerIdentifiers,
  settings: AuthorizationServerSettings,
): Result<AuthorizationRequest, OAuthError> {
  const parsed = readParams(query);
  if (!parsed.ok) return parsed;
  const params = parsed.value;
  const state = params.get("state");
  const responseType = params.get("response_type");
  const challenge = params.get("code_challenge") ?? "";
  if (params.has("request") || params.has("request_uri"))
    return oauthError("invalid_request", "request.object", "Send plain parameters");
  // spec: authorize.response-type
  if (responseType === undefined) return missingParameter("response_type");
  if (responseType !== "code")
    return oauthError("unsupported_response_type", "response_type", "response_type must be code");
  if ((params.get("response_mode") ?? "query") !== "query")
    return oauthError("invalid_request", "response_mode", "response_mode must be query");
  if (!client.grantTypes.includes("authorization_code"))
    return oauthError("unauthorized_client", "client.grant_type", "The client may not use codes");
  // spec: code.downgrade, pkce.required, pkce.required.told, pkce.challenge.syntax
  // spec: pkce.method, pkce.method.default, pkce.plain, pkce.s256
  if (params.get("code_challenge_method") !== "S256" || !CODE_CHALLENGE.test(challenge))
    return oauthError(
      "invalid_request",
      "pkce",
      "PKCE is needed: a code_challenge with code_challenge_method S256",
    );
  if (params.get("prompt") === "none")
    return oauthError("interaction_required", "prompt.none", "Consent is always asked for");
  const resource = checkResource(params.get("resource"), identifiers);
  if (!resource.ok) return resource;
  const scopes = grantableScopes(params.get("scope"), client, settings);
  if (!scopes.ok) return scopes;
  const request = {
    client: client.key,
    clientName: client.name,
    clientHost: client.metadataHost,
    redirectUri,
    state,
    challenge,
    scopes: scopes.value,
    resource: identifiers.audience,
  };
  return isWithinBytes(JSON.stringify(request), MAX_REQUEST_BYTES)
    ? ok(request)
    : oauthError(
        "invalid_request",
        "request.large",
        `state, redirect_uri, scope and client_id are more than ${MAX_REQUEST_BYTES} bytes of JSON`,
      );
}

/** Of the scopes that a parameter lists, those that this server has and the client may have. All others are ignored. */
export function parseScopes(
  requested: string,
  client: Client,
  { scopes }: AuthorizationServerSettings,
): string[] {
  const requestedScopes = requested.split(" ");
  const isAllowed = (scope: string): boolean => client.scopes?.includes(scope) ?? true;
  return Object.keys(scopes).filter((scope) => requestedScopes.includes(scope) && isAllowed(scope));
}

/** {@link parseScopes}; none only where the parameter names none that this server has. */
export function requestedScopes(
  requested: string,
  client: Client,
  settings: AuthorizationServerSettings,
): Result<string[], OAuthError> {
  const scopes = parseScopes(requested, client, settings);
  const isNamed = requested.split(" ").some((scope) => Object.hasOwn(settings.scopes, scope));
  return scopes.length > 0 || !isNamed
    ? ok(scopes)
    : oauthError("invalid_scope", "scope.none", "The client may have none of these scopes");
}

/** What a client gets that asks for these scopes; its default when it asks for none that this server has. */
export function grantableScopes(
  requested: string = "",
  client: Client,
  settings: AuthorizationServerSettings,
): Result<string[], OAuthError> {
  const scopes = requestedScopes(requested, client, settings);
  if (!scopes.ok || scopes.value.length > 0) return scopes;
  // spec: authorize.scope.default
  const { defaultScopes = serverDefaultScopes(settings.scopes) } = client;
  return ok(parseScopes(defaultScopes.join(" "), client, settings));
}
