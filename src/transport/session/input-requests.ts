/**
 * Questions of a session: written down with their call, answered by another POST, perhaps by another memory.
 * MCP client/elicitation, client/sampling, client/roots, as they were when servers sent requests.
 * An answer finds its call through the question's id, which this server chose, never through one the client chose.
 */

import { encodeBase64url, cut, isWithinBytes } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { RetryState, Outcome } from "../../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { downgradeInputRequest } from "../../protocol/session-encoding.ts";
import {
  MAX_MESSAGE_BYTES,
  writeNotification,
  type RequestId,
  type RpcRequest,
  type RpcResponse,
  replaceHalfPairs,
} from "../../wire/jsonrpc.ts";
import { MAX_CALLS, MAX_SUSPENDED_BYTES, INPUT_REQUEST_TTL_MS } from "./limits.ts";
import { TOO_MANY_CALLS } from "./refusals.ts";
import {
  scheduleAlarm,
  type SessionRuntime,
  type RunningCall,
  type CallDeadline,
} from "./types.ts";
import { appendEvent } from "./streams.ts";

/** The questions of a call that are with the client, by their ids. */
type OpenInputRequests = Readonly<
  Record<string, { readonly key: string; readonly method: string }>
>;

/** What a stream's row says of its call: enough to find it, and to say that it was lost. */
export interface StreamCall {
  readonly request: { readonly id: RequestId };
  readonly openRequests: OpenInputRequests;
  /** While it runs. */
  readonly callDeadline?: CallDeadline;
}

/** What a call that waits needs to go on. */
interface SuspendedCall {
  readonly request: RpcRequest;
  readonly retryState: RetryState;
  readonly lastProgress: number | undefined;
}

/** A stream's call as its row holds it. @throws when that is no JSON. */
export function parseStreamCall(json: string): StreamCall {
  return JSON.parse(json) as StreamCall;
}

/** False when another version wrote down the session's calls, in a way that cannot be read here. */
export function isReadable({ store }: SessionRuntime): boolean {
  try {
    return [...store.unansweredStreams(), ...store.suspendedStreams()].every(
      ({ state, call_json }) => {
        const { request, openRequests } = parseStreamCall(call_json);
        return isObject(request) && (state === "running" || isObject(openRequests));
      },
    );
  } catch (error) {
    // Storage that fails is no other version's: whoever comes later may find it whole.
    return /SQLITE_(?!ERROR)/.test(String(error));
  }
}

/** A stream's call, for its row. */
export function streamCallJson(
  id: RequestId,
  openRequests: OpenInputRequests = {},
  callDeadline?: CallDeadline,
): string {
  return JSON.stringify({ request: { id }, openRequests, callDeadline });
}

/** When the next question or call of the session has taken too long; milliseconds since the epoch. */
export function nextDeadline({ store: rows, runningCalls }: SessionRuntime): number {
  // What is over by now is on its way to its answer.
  const deadlines = [...runningCalls]
    .map(({ callDeadline }) => callDeadline.deadline)
    .filter((deadline) => deadline > now());
  return Math.min(rows.suspendedStreams()[0]?.expires_at_ms ?? Infinity, ...deadlines);
}

/** Writes the questions down and then sends them. Refuses what the revision cannot ask and what a session cannot keep. */
export function suspendCall(
  runtime: SessionRuntime,
  { request, context, lastProgress }: RunningCall,
  streamId: number,
  { requests, retryState }: Outcome & { kind: "inputRequired" },
): Result<void, ProtocolError> {
  const openRequests: Record<string, { key: string; method: string }> = {};
  const messages: string[] = [];
  for (const [key, input] of Object.entries(requests)) {
    // spec: session.request.id, session.request.id.unique
    const id = `${streamId}.${encodeBase64url(randomBytes(9))}`;
    const inputRequest = downgradeInputRequest(context.revision, input);
    if (!inputRequest.ok) return inputRequest;
    openRequests[id] = { key, method: input.method };
    messages.push(replaceHalfPairs(JSON.stringify({ jsonrpc: "2.0", id, ...inputRequest.value })));
  }
  if (runtime.store.suspendedStreams().length >= MAX_CALLS) return err(TOO_MANY_CALLS);
  const expires = now() + INPUT_REQUEST_TTL_MS;
  const suspendedCall: SuspendedCall = {
    request: { ...request, params: paramsToKeep(request.params) },
    retryState,
    lastProgress,
  };
  const isEachWithinLimit = messages.every((message) => isWithinBytes(message, MAX_MESSAGE_BYTES));
  if (
    !isEachWithinLimit ||
    !saveWithinLimit(runtime, streamId, suspendedCall, openRequests, expires)
  )
    return err(TOO_MANY_CALLS);
  for (const message of messages) appendEvent(runtime, streamId, message);
  scheduleAlarm(runtime, expires);
  return ok(undefined);
}

