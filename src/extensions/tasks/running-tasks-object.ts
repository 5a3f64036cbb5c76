/**
 * Counts the tasks of one caller, or those of strangers, each address with a share of its own.
 * One too many at work or waiting: the task that has waited longest for a client that is gone is ended.
 * One too many that have ended, or too many bytes: the one that ended longest ago is deleted.
 *
 * Storage: kv "<share> <task id>", a row a task → when it began, milliseconds since the epoch; once it has ended, [when, its bytes].
 * Life: a task that is deleted takes its row away. One whose row stayed, or that never began, is found when its share is full.
 */

import { objectNamespace } from "../../base/bindings.ts";
import { DurableObject } from "../../base/platform.ts";
import { now } from "../../base/time.ts";
import {
  IDLE_TASK_MS,
  MAX_ENDED_BYTES,
  MAX_ENDED_TASKS,
  MAX_RUNNING_TASKS,
  MAX_STRANGERS_TASKS,
  RECOUNT_MS,
} from "./limits.ts";

/** What is asked of a task. */
export interface CountedTask extends Rpc.DurableObjectBranded {
  idleSinceMs(): number | undefined;
  endIdle(): Promise<void>;
  deleteEnded(): Promise<void>;
}

/** A task that has ended: when, in milliseconds since the epoch, and the bytes that are kept of it. */
type EndedTask = readonly [endedAtMs: number, bytes: number];

/** Tasks that one call tries to end for its place: the client of each may have come back. */
const MAX_TRIES = 3;

export class RunningTasksObject<Env = unknown> extends DurableObject<Env> {
  readonly #rows = this.ctx.storage.kv;
  /** When each task began, the oldest first; those that were asked stand behind. */
  readonly #startedAtMs = new Map<string, number>();
  /** What has ended, the oldest end first. */
  readonly #ended = new Map<string, EndedTask>();
  /** When the tasks of a share, or of all, were asked for want of room; memory is enough. */
  readonly #asked = new Map<string, { readonly atMs: number; readonly done: Promise<unknown> }>();
  /** Since when a task waited for a client that is gone, of those that were asked. */
  readonly #idleSinceMs = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const rows = [...this.#rows.list<number | EndedTask>()];
    for (const [key, row] of rows.toSorted(([, one], [, other]) => timeOf(one) - timeOf(other)))
      if (typeof row === "number") this.#startedAtMs.set(key, row);
      else this.#ended.set(key, row);
  }

  /** Makes room for a task that is about to begin. False where there is none. May be asked again. */
  async admit(share: string, taskId: string): Promise<boolean> {
    const key = `${share} ${taskId}`;
    if (this.#startedAtMs.has(key)) return true;
    for (const prefix of [share, ""]) {
      if (this.#isFull(prefix)) await this.#makeRoom(prefix);
      // Whoever is refused for their own share takes nobody's place.
      if (this.#isFull(prefix)) return false;
    }
    // Nothing is awaited between this look and the row.
    if (this.#isFull(share)) return false;
    this.#rows.put(key, now());
    this.#startedAtMs.set(key, now());
    return true;
  }

  /** The task has ended, and so many bytes are kept of it; with 0, it is deleted. */
  async release(share: string, taskId: string, keptBytes: number): Promise<void> {
    const key = `${share} ${taskId}`;
    this.#remove(key, keptBytes === 0);
    if (keptBytes === 0) return;
    const ended: EndedTask = [now(), keptBytes];
    this.#rows.put(key, ended);
    this.#ended.set(key, ended);
    const surplus = [...this.#takeSurplus(share), ...this.#takeSurplus("")];
    await Promise.all(surplus.map((one) => this.#deleteEnded(one)));
  }

  /** Takes out what has ended longest ago, until a share, or all together (""), keeps no more than it may. */
  #takeSurplus(prefix: string): string[] {
    const ended = [...this.#ended].filter(([key]) => key.startsWith(prefix));
    const most = prefix === "" ? MAX_STRANGERS_TASKS : MAX_ENDED_TASKS;
    let count = ended.length;
    let bytes = prefix === "" ? 0 : ended.reduce((sum, [, [, one]]) => sum + one, 0);
    const surplus: string[] = [];
    for (const [key, [, one]] of ended) {
      if (count <= most && bytes <= MAX_ENDED_BYTES) break;
      count -= 1;
      bytes -= one;
      this.#remove(key);
      surplus.push(key);
    }
    return surplus;
  }

  #keys(prefix: string): string[] {
    return [...this.#startedAtMs.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Whether a share, or this object ("") has no room for one more. */
  #isFull(prefix: string): boolean {
    const most = prefix === "" ? MAX_STRANGERS_TASKS : MAX_RUNNING_TASKS;
    return this.#startedAtMs.size >= most && this.#keys(prefix).length >= most;
  }

  async #makeRoom(prefix: string): Promise<void> {
    await this.#ask(prefix);
    for (let tries = 0; tries < MAX_TRIES && this.#isFull(prefix); tries += 1) {
      const [key] = [...this.#idleSinceMs]
        .filter(([one]) => one.startsWith(prefix))
        .toSorted(([, one], [, other]) => one - other)
        .flat() as [string?];
      if (key === undefined) return;
      // Nobody else tries the same.
      this.#idleSinceMs.delete(key);
      // It releases its place itself.
      await this.#task(key)
        ?.endIdle()
        .catch(() => undefined);
    }
  }

  /** Asks tasks whether they run, or wait for nobody, once in {@link RECOUNT_MS}: whoever comes meanwhile waits for the same answers. */
  #ask(prefix: string): Promise<unknown> | undefined {
    const before = now() - RECOUNT_MS;
    for (const [one, { atMs }] of this.#asked) if (atMs <= before) this.#asked.delete(one);
    const asked = this.#asked.get(prefix);
    if (asked !== undefined) return asked.done;
    const done = Promise.all(
      this.#keys(prefix)
        // Those that began a moment ago may not be there yet.
        .filter((key) => (this.#startedAtMs.get(key) ?? 0) <= before)
        .slice(0, MAX_RUNNING_TASKS)
        .map((key) => this.#askOne(key)),
    );
    this.#asked.set(prefix, { atMs: now(), done });
    return done;
  }

  async #askOne(key: string): Promise<void> {
    // One that cannot be asked counts as running.
    const idleSinceMs = await this.#task(key)
      ?.idleSinceMs()
      .catch(() => Infinity);
    const startedAtMs = this.#startedAtMs.get(key);
    if (startedAtMs === undefined) return;
    this.#remove(key, idleSinceMs === undefined);
    if (idleSinceMs === undefined) return;
    this.#startedAtMs.set(key, startedAtMs);
    if (idleSinceMs <= now() - IDLE_TASK_MS) this.#idleSinceMs.set(key, idleSinceMs);
  }

  /** One that cannot be told goes when its day is over. */
  async #deleteEnded(key: string): Promise<void> {
    await this.#task(key)
      ?.deleteEnded()
      .catch(() => undefined);
  }

  #task(key: string): DurableObjectStub<CountedTask> | undefined {
    const tasks = objectNamespace<CountedTask>(this.env, "TASK");
    return tasks?.get(tasks.idFromString(key.slice(key.indexOf(" ") + 1)));
  }

  #remove(key: string, withRow: boolean = true): void {
    this.#startedAtMs.delete(key);
    this.#ended.delete(key);
    this.#idleSinceMs.delete(key);
    if (withRow) this.#rows.delete(key);
  }
}

function timeOf(row: number | EndedTask): number {
  return typeof row === "number" ? row : row[0];
}
