/**
 * Calls in a session: run, pause for the client, go on, be cancelled, be lost.
 * MCP (2025-11-25) transports#sending-messages-to-the-server, utilities/cancellation, client/elicitation, client/sampling.
 * An answer finds its call through the question's row, never through a JSON-RPC id of the client's choosing.
 */

import type { Caller } from "../base/caller.ts";
import { base64url, utf8 } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { NO_MEMORY, type Memory, type Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import type { ClientCapabilities, Implementation, LogLevel } from "../revision/envelope.ts";
import { encodeForSession, questionIn, refusalIn } from "../revision/legacy.ts";
import type { Revision } from "../revision/revisions.ts";
import { call } from "../server/call.ts";
import {
  writeError,
  writeNotification,
  writeResult,
  type RequestId,
  type RpcRequest,
  type RpcResponse,
} from "../wire/jsonrpc.ts";
import { MAX_EVENT_BYTES, QUESTION_TTL_MS, type Handled, type Room, type Running } from "./room.ts";
import type { SessionRow } from "./rows.ts";
import { discard, emit, openStream, release } from "./streams.ts";

/** The call behind a stream, as its row keeps it. Questions and memory are there while it waits. */
interface KeptCall {
  readonly request: RpcRequest;
  readonly questions: Record<string, { readonly key: string; readonly method: string }>;
  readonly memory: Memory;
}

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
  const running: Running = { request, caller, cancel: new AbortController(), settle: resolve, stream: undefined };
  work(room, session, running, ticket, NO_MEMORY);
  return promise;
}

/** A call that has been silent for a while goes on as a stream. Does nothing when it has ended meanwhile. */
export function promote(room: Room, ticket: string): void {
  const running = room.running.get(ticket);
  if (running !== undefined) streamOf(room, running);
}

/** Takes the client's answer to a question; the last answer of a round lets the call go on. Unknown answers are ignored. */
export async function takeAnswer(room: Room, session: Session, response: RpcResponse, caller: Caller): Promise<void> {
  const stream = Number(String(response.id).split(".")[0]);
  const row = Number.isSafeInteger(stream) ? room.rows.stream(stream) : undefined;
  if (row?.state !== "waiting") return;
  const kept = JSON.parse(row.call) as KeptCall;
  const question = kept.questions[String(response.id)];
  if (question === undefined) return;
  const { [String(response.id)]: _answered, ...open } = kept.questions;
  if (response.result === undefined) {
    const said = response.error?.["message"];
    const reason = typeof said === "string" ? said : "no reason given";
    return finish(
      room,
      stream,
      kept.request.id,
      refusal("InternalError", `The client refused ${question.method}: ${reason}`),
    );
  }
  const memory = { ...kept.memory, answers: { ...kept.memory.answers, [question.key]: response.result } };
  const waits = Object.keys(open).length > 0;
  room.rows.updateStream(
    stream,
    waits ? "waiting" : "running",
    JSON.stringify({ ...kept, questions: open, memory }),
    waits ? row.expires : 0,
  );
  if (waits) return;
  const running: Running = {
    request: kept.request,
    caller,
    cancel: new AbortController(),
    settle: () => undefined,
    stream,
  };
  work(room, session, running, `resumed-${stream}`, memory);
}

/** `notifications/cancelled`: the newest call with that id stops, and nothing more is said about it. */
export function cancel(room: Room, id: RequestId): void {
  const [ticket, running] = [...room.running].findLast(([, one]) => one.request.id === id) ?? [];
  if (ticket !== undefined && running !== undefined) {
    room.running.delete(ticket);
    running.cancel.abort();
    if (running.stream !== undefined) discard(room, running.stream);
    return running.settle({ kind: "accepted" });
  }
  for (const row of room.rows.waiting()) {
    const kept = JSON.parse(row.call) as KeptCall;
    if (kept.request.id !== id) continue;
    for (const question of Object.keys(kept.questions)) {
      emit(
        room,
        row.id,
        writeNotification("notifications/cancelled", { requestId: question, reason: "The call was cancelled" }),
      );
    }
    return discard(room, row.id);
  }
}

/** Ends with an error every call that was at work when the object died, and every question nobody answered in time. */
export function endLostCalls(room: Room): void {
  const held = new Set([...room.running.values()].map(({ stream }) => stream));
  for (const row of room.rows.unanswered()) {
    if (held.has(row.id)) continue;
    const { request } = JSON.parse(row.call) as KeptCall;
    finish(
      room,
      row.id,
      request.id,
      refusal("InternalError", "The server was restarted while this call ran: call again"),
    );
  }
  for (const row of room.rows.waiting()) {
    if (row.expires > now()) continue;
    const { request } = JSON.parse(row.call) as KeptCall;
    finish(
      room,
      row.id,
      request.id,
      refusal("InternalError", `The client did not answer within ${QUESTION_TTL_MS / 1000} s`),
    );
  }
}

