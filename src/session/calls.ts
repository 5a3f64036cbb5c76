/**
 * Calls in a session: run, pause for the client, go on, be cancelled, be lost.
 * MCP basic/transports#sending-messages-to-the-server and utilities/cancellation, as they were with sessions.
 * Whatever happens, a call ends with exactly one answer: in its POST, or on its stream.
 */

import type { Caller } from "../base/caller.ts";
import { cancellation } from "../base/cancellation.ts";
import { utf8 } from "../base/bytes.ts";
import { now } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { NO_MEMORY, type Memory, type Notice, type Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import type { ClientCapabilities, Implementation, LogLevel } from "../revision/envelope.ts";
import { encodeForSession, refusalIn } from "../revision/legacy.ts";
import type { Revision } from "../revision/revisions.ts";
import { call } from "../server/call.ts";
import type { ServerRequest } from "../server/run.ts";
import {
  writeError,
  writeNotification,
  writeResult,
  type RequestId,
  type RpcRequest,
  type RpcResponse,
} from "../wire/jsonrpc.ts";
import { keptCall, putQuestions, takeAnswer, unanswered, withdraw } from "./questions.ts";
import { MAX_EVENT_BYTES, QUESTION_TTL_MS, type Handled, type Room, type Running } from "./room.ts";
import type { SessionRow } from "./rows.ts";
import { discard, emit, openStream, release } from "./streams.ts";

export interface Session {
  readonly row: SessionRow;
  readonly revision: Revision;
}

/** Starts a call. The promise ends with the answer, or with the stream on which it will come. */
export function start(
  room: Room,
  session: Session,
  request: RpcRequest,
  caller: Caller,
  ticket: string,
): Promise<Handled> {
  const { promise, resolve } = Promise.withResolvers<Handled>();
  const rest = { settle: resolve, stream: undefined, told: undefined };
  work(room, session, { ticket, request, caller, cancel: cancellation(), ...rest }, NO_MEMORY);
  return promise;
}

/** A call that has been silent for a while goes on as a stream. Does nothing when it has ended meanwhile. */
export function promote(room: Room, ticket: string): void {
  const running = room.running.get(ticket);
  if (running !== undefined) streamOf(room, running);
}

/** The client answered a question; with the last answer of a round the call runs again from its start. */
export function goOn(room: Room, session: Session, response: RpcResponse, caller: Caller): void {
  const answered = takeAnswer(room, response);
  if (answered === undefined) return;
  const { stream, kept, next } = answered;
  if (!next.ok) {
    withdraw(room, stream, kept, "Another question of the call was refused");
    return finish(room, stream, kept.request.id, next.error);
  }
  const { request, told } = kept;
  const rest = { settle: () => undefined, stream, told };
  work(room, session, { ticket: `resumed-${stream}`, request, caller, cancel: cancellation(), ...rest }, next.value);
}

/** `notifications/cancelled`: the newest call with that id stops, and nothing more is said about it. */
export function cancel(room: Room, id: RequestId): void {
  const running = [...room.running.values()].findLast(({ request }) => request.id === id);
  if (running !== undefined) {
    room.running.delete(running.ticket);
    running.cancel.abort();
    if (running.stream !== undefined) discard(room, running.stream);
    return running.settle({ kind: "accepted" });
  }
  for (const row of room.rows.waiting()) {
    const kept = keptCall(row.call);
    if (kept.request.id !== id) continue;
    withdraw(room, row.id, kept, "The call was cancelled");
    return discard(room, row.id);
  }
}

/** Ends with an error every call that was at work when the object died, and every question nobody answered in time. */
export function endLostCalls(room: Room): void {
  const held = new Set([...room.running.values()].map(({ stream }) => stream));
  for (const row of room.rows.unanswered()) {
    if (held.has(row.id)) continue;
    const { request } = keptCall(row.call);
    finish(
      room,
      row.id,
      request.id,
      refusal("InternalError", "The server was restarted while this call ran: call again"),
    );
  }
  for (const row of room.rows.waiting()) {
    if (row.expires > now()) continue;
    const kept = keptCall(row.call);
    const reason = `The client did not answer within ${QUESTION_TTL_MS / 1000} s`;
    withdraw(room, row.id, kept, reason);
    finish(room, row.id, kept.request.id, refusal("InternalError", reason));
  }
}

/** Runs the call once, from its start. Not awaited by any request: its stream or its promise carries what comes of it. */
function work(room: Room, session: Session, running: Running, memory: Memory): void {
  const { request, caller } = running;
  room.running.set(running.ticket, running);
  const outcome = call({
    server: room.house.server,
    request: { ...request, ...clientOf(session, request), caller, memory, session: room.state.id.toString() },
    sink: (notice) => tell(room, running, notice),
    cancel: running.cancel,
    services: room.house.services,
    // A client that was given no event id could not come back.
    release: session.revision.words.primes ? () => letGo(room, running) : undefined,
  });
  const ended = outcome
    .catch(unexpected)
    .then((value) => conclude(room, session, running, value))
    .catch((error: unknown) => fail(room, running, error));
  room.state.waitUntil(ended);
}

/** Passes a notice on. Progress told in an earlier round is not told again; what exceeds an event is dropped. */
function tell(room: Room, running: Running, { method, params }: Notice): void {
  const progress = method === "notifications/progress" ? Number(params["progress"]) : undefined;
  if (progress !== undefined && running.told !== undefined && progress <= running.told) return;
  running.told = progress ?? running.told;
  const text = writeNotification(method, params);
  if (utf8(text).length <= MAX_EVENT_BYTES) emit(room, streamOf(room, running), text);
}

/** A handler may let go until its call has ended or was cancelled: after that nobody would hear of a stream. */
function letGo(room: Room, running: Running): void {
  if (room.running.has(running.ticket)) release(room, streamOf(room, running));
}

/** What came of the call could not be written down: a result that is no JSON, or a row that storage refused. */
function fail(room: Room, { request, stream, settle }: Running, error: unknown): void {
  unexpected(error);
  if (stream === undefined) settle({ kind: "answer", text: writeError(request.id, INTERNAL) });
  else if (!room.rows.isAnswered(stream)) finish(room, stream, request.id, INTERNAL);
}

const INTERNAL: Refusal = refusal("InternalError", "Internal error");

function unexpected(error: unknown): Outcome {
  console.error(JSON.stringify({ event: "call.failed", error: String((error as Error)?.stack ?? error) }));
  return { kind: "refused", refusal: INTERNAL };
}

type AboutClient = Pick<ServerRequest, "capabilities" | "clientInfo" | "progressToken" | "logLevel">;

function clientOf({ row }: Session, { params }: RpcRequest): AboutClient {
  const token = (params["_meta"] as JsonObject | undefined)?.["progressToken"];
  return {
    capabilities: JSON.parse(row.client.capabilities) as ClientCapabilities,
    clientInfo: JSON.parse(row.client.info) as Implementation,
    progressToken: typeof token === "string" || typeof token === "number" ? token : undefined,
    logLevel: row.level as LogLevel | undefined,
  };
}

/** The outcome of one run: an answer, or questions and then letting go. */
async function conclude(room: Room, session: Session, running: Running, outcome: Outcome): Promise<void> {
  if (!room.running.delete(running.ticket)) return;
  const { request, stream } = running;
  if (outcome.kind === "input") {
    const asking = streamOf(room, running);
    const put = await putQuestions(room, session.revision, asking, running, outcome);
    // The call is let go; the answer will come as another POST.
    return put.ok ? undefined : finish(room, asking, request.id, put.error);
  }
  const text =
    outcome.kind === "complete"
      ? writeResult(request.id, encodeForSession(session.revision, request.method, outcome.result))
      : writeError(request.id, refusalIn(outcome.refusal));
  if (stream === undefined) return running.settle({ kind: "answer", text });
  if (utf8(text).length <= MAX_EVENT_BYTES) return emit(room, stream, text, true);
  finish(room, stream, request.id, refusal("InternalError", `The result is larger than ${MAX_EVENT_BYTES} bytes`));
}

/** The running call's stream, opened when first needed: the POST is answered with it. */
function streamOf(room: Room, running: Running): number {
  if (running.stream !== undefined) return running.stream;
  running.stream = openStream(room, "running", unanswered(running.request.id));
  running.settle({ kind: "stream", stream: running.stream });
  return running.stream;
}

function finish(room: Room, stream: number, id: RequestId, reason: Refusal): void {
  room.rows.updateStream(stream, "running", unanswered(id), 0);
  emit(room, stream, writeError(id, refusalIn(reason)), true);
}
