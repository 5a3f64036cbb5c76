/** What a task object asks others for: the one that counts it, and, before a run, the hub. */

import { objectNamespace } from "../../base/bindings.ts";
import type { Caller } from "../../base/caller.ts";
import { logError } from "../../base/log.ts";
import { retried } from "../../base/retry.ts";
import { createHubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import type { ServerRuntime } from "../../server/feature.ts";
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

/** What a run needs; or why there is none: the grant was revoked; or a setting is missing, or the hub cannot be asked. */
export async function prepareRun(
  env: unknown,
  startRuntime: () => ServerRuntime,
  { caller, params, trace }: TaskRecord,
): Promise<ServerRuntime | "revoked" | "unavailable"> {
  try {
    const runtime = startRuntime();
    return (await isAccessRevoked(env, caller)) ? "revoked" : runtime;
  } catch (error) {
    const tool = params["name"] as string;
    logError("task.postponed", error, { tool, trace: trace.parent?.traceId });
    return "unavailable";
  }
}

async function isAccessRevoked(env: unknown, { grant }: Caller): Promise<boolean> {
  const hub = objectNamespace<HubObject<unknown>>(env, "HUB");
  if (grant === undefined || hub === undefined) return false;
  return createHubClient(hub).isRevoked(grant);
}
