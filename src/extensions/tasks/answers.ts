/**
 * Questions of a task, and the answers of `tasks/update`. Pure.
 * A key names one question for the life of the task: what is put again, because its answer did not fit, has another key.
 */

import type { JsonObject } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { InputRequest, Outcome } from "../../protocol/outcome.ts";
import {
  readElicitResult,
  readRootsResult,
  readSamplingResult,
  type ReadResponse,
} from "../../server/input-responses.ts";
import { OPEN_TASK_TTL_MS } from "./limits.ts";
import type { OpenQuestions, TaskRecord } from "./task-record.ts";

/** What a run asked, by keys that the task never had before. */
export function openQuestions({
  requests,
  retryState: { asked = {} },
}: Outcome & { readonly kind: "inputRequired" }): OpenQuestions {
  const entries = Object.entries(requests).map(([key, request]) => [
    openKey(key, Number(asked[key])),
    { key, request },
  ]);
  return Object.fromEntries(entries) as OpenQuestions;
}

/** The handler's key, and from the second attempt on its number behind that; one that ends like a number always has it. */
function openKey(key: string, attempt: number): string {
  // spec: tasks.keys.unique, tasks.keys.reused
  return attempt === 1 && !/#\d+$/.test(key) ? key : `${key}#${attempt}`;
}

const READERS: Readonly<Record<InputRequest["method"], ReadResponse<unknown>>> = {
  "elicitation/create": readElicitResult,
  "sampling/createMessage": readSamplingResult,
  "roots/list": readRootsResult,
};

/**
 * The task with these answers, at work again if they were the last; undefined where they answer nothing that is open. One
 * of the wrong shape refuses all of them, and the questions stay. `now` in milliseconds. Not checked: whether a form's answer
 * fits, which the handler's run sees.
 */
export function acceptAnswers(
  task: TaskRecord,
  responses: JsonObject,
  now: number,
): Result<TaskRecord | undefined, string> {
  const { questions = {}, retryState } = task;
  const remaining = new Map(Object.entries(questions));
  // A key may be any text: "__proto__" too.
  const answers = Object.assign(Object.create(null) as JsonObject, retryState.answers);
  for (const [sentKey, response] of Object.entries(responses)) {
    const question = remaining.get(sentKey);
    // spec: tasks.update.extra
    if (question === undefined) continue;
    const { key, request } = question;
    const read = READERS[request.method](response);
    if (!read.ok)
      return err(`inputResponses["${sentKey}"] is no result of ${request.method}: ${read.error}`);
    answers[key] = response;
    remaining.delete(sentKey);
  }
  if (remaining.size === Object.keys(questions).length) return ok(undefined);
  return ok({
    ...task,
    updatedAtMs: now,
    seenAtMs: now,
    expiresAtMs: now + OPEN_TASK_TTL_MS,
    retryState: { ...retryState, answers },
    ...(remaining.size === 0
      ? { status: "working", questions: undefined }
      : { questions: Object.fromEntries(remaining) }),
  });
}
