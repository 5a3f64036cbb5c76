/**
 * Event ids, and what they stand for: cursors in streams of a session object. MCP basic/transports#resumability-and-redelivery.
 * Those of a batch, which has a stream for each call, are the cursors of all its streams joined by dots: a client that comes
 * back has lost nothing of any. Refuses ids that no server issued.
 */

import { MAX_BATCH_MESSAGES, type RequestId } from "../../wire/jsonrpc.ts";

/** A stream id, or "new" to open one, and the sequence number of the last event that the client has. */
export interface StreamCursor {
  readonly stream: string;
  readonly after: string;
  /** Of the request, where this is its own POST. */
  readonly id?: RequestId;
}

/** Opens a stream for a GET. */
export const NEW_STREAM: StreamCursor = { stream: "new", after: "-1" };

/** A cursor for each stream that the connection of this event carried; undefined where no server issued the id. */
export function parseEventId(eventId: string): StreamCursor[] | undefined {
  const cursors = new Map<string, StreamCursor>();
  const parts = eventId.split(".");
  if (parts.length > MAX_BATCH_MESSAGES) return undefined;
  for (const part of parts) {
    const [, stream, after] = /^(0|[1-9]\d{0,14})-(\d{1,9})$/.exec(part) ?? [];
    // Once each: what one connection to a stream may be passed unread is bounded.
    if (stream === undefined || after === undefined || cursors.has(stream)) return undefined;
    cursors.set(stream, { stream, after });
  }
  return [...cursors.values()];
}
