/**
 * One message of a session: a request to answer, a notification to take note of, an answer to a question.
 * MCP basic/lifecycle, utilities/ping, server/utilities/logging, server/resources#subscriptions.
 * A method without a row in the session's revision does not exist.
 */

import { encodeUtf8, isWithinBytes } from "../../base/bytes.ts";
import { isObject } from "../../base/json.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { isLogLevel, LOG_LEVELS, INVALID_PROGRESS_TOKEN } from "../../protocol/request-meta.ts";
import { logInternalError } from "../../server/failure.ts";
import { endRequestSpan } from "../../server/request-span.ts";
import { NO_TARGET } from "../../server/request-target.ts";
import {
  isWithinIdLimit,
  MESSAGE_TOO_LARGE,
  writeError,
  writeResult,
  type Message,
  type RequestId,
  type RpcRequest,
} from "../../wire/jsonrpc.ts";
import { cancelCall, resumeCall, sessionRequestSpan, startCall } from "./calls.ts";
import { MAX_EVENT_BYTES } from "./limits.ts";
import { BATCHED_INITIALIZE } from "./refusals.ts";
import { updateSubscription } from "./subscriptions.ts";
import type { MessageOutcome, SessionRuntime, RequestContext } from "./types.ts";

/** Handles the messages of one POST. Answers that together are too much for one become errors. */
export async function handleMessages(
  runtime: SessionRuntime,
  context: RequestContext,
  messages: readonly Message[],
  postId: string,
): Promise<MessageOutcome[]> {
  const outcomes = await Promise.all(
    messages.map((message) => handleMessage(runtime, context, message, postId)),
  );
  let remainingBytes = MAX_EVENT_BYTES;
  return outcomes.map((outcome, index) => {
    const message = messages[index];
    if (outcome.kind !== "answer" || message?.kind !== "request") return outcome;
    if (!isWithinBytes(outcome.text, remainingBytes))
      return emptyOutcome(message.id, MESSAGE_TOO_LARGE);
    remainingBytes -= encodeUtf8(outcome.text).length;
    return outcome;
  });
}

async function handleMessage(
  runtime: SessionRuntime,
  context: RequestContext,
  message: Message,
  postId: string,
): Promise<MessageOutcome> {
  if (message.kind === "response") {
    resumeCall(runtime, context, message);
    return { kind: "accepted" };
  }
  if (message.kind === "notification") {
    const { requestId } = message.params;
    const hasRequestId = typeof requestId === "string" || typeof requestId === "number";
    // spec: session.cancel
    if (message.method === "notifications/cancelled" && hasRequestId)
      cancelCall(runtime, requestId);
    return { kind: "accepted" };
  }
  const { id, method } = message;
  const { methods, date } = context.revision;
  if (!methods.has(method))
    return emptyOutcome(
      id,
      protocolError("MethodNotFound", `Method "${method}" does not exist in ${date}`),
    );
  const handler = SESSION_METHOD_HANDLERS.get(method);
  const { _meta } = message.params;
  if (isObject(_meta) && !isWithinIdLimit(_meta["progressToken"]))
    return emptyOutcome(id, protocolError("InvalidParams", INVALID_PROGRESS_TOKEN));
  // spec: jsonrpc.response.sent, session.task.ignored
  if (handler === undefined) return startCall(runtime, context, message, postId);
  const request = { ...message, target: NO_TARGET };
  const span = sessionRequestSpan(runtime, context, request);
  let error: ProtocolError | undefined;
  try {
    error = await handler(runtime, context, message);
  } catch (thrown) {
    // The other messages of a batch have run, or run on: theirs are answered all the same.
    error = logInternalError("call.failed", { ...request, span }, thrown);
  }
  endRequestSpan(
    span,
    error === undefined ? { kind: "complete", result: {} } : { kind: "refused", refusal: error },
  );
  runtime.dependencies.services.tracer.flush("now");
  return emptyOutcome(id, error);
}

type SessionMethodHandler = (
  runtime: SessionRuntime,
  context: RequestContext,
  request: RpcRequest,
) => ProtocolError | undefined | Promise<ProtocolError | undefined>;

/** What a session answers by itself: why not, or nothing when it is done. */
const SESSION_METHOD_HANDLERS = new Map<string, SessionMethodHandler>([
  ["logging/setLevel", setLogLevel],
  ["resources/subscribe", updateSubscription],
  ["resources/unsubscribe", updateSubscription],
  // spec: session.ping
  ["ping", () => undefined],
  // spec: session.initialize.unbatched
  ["initialize", () => BATCHED_INITIALIZE],
]);

/** An answer that says no more than whether the request was done. */
function emptyOutcome(id: RequestId, error: ProtocolError | undefined): MessageOutcome {
  return {
    kind: "answer",
    text: error === undefined ? writeResult(id, "{}") : writeError(id, error),
  };
}

function setLogLevel(
  runtime: SessionRuntime,
  _context: RequestContext,
  { params: { level } }: RpcRequest,
): ProtocolError | undefined {
  if (!isLogLevel(level))
    return protocolError("InvalidParams", `params.level must be one of ${LOG_LEVELS.join(", ")}`);
  runtime.store.updateSession({ logLevel: level });
  return undefined;
}
