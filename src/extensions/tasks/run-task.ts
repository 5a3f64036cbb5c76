/**
 * One run of a task's handler, from its start: what finished steps gave and what was answered is known, so it gets to where
 * it was. A run ends with the result, with questions, with a failure, or because it lasted long: the next step is for
 * another run then. Whoever started it writes down what came of it.
 */

import type { Caller } from "../../base/caller.ts";
import { createCancellation, type Cancellation } from "../../base/cancellation.ts";
import { asJson, isObject } from "../../base/json.ts";
import { now } from "../../base/time.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { open } from "../../crypto/seal.ts";
import { errorOutcome, type CallNotification, type Outcome } from "../../protocol/outcome.ts";
import { PublicError } from "../../server/content.ts";
import { dispatch } from "../../server/dispatch.ts";
import { logInternalError } from "../../server/failure.ts";
import type { ServerRuntime } from "../../server/feature.ts";
import { NotJson } from "../../server/once.ts";
import { endRequestSpan, startRequestSpan } from "../../server/request-span.ts";
import { findTarget } from "../../server/request-target.ts";
import { mayCall } from "../../server/scopes.ts";
import { timeLimitOf } from "../../server/run-handler.ts";
import type { Steps } from "../../server/types.ts";
import { RUN_MS, TOO_LARGE } from "./limits.ts";
import type { TaskRecord, TaskStore } from "./task-record.ts";

/** What the caller's properties are sealed for, in a task. */
export const TASK_SEAL_PURPOSE = "task";

/** A run that is under way. */
export interface TaskRun {
  readonly result: Promise<RunResult>;
  /** Tells the step at work that it is not wanted any more. */
  abort(): void;
  /** Gives up the step at work, where it alone has taken longer than a handler may: the run ends. */
  expire(): void;
}

/** What came of a run. */
export interface RunResult {
  readonly outcome: Outcome;
  /** Whether the handler threw, and not to tell the caller something. */
  readonly hasFailed: boolean;
  /** Whether a step was finished. */
  readonly hasAdvanced: boolean;
}

/** How far a handler says that it is, and in which words. */
type TellProgress = (progress: number, message: string) => void;

/** Starts the handler of `task`, as it is in `store`. */
export function startRun(
  runtime: ServerRuntime,
  taskId: string,
  task: TaskRecord,
  store: TaskStore,
  tellProgress: TellProgress,
): TaskRun {
  const { method, params } = task;
  const message = { kind: "request" as const, id: taskId, method, params };
  const request = { ...message, target: findTarget(runtime.server, message) };
  const limit = timeLimitOf(runtime.services, request);
  const cancel = createCancellation();
  const steps = createSteps(store, cancel);
  return {
    result: run(runtime, request, task, store, cancel, steps, tellProgress),
    abort: () => cancel.abort(),
    expire() {
      if (steps.advancedAtMs() + limit.ms <= now()) cancel.expire(limit.message);
    },
  };
}

/** The steps of one run. */
interface RunSteps extends Steps {
  /** When the step at work could begin: milliseconds since the epoch. */
  advancedAtMs(): number;
  hasAdvanced(): boolean;
  /** Whether the handler threw, and may do better another time. */
  hasFailed(): boolean;
}

function createSteps(store: TaskStore, cancel: Cancellation): RunSteps {
  const startedAtMs = now();
  let advancedAtMs = startedAtMs;
  let [hasAdvanced, hasFailed] = [false, false];
  return {
    // A run that finished no step would begin like this one.
    mustLetGo: () => cancel.aborted || (hasAdvanced && now() - startedAtMs > RUN_MS),
    kept: (key) => store.step(key),
    record(key, value) {
      const kept = store.putStep(key, value);
      if (kept === undefined) throw new PublicError(TOO_LARGE);
      hasAdvanced = true;
      advancedAtMs = now();
      return kept;
    },
    fail(error) {
      hasFailed = !(error instanceof NotJson);
    },
    advancedAtMs: () => advancedAtMs,
    hasAdvanced: () => hasAdvanced,
    hasFailed: () => hasFailed,
  };
}

async function run(
  { server, services }: ServerRuntime,
  targeted: Parameters<typeof startRequestSpan>[1],
  task: TaskRecord,
  store: TaskStore,
  cancel: Cancellation,
  steps: RunSteps,
  tellProgress: TellProgress,
): Promise<RunResult> {
  const span = startRequestSpan(services.tracer.continueTrace(task.trace), targeted, {});
  const { retryState, capabilities, clientInfo } = task;
  const request = {
    ...targeted,
    caller: await callerOf(task, String(targeted.id), services.ring),
    capabilities,
    clientInfo,
    progressToken: targeted.id,
    // spec: tasks.listen.scope
    logLevel: undefined,
    retryState: { ...retryState, once: { ...retryState.once, ...store.steps() } },
    span,
  };
  const sink = ({ method, params }: CallNotification): void => {
    if (method === "notifications/progress")
      tellProgress(Number(params["progress"]), inWords(params));
  };
  const outcome = await dispatch({ server, request, sink, cancel, services, steps })
    // As it is written down: a handler may change what it returned. What is no JSON would be none in another run.
    .then(asJson<Outcome>)
    .catch((error: unknown) => errorOutcome(logInternalError("call.failed", request, error)));
  endRequestSpan(span, outcome);
  // No timer here: it would keep the object awake.
  services.tracer.flush("now");
  return { outcome, hasFailed: steps.hasFailed(), hasAdvanced: steps.hasAdvanced() };
}

/** Whether `caller` has the scopes of the tool that the task runs. One that is offered no more needs none. */
export function mayCallAgain({ server }: ServerRuntime, task: TaskRecord, caller: Caller): boolean {
  const { tool } = findTarget(server, task);
  return tool === undefined || mayCall(server, caller, tool);
}

/** The caller with the properties that were sealed for this task, where their key is still there. */
async function callerOf(
  { caller, properties }: TaskRecord,
  taskId: string,
  ring: KeyRing,
): Promise<Caller> {
  if (properties === undefined) return caller;
  const opened = await open(ring, TASK_SEAL_PURPOSE, properties, taskId);
  return opened.ok && isObject(opened.value) ? { ...caller, properties: opened.value } : caller;
}

function inWords({ progress, total, message }: CallNotification["params"]): string {
  if (typeof message === "string") return message;
  return total === undefined ? `${Number(progress)}` : `${Number(progress)} of ${Number(total)}`;
}
