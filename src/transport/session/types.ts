/**
 * What the parts of a session object share.
 * Memory here is a convenience: whatever must survive an eviction is a row.
 */

import type { Caller } from "../../base/caller.ts";
import type { Cancellation } from "../../base/cancellation.ts";
import type { ErrorName } from "../../base/protocol-error.ts";
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

/** Header of the object's answer to the Worker: the client has all of this stream, which ended. */
export const EXHAUSTED_HEADER = "x-barewire-exhausted";

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

/** The request to the hub that tells it the subscriptions of this session, and the one that will follow. */
export interface HubUpdates {
  current: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

export interface SessionRuntime {
  readonly store: SessionStore;
  readonly objectState: DurableObjectState;
  readonly dependencies: SessionDependencies;
  readonly runningCalls: Set<RunningCall>;
  /** Calls that were stopped, and whose handlers have not ended yet: they hold memory like those at work. */
  readonly stoppedCalls: Set<RunningCall>;
  /** The earliest time for which an alarm was asked, as far as memory goes; milliseconds. */
  alarmAt: number;
  /** Streams without an answer yet that were let go before anybody had attached: the first connection is closed once it is primed. */
  readonly closedBeforeAttach: Set<number>;
  readonly hubUpdates: HubUpdates;
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
