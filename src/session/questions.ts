/**
 * Questions of a session: written down with their call, answered by another POST, perhaps by another memory.
 * MCP client/elicitation, client/sampling, client/roots, as they were when servers sent requests.
 * An answer finds its call through the question's id, which this server chose, never through one the client chose.
 */

import { base64url, utf8 } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import type { Memory, Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { questionIn } from "../revision/legacy.ts";
import { limitOf } from "../server/run.ts";
import { writeNotification, type RequestId, type RpcRequest, type RpcResponse } from "../wire/jsonrpc.ts";
import { MAX_EVENT_BYTES, MAX_WAITING_CALLS, QUESTION_TTL_MS } from "./room.ts";
import type { Room, Running, TimeLimit } from "./room.ts";
import { emit } from "./streams.ts";

/** The call behind a stream, as its row keeps it while it waits. */
export interface KeptCall {
  readonly request: RpcRequest;
  /** While it runs. */
  readonly limit?: TimeLimit;
  readonly questions: Readonly<Record<string, { readonly key: string; readonly method: string }>>;
  readonly memory: Memory;
  readonly told: number | undefined;
}

export function keptCall(json: string): KeptCall {
  return JSON.parse(json) as KeptCall;
}

/** What is kept of a call that runs: enough to say how it was lost. Its arguments would stay as long as its answer. */
export function unanswered(id: RequestId, limit?: TimeLimit): string {
  return JSON.stringify({ request: { id }, limit });
}

/** The time that `request` has if it runs from now on. */
export function timeFor({ house }: Room, request: RpcRequest): TimeLimit {
  const { ms, message } = limitOf(house, request);
  return { deadline: now() + ms, message };
}

/** When the next question or call of the session has taken too long; milliseconds since the epoch. */
export function soonest({ rows, running }: Room): number {
  // What is over by now is on its way to its answer.
  const deadlines = [...running].map(({ limit }) => limit.deadline).filter((deadline) => deadline > now());
  return Math.min(rows.waiting()[0]?.expires ?? Infinity, ...deadlines);
}

/** Has the object woken by then. */
export async function wakeInTime(room: Room): Promise<void> {
  const { storage } = room.state;
  const alarm = await storage.getAlarm();
  // Meanwhile the session may have ended, and with it its rows, or another call may have begun.
  if (room.rows.session() === undefined) return;
  const time = soonest(room);
  if ((alarm ?? Infinity) > time) await storage.setAlarm(time);
}

/** Writes the questions down and then sends them. Refuses what the revision cannot ask and what a session cannot keep. */
export async function putQuestions(
  room: Room,
  { request, visit, told }: Running,
  stream: number,
  { requests, memory }: Outcome & { kind: "input" },
): Promise<Result<void, Refusal>> {
  const questions: Record<string, { key: string; method: string }> = {};
  const messages: string[] = [];
  for (const [key, input] of Object.entries(requests)) {
    const id = `${stream}.${base64url(randomBytes(9))}`;
    const question = questionIn(visit.revision, input);
    if (!question.ok) return question;
    questions[id] = { key, method: input.method };
    messages.push(JSON.stringify({ jsonrpc: "2.0", id, ...question.value }));
  }
  const expires = now() + QUESTION_TTL_MS;
  const kept = JSON.stringify({ request, questions, memory, told } satisfies KeptCall);
  if (![kept, ...messages].every(fits)) return err(TOO_LARGE);
  if (room.rows.waiting().length >= MAX_WAITING_CALLS)
    return err(refusal("InternalError", `${MAX_WAITING_CALLS} calls of this session wait for the client already`));
  room.rows.updateStream(stream, "waiting", kept, expires);
  for (const message of messages) emit(room, stream, message);
  await wakeInTime(room);
  return ok(undefined);
}

const TOO_LARGE: Refusal = refusal(
  "InternalError",
  `A call that waits for the client holds at most ${MAX_EVENT_BYTES} bytes of arguments and answers`,
);

function fits(row: string): boolean {
  return utf8(row).length <= MAX_EVENT_BYTES;
}

/** What an answer means for its call: go on with the memory it has now, or end with `refused`. */
export interface Answered {
  readonly stream: number;
  /** With the questions that are still open. */
  readonly kept: KeptCall;
  readonly refused?: Refusal;
}

/** Takes an answer. Undefined when it answers nothing here, or when other questions of its round are still open. */
export function takeAnswer(room: Room, { id, result, error }: RpcResponse): Answered | undefined {
  const stream = Number(String(id).split(".")[0]);
  const row = Number.isSafeInteger(stream) ? room.rows.stream(stream) : undefined;
  if (row?.state !== "waiting") return undefined;
  const before = keptCall(row.call);
  const { [String(id)]: question, ...questions } = before.questions;
  if (question === undefined) return undefined;
  if (result === undefined) {
    const { message } = error ?? {};
    const said = typeof message === "string" ? message : "no reason given";
    const refused = refusal("InternalError", `The client refused ${question.method}: ${said}`);
    return { stream, kept: { ...before, questions }, refused };
  }
  const answers = { ...before.memory.answers, [question.key]: result };
  const kept: KeptCall = { ...before, questions, memory: { ...before.memory, answers } };
  const waits = Object.keys(questions).length > 0;
  const { request } = kept;
  const json = waits ? JSON.stringify(kept) : unanswered(request.id, timeFor(room, request));
  if (!fits(json)) return { stream, kept, refused: TOO_LARGE };
  room.rows.updateStream(stream, waits ? "waiting" : "running", json, waits ? row.expires : 0);
  return waits ? undefined : { stream, kept };
}

/** Tells the client that open questions need no answer any more. */
export function withdraw(room: Room, stream: number, { questions }: KeptCall, reason: string): void {
  // spec: session.cancel.own, session.timeout.cancel
  for (const requestId of Object.keys(questions)) {
    emit(room, stream, writeNotification("notifications/cancelled", { requestId, reason }));
  }
}
