/** The Worker's way to a task object, and what it passes on of a caller. An id that was not issued here wakes nothing. */

import type { Caller } from "../../base/caller.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { seal } from "../../crypto/seal.ts";
import { TASK_SEAL_PURPOSE } from "./run-task.ts";
import type { TaskObject } from "./task-object.ts";

export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

export type TaskNamespace = DurableObjectNamespace<TaskObject<unknown>>;
export type TaskStub = DurableObjectStub<TaskObject<unknown>>;

/** The object behind `taskId`, which is whatever a client sent; undefined where no object can have that id. Made anew by each call. */
export function findTask(tasks: TaskNamespace, taskId: unknown): TaskStub | undefined {
  try {
    const id = tasks.idFromString(taskId as string);
    // One spelling, and no list of one.
    return id.toString() === taskId ? tasks.get(id) : undefined;
  } catch {
    return undefined;
  }
}

/** A caller without properties: what an object needs to know whose a task is. */
export function withoutProperties({ properties: _properties, ...caller }: Caller): Caller {
  return caller;
}

/** The caller's properties, sealed for this task alone; undefined where there are none. */
export async function sealProperties(
  ring: KeyRing,
  { properties }: Caller,
  taskId: string,
): Promise<string | undefined> {
  return properties && seal(ring, TASK_SEAL_PURPOSE, properties, taskId);
}
