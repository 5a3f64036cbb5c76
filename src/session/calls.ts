/**
 * Calls in a session: run, pause for the client, go on, be cancelled, be lost.
 * MCP basic/transports#sending-messages-to-the-server and utilities/cancellation, as they were with sessions.
 * Whatever happens, a call ends with exactly one answer: in its POST, or on its stream.
 */

import { cancellation } from "../base/cancellation.ts";
import { isWithin } from "../base/bytes.ts";
import { now } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import { NO_MEMORY, refused, type Memory, type Notice, type Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import type { LogLevel } from "../revision/envelope.ts";
import { encodeForSession, refusalIn } from "../revision/legacy.ts";
import { call } from "../server/call.ts";
import { report } from "../server/failure.ts";
import type { ServerRequest } from "../server/types.ts";
import { endWith, serveSpan } from "../server/trace.ts";
import type { Span } from "../telemetry/span.ts";
import { MAX_MESSAGE_BYTES, writeError, writeNotification, writeResult } from "../wire/jsonrpc.ts";
import type { RequestId, RpcRequest, RpcResponse } from "../wire/jsonrpc.ts";
import { isReadable, noteCall, notedCall, putQuestions, takeAnswer, timeFor, withdraw } from "./questions.ts";
import { CALL_LOST, MAX_CALLS, QUESTION_TTL_MS, TOO_MANY_CALLS, wakeBy } from "./room.ts";
import type { Handled, Room, Running, TimeLimit, Visit } from "./room.ts";
import { discard, emit, openStream, release } from "./streams.ts";

/** Starts a call. The promise ends with the answer, or with the stream on which it will come. */
export async function start(room: Room, visit: Visit, request: RpcRequest, ticket: string): Promise<Handled> {
  if (room.running.size >= MAX_CALLS) return { kind: "answer", text: writeError(request.id, TOO_MANY_CALLS) };
  const { promise, resolve: settle } = Promise.withResolvers<Handled>();
  const limit = timeFor(room, request);
  const cancel = cancellation();
  work(room, { ticket, request, visit, cancel, limit, settle, stream: undefined, told: undefined }, NO_MEMORY);
  return promise;
}

/** Calls that have been silent for a while go on as streams, those of the POST with this ticket that are still at work. */
export function promote(room: Room, ticket: string): void {
  for (const running of room.running) if (running.ticket === ticket) streamOf(room, running);
}

/** The client answered a question; with the last answer of a round the call runs again from its start. */
export function goOn(room: Room, visit: Visit, response: RpcResponse): void {
  const answered = takeAnswer(room, response);
  if (answered === undefined) return;
  const { stream, kept, questions, refused } = answered;
  const { request, memory, told } = kept;
  if (refused !== undefined) {
    withdraw(room, stream, questions, "Another question of the call was refused");
    return finish(room, stream, request.id, refused);
  }
  const settle = (): void => undefined;
  const limit = timeFor(room, request);
  const running = { ticket: "resumed", request, visit, cancel: cancellation(), limit, settle, stream, told };
  work(room, running, memory);
  wakeBy(room, limit.deadline);
}

/** `notifications/cancelled`: the newest call with that id stops, and nothing more is said about it. */
export function cancel(room: Room, id: RequestId): void {
  const running = [...room.running].findLast(({ request }) => request.id === id);
  if (running !== undefined) return stop(room, running, { kind: "accepted" });
  for (const row of room.rows.waiting()) {
    const { request, questions } = notedCall(row.call);
    if (request.id !== id) continue;
    withdraw(room, row.id, questions, "The call was cancelled");
    return discard(room, row.id);
  }
}

/** Stops a call: its handler is told, its POST ends as `handled`, and its stream without an answer. */
export function stop(room: Room, running: Running, handled: Handled): void {
  room.running.delete(running);
  running.cancel.abort();
  if (running.stream !== undefined) discard(room, running.stream);
  running.settle(handled);
}

/** Ends what was lost with the object before this one. False when what that kept cannot be read. */
export function takeOver(room: Room): boolean {
  const readable = isReadable(room);
  if (readable) endLostCalls(room);
  return readable;
}

/**
 * Ends with an error every call that takes too long, every call that was at work when the object died, and every question
 * nobody answered in time.
 */
export function endLostCalls(room: Room): void {
  for (const { limit, cancel } of room.running) if (limit.deadline <= now()) cancel.expire(limit.message);
  const held = new Set([...room.running].map(({ stream }) => stream));
  for (const row of room.rows.unanswered()) {
    const { request, limit } = notedCall(row.call);
    if (!held.has(row.id)) finish(room, row.id, request.id, lostBy(limit));
  }
  for (const row of room.rows.waiting()) {
    if (row.expires > now()) continue;
    const { request, questions } = notedCall(row.call);
    const reason = `The client did not answer within ${QUESTION_TTL_MS / 1000} s`;
    withdraw(room, row.id, questions, reason);
    finish(room, row.id, request.id, refusal("InternalError", reason));
  }
}

/** A call that waits for nothing does not keep the object awake: it is lost, and found when its time is over. */
function lostBy(limit: TimeLimit | undefined): Refusal {
  if (limit === undefined || limit.deadline > now()) return CALL_LOST;
  log("error", "handler.timeout", { error: limit.message });
  return refusal("InternalError", limit.message);
}

/** Runs the call once, from its start. Not awaited by any request: its stream or its promise carries what comes of it. */
function work(room: Room, running: Running, memory: Memory): void {
  const { request, visit } = running;
  const { server, services } = room.house;
  const session = room.state.id.toString();
  room.running.add(running);
  const span = spanIn(room, visit, request);
  const outcome = call({
    server,
    request: { ...serverRequest(visit, request, memory, session), span },
    sink: (notice) => tell(room, running, notice),
    cancel: running.cancel,
    services,
    // A client that was given no event id could not come back.
    release: visit.revision.words.primes ? () => letGo(room, running) : undefined,
  });
  const failed = (error: unknown): Refusal => report("call.failed", { server, request: { ...request, span } }, error);
  const ended = outcome
    .catch((error: unknown) => refused(failed(error)))
    .then((value) => {
      endWith(span, value);
      // No timer here: it would keep the object awake.
      services.tracer.settle("now");
      return conclude(room, running, value);
    })
    .catch((error: unknown) => fail(room, running, failed(error)));
  room.state.waitUntil(ended);
}

/** The span of a request in the session, inside what the Worker recorded. */
export function spanIn({ house }: Room, { row, revision, trace }: Visit, request: RpcRequest): Span {
  const era = { "mcp.protocol.version": revision.date, "mcp.session.id": row.name };
  return serveSpan(house.services.tracer.resume(trace), house.server, request, era);
}

/** Passes a notice on. Progress told in an earlier round is not told again; what is too large is dropped. */
function tell(room: Room, running: Running, { method, params }: Notice): void {
  const progress = method === "notifications/progress" ? Number(params["progress"]) : undefined;
  if (progress !== undefined && running.told !== undefined && progress <= running.told) return;
  running.told = progress ?? running.told;
  const text = writeNotification(method, params);
  if (isWithin(text, MAX_MESSAGE_BYTES)) emit(room, streamOf(room, running), text);
}

/** A handler may let go until its call has ended or was cancelled: after that nobody would hear of a stream. */
function letGo(room: Room, running: Running): void {
  if (room.running.has(running)) release(room, streamOf(room, running));
}

/** What came of the call could not be written down: a result that is no JSON, or a row that storage refused. */
function fail(room: Room, { request, stream, settle }: Running, reason: Refusal): void {
  if (stream === undefined) settle({ kind: "answer", text: writeError(request.id, reason) });
  else if (!room.rows.isAnswered(stream)) finish(room, stream, request.id, reason);
}

/** The request with what the session knows of its client. */
function serverRequest(
  { row, caller }: Visit,
  request: RpcRequest,
  memory: Memory,
  session: string,
): Omit<ServerRequest, "span"> {
  const { clientInfo, capabilities } = JSON.parse(row.client) as Pick<ServerRequest, "clientInfo" | "capabilities">;
  const token = (request.params["_meta"] as JsonObject | undefined)?.["progressToken"];
  const progressToken = typeof token === "string" || typeof token === "number" ? token : undefined;
  const logLevel = row.level as LogLevel | undefined;
  return { ...request, caller, clientInfo, capabilities, progressToken, logLevel, memory, session };
}

/** The outcome of one run: an answer, or questions and then letting go. */
function conclude(room: Room, running: Running, outcome: Outcome): void {
  if (!room.running.delete(running)) return;
  const { request, stream, visit } = running;
  if (outcome.kind === "input") {
    if (visit.revision.methods.get(request.method)?.mayAsk !== true)
      throw new Error(`${request.method} may not ask for input`);
    const asking = streamOf(room, running);
    const put = putQuestions(room, running, asking, outcome);
    // The call is let go; the answer will come as another POST.
    return put.ok ? undefined : finish(room, asking, request.id, put.error);
  }
  const text =
    outcome.kind === "complete"
      ? writeResult(request.id, encodeForSession(visit.revision, request.method, outcome.result))
      : writeError(request.id, refusalIn(outcome.refusal));
  if (stream === undefined) running.settle({ kind: "answer", text });
  else emit(room, stream, text, true);
}

/** The running call's stream, opened when first needed: the POST is answered with it. */
function streamOf(room: Room, running: Running): number {
  if (running.stream !== undefined) return running.stream;
  const { request, limit } = running;
  running.stream = openStream(room, "running", noteCall(request.id, {}, limit));
  wakeBy(room, limit.deadline);
  running.settle({ kind: "stream", stream: running.stream });
  return running.stream;
}

function finish(room: Room, stream: number, id: RequestId, reason: Refusal): void {
  room.rows.resumeCall(stream, noteCall(id));
  emit(room, stream, writeError(id, refusalIn(reason)), true);
}
