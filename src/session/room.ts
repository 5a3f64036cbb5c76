/**
 * What the parts of a session object share, and the limits they keep.
 * Memory here is a convenience: whatever must survive an eviction is a row.
 */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import { refusal, type ErrorName, type Refusal } from "../base/refusal.ts";
import type { HubDoor } from "../hub/door.ts";
import type { Revision } from "../revision/revisions.ts";
import type { Server } from "../server/catalog.ts";
import type { Services } from "../server/run.ts";
import type { TraceContext } from "../telemetry/context.ts";
import type { RpcRequest } from "../wire/jsonrpc.ts";
import type { Rows, SessionRow } from "./rows.ts";

/** Characters of what a client may say of itself. */
export const MAX_CLIENT_LENGTH = 8_192;
/** Milliseconds without a request or an attached stream after which a session ends. */
export const SESSION_TTL_MS = 86_400_000;
/** Milliseconds for which it is only remembered that the client was seen, before it is written down. */
export const SEEN_STEP_MS = 600_000;
/** Milliseconds a client has to answer a question. */
export const QUESTION_TTL_MS = 600_000;
/** Milliseconds for which events can be replayed. */
export const EVENT_TTL_MS = 3_600_000;
/** Events kept for replay on one stream. */
export const MAX_EVENTS_PER_STREAM = 2_000;
/** Characters of events kept for replay in one session. */
export const MAX_SESSION_SIZE = 8_388_608;
/** Bytes of one event, or of one call that waits: a row holds at most 2 MB. */
export const MAX_EVENT_BYTES = 1_900_000;
/** Bounds are checked once in so many events: checking costs more than writing. */
export const CHECK_EVERY = 64;
/** Calls of one session that may wait for the client at the same time: each keeps its arguments. */
export const MAX_WAITING_CALLS = 64;
/** Streams opened by GET that are kept for resumption. */
export const MAX_OPEN_STREAMS = 8;

/** What a client is told that names a session which is not there, or not its own. */
// spec: session.gone
export const SESSION_GONE: Refusal = refusal("NotFound", "No such session: initialize a new one");

/** What is said of a handshake in a batch: it opens a session by itself or not at all. */
export const BATCHED_INITIALIZE: Refusal = refusal("InvalidRequest", "initialize must not be part of a batch");

/** What is said of a call whose object died under it. */
export const CALL_LOST: Refusal = refusal("InternalError", "The server was restarted while this call ran: call again");

/** What the object lends from outside: the app's server and the platform. */
export interface House {
  readonly server: Server;
  readonly services: Services;
  readonly hub: HubDoor;
}

export interface Session {
  readonly row: SessionRow;
  readonly revision: Revision;
}

/** The session, and who sent the message at hand. */
export interface Visit extends Session {
  readonly caller: Caller;
  readonly trace: TraceContext;
}

/** How long a call may take. */
export interface TimeLimit {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** What is said when it is not over by then. */
  readonly message: string;
}

/** A call at work in this object's memory. */
export interface Running {
  /** The Worker's name for the POST that brought it, so that equal JSON-RPC ids never meet. */
  readonly ticket: string;
  readonly request: RpcRequest;
  readonly visit: Visit;
  readonly cancel: Cancellation;
  readonly limit: TimeLimit;
  /** Ends the POST's wait: with the answer, or with the stream on which it will come. */
  readonly settle: (handled: Handled) => void;
  stream: number | undefined;
  /** The last progress that the client was told, in earlier rounds too: it may only rise. */
  told: number | undefined;
}

/** How the object ends its part of a POST. */
export type Handled =
  | { readonly kind: "gone" }
  | { readonly kind: "accepted" }
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "refused"; readonly error: ErrorName; readonly message: string }
  | { readonly kind: "stream"; readonly stream: number };

export interface Room {
  readonly rows: Rows;
  readonly state: DurableObjectState;
  readonly house: House;
  readonly running: Set<Running>;
  /** Streams that were let go before anybody had attached: the first connection is closed once it is primed. */
  readonly released: Set<number>;
}
