/**
 * The task object: one call of a tool that goes on without its client.
 *
 * Storage: `task-record.ts` lists it. The record is durable before an answer names the task.
 * Life: alarms drive it. A run starts the handler from its start; each finished step is a row, so an eviction or a crash
 * repeats at most the step that was at work. While it waits for an answer or its next try, nothing runs. A day after its
 * end it is deleted, or earlier where many have ended since.
 * Trade-off: a step costs a row, and each later run reads it.
 */

import { callerKey, type Caller } from "../../base/caller.ts";
import type { JsonObject } from "../../base/json.ts";
import { DurableObject } from "../../base/platform.ts";
import { now } from "../../base/time.ts";
import type { ServerRuntime } from "../../server/feature.ts";
import { acceptAnswers } from "./answers.ts";
import { describeTask, logDeadEnd } from "./describe-task.ts";
import {
  IDLE_TASK_MS,
  MAX_STEP_ATTEMPTS,
  POSTPONED_MS,
  TASK_NOTES_BYTES,
  TOO_LARGE,
} from "./limits.ts";
import { attachListener, CLOSED, hasListener, startTelling, tellListeners } from "./listeners.ts";
import { prepareRun, releaseTask } from "./other-objects.ts";
import { mayCallAgain, startRun, type TaskRun } from "./run-task.ts";
import { createTaskStore, hasEnded, type TaskCall, type TaskRecord } from "./task-record.ts";
import {
  afterRun,
  beginTask,
  cancelled,
  ENDED_FOR_ROOM,
  endTask,
  failure,
  noteClient,
  noteProgress,
  TASK_EXPIRED,
  TASK_LOST,
  TASK_TOO_LARGE,
  type TaskEnd,
} from "./transitions.ts";

export abstract class TaskObject<Env> extends DurableObject<Env> {
  readonly #store = createTaskStore(this.ctx.storage.kv);
  #run: TaskRun | undefined;

  /** The app's server and its services, in the isolate of this object. */
  abstract serverRuntime(env: Env): ServerRuntime;

