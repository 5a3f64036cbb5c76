/**
 * Calls that nobody will answer any more: lost with the object that ran them, or beyond their time. Each ends with an error.
 * MCP basic/transports: whatever happens, a request gets one answer. A call that had no stream yet when its object died is
 * answered by the Worker: `transport.ts`.
 */

import { logError } from "../../base/log.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { now } from "../../base/time.ts";
import { sendError } from "./call-replies.ts";
import { expireCalls } from "./calls.ts";
import { hasListenerUpToDate, noteGap, continueReplay, positionOf } from "./streams.ts";
import {
  cancelInputRequests,
  isReadable,
  nextDeadline,
  parseStreamCall,
} from "./input-requests.ts";
import { EVENT_SWEEP_MARGIN_MS, EVENT_TTL_MS, INPUT_REQUEST_TTL_MS } from "./limits.ts";
import { CALL_LOST } from "./refusals.ts";
import type { StreamRow } from "./session-rows.ts";
import type { CallDeadline, SessionRuntime } from "./types.ts";

/** Ends what was lost with the object before this one. False when what that kept cannot be read. */
export function takeOver(runtime: SessionRuntime): boolean {
  const readable = isReadable(runtime);
  if (readable) failLostAndExpiredCalls(runtime);
  return readable;
}

/** Ends what has waited too long and drops old events. Returns when the alarm is next needed, in milliseconds: `latest` at most. */
export function sweep(runtime: SessionRuntime, latest: number): number {
  // What is written here must not ask for an alarm: the caller sets the next one.
  runtime.alarmAt = 0;
  failLostAndExpiredCalls(runtime);
  const isDropped = runtime.store.dropEventsBefore(now() - EVENT_TTL_MS + EVENT_SWEEP_MARGIN_MS);
  // A connection that is dead is noticed long before an event is so old.
  if (isDropped && !hasListenerUpToDate(runtime)) noteGap(runtime);
  runtime.alarmAt = Math.min(
    latest,
    nextDeadline(runtime),
    runtime.store.oldestEventAt() + EVENT_TTL_MS,
  );
  return runtime.alarmAt;
}

/**
 * Ends with an error every call that takes too long, every call that was at work when the object died, and every question
 * nobody answered in time.
 */
export function failLostAndExpiredCalls(runtime: SessionRuntime): void {
  expireCalls(runtime);
  const activeStreams = new Set([...runtime.runningCalls].map(({ streamId }) => streamId));
  for (const row of runtime.store.unansweredStreams()) {
    const { request, callDeadline } = parseStreamCall(row.call_json);
    if (!activeStreams.has(row.id))
      sendError(runtime, row.id, request.id, lostCallError(callDeadline));
  }
  for (const row of runtime.store.suspendedStreams()) {
    if (row.expires_at_ms > now()) continue;
    const { request, openRequests } = parseStreamCall(row.call_json);
    const reason = `The client did not answer within ${INPUT_REQUEST_TTL_MS / 1000} s`;
    cancelInputRequests(runtime, row.id, openRequests, reason);
    sendError(runtime, row.id, request.id, protocolError("InternalError", reason));
  }
}

/**
 * Ends with an error a call that waits for the answer to a question which its client, who has the events up to `after`, was
 * not sent and which is no longer kept.
 */
export function failCallWithoutQuestions(
  runtime: SessionRuntime,
  row: StreamRow | undefined,
  after: number,
): void {
  // Nothing follows the questions of a call that waits: where nothing behind the cursor was dropped, none of them was.
  if (row?.state !== "suspended" || after >= row.dropped_seq) return;
  const stream = row.id;
  const { request, openRequests } = parseStreamCall(row.call_json);
  const kept = [...runtime.store.eventsAfter(stream, after)].map(({ data }) => data);
  const isKept = (id: string): boolean => kept.some((data) => data.includes(`"id":"${id}"`));
  if (Object.keys(openRequests).every(isKept)) return;
  cancelInputRequests(runtime, stream, openRequests, CALL_LOST.message);
  sendError(runtime, stream, request.id, CALL_LOST);
}

/** The client has read what `socket` was passed: here is more, or that it was lost. */
export function readOn(runtime: SessionRuntime, socket: WebSocket): void {
  const { stream, seq } = positionOf(runtime, socket);
  failCallWithoutQuestions(runtime, runtime.store.stream(stream), seq);
  continueReplay(runtime, socket);
}

/** A call that waits for nothing does not keep the object awake: it is lost, and found when its time is over. */
function lostCallError(callDeadline: CallDeadline | undefined): ProtocolError {
  if (callDeadline === undefined || callDeadline.deadline > now()) return CALL_LOST;
  logError("handler.timed_out", callDeadline.message);
  return protocolError("InternalError", callDeadline.message);
}
