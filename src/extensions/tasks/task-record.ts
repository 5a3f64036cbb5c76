/**
 * What a task is, and what a task object keeps of it. Every value is JSON in UTF-8, so that its bytes can be counted.
 *
 *   kv "task"      {"method":"tools/call","params":{"name":"label_items","arguments":{…}},"status":"working","attempts":0,…}
 *   kv "step 0"    ["a-1", …]: what the step "a-1" gave, until the task ends; "step 1" and so on: those that ended after it
 *
 * Nothing but the caller's properties is sealed: a task must outlive the keys that were there when it began.
 */

import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { Caller } from "../../base/caller.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { TraceContext } from "../../base/trace-context.ts";
import type { InputRequest, RetryState } from "../../protocol/outcome.ts";
import type { ClientCapabilities, Implementation } from "../../protocol/request-meta.ts";
import { MAX_STEPS_BYTES, MAX_TASK_BYTES } from "./limits.ts";

/** A call that becomes a task. */
export interface TaskCall {
  readonly method: string;
  /** Once the task has ended, no more than the name. */
  readonly params: JsonObject;
  /** Who made it, or answered its questions last; without properties. */
  readonly caller: Caller;
  /** The caller's properties, sealed. Where their key is gone, the work goes on without them. */
  readonly properties: string | undefined;
  readonly capabilities: ClientCapabilities;
  readonly clientInfo: Implementation | undefined;
  readonly trace: TraceContext;
  /** What is known before the first step, and the answers since. Steps have rows of their own. */
  readonly retryState: RetryState;
  /** Which object counts it, and as whose. */
  readonly pool: string;
  readonly share: string;
}

/** A question that waits, by the key that the client was given. `key` is the handler's. */
export type OpenQuestions = Readonly<
  Record<string, { readonly key: string; readonly request: InputRequest }>
>;

export interface TaskRecord extends TaskCall {
  readonly status: "working" | "input_required" | "completed" | "failed" | "cancelled";
  readonly statusMessage?: string | undefined;
  /** How far the handler said that it is. */
  readonly progress?: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When its client was last seen, to {@link SEEN_MS}, where the task waits for it. */
  readonly seenAtMs: number;
  /** Whether somebody listened when that was written: a reset of the object takes its sockets, and tells nobody. */
  readonly hasListener?: boolean;
  /** Until then an open task must end, and an ended one is kept. */
  readonly expiresAtMs: number;
  /** How often the next step failed. */
  readonly attempts: number;
  readonly questions?: OpenQuestions | undefined;
  readonly result?: JsonObject | undefined;
  readonly error?: JsonObject;
}

export interface TaskStore {
  task(): TaskRecord | undefined;
  /** The same, unless it has ended. */
  openTask(): TaskRecord | undefined;
  /** Writes the record. False where it is too large, and leaves no room for `notes`, in bytes: then nothing is written. */
  putTask(task: TaskRecord, notes?: number): boolean;
  /** Changes it in memory: it is written with the next that is. */
  noteTask(changes: Partial<TaskRecord>): void;
  /** The bytes of the record as it was last written. */
  taskBytes(): number;
  /** What the finished steps gave, by their keys. */
  steps(): JsonObject;
  /** What a finished step gave. */
  step(key: string): JsonValue | undefined;
  /**
   * Writes what a step gave, and gives it. What the step gave before stays, and is given: a run that was given up may end it
   * later. Nothing is written once the task has ended. Undefined where it is too much.
   */
  putStep(key: string, value: JsonValue): JsonValue | undefined;
  /** Deletes what the steps gave. */
  deleteSteps(): void;
  /** From here on there is no task, though its rows may take a moment to go. */
  clear(): void;
}

/** The records of one task object. */
export function createTaskStore(kv: SyncKvStorage): TaskStore {
  const stored = kv.get<Uint8Array>("task");
  let task = stored && (parseBytes(stored) as TaskRecord);
  let taskBytes = 0;
  const steps = createStepRows(kv);
  return {
    task: () => task,
    openTask: () => (task && !hasEnded(task) ? task : undefined),
    putTask(record, notes = 0) {
      const bytes = encodeUtf8(JSON.stringify(record));
      if (bytes.length > MAX_TASK_BYTES - notes) return false;
      kv.put("task", bytes);
      task = record;
      taskBytes = bytes.length;
      return true;
    },
    noteTask(changes) {
      if (task !== undefined) task = { ...task, ...changes };
    },
    taskBytes: () => taskBytes,
    steps: steps.all,
    step: steps.get,
    putStep: (key, value) =>
      task === undefined || hasEnded(task) ? (steps.get(key) ?? value) : steps.put(key, value),
    deleteSteps: steps.deleteAll,
    clear() {
      task = undefined;
    },
  };
}

const STEP_PREFIX = "step ";
type StepRow = readonly [key: string, value: JsonValue];

/** The rows of what the steps gave, of {@link TaskStore}. A key is any text of the handler's: it stands in the row, not in its name. */
function createStepRows(kv: SyncKvStorage): {
  readonly all: () => JsonObject;
  readonly get: (key: string) => JsonValue | undefined;
  readonly put: (key: string, value: JsonValue) => JsonValue | undefined;
  readonly deleteAll: () => void;
} {
  let storedBytes = 0;
  /** Of the rows that are there; undefined where it is not known yet. */
  let keys: Set<string> | undefined;
  const read = (): StepRow[] => {
    const rows = [...kv.list<Uint8Array>({ prefix: STEP_PREFIX })].map(([, bytes]) => bytes);
    const steps = rows.map((bytes) => parseBytes(bytes) as StepRow);
    storedBytes = rows.reduce((sum, bytes) => sum + bytes.length, 0);
    keys = new Set(steps.map(([key]) => key));
    return steps;
  };
  const known = (): Set<string> => {
    if (keys === undefined) read();
    return keys ?? new Set();
  };
  const get = (key: string): JsonValue | undefined =>
    known().has(key) ? new Map(read()).get(key) : undefined;
  return {
    all: () => Object.fromEntries(read()),
    get,
    put(key, value) {
      if (known().has(key)) return get(key);
      const bytes = encodeUtf8(JSON.stringify([key, value]));
      if (bytes.length > MAX_TASK_BYTES || storedBytes + bytes.length > MAX_STEPS_BYTES)
        return undefined;
      kv.put(`${STEP_PREFIX}${known().size}`, bytes);
      storedBytes += bytes.length;
      known().add(key);
      return value;
    },
    deleteAll() {
      for (let index = 0; index < known().size; index += 1) kv.delete(`${STEP_PREFIX}${index}`);
      known().clear();
      storedBytes = 0;
    },
  };
}

function parseBytes(bytes: Uint8Array): unknown {
  return JSON.parse(decodeUtf8(bytes) ?? "null");
}

/** Whether the task has come to its end. */
export function hasEnded({ status }: TaskRecord): boolean {
  return status !== "working" && status !== "input_required";
}
