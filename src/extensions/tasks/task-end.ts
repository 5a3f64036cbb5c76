/** How tasks end: what came of the request, in the words of the extension. Pure. */

import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import type { Outcome } from "../../protocol/outcome.ts";
import { toStatelessError } from "../../protocol/stateless-encoding.ts";
import { ERRORS } from "../../wire/errors.ts";
import { MAX_STEP_ATTEMPTS, MAX_TASK_BYTES, OPEN_TASK_TTL_MS } from "./limits.ts";
import type { TaskRecord } from "./task-record.ts";

export type TaskEnd = Pick<TaskRecord, "status" | "statusMessage" | "result" | "error">;

/** What a task ends with that its own handler did not end. */
export const TASK_EXPIRED: ProtocolError = protocolError(
  "InternalError",
  `The task did not end within ${OPEN_TASK_TTL_MS / 86_400_000} days of its last question`,
);
export const TASK_LOST: ProtocolError = protocolError(
  "InternalError",
  `The task was lost in a restart ${MAX_STEP_ATTEMPTS} times`,
);
export const TASK_TOO_LARGE: ProtocolError = protocolError(
  "InternalError",
  `The task has more than ${MAX_TASK_BYTES} bytes of questions, answers or result`,
);

/** A result, one that says `isError` too, completes the task; a protocol error fails it. */
export function endOf(outcome: Exclude<Outcome, { readonly kind: "inputRequired" }>): TaskEnd {
  // spec: tasks.status.failed
  if (outcome.kind === "refused") return failure(outcome.refusal);
  // spec: tasks.get.completed
  const result = { ...outcome.result, resultType: "complete" };
  return { status: "completed", statusMessage: undefined, result };
}

/** The end by a protocol error. */
export function failure(refusal: ProtocolError): TaskEnd {
  const { error, message, data } = toStatelessError(refusal);
  const { code } = ERRORS[error];
  return {
    status: "failed",
    statusMessage: message,
    error: data === undefined ? { code, message } : { code, message, data },
  };
}

/** The end by `tasks/cancel`, or because the access by which it was made was taken back. */
export function cancelled(statusMessage: string): TaskEnd {
  return { status: "cancelled", statusMessage };
}
