/**
 * The Tasks extension as a part of the Worker: calls that go on without their client, and three methods to ask after them.
 * MCP ext-tasks, specification/draft/tasks. Needs the Durable Objects `TASK` and `RUNNING_TASKS`, and their classes in `index.ts`.
 */

import { isObject, type JsonObject } from "../../base/json.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { retried } from "../../base/retry.ts";
import { errorOutcome, type Outcome } from "../../protocol/outcome.ts";
import { missingExtension } from "../../server/extension.ts";
import type { Feature } from "../../server/feature.ts";
import type { Call, ExtensionMethod } from "../../server/services.ts";
import { startTask } from "./create-task.ts";
import { listenToTasks } from "./listen.ts";
import type { RunningTasksObject } from "./running-tasks-object.ts";
import type { TaskObject } from "./task-object.ts";
import {
  findTask,
  sealProperties,
  TASKS_EXTENSION,
  withoutProperties,
  type TaskNamespace,
  type TaskStub,
} from "./task-stub.ts";

/** Its bindings. */
export interface TasksEnv {
  readonly TASK: DurableObjectNamespace<TaskObject<unknown>>;
  readonly RUNNING_TASKS: DurableObjectNamespace<RunningTasksObject>;
}

/** Serves tasks to clients that declare the extension. */
export function tasks(): Feature {
  return {
    // spec: tasks.legacy.advertised
    extension: { id: TASKS_EXTENSION, settings: {} },
    start({ settings }) {
      const objects = {
        tasks: settings.objects<TaskObject<unknown>>("TASK"),
        counters: settings.objects<RunningTasksObject>("RUNNING_TASKS"),
      };
      return {
        startTask: (call, tool, args) => startTask(objects, call, tool, args),
        addToSubscription: (request, caller) => listenToTasks(objects.tasks, request, caller),
        // spec: tasks.legacy.result
        methods: {
          "tasks/get": taskMethod(objects.tasks, getTask),
          "tasks/update": taskMethod(objects.tasks, updateTask),
          "tasks/cancel": taskMethod(objects.tasks, cancelTask),
        },
      };
    },
  };
}

/** One sentence for every id that is not the caller's, so that none tells whether it is somebody else's. */
// spec: tasks.error.informative
const UNKNOWN_TASK: ProtocolError = protocolError(
  "InvalidParams",
  "No such task of yours, or none any more",
);
// spec: tasks.update.ack, tasks.update.type, tasks.cancel.ack, tasks.cancel.type
const ACKNOWLEDGED: Outcome = { kind: "complete", result: {} };

/** What a method does with the task that it names. Undefined: there is none of the caller's. */
type UseTask = (task: TaskStub, call: Call) => Promise<Outcome | undefined>;

function taskMethod(namespace: TaskNamespace, use: UseTask): ExtensionMethod {
  return {
    mcpNameParam: "taskId",
    // A client that polls a hundred tasks, as it is told, and answers what they ask, takes nothing of what else it may send.
    limitKey: ({ taskId }) =>
      typeof taskId === "string" && /[\da-f]$/.test(taskId) ? taskId.slice(-1) : "",
    async handle(call) {
      // spec: tasks.methods.undeclared
      const missing = missingExtension(call.request, TASKS_EXTENSION);
      if (missing !== undefined) return errorOutcome(missing);
      const { taskId } = call.request.params;
      // All three may be done twice. Clients give up a task at the first error.
      const outcome = await retried(async () => {
        const stub = findTask(namespace, taskId);
        return stub && use(stub, call);
      });
      // spec: tasks.get.unknown, tasks.update.unknown, tasks.cancel.unknown
      return outcome ?? errorOutcome(UNKNOWN_TASK);
    },
  };
}

// spec: tasks.get.type, tasks.type.only
const getTask: UseTask = async (task, { request }) => {
  const json = await task.get(withoutProperties(request.caller));
  return json === undefined
    ? undefined
    : { kind: "complete", result: JSON.parse(json) as JsonObject };
};

const updateTask: UseTask = async (task, { request, services }) => {
  const { caller, params } = request;
  const { inputResponses } = params;
  if (!isObject(inputResponses))
    return errorOutcome(protocolError("InvalidParams", "params.inputResponses must be an object"));
  const properties = await sealProperties(services.ring, caller, task.id.toString());
  const updated = await task.update(withoutProperties(caller), properties, inputResponses);
  if (typeof updated === "string") return errorOutcome(protocolError("InvalidParams", updated));
  return updated ? ACKNOWLEDGED : undefined;
};

const cancelTask: UseTask = async (task, { request }) =>
  (await task.cancel(withoutProperties(request.caller))) ? ACKNOWLEDGED : undefined;
