/** The objects that a task object asks: the one that counts it, and the hub. */

import { objectNamespace } from "../../base/bindings.ts";
import type { Caller } from "../../base/caller.ts";
import { retried } from "../../base/retry.ts";
import { createHubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import type { RunningTasksObject } from "./running-tasks-object.ts";
import type { TaskRecord } from "./task-record.ts";

/** Frees the place of a task that has ended, of which so many bytes are still kept. Where this fails, the object that counts finds out itself. */
export async function releaseTask(
  env: unknown,
  { pool, share }: TaskRecord,
  taskId: string,
  keptBytes: number,
): Promise<void> {
  const counters = objectNamespace<RunningTasksObject>(env, "RUNNING_TASKS");
  if (counters === undefined) return;
  const release = (): Promise<void> => counters.getByName(pool).release(share, taskId, keptBytes);
  await retried(release).catch(() => undefined);
}

/** Whether the grant was revoked that a task works for. */
export async function isAccessRevoked(env: unknown, { grant }: Caller): Promise<boolean> {
  const hub = objectNamespace<HubObject<unknown>>(env, "HUB");
  if (grant === undefined || hub === undefined) return false;
  return createHubClient(hub).isRevoked(grant);
}
