/**
 * Why an OAuth request is refused: rich for the operator, poor for the sender. RFC 6749 section 5.2, RFC 6750 section 3.1.
 * Every refusal leaves one audit line with a stable reason. Neither holds what was sent: it may be a secret.
 */

import { log, type LogEvent, type LogFields } from "../base/log.ts";
import { err } from "../base/result.ts";

/** Error codes on the wire. */
type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "unsupported_response_type"
  | "invalid_scope"
  | "invalid_target"
  | "interaction_required"
  | "invalid_redirect_uri"
  | "invalid_client_metadata"
  | "temporarily_unavailable";

/** The HTTP status of those that do not have 400 when they are not a redirect. */
const STATUS_BY_CODE: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  temporarily_unavailable: 503,
};

export interface OAuthError {
  readonly error: OAuthErrorCode;
  /** Stable and dotted, for audit lines: "code.expired". */
  readonly reason: string;
  // spec: token.error.characters, authorize.error.characters, register.refused.characters
  /** For the client's developer. ASCII without quotes or backslashes (RFC 6749 section 5.2). */
  readonly description: string;
  /** Where it is not that of the code. */
  readonly status?: number;
}

/** What a check returns that found one. */
export type OAuthFailure = { readonly ok: false; readonly error: OAuthError };

/**
 * To who asks too often. Not "slow_down", which is of another grant: clients that do not know a code take it for a failed
 * server, and send the person to sign in again.
 */
export const TOO_MANY_REQUESTS: OAuthFailure = err({
  error: "temporarily_unavailable",
  reason: "address.limited",
  description: "Too many requests: wait a minute",
  status: 429,
});

/** A refusal: `error` is OAuth's code, `reason` goes to the log, `description` to the client. */
export function oauthError(
  error: OAuthError["error"],
  reason: string,
  description: string,
): OAuthFailure {
  return err({ error, reason, description });
}

/** Logs one line for the operator. */
export function audit(event: LogEvent, fields: LogFields): void {
  log("log", event, fields);
}

// spec: token.no-store, token.pragma
export const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" } as const;

/** A JSON answer of an OAuth endpoint. */
export function oauthJson(
  body: object,
  status: number = 200,
  headers: Record<string, string> = {},
): Response {
  return Response.json(body, { status, headers: { ...NO_STORE, ...headers } });
}

/** An answer of an OAuth endpoint that says all with its status. */
export function oauthEmptyResponse(): Response {
  return new Response(null, { headers: NO_STORE });
}

/** 405. RFC 6749 has no error code for a wrong method: `allow` says what is served (RFC 9110 section 15.5.6). */
export function oauthMethodNotAllowed(allow: string): Response {
  return new Response(null, { status: 405, headers: { allow } });
}

/** The refusal of a direct request (not of a browser), and its audit line. */
export function oauthErrorResponse(
  endpoint: string,
  failure: OAuthFailure,
  http: Request,
): Response {
  const { error, reason, description, status = STATUS_BY_CODE[error] ?? 400 } = failure.error;
  audit("oauth.refused", { endpoint, error, reason });
  const headers: Record<string, string> = {};
  // spec: client.auth.challenged
  if (error === "invalid_client" && http.headers.has("authorization"))
    headers["www-authenticate"] = 'Basic realm="barewire"';
  // The window of the limiter, or less than a code lives that may be sent again.
  if (status === 429 || status === 503) headers["retry-after"] = status === 429 ? "60" : "5";
  // spec: token.error, register.refused
  return oauthJson({ error, error_description: description }, status, headers);
}
