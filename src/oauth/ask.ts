/**
 * Reads what a known client asks for at the authorization endpoint. RFC 6749 section 4.1.1, OAuth 2.1 section 4.1.1,
 * RFC 7636 section 4.3, RFC 8707 section 2. Pure. Refuses repeated parameters, whatever is not a code with PKCE S256,
 * request objects, and questions that may not show a page. Parameters that nobody here knows are ignored.
 * Client and redirect URI are checked before; a fault from here may be sent to them.
 */

import { ok, type Result } from "../base/result.ts";
import type { Client } from "./client-types.ts";
import type { Settings } from "./settings.ts";
import { fault, type Fault } from "./fault.ts";
import type { Terms } from "./grant-rows.ts";
import { usualScopes } from "./metadata.ts";
import { absent, readParams } from "./params.ts";
import { checkResource, type Place } from "./place.ts";

/** A checked request: all that the rest of a login needs to know of it. */
export interface Ask extends Omit<Terms, "subject" | "properties"> {
  readonly state?: string | undefined;
  /** {@link Client.host}. */
  readonly clientHost?: string | undefined;
}

/** Characters of `state`: it waits in a cookie of at most 4,096 bytes while a person is away, beside a redirect URI. */
const MAX_STATE = 1_024;
const CHALLENGE = /^[\w-]{43}$/;

export function readAsk(
  query: string,
  client: Client,
  redirectUri: string,
  place: Place,
  settings: Settings,
): Result<Ask, Fault> {
  const read = readParams(query);
  if (!read.ok) return read;
  const params = read.value;
  const [state, type, challenge = ""] = ["state", "response_type", "code_challenge"].map((name) => params.get(name));
  if (params.has("request") || params.has("request_uri"))
    return fault("invalid_request", "request.object", "Send plain parameters");
  // spec: authorize.response-type
  if (type === undefined) return absent("response_type");
  if (type !== "code") return fault("unsupported_response_type", "response_type", "response_type must be code");
  if ((params.get("response_mode") ?? "query") !== "query")
    return fault("invalid_request", "response_mode", "response_mode must be query");
  if (!client.grantTypes.includes("authorization_code"))
    return fault("unauthorized_client", "client.grant_type", "The client may not use codes");
  // spec: pkce.required, pkce.method, pkce.s256
  if (params.get("code_challenge_method") !== "S256" || !CHALLENGE.test(challenge))
    return fault("invalid_request", "pkce", "PKCE is needed: a code_challenge with code_challenge_method S256");
  if (state !== undefined && state.length > MAX_STATE)
    return fault("invalid_request", "state.large", `state is longer than ${MAX_STATE} characters`);
  if (params.get("prompt") === "none")
    return fault("interaction_required", "prompt.none", "Consent is always asked for");
  const resource = checkResource(params.get("resource"), place);
  if (!resource.ok) return resource;
  const scopes = narrowScopes(params.get("scope"), client, settings);
  if (!scopes.ok) return scopes;
  return ok({
    ...{ client: client.key, clientName: client.name, clientHost: client.host, redirectUri },
    ...{ state, challenge, scopes: scopes.value, resource: place.audience },
  });
}

/** Of the scopes that a parameter lists, those that this server has and the client may have. All others are ignored. */
export function readScopes(asked: string, client: Client, { scopes }: Settings): string[] {
  const listed = asked.split(" ");
  const may = (scope: string): boolean => client.scopes?.includes(scope) ?? true;
  return Object.keys(scopes).filter((scope) => listed.includes(scope) && may(scope));
}

/** What a client gets that asks for these scopes; its default when it asks for none that this server has. */
export function narrowScopes(asked: string = "", client: Client, settings: Settings): Result<string[], Fault> {
  const scopes = readScopes(asked, client, settings);
  if (scopes.length > 0) return ok(scopes);
  if (asked.split(" ").some((scope) => Object.hasOwn(settings.scopes, scope)))
    return fault("invalid_scope", "scope.none", "The client may have none of these scopes");
  // spec: authorize.scope.default
  const { defaultScopes = usualScopes(settings) } = client;
  return ok(readScopes(defaultScopes.join(" "), client, settings));
}