/** Runs the call once, from its start. Not awaited by any request: its stream or its promise carries what comes of it. */
function work(room: Room, session: Session, running: Running, ticket: string, memory: Memory): void {
  const { request, caller, cancel: cancelled } = running;
  room.running.set(ticket, running);
  const outcome = call({
    server: room.house.server,
    request: { ...request, ...clientOf(session, request), caller, memory },
    sink: ({ method, params }) => emit(room, streamOf(room, running), writeNotification(method, params)),
    signal: cancelled.signal,
    services: room.house.services,
    // A client that was given no event id could not come back.
    release: session.revision.words.primes ? () => release(room, streamOf(room, running)) : undefined,
  });
  const ended = outcome.then(
    (value) => conclude(room, session, running, ticket, value),
    (error: unknown) => {
      console.error(
        JSON.stringify({
          event: "call.failed",
          method: request.method,
          error: String((error as Error)?.stack ?? error),
        }),
      );
      return conclude(room, session, running, ticket, {
        kind: "refused",
        refusal: refusal("InternalError", "Internal error"),
      });
    },
  );
  room.state.waitUntil(ended);
}

function clientOf(
  { row }: Session,
  { params }: RpcRequest,
): {
  capabilities: ClientCapabilities;
  clientInfo: Implementation;
  progressToken: string | number | undefined;
  logLevel: LogLevel | undefined;
} {
  const token = (params["_meta"] as JsonObject | undefined)?.["progressToken"];
  return {
    capabilities: JSON.parse(row.client.capabilities) as ClientCapabilities,
    clientInfo: JSON.parse(row.client.info) as Implementation,
    progressToken: typeof token === "string" || typeof token === "number" ? token : undefined,
    logLevel: row.level as LogLevel | undefined,
  };
}

/** The outcome of one run: an answer, or questions and then letting go. */
async function conclude(
  room: Room,
  session: Session,
  running: Running,
  ticket: string,
  outcome: Outcome,
): Promise<void> {
  if (!room.running.delete(ticket)) return;
  const { request, stream } = running;
  if (outcome.kind === "input") return pause(room, session, running, outcome);
  const reason = outcome.kind === "refused" ? refusalIn(outcome.refusal) : undefined;
  const text =
    outcome.kind === "complete"
      ? writeResult(request.id, encodeForSession(session.revision, request.method, outcome.result))
      : writeError(request.id, reason ?? refusal("InternalError", "Internal error"));
  if (stream === undefined) return running.settle({ kind: "answer", text });
  if (utf8(text).length <= MAX_EVENT_BYTES) return emit(room, stream, text, true);
  finish(room, stream, request.id, refusal("InternalError", `The result is larger than ${MAX_EVENT_BYTES} bytes`));
}

/** Writes the questions down, sends them, and lets go of the call. */
async function pause(
  room: Room,
  session: Session,
  running: Running,
  outcome: Outcome & { kind: "input" },
): Promise<void> {
  const stream = streamOf(room, running);
  const questions: KeptCall["questions"] = {};
  const messages: string[] = [];
  for (const [key, asked] of Object.entries(outcome.requests)) {
    const id = `${stream}.${base64url(randomBytes(9))}`;
    const question = questionIn(session.revision, asked, id);
    if (!question.ok) return finish(room, stream, running.request.id, question.error);
    questions[id] = { key, method: asked.method };
    messages.push(JSON.stringify({ jsonrpc: "2.0", id, ...question.value }));
  }
  const expires = now() + QUESTION_TTL_MS;
  const kept: KeptCall = { request: running.request, questions, memory: outcome.memory };
  room.rows.updateStream(stream, "waiting", JSON.stringify(kept), expires);
  for (const message of messages) emit(room, stream, message);
  const alarm = await room.state.storage.getAlarm();
  if (alarm === null || alarm > expires) await room.state.storage.setAlarm(expires);
}

/** The running call's stream, opened when first needed: the POST is answered with it. */
function streamOf(room: Room, running: Running): number {
  if (running.stream !== undefined) return running.stream;
  const kept: KeptCall = { request: { ...running.request, params: {} }, questions: {}, memory: NO_MEMORY };
  running.stream = openStream(room, "running", JSON.stringify(kept));
  running.settle({ kind: "stream", stream: running.stream });
  return running.stream;
}

function finish(room: Room, stream: number, id: RequestId, reason: Refusal): void {
  room.rows.updateStream(stream, "running", JSON.stringify({ request: { id } }), 0);
  emit(room, stream, writeError(id, refusalIn(reason)), true);
}
