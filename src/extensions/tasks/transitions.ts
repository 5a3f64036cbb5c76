/** What becomes of a task: it begins, waits for answers or for its next try, and ends. Pure: each gives the next record. */

import { cut } from "../../base/bytes.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { retryDelayMs } from "../../base/retry.ts";
import { NO_RETRY_STATE, type Outcome } from "../../protocol/outcome.ts";
import { toStatelessError } from "../../protocol/stateless-encoding.ts";
import { ERRORS } from "../../wire/errors.ts";
import { openQuestions } from "./answers.ts";
import {
  ENDED_TASK_TTL_MS,
  MAX_STATUS_CHARACTERS,
  MAX_STEP_ATTEMPTS,
  OPEN_TASK_TTL_MS,
  SEEN_MS,
  TOO_LARGE,
} from "./limits.ts";
import type { RunResult } from "./run-task.ts";
import type { TaskCall, TaskRecord } from "./task-record.ts";

/** What follows a run: the task goes on at a time, or ends. */
export type AfterRun =
  | { readonly task: TaskRecord; readonly alarmAtMs: number; readonly end?: undefined }
  | { readonly task: TaskRecord; readonly end: TaskEnd };

/** What follows a run of `task`. `hasListener`: whether somebody listens to it. */
export function afterRun(
  task: TaskRecord,
  { outcome, hasFailed, hasAdvanced }: RunResult,
  hasListener: boolean,
  now: number,
): AfterRun {
  const attempts = (hasAdvanced ? 0 : task.attempts) + 1;
  if (outcome.kind === "inputRequired") {
    // A run that lasted long enough asks nothing.
    if (Object.keys(outcome.requests).length === 0)
      return { task: advanceTask(task), alarmAtMs: now };
    const suspended = suspendTask(task, outcome, hasListener, now);
    return { task: suspended, alarmAtMs: suspended.expiresAtMs };
  }
  if (hasFailed && attempts < MAX_STEP_ATTEMPTS)
    return { task: retryTask(task, attempts, now), alarmAtMs: now + retryDelayMs(attempts - 1) };
  return { task: { ...task, attempts }, end: endOf(outcome) };
}

/** The call as a task that has not run yet. `now` in milliseconds, here and below. */
export function beginTask(call: TaskCall, now: number): TaskRecord {
  return {
    ...call,
    status: "working",
    createdAtMs: now,
    updatedAtMs: now,
    seenAtMs: now,
    expiresAtMs: now + OPEN_TASK_TTL_MS,
    attempts: 0,
  };
}

/** The task with the questions of a run. An answer that this run did not come to is still known to the next. */
export function suspendTask(
  task: TaskRecord,
  outcome: Outcome & { readonly kind: "inputRequired" },
  hasListener: boolean,
  now: number,
): TaskRecord {
  const { answers, asked = {} } = outcome.retryState;
  const { retryState } = task;
  return {
    ...advanceTask(task),
    status: "input_required",
    questions: openQuestions(outcome),
    retryState: { ...retryState, answers: { ...retryState.answers, ...answers }, asked },
    updatedAtMs: now,
    seenAtMs: now,
    hasListener,
    expiresAtMs: now + OPEN_TASK_TTL_MS,
  };
}

/** The task that waits, whose client was here a moment ago; undefined where that need not be written. */
export function noteClient(
  task: TaskRecord,
  hasListener: boolean,
  now: number,
): TaskRecord | undefined {
  const isKnown = task.seenAtMs + SEEN_MS > now && hasListener === (task.hasListener === true);
  return task.status !== "input_required" || isKnown
    ? undefined
    : { ...task, hasListener, seenAtMs: now };
}

/** How far a working task is, in the words of its handler; undefined where it has said more before. */
export function noteProgress(
  task: TaskRecord | undefined,
  progress: number,
  message: string,
  now: number,
): Partial<TaskRecord> | undefined {
  if (task?.status !== "working" || progress <= (task.progress ?? -Infinity)) return undefined;
  return { progress, statusMessage: cut(message, MAX_STATUS_CHARACTERS), updatedAtMs: now };
}

/** The task that is over what failed: nothing is said of that any more. */
function advanceTask(task: TaskRecord): TaskRecord {
  const { attempts, statusMessage } = task;
  return { ...task, attempts: 0, statusMessage: attempts === 0 ? statusMessage : undefined };
}

/** The task whose next step has failed so often. */
function retryTask(task: TaskRecord, attempts: number, now: number): TaskRecord {
  const statusMessage = `Failed ${attempts} of ${MAX_STEP_ATTEMPTS} times, tried again soon`;
  return { ...task, attempts, statusMessage, updatedAtMs: now };
}

export type TaskEnd = Pick<TaskRecord, "status" | "statusMessage" | "result" | "error">;

/** The task that has ended: nothing stays of its call but what it was made by and for whom, so that an error always finds room. */
export function endTask(task: TaskRecord, end: TaskEnd, now: number): TaskRecord {
  return {
    ...task,
    ...end,
    params: { name: task.params["name"] ?? null },
    properties: undefined,
    capabilities: {},
    clientInfo: undefined,
    retryState: NO_RETRY_STATE,
    questions: undefined,
    updatedAtMs: now,
    expiresAtMs: now + ENDED_TASK_TTL_MS,
  };
}

/** A result completes the task, one that says `isError` too; a protocol error fails it. */
export function endOf(outcome: Exclude<Outcome, { readonly kind: "inputRequired" }>): TaskEnd {
  // spec: tasks.failed.protocol-only
  if (outcome.kind === "refused") return failure(outcome.refusal);
  // spec: tasks.completed.result, tasks.completed.tool-error
  const result = { ...outcome.result, resultType: "complete" };
  return { status: "completed", statusMessage: undefined, result };
}

/** The end by a protocol error. */
export function failure(refusal: ProtocolError): TaskEnd {
  const { error, message, data = null } = toStatelessError(refusal);
  const { code } = ERRORS[error];
  // spec: tasks.failed.error, tasks.failed.message
  return {
    status: "failed",
    statusMessage: message,
    error: data === null ? { code, message } : { code, message, data },
    result: undefined,
  };
}

/** The end by a client, because the access by which the task was made was taken back, or to make room. */
export function cancelled(statusMessage: string): TaskEnd {
  return { status: "cancelled", statusMessage };
}

/** Why a task ends whose client is gone, when another needs its place. */
export const ENDED_FOR_ROOM =
  "Ended to make room: it waited for its client, which did not come for an hour";

/** What a task ends with that its own handler did not end. */
export const TASK_EXPIRED: ProtocolError = protocolError(
  "InternalError",
  `Not done within ${OPEN_TASK_TTL_MS / 86_400_000} days`,
);
export const TASK_LOST: ProtocolError = protocolError(
  "InternalError",
  `Lost in a restart ${MAX_STEP_ATTEMPTS} times`,
);
export const TASK_TOO_LARGE: ProtocolError = protocolError("InternalError", TOO_LARGE);
