/**
 * Questions of a session: written down with their call, answered by another POST, perhaps by another memory.
 * MCP client/elicitation, client/sampling, client/roots, as they were when servers sent requests.
 * An answer finds its call through the question's id, which this server chose, never through one the client chose.
 */

import { base64url, cut, isWithin } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Memory, Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { questionIn } from "../revision/legacy.ts";
import { limitOf } from "../server/run.ts";
import { MAX_MESSAGE_BYTES, writeNotification } from "../wire/jsonrpc.ts";
import type { RequestId, RpcRequest, RpcResponse } from "../wire/jsonrpc.ts";
import { MAX_CALLS, MAX_WAITING_BYTES, QUESTION_TTL_MS, TOO_MANY_CALLS, wakeBy } from "./room.ts";
import type { Room, Running, TimeLimit } from "./room.ts";
import { emit } from "./streams.ts";

/** The questions of a call that are with the client, by their ids. */
type Questions = Readonly<Record<string, { readonly key: string; readonly method: string }>>;

/** What a stream's row says of its call: enough to find it, and to say that it was lost. */
export interface NotedCall {
  readonly request: { readonly id: RequestId };
  readonly questions: Questions;
  /** While it runs. */
  readonly limit?: TimeLimit;
}

/** What a call that waits needs to go on. */
interface KeptCall {
  readonly request: RpcRequest;
  readonly memory: Memory;
  readonly told: number | undefined;
}

export function notedCall(json: string): NotedCall {
  return JSON.parse(json) as NotedCall;
}

/** False when another version wrote down the session's calls, in a way that cannot be read here. */
export function isReadable({ rows }: Room): boolean {
  try {
    return [...rows.unanswered(), ...rows.waiting()].every(({ state, call }) => {
      const { request, questions } = notedCall(call);
      return isObject(request) && (state === "running" || isObject(questions));
    });
  } catch (error) {
    // Storage that fails is no other version's: whoever comes later may find it whole.
    return /SQLITE_(?!ERROR)/.test(String(error));
  }
}

export function noteCall(id: RequestId, questions: Questions = {}, limit?: TimeLimit): string {
  return JSON.stringify({ request: { id }, questions, limit });
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

/** Writes the questions down and then sends them. Refuses what the revision cannot ask and what a session cannot keep. */
export function putQuestions(
  room: Room,
  { request, visit, told }: Running,
  stream: number,
  { requests, memory }: Outcome & { kind: "input" },
): Result<void, Refusal> {
  const questions: Record<string, { key: string; method: string }> = {};
  const messages: string[] = [];
  for (const [key, input] of Object.entries(requests)) {
    const id = `${stream}.${base64url(randomBytes(9))}`;
    const question = questionIn(visit.revision, input);
    if (!question.ok) return question;
    questions[id] = { key, method: input.method };
    messages.push(JSON.stringify({ jsonrpc: "2.0", id, ...question.value }));
  }
  if (room.rows.waiting().length >= MAX_CALLS) return err(TOO_MANY_CALLS);
  const expires = now() + QUESTION_TTL_MS;
  const kept: KeptCall = { request: { ...request, params: needed(request.params) }, memory, told };
  const small = messages.every((message) => isWithin(message, MAX_MESSAGE_BYTES));
  if (!small || !keep(room, stream, kept, questions, expires)) return err(TOO_MANY_CALLS);
  for (const message of messages) emit(room, stream, message);
  wakeBy(room, expires);
  return ok(undefined);
}

/** The parameters with which a call that asked runs again: what a client adds to them is not kept. */
function needed({ name, arguments: args, uri, _meta }: JsonObject): JsonObject {
  const token = isObject(_meta) ? _meta["progressToken"] : undefined;
  const params = { name, arguments: args, uri, _meta: { progressToken: token } };
  // JSON leaves out what is undefined.
  return params as { [member: string]: JsonValue };
}

/** Keeps a call that waits. False when that is more than the session may keep. */
function keep(room: Room, stream: number, call: KeptCall, questions: Questions, expires: number): boolean {
  const kept = JSON.stringify(call);
  const left = MAX_WAITING_BYTES - room.rows.waitingBytes(stream);
  if (!isWithin(kept, Math.min(left, MAX_MESSAGE_BYTES))) return false;
  room.rows.keepCall(stream, noteCall(call.request.id, questions), kept, expires);
  return true;
}

/** Characters of a client's reason that are passed on. */
const MAX_REASON_LENGTH = 1_000;

/** What an answer means for its call: go on with the memory it has now, or end with `refused`. */
export interface Answered {
  readonly stream: number;
  readonly kept: KeptCall;
  /** Those that are still open. */
  readonly questions: Questions;
  readonly refused?: Refusal;
}

/** Takes an answer. Undefined when it answers nothing here, or when other questions of its round are still open. */
export function takeAnswer(room: Room, { id, result, error }: RpcResponse): Answered | undefined {
  const stream = Number(String(id).split(".")[0]);
  const row = Number.isSafeInteger(stream) ? room.rows.stream(stream) : undefined;
  if (row?.state !== "waiting") return undefined;
  const { [String(id)]: question, ...questions } = notedCall(row.call).questions;
  if (question === undefined) return undefined;
  // A call that waits since an earlier version is whole in its row.
  const before = JSON.parse(room.rows.keptCall(stream) ?? row.call) as KeptCall;
  if (result === undefined) {
    const { message } = error ?? {};
    const said = typeof message === "string" ? cut(message, MAX_REASON_LENGTH) : "no reason given";
    const refused = refusal("InternalError", `The client refused ${question.method}: ${said}`);
    return { stream, kept: before, questions, refused };
  }
  const answers = { ...before.memory.answers, [question.key]: result };
  const kept: KeptCall = { ...before, memory: { ...before.memory, answers } };
  const { request } = kept;
  if (Object.keys(questions).length === 0) {
    room.rows.resumeCall(stream, noteCall(request.id, {}, timeFor(room, request)));
    return { stream, kept, questions };
  }
  return keep(room, stream, kept, questions, row.expires)
    ? undefined
    : { stream, kept, questions, refused: TOO_MANY_CALLS };
}

/** Tells the client that open questions need no answer any more. */
export function withdraw(room: Room, stream: number, questions: Questions, reason: string): void {
  // spec: session.cancel.own, session.timeout.cancel
  for (const requestId of Object.keys(questions)) {
    emit(room, stream, writeNotification("notifications/cancelled", { requestId, reason }));
  }
}
