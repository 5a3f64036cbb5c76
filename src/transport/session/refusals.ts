/** What a session refuses with, in the words that its client is told. */

import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";

/** What a client is told that names a session which is not there, or not its own. */
// spec: session.gone
export const SESSION_NOT_FOUND: ProtocolError = protocolError(
  "NotFound",
  "No such session: initialize a new one",
);

/** What a client is told that comes back for a stream of which nothing is kept. */
export const STREAM_GONE: ProtocolError = protocolError(
  "InvalidRequest",
  "Last-Event-ID is unknown or too old: events are kept for an hour at most",
);

/** What is said of a handshake in a batch: it opens a session by itself or not at all. */
export const BATCHED_INITIALIZE: ProtocolError = protocolError(
  "InvalidRequest",
  "initialize must not be part of a batch",
);

/** What is said of a call whose object died under it, or whose answer was dropped before its POST came for it. */
export const CALL_LOST: ProtocolError = protocolError(
  "InternalError",
  "The answer was lost, in a restart or unread: call again",
);

/** What is said of a call beyond MAX_CALLS or MAX_SUSPENDED_BYTES of `limits.ts`. */
export const TOO_MANY_CALLS: ProtocolError = protocolError(
  "InternalError",
  "The calls of this session are too many or too large: let one end",
);

/**
 * To a client that comes back for streams of calls and has all of them. MCP basic/transports has 405 where there is nothing to
 * listen to; with a stream that ends at once, those that take an error for no answer (TypeScript SDK 1) come every second.
 */
export const STREAM_OVER: ProtocolError = protocolError(
  "MethodNotAllowed",
  "All of this stream was sent: there is nothing to come back for",
);
