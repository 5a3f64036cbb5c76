/** Work that must be done whatever fails meanwhile: all parts of it are begun, and what failed is tried again. */

import { sleep } from "./time.ts";

/** Attempts after which unfinished work is given up: two days with {@link retryDelayMs}. */
export const MAX_ATTEMPTS = 50;

/** Milliseconds to wait before the try after `attempts` that failed: twice as long each time, an hour at most. */
export function retryDelayMs(attempts: number): number {
  return Math.min(5_000 * 2 ** attempts, 3_600_000);
}

/**
 * Waits for all of them, also when one fails.
 * @throws what the first that failed threw.
 */
export async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === "rejected") throw result.reason;
}

/** Tries of {@link retried}, and milliseconds before the next, thrice as many each time. */
const MAX_TRIES = 4;
const RETRY_MS = 100;

/**
 * What `ask` gives of a Durable Object that may be restarted meanwhile, and is there again soon. `ask` makes the stub anew: one whose
 * object was reset fails for good. Only for what may be done twice. `mayPass`: whether an error is one to ask again after.
 */
export async function retried<T>(
  ask: () => Promise<T>,
  mayPass: (error: unknown) => boolean = () => true,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === MAX_TRIES || !mayPass(error)) throw error;
      await sleep(RETRY_MS * 3 ** (attempt - 1));
    }
  }
}

/** Whether a Durable Object failed by what passes: it was reset, or has too much to do. */
export function isObjectAway(error: unknown): boolean {
  const { durableObjectReset, overloaded, retryable } = Object(error) as Record<string, unknown>;
  return durableObjectReset === true || overloaded === true || retryable === true;
}
