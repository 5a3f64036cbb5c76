/**
 * A refusal: why a request gets an error instead of a result. Checks return it as a value.
 * `wire/errors.ts` alone knows the codes and HTTP statuses behind the names.
 */

import type { JsonValue } from "./json.ts";

export type ErrorName =
  | "ParseError"
  | "InvalidRequest"
  | "MethodNotFound"
  | "InvalidParams"
  | "InternalError"
  | "HeaderMismatch"
  | "MissingRequiredClientCapability"
  | "UnsupportedProtocolVersion"
  | "UrlElicitationRequired"
  | "InvalidRequestMeta"
  | "BodyTooLarge"
  | "UnsupportedMediaType"
  | "NotAcceptable"
  | "AccessRevoked"
  | "Forbidden"
  | "MethodNotAllowed"
  | "NotFound"
  | "ResourceNotFound"
  | "TooManyRequests";

export interface ProtocolError {
  readonly error: ErrorName;
  /** Read by people and models: says the state and what would be accepted. Never holds a secret or a stack. */
  readonly message: string;
  readonly data?: JsonValue;
}

/** What is said to a caller whose grant has ended, though its token looks good for a while. */
export const ACCESS_REVOKED: ProtocolError = {
  error: "AccessRevoked",
  message: "This access was taken back: sign in again",
};

/** An error that a client gets; its code and HTTP status stand in `wire/errors.ts`. */
export function protocolError(error: ErrorName, message: string, data?: JsonValue): ProtocolError {
  return data === undefined ? { error, message } : { error, message, data };
}
