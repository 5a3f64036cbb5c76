/**
 * Calls in a session: run, pause for the client, go on, be cancelled. `call-replies.ts` has what they send,
 * `lost-calls.ts` how they are lost.
 * MCP basic/transports#sending-messages-to-the-server and utilities/cancellation, as they were with sessions.
 * Whatever happens, a call ends with exactly one answer: in its POST, or on its stream.
 */

import { createCancellation } from "../../base/cancellation.ts";
import type { JsonObject } from "../../base/json.ts";
import { now } from "../../base/time.ts";
import { NO_RETRY_STATE, errorOutcome, type RetryState } from "../../protocol/outcome.ts";
import type { ProtocolError } from "../../base/protocol-error.ts";
import type { LogLevel } from "../../protocol/request-meta.ts";
import { dispatch } from "../../server/dispatch.ts";
import { logInternalError } from "../../server/failure.ts";
import { endRequestSpan, startRequestSpan } from "../../server/request-span.ts";
import { findTarget } from "../../server/request-target.ts";
import { timeLimitOf } from "../../server/run-handler.ts";
import type { ServerRequest, TargetedRequest } from "../../server/types.ts";
import type { Span } from "../../base/span.ts";
import {
  writeError,
  type RequestId,
  type RpcRequest,
  type RpcResponse,
} from "../../wire/jsonrpc.ts";
import {
  answerWithError,
  closeConnectionForPolling,
  continueOnStream,
  finishRun,
  sendError,
  sendNotification,
} from "./call-replies.ts";
import { parseStreamCall, acceptResponse, cancelInputRequests } from "./input-requests.ts";
import { MAX_CALLS } from "./limits.ts";
import { TOO_MANY_CALLS } from "./refusals.ts";
import type { MessageOutcome, SessionRuntime, RunningCall, RequestContext } from "./types.ts";
import { deleteStream } from "./streams.ts";

/** Starts a call. The promise ends with the answer, or with the stream on which it will come. */
export async function startCall(
  runtime: SessionRuntime,
  context: RequestContext,
  request: RpcRequest,
  postId: string,
): Promise<MessageOutcome> {
  const { running, stopped } = expireCalls(runtime);
  if (running + stopped >= MAX_CALLS)
    return { kind: "answer", text: writeError(request.id, TOO_MANY_CALLS) };
  const { promise, resolve: respond } = Promise.withResolvers<MessageOutcome>();
  runCall(
    runtime,
    { postId, request, context, respond, streamId: undefined, lastProgress: undefined },
    NO_RETRY_STATE,
  );
  return promise;
}

/** Ends the calls that take too long, stopped ones too. How many others are at work, and how many were stopped and work on. */
export function expireCalls({ runningCalls, stoppedCalls }: SessionRuntime): {
  readonly running: number;
  readonly stopped: number;
} {
  const countInTime = (calls: Iterable<RunningCall>): number => {
    let count = 0;
    for (const { callDeadline, cancel } of calls) {
      if (callDeadline.deadline <= now()) cancel.expire(callDeadline.message);
      else count += 1;
    }
    return count;
  };
  return { running: countInTime(runningCalls), stopped: countInTime(stoppedCalls) };
}

/** The client answered a question; with the last answer of a round the call runs again from its start. */
export function resumeCall(
  runtime: SessionRuntime,
  context: RequestContext,
  response: RpcResponse,
): void {
  const resumable = acceptResponse(runtime, response);
  if (resumable === undefined) return;
  const { streamId, suspendedCall, openRequests, error } = resumable;
  const { request, retryState, lastProgress } = suspendedCall;
  if (error !== undefined) {
    cancelInputRequests(
      runtime,
      streamId,
      openRequests,
      "Another question of the call was refused",
    );
    return sendError(runtime, streamId, request.id, error);
  }
  const respond = (): void => undefined;
  runCall(
    runtime,
    { postId: "resumed", request, context, respond, streamId, lastProgress },
    retryState,
  );
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
export function abortCall(
  runtime: SessionRuntime,
  runningCall: RunningCall,
  outcome: MessageOutcome,
): void {
  runtime.runningCalls.delete(runningCall);
  runtime.stoppedCalls.add(runningCall);
  runningCall.cancel.abort();
  if (runningCall.streamId !== undefined) deleteStream(runtime, runningCall.streamId);
  runningCall.respond(outcome);
}

/** Runs the call once, from its start. Not awaited by any request: its stream or its promise carries what comes of it. */
function runCall(
  runtime: SessionRuntime,
  call: Omit<RunningCall, "cancel" | "callDeadline">,
  retryState: RetryState,
): void {
  const { context, streamId } = call;
  const { server, services } = runtime.dependencies;
  const targeted = { ...call.request, target: findTarget(server, call.request) };
  const { ms, message } = timeLimitOf(services, targeted);
  const callDeadline = { deadline: now() + ms, message };
  const runningCall = { ...call, cancel: createCancellation(), callDeadline };
  // Of a call that goes on: it has its stream, whose row says how long it may take from now on.
  if (streamId !== undefined) continueOnStream(runtime, streamId, call.request.id, callDeadline);
  runtime.runningCalls.add(runningCall);
  const span = sessionRequestSpan(runtime, context, targeted);
  const sessionId = runtime.objectState.id.toString();
  const request = { ...serverRequest(context, targeted, retryState, sessionId), span };
  const outcome = dispatch({
    server,
    request,
    sink: (notification) => sendNotification(runtime, runningCall, notification),
    cancel: runningCall.cancel,
    services,
    // A client that was given no event id could not come back.
    closeStream: context.revision.features.sendsPrimingEvent
      ? () => closeConnectionForPolling(runtime, runningCall)
      : undefined,
  });
  const logFailure = (error: unknown): ProtocolError =>
    logInternalError("call.failed", request, error);
  const finished = outcome
    .catch((error: unknown) => errorOutcome(logFailure(error)))
    .then((value) => {
      endRequestSpan(span, value);
      // No timer here: it would keep the object awake.
      services.tracer.flush("now");
      return finishRun(runtime, runningCall, value);
    })
    .catch((error: unknown) => answerWithError(runtime, runningCall, logFailure(error)))
    .finally(() => runtime.stoppedCalls.delete(runningCall));
  runtime.objectState.waitUntil(finished);
}

/** The span of a request in the session, inside what the Worker recorded. */
export function sessionRequestSpan(
  { dependencies }: SessionRuntime,
  { record, revision, trace }: RequestContext,
  request: TargetedRequest,
): Span {
  const spanAttributes = { "mcp.protocol.version": revision.date, "mcp.session.id": record.name };
  return startRequestSpan(
    dependencies.services.tracer.continueTrace(trace),
    request,
    spanAttributes,
  );
}

/** The request with what the session knows of its client. */
function serverRequest(
  { record, caller }: RequestContext,
  request: TargetedRequest,
  retryState: RetryState,
  sessionId: string,
): Omit<ServerRequest, "span"> {
  const { clientInfo, capabilities } = JSON.parse(record.client) as Pick<
    ServerRequest,
    "clientInfo" | "capabilities"
  >;
  const token = (request.params["_meta"] as JsonObject | undefined)?.["progressToken"];
  const progressToken = typeof token === "string" || typeof token === "number" ? token : undefined;
  const logLevel = record.logLevel as LogLevel | undefined;
  return {
    ...request,
    caller,
    clientInfo,
    capabilities,
    progressToken,
    logLevel,
    retryState,
    sessionId,
  };
}
