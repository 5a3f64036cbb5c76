/**
 * The resource server: a bearer token becomes a caller, or a challenge. RFC 6750, RFC 9728 section 5.1.
 * MCP basic/authorization#access-token-usage. Takes tokens from the Authorization header alone.
 * Which tokens are good is the verifier's business: our own (`access-token.ts`), or an outside issuer's (`external-issuer.ts`).
 */

import type { Caller } from "../../base/caller.ts";
import { log } from "../../base/log.ts";
import { err, type Result } from "../../base/result.ts";
import { audit, oauthError, oauthErrorResponse, oauthJson } from "../errors.ts";
import { resourceMetadataUrl } from "./metadata.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";

/** The caller behind a token meant for `place`, or the reason for audit lines: "token.expired". */
export type TokenVerifier = (
  token: string,
  identifiers: ServerIdentifiers,
) => Promise<Result<Caller, string>>;

/** The caller of a request, or the challenge that says how to become one. `scopes` are the least that are useful. */
export async function authenticate(
  http: Request,
  identifiers: ServerIdentifiers,
  verify: TokenVerifier,
  scopes: readonly string[],
): Promise<Result<Caller, Response>> {
  const caller = await checkBearer(http.headers.get("authorization"), identifiers, verify);
  if (caller.ok) return caller;
  // No challenge: the token may be good, and a client would throw it away.
  const { reason } = caller.error;
  if (ISSUER_OUTAGE.test(reason)) return err(outageResponse(reason, http));
  if (ISSUER_MISTAKE.test(reason)) return err(mistakeResponse(reason));
  return err(challengeResponse(caller.error, identifiers, scopes));
}

/** 401: the grant behind the token has ended. `scopes` are the least that are useful. */
export function accessRevoked(identifiers: ServerIdentifiers, scopes: readonly string[]): Response {
  return challengeResponse(
    { error: "invalid_token", reason: "token.revoked" },
    identifiers,
    scopes,
  );
}

/** 403: the token is good, but `needed` is what this takes, all of it. */
export function insufficientScope(
  identifiers: ServerIdentifiers,
  needed: readonly string[],
): Response {
  return challengeResponse(
    { error: "insufficient_scope", reason: "scope.insufficient" },
    identifiers,
    needed,
  );
}

/** Reasons of a verifier that say nothing of the token: its issuer cannot be asked for now. */
const ISSUER_OUTAGE = /^issuer\.(metadata|introspection|keys)$/;

/** As {@link ISSUER_OUTAGE}, but as the issuer or this server is set up: that ends by an operator's hand alone. */
const ISSUER_MISTAKE = /^issuer\.(self|(metadata|introspection|keys)_unusable)$/;

/** 503: nobody knows whether the token is good. */
function outageResponse(reason: string, http: Request): Response {
  return oauthErrorResponse(
    "resource",
    oauthError(
      "temporarily_unavailable",
      reason,
      "The issuer of the access token cannot be asked: try again in a moment",
    ),
    http,
  );
}

/** 500: no client can do anything about it, not even by another token. */
function mistakeResponse(reason: string): Response {
  log("error", "oauth.refused", { endpoint: "resource", reason });
  return oauthJson(
    {
      error: "server_error",
      error_description: "The issuer of access tokens is set up wrongly",
    },
    500,
  );
}

/** RFC 6750 section 3.1. "unauthorized" is in the body alone: where no token was sent, a challenge names no error. */
type BearerError = "unauthorized" | "invalid_request" | "invalid_token" | "insufficient_scope";

/** Why a caller is challenged. */
interface BearerRefusal {
  readonly error: BearerError;
  /** Stable and dotted, for audit lines: "token.expired". */
  readonly reason: string;
}

/** 1. A token was sent, 2. alone, 3. in the characters that it may have, 4. and it is good. */
async function checkBearer(
  authorization: string | null,
  identifiers: ServerIdentifiers,
  verify: TokenVerifier,
): Promise<Result<Caller, BearerRefusal>> {
  // spec: session.authentication, handle.authentication, bearer.required, bearer.header.supported, bearer.query.ignored, bearer.invalid.refused
  const [scheme, token, ...trailing] = (authorization ?? "").trim().split(/ +/);
  // Another scheme is as good as none.
  if (scheme?.toLowerCase() !== "bearer")
    return err({ error: "unauthorized", reason: "token.absent" });
  // spec: bearer.malformed.refused, bearer.malformed.status
  if (token === undefined || trailing.length > 0)
    return err({ error: "invalid_request", reason: "token.header" });
  if (!/^[\w.~+/-]+=*$/.test(token))
    return err({ error: "invalid_token", reason: "token.malformed" });
  const caller = await verify(token, identifiers);
  return caller.ok ? caller : err({ error: "invalid_token", reason: caller.error });
}

interface Challenge {
  readonly status: number;
  readonly namesScopes: boolean;
  /** `error_description`, where the challenge has one. */
  readonly description?: string;
}

const CHALLENGES: Readonly<Record<BearerError, Challenge>> = {
  unauthorized: { status: 401, namesScopes: true },
  invalid_request: { status: 400, namesScopes: false },
  invalid_token: {
    status: 401,
    namesScopes: true,
    description: "The access token is not valid",
  },
  insufficient_scope: {
    status: 403,
    namesScopes: true,
    description: "The access token lacks scopes",
  },
};

/**
 * The challenge for `error`, and its audit line. Not {@link oauthErrorResponse}: RFC 6750 section 3 puts the error into
 * `WWW-Authenticate`, with the scopes to ask for and the place of the metadata.
 */
function challengeResponse(
  { error, reason }: BearerRefusal,
  identifiers: ServerIdentifiers,
  scopes: readonly string[],
): Response {
  audit("oauth.refused", { endpoint: "resource", reason });
  const { status, namesScopes, description } = CHALLENGES[error];
  // spec: bearer.challenge.metadata, resource.metadata.discovery
  const challengeParams = {
    error: error === "unauthorized" ? undefined : error,
    error_description: description,
    scope: namesScopes ? scopes.join(" ") : undefined,
    resource_metadata: resourceMetadataUrl(identifiers),
  };
  // spec: bearer.challenge.once, bearer.challenge.characters, bearer.status.codes
  const quotedParams = Object.entries(challengeParams).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : `${name}="${value}"`,
  );
  return oauthJson(
    { error, error_description: description ?? "An access token is needed" },
    status,
    {
      // spec: bearer.challenge.present, bearer.challenge.scheme
      "www-authenticate": `Bearer ${quotedParams.join(", ")}`,
    },
  );
}
