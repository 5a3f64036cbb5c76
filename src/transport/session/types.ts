/**
 * What the parts of a session object share, and the limits they keep.
 * Memory here is a convenience: whatever must survive an eviction is a row.
 */

import type { Caller } from "../../base/caller.ts";
import type { Cancellation } from "../../base/cancellation.ts";
import { protocolError, type ErrorName, type ProtocolError } from "../../base/protocol-error.ts";
import { createHubClient, type HubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import type { Revision } from "../../protocol/versions.ts";
import type { ServerRuntime } from "../../server/feature.ts";
import type { Server } from "../../server/registry.ts";
import type { Services } from "../../server/services.ts";
import type { TraceContext } from "../../base/trace-context.ts";
import type { RpcRequest } from "../../wire/jsonrpc.ts";
import type { SessionRecord } from "./record-rows.ts";
import type { SessionStore } from "./session-rows.ts";

/** Bytes of what a client may say of itself. */
export const MAX_CLIENT_INFO_BYTES = 8_192;
/** Milliseconds without a request or an attached stream after which a session ends. */
export const SESSION_TTL_MS = 86_400_000;
/** Milliseconds for which it is only remembered that the client was seen, before it is written down. */
export const LAST_SEEN_INTERVAL_MS = 600_000;
/** Milliseconds a client has to answer a question. */
export const INPUT_REQUEST_TTL_MS = 600_000;
/** Milliseconds after which no event is kept any more, and how much earlier one may go, so that alarms are few. */
export const EVENT_TTL_MS = 3_600_000;
export const EVENT_SWEEP_MARGIN_MS = 900_000;
/** Bytes of events kept for replay in one session. Of more than that, the newest three quarters are kept. */
export const MAX_EVENT_BYTES = 6_291_456;
/** Bytes of all calls of one session that wait for the client: their arguments and answers. */
export const MAX_SUSPENDED_BYTES = 2_097_152;
/** Calls of one session that may be at work at the same time, and that may wait for the client. */
export const MAX_CALLS = 64;
/** Streams opened by GET that a session has. */
export const MAX_GET_STREAMS = 8;

/** What a client is told that names a session which is not there, or not its own. */
// spec: session.gone
export const SESSION_NOT_FOUND: ProtocolError = protocolError(
  "NotFound",
  "No such session: initialize a new one",
);

/** WebSocket close codes between object and Worker. */
export const CLOSE_CODE = { done: 1000, poll: 4000, replaced: 4001, ended: 4002 } as const;

/** Header of the object's answer to the Worker: the client has all of this stream, which ended. */
export const EXHAUSTED_HEADER = "x-barewire-exhausted";

/** What a client is told that comes back for events which are not there. */
export const EVENT_ID_UNKNOWN: ProtocolError = protocolError(
  "InvalidRequest",
  "Last-Event-ID is unknown here or too old: events are kept for an hour at most",
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

/** What is said of a call beyond {@link MAX_CALLS} or {@link MAX_SUSPENDED_BYTES}. */
export const TOO_MANY_CALLS: ProtocolError = protocolError(
  "InternalError",
  "The calls of this session that are at work, or wait for its client, are too many or too large: let one end",
);

/** What the object needs from outside: the app's server and the hub. */
export interface SessionDependencies {
  readonly server: Server;
  readonly services: Services;
  readonly hub: HubClient;
}

/** The server of `runtime`, and the hub that its settings bind. */
export function sessionDependencies({
  server,
  services,
  settings,
}: ServerRuntime): SessionDependencies {
  return { server, services, hub: createHubClient(settings.objects<HubObject<unknown>>("HUB")) };
}

export interface ActiveSession {
  readonly record: SessionRecord;
  readonly revision: Revision;
}

/** The session, and who sent the message at hand. */
export interface RequestContext extends ActiveSession {
  readonly caller: Caller;
  readonly trace: TraceContext;
}

/** How long a call may take. */
export interface CallDeadline {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** What is said when it is not over by then. */
  readonly message: string;
}

/** A call at work in this object's memory. */
export interface RunningCall {
  /** The Worker's name for the POST that brought it, so that equal JSON-RPC ids never meet. */
  readonly postId: string;
  readonly request: RpcRequest;
  readonly context: RequestContext;
  readonly cancel: Cancellation;
  readonly callDeadline: CallDeadline;
  /** Ends the POST's wait: with the answer, or with the stream on which it will come. */
  readonly respond: (outcome: MessageOutcome) => void;
  streamId: number | undefined;
  /** The last progress that the client was told, in earlier rounds too: it may only rise. */
  lastProgress: number | undefined;
}

/** How the object ends its part of a POST. */
export type MessageOutcome =
  | { readonly kind: "sessionNotFound" }
  | { readonly kind: "accepted" }
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "refused"; readonly error: ErrorName; readonly message: string }
  | { readonly kind: "stream"; readonly streamId: number };

export interface SessionRuntime {
  readonly store: SessionStore;
  readonly objectState: DurableObjectState;
  readonly dependencies: SessionDependencies;
  readonly runningCalls: Set<RunningCall>;
  /** The earliest time for which an alarm was asked, as far as memory goes; milliseconds. */
  alarmAt: number;
  /** Streams without an answer yet that were let go before anybody had attached: the first connection is closed once it is primed. */
  readonly closedBeforeAttach: Set<number>;
}

/** Makes sure that the object wakes at `at` (milliseconds) or before. */
export function scheduleAlarm(runtime: SessionRuntime, at: number): void {
  if (at >= runtime.alarmAt) return;
  runtime.alarmAt = at;
  runtime.objectState.waitUntil(setEarlierAlarm(runtime));
}

async function setEarlierAlarm(runtime: SessionRuntime): Promise<void> {
  const currentAlarm = await runtime.objectState.storage.getAlarm();
  // Meanwhile the session may have ended, and with it its rows.
  if (runtime.store.session() === undefined) return;
  // Whoever asked for an earlier time meanwhile is served as well.
  if (currentAlarm === null || currentAlarm > runtime.alarmAt)
    await runtime.objectState.storage.setAlarm(runtime.alarmAt);
}
