/**
 * Why an OAuth request is refused: rich for the operator, poor for the sender. RFC 6749 section 5.2, RFC 6750 section 3.1.
 * Every refusal leaves one audit line with a stable reason. Neither holds what was sent: it may be a secret.
 */

import { log, type Event, type Facts } from "../base/log.ts";
import { err } from "../base/result.ts";

/** Error codes on the wire, with the HTTP status they have when they are not a redirect. */
const STATUS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  access_denied: 403,
  interaction_required: 400,
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  temporarily_unavailable: 503,
  slow_down: 429,
  server_error: 500,
} as const;

export interface Fault {
  readonly error: keyof typeof STATUS;
  /** Stable and dotted, for audit lines: "code.expired". */
  readonly reason: string;
  // spec: token.error.characters, authorize.error.characters, register.refused.characters
  /** For the client's developer. ASCII without quotes or backslashes (RFC 6749 section 5.2). */
  readonly description: string;
}

/** What a check returns that found one. */
export type Refused = { readonly ok: false; readonly error: Fault };

export function fault(error: Fault["error"], reason: string, description: string): Refused {
  return err({ error, reason, description });
}

/** One line that says what happened at the door, for whoever watches it. */
export function audit(event: Event, facts: Facts): void {
  log("log", event, facts);
}

// spec: token.no-store
export const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" } as const;

/** A JSON answer of an OAuth endpoint. */
export function oauthJson(body: object, status: number = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { ...NO_STORE, ...headers } });
}

/** The refusal of a direct request (not of a browser), and its audit line. */
export function refuseOAuth(endpoint: string, refused: Refused, http: Request): Response {
  const { error, reason, description } = refused.error;
  audit("oauth.refused", { endpoint, error, reason });
  // spec: token.error, register.refused, client.auth.challenged
  const headers: Record<string, string> = {};
  if (error === "invalid_client" && http.headers.has("authorization"))
    headers["www-authenticate"] = 'Basic realm="barewire"';
  if (STATUS[error] === 429 || STATUS[error] === 503) headers["retry-after"] = "60";
  return oauthJson({ error, error_description: description }, STATUS[error], headers);
}
