/**
 * What a call at work sends to its client: notices, input requests, and its one answer.
 * MCP basic/transports#sending-messages-to-the-server, as it was with sessions. An answer that comes first is the POST's
 * own; otherwise the call's stream opens, and carries all that follows.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import type { ProtocolError } from "../../base/protocol-error.ts";
import type { CallNotification, Outcome } from "../../protocol/outcome.ts";
import { encodeSessionResult, toSessionError } from "../../protocol/session-encoding.ts";
import {
  MAX_MESSAGE_BYTES,
  writeError,
  writeNotification,
  writeResult,
  type RequestId,
} from "../../wire/jsonrpc.ts";
import { streamCallJson, suspendCall } from "./input-requests.ts";
import { appendEvent, closeForPolling, openStream } from "./streams.ts";
import {
  scheduleAlarm,
  type CallDeadline,
  type RunningCall,
  type SessionRuntime,
} from "./types.ts";

/** Calls that have been silent for a while go on as streams, those of the POST with this ticket that are still at work. */
export function switchToStream(runtime: SessionRuntime, postId: string): void {
  for (const runningCall of runtime.runningCalls)
    if (runningCall.postId === postId) ensureStream(runtime, runningCall);
}

/** Passes a notice on. Progress told in an earlier round is not told again; what is too large is dropped. */
export function sendNotification(
  runtime: SessionRuntime,
  runningCall: RunningCall,
  { method, params }: CallNotification,
): void {
  const progress = method === "notifications/progress" ? Number(params["progress"]) : undefined;
  if (
    progress !== undefined &&
    runningCall.lastProgress !== undefined &&
    progress <= runningCall.lastProgress
  )
    return;
  runningCall.lastProgress = progress ?? runningCall.lastProgress;
  const text = writeNotification(method, params);
  if (isWithinBytes(text, MAX_MESSAGE_BYTES))
    appendEvent(runtime, ensureStream(runtime, runningCall), text);
}

/** A handler may let go until its call has ended or was cancelled: after that nobody would hear of a stream. */
export function closeConnectionForPolling(runtime: SessionRuntime, runningCall: RunningCall): void {
  if (runtime.runningCalls.has(runningCall))
    closeForPolling(runtime, ensureStream(runtime, runningCall));
}

/** The outcome of one run: an answer, or questions and then letting go. */
export function finishRun(
  runtime: SessionRuntime,
  runningCall: RunningCall,
  outcome: Outcome,
): void {
  if (!runtime.runningCalls.delete(runningCall)) return;
  const { request, streamId, context } = runningCall;
  if (outcome.kind === "inputRequired") {
    if (context.revision.methods.get(request.method)?.mayRequireInput !== true)
      throw new Error(`${request.method} may not ask for input`);
    const ensuredStreamId = ensureStream(runtime, runningCall);
    const suspended = suspendCall(runtime, runningCall, ensuredStreamId, outcome);
    // The call is let go; the answer will come as another POST.
    return suspended.ok
      ? undefined
      : sendError(runtime, ensuredStreamId, request.id, suspended.error);
  }
  const text =
    outcome.kind === "complete"
      ? writeResult(
          request.id,
          encodeSessionResult(context.revision, request.method, outcome.result),
        )
      : writeError(request.id, toSessionError(outcome.refusal));
  if (streamId === undefined) runningCall.respond({ kind: "answer", text });
  else appendEvent(runtime, streamId, text, true);
}

/** What came of the call could not be written down: a result that is no JSON, or a row that storage refused. */
export function answerWithError(
  runtime: SessionRuntime,
  { request, streamId, respond }: RunningCall,
  reason: ProtocolError,
): void {
  if (streamId === undefined) respond({ kind: "answer", text: writeError(request.id, reason) });
  else if (!runtime.store.isAnswered(streamId)) sendError(runtime, streamId, request.id, reason);
}

/** Writes down that a call goes on, on the stream that it has. */
export function continueOnStream(
  runtime: SessionRuntime,
  streamId: number,
  id: RequestId,
  callDeadline: CallDeadline,
): void {
  runtime.store.markRunning(streamId, streamCallJson(id, {}, callDeadline));
  scheduleAlarm(runtime, callDeadline.deadline);
}

/** Ends the call of a stream with an error. */
export function sendError(
  runtime: SessionRuntime,
  streamId: number,
  id: RequestId,
  reason: ProtocolError,
): void {
  runtime.store.markRunning(streamId, streamCallJson(id));
  appendEvent(runtime, streamId, writeError(id, toSessionError(reason)), true);
}

/** The running call's stream, opened when first needed: the POST is answered with it. */
function ensureStream(runtime: SessionRuntime, runningCall: RunningCall): number {
  if (runningCall.streamId !== undefined) return runningCall.streamId;
  const { request, callDeadline } = runningCall;
  runningCall.streamId = openStream(
    runtime,
    "running",
    streamCallJson(request.id, {}, callDeadline),
  );
  scheduleAlarm(runtime, callDeadline.deadline);
  runningCall.respond({ kind: "stream", streamId: runningCall.streamId });
  return runningCall.streamId;
}
