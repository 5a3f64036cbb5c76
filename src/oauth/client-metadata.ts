/**
 * What a client says of itself, when it registers or in a document that it publishes: RFC 7591 section 2, OpenID
 * Connect Registration section 2 (`application_type`). Of what a list asks for, the part that can be honoured is taken
 * (section 3.2.1); refused are lists of which nothing is left, redirect URIs, and members of the wrong type. All other
 * members are ignored. How the client authenticates is left to the two callers, which allow different methods.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import type { Client } from "./client-types.ts";
import { fault, type Fault, type Refused } from "./fault.ts";
import { checkRedirectUri } from "./redirect-uri.ts";

const MAX_URIS = 16;
const MAX_NAME = 80;
const SELF_SERVICE = ["authorization_code", "refresh_token"];

/**
 * The part of a client that its own words decide. Its name is fit to be shown to people, and empty when it gave none.
 * Its default scopes are the known ones among those it listed; undefined when there are none. They are no limit: what it
 * asks for beyond them, the person decides.
 */
type Metadata = Pick<Client, "redirectUris" | "name" | "grantTypes" | "scopes" | "defaultScopes">;

/** `known`: the scopes of this server. Faults carry the codes of RFC 7591 section 3.2.2. */
export function readMetadata(stated: JsonObject, known: readonly string[]): Result<Metadata, Fault> {
  const type = stated["application_type"] ?? "native";
  if (typeof type !== "string") return wrong("application_type", "must be native or web");
  // spec: redirect.required
  const redirectUris = strings(stated["redirect_uris"]);
  if (redirectUris === undefined || redirectUris.length === 0 || redirectUris.length > MAX_URIS)
    return wrong("redirect_uris", `must be a list of 1 to ${MAX_URIS} URIs`);
  for (const uri of redirectUris) {
    const checked = checkRedirectUri(uri, type !== "web");
    if (!checked.ok) return wrong("redirect_uris", `has one that ${checked.error}`);
  }
  // An empty list is as good as none, and none leaves the choice to us: clients that name no grant type refresh as well.
  const [responseTypes, grantTypes] = [stated["response_types"], stated["grant_types"]].map((list) =>
    strings(list ?? []),
  );
  if (!allows(responseTypes, "code")) return wrong("response_types", "must list code");
  if (!allows(grantTypes, "authorization_code"))
    return wrong("grant_types", "must list authorization_code: client_credentials takes the operator");
  // spec: register.keys.once
  if (stated["jwks"] !== undefined && stated["jwks_uri"] !== undefined)
    return wrong("jwks", "and jwks_uri exclude each other");
  const scope = stated["scope"] ?? "";
  const name = stated["client_name"] ?? "";
  if (typeof scope !== "string") return wrong("scope", "must be a string of space-separated scopes");
  if (typeof name !== "string") return wrong("client_name", "must be a string");
  const scopes = known.filter((one) => scope.split(" ").includes(one));
  return ok({
    redirectUris,
    name: showable(name),
    grantTypes: SELF_SERVICE.filter((grant) => allows(grantTypes, grant)),
    scopes: undefined,
    defaultScopes: scopes.length === 0 ? undefined : scopes,
  });
}

/** A fault of one member. Descriptions never repeat what was sent. */
export function wrong(member: string, state: string): Refused {
  const error = member === "redirect_uris" ? "invalid_redirect_uri" : "invalid_client_metadata";
  return fault(error, `metadata.${member}`, `${member} ${state}`);
}

/** A list of strings; undefined for anything else. */
function strings(value: JsonValue | undefined): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
}

function allows(list: readonly string[] | undefined, item: string): boolean {
  return list !== undefined && (list.length === 0 || list.includes(item));
}

/**
 * A name on one line, not too long, and without the characters that hide text or turn it around. Braille's blank is a
 * space to the eye; more than two marks on a letter are drawn over the lines above.
 */
function showable(name: string): string {
  const visible = name.replace(/[\p{Cf}\p{DI}\p{Co}\p{Cs}]/gu, "").replace(/[\p{Cc}\p{Z}\u2800]+/gu, " ");
  const plain = visible.normalize().replace(/(\p{M}{2})\p{M}+/gu, "$1");
  const letters = Array.from(plain.trim());
  if (letters.length <= MAX_NAME) return letters.join("");
  const start = letters.slice(0, MAX_NAME - 1).join("");
  return `${start.trim()}…`;
}
