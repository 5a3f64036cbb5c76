/**
 * What a client says of itself, when it registers or in a document that it publishes: RFC 7591 section 2, OpenID
 * Connect Registration section 2 (`application_type`). Of what a list asks for, the part that can be honoured is taken
 * (section 3.2.1); refused are lists of which nothing is left, redirect URIs, and members of the wrong type. All other
 * members are ignored. How the client authenticates is left to the two callers, which allow different methods.
 */

import { isStringList, type JsonObject, type JsonValue } from "../../base/json.ts";
import { ok, type Result } from "../../base/result.ts";
import type { Client } from "./types.ts";
import { oauthError, type OAuthError, type OAuthFailure } from "../errors.ts";
import { checkRedirectUri } from "./redirect-uri.ts";
import { MAX_NAME_CHARACTERS, MAX_REDIRECT_URIS } from "../limits.ts";

const SELF_REGISTRABLE_GRANT_TYPES = ["authorization_code", "refresh_token"];

/**
 * The part of a client that its own words decide. Its name is fit to be shown to people, and empty when it gave none.
 * Its default scopes are the known ones among those it listed; undefined when there are none. They are no limit: what it
 * asks for beyond them, the person decides.
 */
type ClientMetadata = Pick<
  Client,
  "redirectUris" | "name" | "grantTypes" | "scopes" | "defaultScopes"
>;

/** `known`: the scopes of this server. Faults carry the codes of RFC 7591 section 3.2.2. */
export function parseClientMetadata(
  members: JsonObject,
  knownScopes: readonly string[],
): Result<ClientMetadata, OAuthError> {
  // Only a text is demanded: who says "web" and comes back to an app or to loopback is native (editors do).
  if (typeof (members["application_type"] ?? "native") !== "string")
    return invalidMetadata("application_type", "must be native or web");
  // spec: redirect.required
  const { redirect_uris: redirectUris } = members;
  if (
    !isStringList(redirectUris) ||
    redirectUris.length === 0 ||
    redirectUris.length > MAX_REDIRECT_URIS
  )
    return invalidMetadata("redirect_uris", `must be a list of 1 to ${MAX_REDIRECT_URIS} URIs`);
  for (const uri of redirectUris) {
    const checked = checkRedirectUri(uri);
    if (!checked.ok) return invalidMetadata("redirect_uris", `has one that ${checked.error}`);
  }
  // An empty list is as good as none, and none leaves the choice to us: clients that name no grant type refresh as well.
  const { response_types: responseTypes = [], grant_types: grantTypes = [] } = members;
  if (!isAllowedBy(responseTypes, "code"))
    return invalidMetadata("response_types", "must list code");
  if (!isAllowedBy(grantTypes, "authorization_code"))
    return invalidMetadata(
      "grant_types",
      "must list authorization_code: client_credentials takes the operator",
    );
  // spec: register.keys.once
  if (members["jwks"] !== undefined && members["jwks_uri"] !== undefined)
    return invalidMetadata("jwks", "and jwks_uri exclude each other");
  const { scope = "", client_name: name = "" } = members;
  if (typeof scope !== "string") return invalidMetadata("scope", "must be a string of scopes");
  if (typeof name !== "string") return invalidMetadata("client_name", "must be a string");
  const scopes = knownScopes.filter((knownScope) => scope.split(" ").includes(knownScope));
  return ok({
    redirectUris,
    name: displayName(name),
    grantTypes: SELF_REGISTRABLE_GRANT_TYPES.filter((grant) => isAllowedBy(grantTypes, grant)),
    scopes: undefined,
    defaultScopes: scopes.length === 0 ? undefined : scopes,
  });
}

/** A fault of one member. Descriptions never repeat what was sent. */
export function invalidMetadata(member: string, problem: string): OAuthFailure {
  const error = member === "redirect_uris" ? "invalid_redirect_uri" : "invalid_client_metadata";
  return oauthError(error, `metadata.${member}`, `${member} ${problem}`);
}

/** Whether `list` is a list of strings that has the item, or none. */
function isAllowedBy(list: JsonValue, item: string): boolean {
  return isStringList(list) && (list.length === 0 || list.includes(item));
}

/**
 * A name on one line, not too long, and without the characters that hide text or turn it around. Braille's blank is a
 * space to the eye; more than two marks on a letter are drawn over the lines above.
 */
function displayName(name: string): string {
  const visible = name
    .replace(/[\p{Cf}\p{DI}\p{Co}\p{Cs}]/gu, "")
    .replace(/[\p{Cc}\p{Z}\u2800]+/gu, " ");
  const plain = visible.normalize().replace(/(\p{M}{2})\p{M}+/gu, "$1");
  const letters = Array.from(plain.trim());
  if (letters.length <= MAX_NAME_CHARACTERS) return letters.join("");
  const start = letters.slice(0, MAX_NAME_CHARACTERS - 1).join("");
  return `${start.trim()}…`;
}