  /** Begins the task, unless it has begun: two rows. Gives its JSON; undefined where the call is too large to keep. */
  async create(call: TaskCall): Promise<string | undefined> {
    const known = this.#store.task();
    if (known !== undefined) return this.#toJson(known);
    const task = beginTask(call, now());
    // spec: tasks.create.durable
    if (!this.#store.putTask(task, TASK_NOTES_BYTES)) return undefined;
    await this.ctx.storage.setAlarm(now());
    return this.#toJson(task);
  }

  /** The task as JSON; undefined where there is none, or it is not the caller's. */
  get(caller: Caller): string | undefined {
    // There is no timer here: who asks finds a step that takes too long.
    this.#run?.expire();
    const task = this.#taskOf(caller);
    if (task === undefined) return undefined;
    this.#noteClient();
    return this.#toJson(task);
  }

  /**
   * Takes answers, and works on when they were the last. `caller` is who it works for from now on. A text says what is wrong with
   * them; false: as {@link get}.
   */
  async update(
    caller: Caller,
    properties: string | undefined,
    responses: JsonObject,
  ): Promise<string | boolean> {
    const task = this.#taskOf(caller);
    if (task === undefined) return false;
    const accepted = acceptAnswers({ ...task, caller, properties }, responses, now());
    if (!accepted.ok) return accepted.error;
    this.#noteClient();
    const { value: answered } = accepted;
    if (answered === undefined) return true;
    if (!this.#store.putTask(answered, TASK_NOTES_BYTES)) return TOO_LARGE;
    if (answered.status === "working") await this.ctx.storage.setAlarm(now());
    this.#tellListeners();
    return true;
  }

  /** Ends the task, unless it has ended; the step at work is told by its signal. False: as {@link get}. */
  async cancel(caller: Caller): Promise<boolean> {
    const task = this.#taskOf(caller);
    // spec: tasks.cancel.notification
    if (task !== undefined) await this.#end(task, cancelled("Cancelled by the client"));
    return task !== undefined;
  }

  /** From the object that counts: since when the task waits for a client that is gone; undefined where nothing is at work. */
  idleSinceMs(): number | undefined {
    this.#run?.expire();
    // One that was cancelled may work on.
    if (this.#run !== undefined) return now();
    const task = this.#store.openTask();
    if (task === undefined) return undefined;
    if (task.status === "working" || hasListener(this.ctx)) return now();
    // Whoever listened was lost a moment ago, with the object before this one.
    if (task.hasListener === true) this.#noteClient();
    return this.#store.openTask()?.seenAtMs;
  }

  /** From the object that counts: ends the task, where its client is still gone. */
  async endIdle(): Promise<void> {
    const task = this.#store.openTask();
    if (task !== undefined && (this.idleSinceMs() ?? Infinity) <= now() - IDLE_TASK_MS)
      await this.#end(task, cancelled(ENDED_FOR_ROOM));
  }

  /** Attaches a listener. In: an upgrade request; the URL names the caller. Out: 101, and the task when it asks; or 404. */
  override fetch(request: Request): Response {
    this.#run?.expire();
    const caller = new URL(request.url).searchParams.get("caller") ?? "";
    if (this.#taskOf(JSON.parse(caller) as Caller) === undefined)
      return new Response(null, { status: 404 });
    const webSocket = attachListener(this.ctx);
    this.#noteClient();
    return new Response(null, { status: 101, webSocket });
  }

  override webSocketMessage(socket: WebSocket): void {
    const task = this.#store.task();
    // It may have been deleted meanwhile.
    if (task === undefined) socket.close(CLOSED);
    else startTelling(socket, this.#toJson(task), hasEnded(task));
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close(CLOSED);
    this.#noteClient();
  }

  /** Works, ends what has waited too long, or deletes what has ended. */
  override async alarm(alarm?: AlarmInvocationInfo): Promise<void> {
    const task = this.#store.task();
    if (task === undefined) return;
    if (task.expiresAtMs <= now()) {
      if (!hasEnded(task)) return this.#end(task, failure(TASK_EXPIRED));
      await this.deleteEnded();
      return this.#release(task, 0);
    }
    if (task.status !== "working") return this.ctx.storage.setAlarm(task.expiresAtMs);
    // The platform gives up soon after: what kills its object each time must end before.
    if ((alarm?.retryCount ?? 0) >= MAX_STEP_ATTEMPTS) return this.#end(task, failure(TASK_LOST));
    const runtime = await prepareRun(this.env, () => this.serverRuntime(this.env), task);
    if (runtime === "revoked") return this.#end(task, cancelled("Access was taken back"));
    // Nothing of the task ran, so nothing of it failed.
    if (runtime === "unavailable")
      return this.ctx.storage.setAlarm(Math.min(now() + POSTPONED_MS, task.expiresAtMs));
    await this.#work(runtime);
  }

  async #work(runtime: ServerRuntime): Promise<void> {
    const before = this.#store.task();
    if (before?.status !== "working") return;
    const id = this.ctx.id.toString();
    this.#run = startRun(runtime, id, before, this.#store, (progress, message) =>
      this.#noteProgress(progress, message),
    );
    const result = await this.#run.result;
    this.#run = undefined;
    const task = this.#store.task();
    // It was cancelled meanwhile, and keeps its place until now.
    if (task?.status !== "working") return task && this.#release(task);
    const next = afterRun(task, result, hasListener(this.ctx), now());
    return next.end === undefined
      ? this.#change(next.task, next.alarmAtMs)
      : this.#end(next.task, next.end, result.hasFailed);
  }

  /** Writes the open task down, sets its alarm, and tells who listens. */
  async #change(task: TaskRecord, alarmAtMs: number): Promise<void> {
    if (!this.#store.putTask(task)) return this.#end(task, failure(TASK_TOO_LARGE));
    await this.ctx.storage.setAlarm(alarmAtMs);
    this.#tellListeners();
  }

  /** Writes the end down, and then makes room for another task. `isDeadEnd`: its handler failed too often. */
  async #end(task: TaskRecord, end: TaskEnd, isDeadEnd: boolean = false): Promise<void> {
    // What has ended stays as it ended.
    if (this.#store.openTask() === undefined) return;
    this.#run?.abort();
    let ended = endTask(task, end, now());
    if (!this.#store.putTask(ended)) {
      ended = endTask(task, failure(TASK_TOO_LARGE), now());
      this.#store.putTask(ended);
    }
    this.#store.deleteSteps();
    await this.ctx.storage.setAlarm(ended.expiresAtMs);
    if (isDeadEnd || ended.status === "failed") logDeadEnd(ended, task.attempts);
    this.#tellListeners();
    if (this.#run === undefined) await this.#release(task);
  }

  #release(task: TaskRecord, keptBytes: number = this.#store.taskBytes()): Promise<void> {
    return releaseTask(this.env, task, this.ctx.id.toString(), keptBytes);
  }

  /** Also from the object that counts, before its day is over, where too much is kept: the task is unknown from here on. */
  async deleteEnded(): Promise<void> {
    if (this.#store.openTask() !== undefined) return;
    this.#store.clear();
    // With the rows goes the alarm.
    await this.ctx.storage.deleteAll();
  }

  /** The client of a task that waits was here, and may listen now. */
  #noteClient(): void {
    const task = this.#store.task();
    const noted = task && noteClient(task, hasListener(this.ctx), now());
    if (noted !== undefined) this.#store.putTask(noted);
  }

  /** The task, where it is this caller's and they may still call what it runs. */
  #taskOf(caller: Caller): TaskRecord | undefined {
    const task = this.#store.task();
    // spec: tasks.caller
    if (task === undefined || callerKey(task.caller) !== callerKey(caller)) return undefined;
    return mayCallAgain(this.serverRuntime(this.env), task, caller) ? task : undefined;
  }

  /** In memory: it is written with what the run leaves. A later run tells nothing anew. */
  #noteProgress(progress: number, message: string): void {
    const noted = noteProgress(this.#store.task(), progress, message, now());
    if (noted === undefined) return;
    this.#store.noteTask(noted);
    this.#tellListeners();
  }

  #tellListeners(): void {
    const task = this.#store.task();
    if (task !== undefined) tellListeners(this.ctx, this.#toJson(task), hasEnded(task));
  }

  #toJson(task: TaskRecord): string {
    return JSON.stringify(describeTask(this.ctx.id.toString(), task, now()));
  }
}
