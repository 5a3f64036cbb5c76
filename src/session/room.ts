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
import type { Services } from "../server/types.ts";
import type { TraceContext } from "../telemetry/context.ts";
import type { RpcRequest } from "../wire/jsonrpc.ts";
import type { SessionRow } from "./record-rows.ts";
import type { Rows } from "./rows.ts";

/** Bytes of what a client may say of itself. */
export const MAX_CLIENT_BYTES = 8_192;
/** Milliseconds without a request or an attached stream after which a session ends. */
export const SESSION_TTL_MS = 86_400_000;
/** Milliseconds for which it is only remembered that the client was seen, before it is written down. */
export const SEEN_STEP_MS = 600_000;
/** Milliseconds a client has to answer a question. */
export const QUESTION_TTL_MS = 600_000;
/** Milliseconds after which no event is kept any more, and how much earlier one may go, so that alarms are few. */
export const EVENT_TTL_MS = 3_600_000;
export const EVENT_SWEEP_MS = 900_000;
/** Bytes of events kept for replay in one session. Of more than that, the newest three quarters are kept. */
export const MAX_EVENT_BYTES = 6_291_456;
/** Bytes of all calls of one session that wait for the client: their arguments and answers. */
export const MAX_WAITING_BYTES = 2_097_152;
/** Calls of one session that may be at work at the same time, and that may wait for the client. */
export const MAX_CALLS = 64;
/** Streams opened by GET that a session has. */
export const MAX_OPEN_STREAMS = 8;

/** What a client is told that names a session which is not there, or not its own. */
// spec: session.gone
export const SESSION_GONE: Refusal = refusal("NotFound", "No such session: initialize a new one");

/** What is said of a handshake in a batch: it opens a session by itself or not at all. */
export const BATCHED_INITIALIZE: Refusal = refusal("InvalidRequest", "initialize must not be part of a batch");

/** What is said of a call whose object died under it, or whose answer was dropped before its POST came for it. */
export const CALL_LOST: Refusal = refusal("InternalError", "The answer was lost, in a restart or unread: call again");

/** What is said of a call beyond {@link MAX_CALLS} or {@link MAX_WAITING_BYTES}. */
export const TOO_MANY_CALLS: Refusal = refusal(
  "InternalError",
  "The calls of this session that are at work, or wait for its client, are too many or too large: let one end",
);

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
  /** The earliest time for which an alarm was asked, as far as memory goes; milliseconds. */
  wakes: number;
  /** Streams that were let go before anybody had attached: the first connection is closed once it is primed. */
  readonly released: Set<number>;
}

/** Makes sure that the object wakes at `at` (milliseconds) or before. */
export function wakeBy(room: Room, at: number): void {
  if (at >= room.wakes) return;
  room.wakes = at;
  room.state.waitUntil(setAlarm(room));
}

async function setAlarm(room: Room): Promise<void> {
  const set = await room.state.storage.getAlarm();
  // Meanwhile the session may have ended, and with it its rows.
  if (room.rows.session() === undefined) return;
  // Whoever asked for an earlier time meanwhile is served as well.
  if (set === null || set > room.wakes) await room.state.storage.setAlarm(room.wakes);
}
