/** A task in the words of the extension, as `tasks/get` and `notifications/tasks` say what it is at this moment; and in the log. */

import type { JsonObject } from "../../base/json.ts";
import { log } from "../../base/log.ts";
import { MAX_POLL_INTERVAL_MS, MIN_POLL_INTERVAL_MS, OPEN_TASK_TTL_MS } from "./limits.ts";
import { hasEnded, type TaskRecord } from "./task-record.ts";

/** The task as clients see it: with its open questions, its result or its error. `now` in milliseconds. */
export function describeTask(taskId: string, task: TaskRecord, now: number): JsonObject {
  const { status, statusMessage, createdAtMs, updatedAtMs, expiresAtMs } = task;
  const members = {
    taskId,
    // spec: tasks.get.working, tasks.get.cancelled
    status,
    statusMessage,
    createdAt: new Date(createdAtMs).toISOString(),
    lastUpdatedAt: new Date(updatedAtMs).toISOString(),
    ttlMs: expiresAtMs - createdAtMs,
    pollIntervalMs: hasEnded(task) ? undefined : pollIntervalMs(task, now),
    // spec: tasks.get.input-required, tasks.get.outstanding
    inputRequests:
      task.questions &&
      Object.fromEntries(
        Object.entries(task.questions).map(([key, { request }]) => [key, request]),
      ),
    // spec: tasks.get.completed
    result: task.result,
    // spec: tasks.get.failed
    error: task.error,
  };
  // JSON leaves out what is undefined.
  return members as unknown as JsonObject;
}

/** Logs a task that failed, or whose handler failed so often. */
export function logDeadEnd({ params, trace, statusMessage }: TaskRecord, attempts: number): void {
  log("error", "task.failed", {
    tool: params["name"] as string,
    attempts,
    trace: trace.parent?.traceId,
    error: statusMessage,
  });
}

/** The longer it takes, the less often it is worth asking. */
function pollIntervalMs({ expiresAtMs }: TaskRecord, now: number): number {
  const turnMs = now - (expiresAtMs - OPEN_TASK_TTL_MS);
  return Math.min(Math.max(Math.round(turnMs / 4), MIN_POLL_INTERVAL_MS), MAX_POLL_INTERVAL_MS);
}
