/**
 * `taskIds` of `subscriptions/listen`: each task object sends what it is, and every change, over a hibernating socket.
 * MCP ext-tasks, "Task Status Notifications". Granted are the caller's own tasks; of any other id nothing is said.
 */

import type { Caller } from "../../base/caller.ts";
import { isObject } from "../../base/json.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { retried } from "../../base/retry.ts";
import { missingExtension } from "../../server/extension.ts";
import type { AddedSubscription } from "../../server/services.ts";
import type { ServerRequest } from "../../server/types.ts";
import { MAX_LISTENED_TASKS } from "./limits.ts";
import { findTask, TASKS_EXTENSION, withoutProperties, type TaskNamespace } from "./task-stub.ts";

const INVALID_TASK_IDS: ProtocolError = protocolError(
  "InvalidParams",
  `params.notifications.taskIds must be a list of at most ${MAX_LISTENED_TASKS} ids: open several subscriptions`,
);

/** Opens a socket to each of the caller's tasks that are named; undefined where none is asked for. One object request a task. */
export function listenToTasks(
  tasks: TaskNamespace,
  request: Pick<ServerRequest, "params" | "capabilities">,
  caller: Caller,
): Promise<Result<AddedSubscription, ProtocolError>> | undefined {
  const { notifications } = request.params;
  const taskIds = isObject(notifications) ? notifications["taskIds"] : undefined;
  if (taskIds === undefined || (Array.isArray(taskIds) && taskIds.length === 0)) return undefined;
  const missing = missingExtension(request, TASKS_EXTENSION);
  // spec: tasks.listen.undeclared
  if (missing !== undefined) return Promise.resolve(err(missing));
  const isList = Array.isArray(taskIds) && taskIds.length <= MAX_LISTENED_TASKS;
  if (!isList || !taskIds.every((id) => typeof id === "string"))
    return Promise.resolve(err(INVALID_TASK_IDS));
  return openTaskSockets(tasks, [...new Set(taskIds)], caller);
}

async function openTaskSockets(
  tasks: TaskNamespace,
  taskIds: readonly string[],
  caller: Caller,
): Promise<Result<AddedSubscription, ProtocolError>> {
  const query = new URLSearchParams({ caller: JSON.stringify(withoutProperties(caller)) });
  const opened = await Promise.all(
    taskIds.map(async (id) => {
      const attach = async (): Promise<Response | undefined> =>
        findTask(tasks, id)?.fetch(`https://task/?${query.toString()}`, {
          headers: { upgrade: "websocket" },
        });
      // One that cannot be reached is not granted, and costs the others nothing.
      const response = await retried(attach).catch(() => undefined);
      return { id, socket: response?.webSocket };
    }),
  );
  const granted = opened.flatMap(({ id, socket }) => (socket ? [{ id, socket }] : []));
  return ok({
    filter: { taskIds: granted.map(({ id }) => id) },
    method: "notifications/tasks",
    sockets: granted.map(({ socket }) => socket),
  });
}
