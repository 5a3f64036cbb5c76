/**
 * Counts the tasks that are at work or wait: those of one caller, or those of strangers, each address with a share of its own.
 *
 * Storage: kv "<share> <task id>" → when it began, milliseconds since the epoch; a row a task.
 * Life: a task that ends takes its row away. One whose row stayed, or that never began, is found when its share is full.
 */

import { DurableObject } from "cloudflare:workers";
import { objectNamespace } from "../../base/bindings.ts";
import { now } from "../../base/time.ts";
import { MAX_RUNNING_TASKS, MAX_STRANGERS_TASKS, RECOUNT_MS } from "./limits.ts";

/** What is asked of a task. */
export interface CountedTask extends Rpc.DurableObjectBranded {
  isOpen(): boolean;
}

export class RunningTasksObject<Env = unknown> extends DurableObject<Env> {
  readonly #rows = this.ctx.storage.kv;
  /** When each task began, the oldest first. */
  readonly #startedAtMs = new Map<string, number>(
    [...this.#rows.list<number>()].toSorted(([, one], [, other]) => one - other),
  );
  /** When tasks were asked for want of room; memory is enough. */
  #askedAtMs = 0;

  /** Makes room for a task that is about to begin. False where there is none. */
  async admit(share: string, taskId: string): Promise<boolean> {
    for (const prefix of [share, ""]) if (this.#isFull(prefix)) await this.#dropEnded(prefix);
    // Nothing is awaited between this look and the row.
    if (this.#isFull(share) || this.#isFull("")) return false;
    const key = `${share} ${taskId}`;
    this.#rows.put(key, now());
    this.#startedAtMs.set(key, now());
    return true;
  }

  /** The task has ended. */
  release(share: string, taskId: string): void {
    this.#remove(`${share} ${taskId}`);
  }

  #keys(prefix: string): string[] {
    return [...this.#startedAtMs.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Whether a share, or this object ("") has no room for one more. */
  #isFull(prefix: string): boolean {
    const most = prefix === "" ? MAX_STRANGERS_TASKS : MAX_RUNNING_TASKS;
    return this.#startedAtMs.size >= most && this.#keys(prefix).length >= most;
  }

  /** Asks the oldest whether they still run. Those that began a moment ago may not be there yet. */
  async #dropEnded(prefix: string): Promise<void> {
    const before = now() - RECOUNT_MS;
    if (this.#askedAtMs > before) return;
    this.#askedAtMs = now();
    const tasks = objectNamespace<CountedTask>(this.env, "TASK");
    const oldest = this.#keys(prefix).slice(0, MAX_RUNNING_TASKS);
    const ask = async (key: string): Promise<void> => {
      if ((this.#startedAtMs.get(key) ?? 0) > before) return;
      const id = tasks?.idFromString(key.slice(key.indexOf(" ") + 1));
      // One that cannot be asked counts as running.
      const isOpen =
        id &&
        tasks
          ?.get(id)
          .isOpen()
          .catch(() => true);
      if ((await isOpen) === false) this.#remove(key);
    };
    await Promise.all(oldest.map(ask));
  }

  #remove(key: string): void {
    this.#startedAtMs.delete(key);
    this.#rows.delete(key);
  }
}
