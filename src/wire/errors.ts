/**
 * Every error this server sends: its JSON-RPC code, its HTTP status and when to come back, in one table.
 * JSON-RPC 2.0 section 5.1; MCP basic#error-codes; transports/streamable-http.
 * Which revision knows a code is `protocol/`'s business.
 */

import type { ErrorName } from "../base/protocol-error.ts";

interface ErrorMapping {
  readonly code: number;
  readonly status: number;
  /** In a `Retry-After` header. */
  readonly retryAfterSeconds?: number;
}

/** Until a caller that asked too much, or whose sessions are all at work, is let in again, at the earliest. */
export const RETRY_AFTER_SECONDS = 60;

/** Refusals below JSON-RPC (a wrong media type, a foreign Origin) say "invalid request": no better code exists. */
const INVALID_REQUEST = -32600;

// spec: jsonrpc.error.codes, error.code.reserved, error.code.meaning
// spec: error.code.allocated, error.code.retired
export const ERRORS: Readonly<Record<ErrorName, ErrorMapping>> = {
  ParseError: { code: -32700, status: 400 },
  InvalidRequest: { code: INVALID_REQUEST, status: 400 },
  MethodNotFound: { code: -32601, status: 404 },
  InvalidParams: { code: -32602, status: 200 },
  InternalError: { code: -32603, status: 200 },
  // spec: mirror.refuse
  HeaderMismatch: { code: -32020, status: 400 },
  MissingRequiredClientCapability: { code: -32021, status: 400 },
  // spec: version.unsupported.status
  UnsupportedProtocolVersion: { code: -32022, status: 400 },
  InvalidRequestMeta: { code: -32602, status: 400 },
  BodyTooLarge: { code: INVALID_REQUEST, status: 413 },
  UnsupportedMediaType: { code: INVALID_REQUEST, status: 415 },
  NotAcceptable: { code: INVALID_REQUEST, status: 406 },
  // The MCP endpoint answers with the challenge of RFC 6750 in its place.
  AccessRevoked: { code: INVALID_REQUEST, status: 401 },
  Forbidden: { code: INVALID_REQUEST, status: 403 },
  MethodNotAllowed: { code: INVALID_REQUEST, status: 405 },
  NotFound: { code: INVALID_REQUEST, status: 404 },
  // MCP has no code for this; outside the range that JSON-RPC reserves, as basic#error-codes asks.
  TooManyRequests: { code: 429, status: 429, retryAfterSeconds: RETRY_AFTER_SECONDS },
  // Of one revision only; the newest asks for input instead.
  UrlElicitationRequired: { code: -32042, status: 200 },
  // Of revisions with sessions; the newest says InvalidParams.
  ResourceNotFound: { code: -32002, status: 200 },
};