/** The parameters with which a call that asked runs again: what a client adds to them is not kept. */
function paramsToKeep({ name, arguments: args, uri, _meta }: JsonObject): JsonObject {
  const token = isObject(_meta) ? _meta["progressToken"] : undefined;
  const params = { name, arguments: args, uri, _meta: { progressToken: token } };
  // JSON leaves out what is undefined.
  return params as { [member: string]: JsonValue };
}

/** Keeps a call that waits. False when that is more than the session may keep. */
function saveWithinLimit(
  runtime: SessionRuntime,
  streamId: number,
  call: SuspendedCall,
  openRequests: OpenInputRequests,
  expires: number,
): boolean {
  const serializedCall = JSON.stringify(call);
  const remainingBytes = MAX_SUSPENDED_BYTES - runtime.store.suspendedBytes(streamId);
  if (!isWithinBytes(serializedCall, Math.min(remainingBytes, MAX_MESSAGE_BYTES))) return false;
  runtime.store.saveSuspendedCall(
    streamId,
    streamCallJson(call.request.id, openRequests),
    serializedCall,
    expires,
  );
  return true;
}

/** Characters of a client's reason that are passed on. */
const MAX_REASON_LENGTH = 1_000;

/** What an answer means for its call: go on with the memory it has now, or end with `refused`. */
export interface ResumableCall {
  readonly streamId: number;
  readonly suspendedCall: SuspendedCall;
  /** Those that are still open. */
  readonly openRequests: OpenInputRequests;
  readonly error?: ProtocolError;
}

/** Takes an answer. Undefined when it answers nothing here, or when other questions of its round are still open. */
export function acceptResponse(
  runtime: SessionRuntime,
  { id, result, error }: RpcResponse,
): ResumableCall | undefined {
  const streamId = Number(String(id).split(".")[0]);
  const row = Number.isSafeInteger(streamId) ? runtime.store.stream(streamId) : undefined;
  if (row?.state !== "suspended") return undefined;
  const { [String(id)]: openRequest, ...openRequests } = parseStreamCall(
    row.call_json,
  ).openRequests;
  // spec: session.cancel.ignored
  if (openRequest === undefined) return undefined;
  // A call that waits since an earlier version is whole in its row.
  const previousCall = JSON.parse(
    runtime.store.suspendedCallJson(streamId) ?? row.call_json,
  ) as SuspendedCall;
  if (result === undefined) {
    const { message } = error ?? {};
    const clientMessage =
      typeof message === "string" ? cut(message, MAX_REASON_LENGTH) : "no reason given";
    const clientError = protocolError(
      "InternalError",
      `The client refused ${openRequest.method}: ${clientMessage}`,
    );
    return { streamId, suspendedCall: previousCall, openRequests, error: clientError };
  }
  const answers = { ...previousCall.retryState.answers, [openRequest.key]: result };
  const suspendedCall: SuspendedCall = {
    ...previousCall,
    retryState: { ...previousCall.retryState, answers },
  };
  if (Object.keys(openRequests).length === 0) return { streamId, suspendedCall, openRequests };
  return saveWithinLimit(runtime, streamId, suspendedCall, openRequests, row.expires_at_ms)
    ? undefined
    : { streamId, suspendedCall, openRequests, error: TOO_MANY_CALLS };
}

/** Tells the client that open questions need no answer any more. */
export function cancelInputRequests(
  runtime: SessionRuntime,
  streamId: number,
  questions: OpenInputRequests,
  reason: string,
): void {
  // spec: session.cancel.own, session.timeout.cancel
  for (const requestId of Object.keys(questions)) {
    appendEvent(
      runtime,
      streamId,
      writeNotification("notifications/cancelled", { requestId, reason }),
    );
  }
}
