/**
 * Calls in a session: run, pause for the client, go on, be cancelled. `lost-calls.ts` has how they are lost.
 * MCP basic/transports#sending-messages-to-the-server and utilities/cancellation, as they were with sessions.
 * Whatever happens, a call ends with exactly one answer: in its POST, or on its stream.
 */

import { createCancellation } from "../../base/cancellation.ts";
import { isWithinBytes } from "../../base/bytes.ts";
import type { JsonObject } from "../../base/json.ts";
import { now } from "../../base/time.ts";
import {
  NO_RETRY_STATE,
  errorOutcome,
  type RetryState,
  type CallNotification,
  type Outcome,
} from "../../protocol/outcome.ts";
import type { ProtocolError } from "../../base/protocol-error.ts";
import type { LogLevel } from "../../protocol/request-meta.ts";
import { encodeSessionResult, toSessionError } from "../../protocol/session-encoding.ts";
import { dispatch } from "../../server/dispatch.ts";
import { logInternalError } from "../../server/failure.ts";
import type { ServerRequest } from "../../server/types.ts";
import { endRequestSpan, startRequestSpan } from "../../server/request-span.ts";
import type { Span } from "../../base/span.ts";
import { MAX_MESSAGE_BYTES, writeError, writeNotification, writeResult } from "../../wire/jsonrpc.ts";
import type { RequestId, RpcRequest, RpcResponse } from "../../wire/jsonrpc.ts";
import {
  streamCallJson,
  parseStreamCall,
  suspendCall,
  acceptResponse,
  callDeadlineFor,
  cancelInputRequests,
} from "./input-requests.ts";
import { MAX_CALLS, TOO_MANY_CALLS, scheduleAlarm } from "./types.ts";
import type { MessageOutcome, SessionRuntime, RunningCall, RequestContext } from "./types.ts";
import { deleteStream, appendEvent, openStream, closeForPolling } from "./streams.ts";

/** Starts a call. The promise ends with the answer, or with the stream on which it will come. */
export async function startCall(
  runtime: SessionRuntime,
  context: RequestContext,
  request: RpcRequest,
  postId: string,
): Promise<MessageOutcome> {
  if (expireCalls(runtime) >= MAX_CALLS) return { kind: "answer", text: writeError(request.id, TOO_MANY_CALLS) };
  const { promise, resolve: respond } = Promise.withResolvers<MessageOutcome>();
  const callDeadline = callDeadlineFor(runtime, request);
  const cancel = createCancellation();
  runCall(
    runtime,
    { postId, request, context, cancel, callDeadline, respond, streamId: undefined, lastProgress: undefined },
    NO_RETRY_STATE,
  );
  return promise;
}

/** Ends the calls that take too long. How many others are at work. */
export function expireCalls({ runningCalls }: SessionRuntime): number {
  let count = 0;
  for (const { callDeadline, cancel } of runningCalls) {
    if (callDeadline.deadline <= now()) cancel.expire(callDeadline.message);
    else count += 1;
  }
  return count;
}

/** Calls that have been silent for a while go on as streams, those of the POST with this ticket that are still at work. */
export function switchToStream(runtime: SessionRuntime, postId: string): void {
  for (const runningCall of runtime.runningCalls) if (runningCall.postId === postId) ensureStream(runtime, runningCall);
}

/** The client answered a question; with the last answer of a round the call runs again from its start. */
export function resumeCall(runtime: SessionRuntime, context: RequestContext, response: RpcResponse): void {
  const resumable = acceptResponse(runtime, response);
  if (resumable === undefined) return;
  const { streamId, suspendedCall, openRequests, error } = resumable;
  const { request, retryState, lastProgress } = suspendedCall;
  if (error !== undefined) {
    cancelInputRequests(runtime, streamId, openRequests, "Another question of the call was refused");
    return sendError(runtime, streamId, request.id, error);
  }
  const respond = (): void => undefined;
  const callDeadline = callDeadlineFor(runtime, request);
  const runningCall = {
    postId: "resumed",
    request,
    context,
    cancel: createCancellation(),
    callDeadline,
    respond,
    streamId,
    lastProgress,
  };
  runCall(runtime, runningCall, retryState);
  scheduleAlarm(runtime, callDeadline.deadline);
}

/** `notifications/cancelled`: the newest call with that id stops, and nothing more is said about it. */
export function cancelCall(runtime: SessionRuntime, id: RequestId): void {
  const runningCall = [...runtime.runningCalls].findLast(({ request }) => request.id === id);
  if (runningCall !== undefined) return abortCall(runtime, runningCall, { kind: "accepted" });
  for (const row of runtime.store.suspendedStreams()) {
    const { request, openRequests } = parseStreamCall(row.call_json);
    if (request.id !== id) continue;
    cancelInputRequests(runtime, row.id, openRequests, "The call was cancelled");
    return deleteStream(runtime, row.id);
  }
}

/** Stops a call: its handler is told, its POST ends as `outcome`, and its stream without an answer. */
export function abortCall(runtime: SessionRuntime, runningCall: RunningCall, outcome: MessageOutcome): void {
  runtime.runningCalls.delete(runningCall);
  runningCall.cancel.abort();
  if (runningCall.streamId !== undefined) deleteStream(runtime, runningCall.streamId);
  runningCall.respond(outcome);
}

