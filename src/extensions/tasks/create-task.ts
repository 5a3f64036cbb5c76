/**
 * A call becomes a task. MCP ext-tasks, "Task Creation". Its arguments were checked, so what is wrong with them was said at once.
 * Refuses a client that did not declare the extension where the tool needs it, and a caller with too many tasks.
 */

import { ANONYMOUS } from "../../base/caller.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { retried } from "../../base/retry.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { shareOf } from "../../hub/client.ts";
import { errorOutcome, type Outcome } from "../../protocol/outcome.ts";
import type { Tool } from "../../server/define.ts";
import { missingExtension } from "../../server/extension.ts";
import { runHandler } from "../../server/run-handler.ts";
import type { Call } from "../../server/services.ts";
import type { Steps } from "../../server/types.ts";
import { toolError } from "../../server/tools.ts";
import { MAX_RUNNING_TASKS, STRANGER_POOLS, TOO_LARGE } from "./limits.ts";
import type { RunningTasksObject } from "./running-tasks-object.ts";
import type { TaskCall } from "./task-record.ts";
import {
  sealProperties,
  TASKS_EXTENSION,
  withoutProperties,
  type TaskNamespace,
} from "./task-stub.ts";

export interface TaskObjects {
  readonly tasks: TaskNamespace;
  readonly counters: DurableObjectNamespace<RunningTasksObject>;
}

const TOO_MANY_TASKS: ProtocolError = protocolError(
  "TooManyRequests",
  `Too many tasks: let one of your ${MAX_RUNNING_TASKS} end, or cancel one`,
);
/** What a tool has asked all that it must ask before its task begins. */
const PREPARED: Outcome = { kind: "complete", result: {} };

/** Makes a task of the call; undefined where it is to run at once, which revisions with sessions always do. */
export function startTask(
  objects: TaskObjects,
  call: Call,
  tool: Tool,
  args: never,
): Promise<Outcome> | undefined {
  const { http, request } = call;
  // spec: tasks.legacy.dated
  if (http === undefined) return undefined;
  // spec: tasks.create.undeclared, tasks.legacy.undeclared, tasks.legacy.param
  const missing = missingExtension(request, TASKS_EXTENSION);
  if (missing === undefined) return createTask(objects, call, http, tool, args);
  // spec: tasks.create.required
  return tool.task === "required" ? Promise.resolve(errorOutcome(missing)) : undefined;
}

async function createTask(
  { tasks, counters }: TaskObjects,
  call: Call,
  http: Request,
  { prepare }: Tool,
  args: never,
): Promise<Outcome> {
  const { caller, method, params, capabilities, clientInfo, retryState, span } = call.request;
  // spec: tasks.id.entropy
  const id = tasks.newUniqueId();
  const taskId = id.toString();
  const share = await sha256Base64url(await shareOf(caller, http));
  const pool = caller === ANONYMOUS ? `strangers ${share.charCodeAt(0) % STRANGER_POOLS}` : share;
  // 1. A place: whoever is refused has done nothing that would be done again.
  const admit = (): Promise<boolean> =>
    retried(async () => counters.getByName(pool).admit(share, taskId));
  if (!(await admit())) return errorOutcome(TOO_MANY_TASKS);
  const release = (): Promise<void> =>
    retried(async () => counters.getByName(pool).release(share, taskId, 0));
  // 2. What must be known before.
  const steps = new Map<string, JsonValue>();
  const asked = prepare === undefined ? PREPARED : await runPrepare(call, prepare, args, steps);
  if (asked !== PREPARED) {
    await release();
    return asked;
  }
  // Whoever left has no id by which to cancel it, and may call again.
  if (call.cancel.aborted) {
    await release();
    return errorOutcome(protocolError("InternalError", "The client left"));
  }
  // What it did may have taken longer than a place is kept for whom nobody sees at work.
  if (prepare !== undefined && !(await admit())) return errorOutcome(TOO_MANY_TASKS);
  // 3. The task.
  const { name = null, arguments: given = {} } = params;
  const record: TaskCall = {
    method,
    params: { name, arguments: given },
    caller: withoutProperties(caller),
    properties: await sealProperties(call.services.ring, caller, taskId),
    capabilities,
    clientInfo,
    trace: span.context(),
    // What was done once, the task does not do again.
    retryState: { ...retryState, once: { ...retryState.once, ...Object.fromEntries(steps) } },
    pool,
    share,
  };
  const json = await retried(async () => tasks.get(id).create(record));
  if (json === undefined) {
    await release();
    return errorOutcome(protocolError("InvalidParams", TOO_LARGE));
  }
  // spec: tasks.create.type
  return { kind: "complete", resultType: "task", result: JSON.parse(json) as JsonObject };
}

/** {@link PREPARED}, or how the call ends before there is a task. `steps`: gets what was done once. */
function runPrepare(
  call: Call,
  prepare: NonNullable<Tool["prepare"]>,
  args: never,
  steps: Map<string, JsonValue>,
): Promise<Outcome> {
  const keep: Steps = {
    mustLetGo: () => false,
    kept: () => undefined,
    record(key, value) {
      steps.set(key, value);
      return value;
    },
    fail: () => undefined,
  };
  return runHandler(
    { ...call, steps: keep },
    (context) => prepare(args, context),
    // spec: tasks.create.asks-first
    () => PREPARED,
    ({ message }) => toolError(message),
  );
}
