/**
 * The resource server: a bearer token becomes a caller, or a challenge. RFC 6750, RFC 9728 section 5.1.
 * MCP basic/authorization#access-token-usage. Takes tokens from the Authorization header alone.
 * Which tokens are good is the verifier's business: our own (`access-token.ts`), or an outside issuer's (`external-issuer.ts`).
 */

import type { Caller } from "../../base/caller.ts";
import { err, type Result } from "../../base/result.ts";
import { audit, oauthJson } from "../errors.ts";
import { resourceMetadataUrl } from "./metadata.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";

/** The caller behind a token meant for `place`, or the reason for audit lines: "token.expired". */
export type TokenVerifier = (
  token: string,
  identifiers: ServerIdentifiers,
) => Promise<Result<Caller, string>>;

/** The caller of a request, or the 401 that says how to become one, or 400. `scopes` are the least that are useful. */
export async function authenticate(
  http: Request,
  identifiers: ServerIdentifiers,
  verify: TokenVerifier,
  scopes: readonly string[],
): Promise<Result<Caller, Response>> {
  // spec: bearer.required, bearer.header.supported, bearer.query.ignored, bearer.invalid.refused
  const [scheme, token, ...trailing] = (http.headers.get("authorization") ?? "").trim().split(/ +/);
  // Another scheme is as good as none.
  if (scheme?.toLowerCase() !== "bearer")
    return err(challenge(401, identifiers, { scope: scopes.join(" ") }, "token.absent"));
  // spec: bearer.malformed.status
  if (token === undefined || trailing.length > 0)
    return err(challenge(400, identifiers, { error: "invalid_request" }, "token.header"));
  const caller = /^[\w.~+/-]+=*$/.test(token)
    ? await verify(token, identifiers)
    : err("token.malformed");
  if (caller.ok) return caller;
  const errorParams = {
    error: "invalid_token",
    error_description: "The access token is not valid here or no longer",
  };
  return err(
    challenge(401, identifiers, { ...errorParams, scope: scopes.join(" ") }, caller.error),
  );
}

/** 403: the token is good, but `needed` is what this takes, all of it. */
export function insufficientScope(
  identifiers: ServerIdentifiers,
  needed: readonly string[],
): Response {
  const errorParams = {
    error: "insufficient_scope",
    error_description: "The access token does not carry all these scopes",
  };
  return challenge(
    403,
    identifiers,
    { ...errorParams, scope: needed.join(" ") },
    "scope.insufficient",
  );
}

function challenge(
  status: number,
  identifiers: ServerIdentifiers,
  errorParams: Record<string, string>,
  reason: string,
): Response {
  audit("oauth.refused", { endpoint: "resource", reason });
  // spec: bearer.challenge.present, bearer.challenge.scheme, bearer.challenge.metadata, resource.metadata.discovery
  const challengeParams = Object.entries({
    ...errorParams,
    resource_metadata: resourceMetadataUrl(identifiers),
  });
  // spec: bearer.challenge.once, bearer.challenge.characters, bearer.status.codes
  const quotedParams = challengeParams.flatMap(([name, value]) =>
    value === "" ? [] : `${name}="${value}"`,
  );
  const { error = "unauthorized", error_description = "An access token is needed" } = errorParams;
  return oauthJson({ error, error_description }, status, {
    "www-authenticate": `Bearer ${quotedParams.join(", ")}`,
  });
}