/** Runs the call once, from its start. Not awaited by any request: its stream or its promise carries what comes of it. */
function runCall(runtime: SessionRuntime, runningCall: RunningCall, retryState: RetryState): void {
  const { request, context } = runningCall;
  const { server, services } = runtime.dependencies;
  const sessionId = runtime.objectState.id.toString();
  runtime.runningCalls.add(runningCall);
  const span = sessionRequestSpan(runtime, context, request);
  const outcome = dispatch({
    server,
    request: { ...serverRequest(context, request, retryState, sessionId), span },
    sink: (notification) => sendNotification(runtime, runningCall, notification),
    cancel: runningCall.cancel,
    services,
    // A client that was given no event id could not come back.
    closeStream: context.revision.features.sendsPrimingEvent
      ? () => closeConnectionForPolling(runtime, runningCall)
      : undefined,
  });
  const logFailure = (error: unknown): ProtocolError =>
    logInternalError("call.failed", { server, request: { ...request, span } }, error);
  const finished = outcome
    .catch((error: unknown) => errorOutcome(logFailure(error)))
    .then((value) => {
      endRequestSpan(span, value);
      // No timer here: it would keep the object awake.
      services.tracer.flush("now");
      return finishRun(runtime, runningCall, value);
    })
    .catch((error: unknown) => answerWithError(runtime, runningCall, logFailure(error)));
  runtime.objectState.waitUntil(finished);
}

/** The span of a request in the session, inside what the Worker recorded. */
export function sessionRequestSpan(
  { dependencies }: SessionRuntime,
  { record, revision, trace }: RequestContext,
  request: RpcRequest,
): Span {
  const spanAttributes = { "mcp.protocol.version": revision.date, "mcp.session.id": record.name };
  return startRequestSpan(
    dependencies.services.tracer.continueTrace(trace),
    dependencies.server,
    request,
    spanAttributes,
  );
}

/** Passes a notice on. Progress told in an earlier round is not told again; what is too large is dropped. */
function sendNotification(
  runtime: SessionRuntime,
  runningCall: RunningCall,
  { method, params }: CallNotification,
): void {
  const progress = method === "notifications/progress" ? Number(params["progress"]) : undefined;
  if (progress !== undefined && runningCall.lastProgress !== undefined && progress <= runningCall.lastProgress) return;
  runningCall.lastProgress = progress ?? runningCall.lastProgress;
  const text = writeNotification(method, params);
  if (isWithinBytes(text, MAX_MESSAGE_BYTES)) appendEvent(runtime, ensureStream(runtime, runningCall), text);
}

/** A handler may let go until its call has ended or was cancelled: after that nobody would hear of a stream. */
function closeConnectionForPolling(runtime: SessionRuntime, runningCall: RunningCall): void {
  if (runtime.runningCalls.has(runningCall)) closeForPolling(runtime, ensureStream(runtime, runningCall));
}

/** What came of the call could not be written down: a result that is no JSON, or a row that storage refused. */
function answerWithError(
  runtime: SessionRuntime,
  { request, streamId, respond }: RunningCall,
  reason: ProtocolError,
): void {
  if (streamId === undefined) respond({ kind: "answer", text: writeError(request.id, reason) });
  else if (!runtime.store.isAnswered(streamId)) sendError(runtime, streamId, request.id, reason);
}

/** The request with what the session knows of its client. */
function serverRequest(
  { record, caller }: RequestContext,
  request: RpcRequest,
  retryState: RetryState,
  sessionId: string,
): Omit<ServerRequest, "span"> {
  const { clientInfo, capabilities } = JSON.parse(record.client) as Pick<ServerRequest, "clientInfo" | "capabilities">;
  const token = (request.params["_meta"] as JsonObject | undefined)?.["progressToken"];
  const progressToken = typeof token === "string" || typeof token === "number" ? token : undefined;
  const logLevel = record.logLevel as LogLevel | undefined;
  return { ...request, caller, clientInfo, capabilities, progressToken, logLevel, retryState, sessionId };
}

/** The outcome of one run: an answer, or questions and then letting go. */
function finishRun(runtime: SessionRuntime, runningCall: RunningCall, outcome: Outcome): void {
  if (!runtime.runningCalls.delete(runningCall)) return;
  const { request, streamId, context } = runningCall;
  if (outcome.kind === "inputRequired") {
    if (context.revision.methods.get(request.method)?.mayRequireInput !== true)
      throw new Error(`${request.method} may not ask for input`);
    const ensuredStreamId = ensureStream(runtime, runningCall);
    const suspended = suspendCall(runtime, runningCall, ensuredStreamId, outcome);
    // The call is let go; the answer will come as another POST.
    return suspended.ok ? undefined : sendError(runtime, ensuredStreamId, request.id, suspended.error);
  }
  const text =
    outcome.kind === "complete"
      ? writeResult(request.id, encodeSessionResult(context.revision, request.method, outcome.result))
      : writeError(request.id, toSessionError(outcome.refusal));
  if (streamId === undefined) runningCall.respond({ kind: "answer", text });
  else appendEvent(runtime, streamId, text, true);
}

/** The running call's stream, opened when first needed: the POST is answered with it. */
function ensureStream(runtime: SessionRuntime, runningCall: RunningCall): number {
  if (runningCall.streamId !== undefined) return runningCall.streamId;
  const { request, callDeadline } = runningCall;
  runningCall.streamId = openStream(runtime, "running", streamCallJson(request.id, {}, callDeadline));
  scheduleAlarm(runtime, callDeadline.deadline);
  runningCall.respond({ kind: "stream", streamId: runningCall.streamId });
  return runningCall.streamId;
}

/** Ends the call of a stream with an error. */
export function sendError(runtime: SessionRuntime, streamId: number, id: RequestId, reason: ProtocolError): void {
  runtime.store.markRunning(streamId, streamCallJson(id));
  appendEvent(runtime, streamId, writeError(id, toSessionError(reason)), true);
}
