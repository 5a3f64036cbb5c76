/**
 * `ctx.once`: what a handler does once for a request, however often it runs. Its results go from round to round with the answers
 * of the client. What fails is in no memory, and is tried again.
 */

import { asJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { leaveHandler } from "./input-round.ts";
import type { Steps } from "./types.ts";

/**
 * How many turns of the queue what stands behind an `await` of work may need to begin its next: one or more for each function
 * around it.
 */
const TURNS_AFTER_WORK = 20;

/** The work of one run of a handler. */
export interface OnceWork {
  /** What has been done, by key. */
  readonly results: JsonObject;
  /** The result for `key`, of `action` where there is none yet. Leaves the handler when the round is over. */
  run(key: string, action: () => JsonValue | Promise<JsonValue>): Promise<JsonValue>;
  /** Counts `work` among what must be done before the round ends. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Waits for all work, and for what follows it. */
  settle(): Promise<void>;
  /** Ends the round: nothing more is begun, as nobody would remember it. */
  end(): void;
  /** Whether the handler was left before a step, to run again. */
  hasLetGo(): boolean;
}

/**
 * A value as the next round has it, which the handler may change: what it does to one run's copy is in no other. Nothing is null,
 * for types do not hold at run time. @throws {@link NotJson}
 */
function copyOfJson(value: JsonValue | undefined): JsonValue {
  try {
    return asJson(value ?? null);
  } catch (error) {
    throw new NotJson(`once: the result is no JSON: ${(error as Error).message}`);
  }
}

/** What an action gave is no JSON, and would be none another time. */
export class NotJson extends TypeError {}

/** `earlierResults`: what other rounds of the request have done. `steps`: what is done around each, in a task. */
export function createOnceWork(earlierResults: JsonObject, steps?: Steps): OnceWork {
  // A key may be any text: "__proto__" too.
  const results = Object.assign(Object.create(null) as JsonObject, earlierResults);
  const pending: Promise<unknown>[] = [];
  const running = new Map<string, Promise<JsonValue>>();
  let isOver = false;
  let hasLetGo = false;

  const track = <T>(work: Promise<T>): Promise<T> => {
    pending.push(work);
    return work;
  };

  const perform = async (
    key: string,
    action: () => JsonValue | Promise<JsonValue>,
  ): Promise<JsonValue> => {
    const value = copyOfJson(await action());
    results[key] = steps === undefined ? value : steps.record(key, value);
    return results[key];
  };
  /** What is at work for `key`, begun where nothing is. What has ended is not at work. */
  const workFor = (
    key: string,
    action: () => JsonValue | Promise<JsonValue>,
  ): Promise<JsonValue> => {
    const current = running.get(key);
    if (current !== undefined) return current;
    const work = track(perform(key, action));
    running.set(key, work);
    const forget = (): boolean => running.delete(key);
    work.then(forget, forget);
    return work;
  };

  return {
    results,
    track,
    async run(given, action) {
      const key = String(given);
      const kept = Object.hasOwn(results, key) ? results[key] : steps?.kept(key);
      if (kept !== undefined) return copyOfJson(kept);
      hasLetGo ||= steps?.mustLetGo() === true;
      if (isOver || hasLetGo) leaveHandler();
      return copyOfJson(await workFor(key, action));
    },
    async settle() {
      while (pending.length > 0) {
        await Promise.allSettled(pending.splice(0));
        for (let turn = 0; turn < TURNS_AFTER_WORK; turn++) await Promise.resolve();
      }
    },
    end() {
      isOver = true;
    },
    hasLetGo: () => hasLetGo,
  };
}
