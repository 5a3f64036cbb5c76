/** Work that must be done whatever fails meanwhile: all parts of it are begun, and what failed is tried again. */

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
