/**
 * Work that must come to its end, whether or not whoever asked for it is still there: the platform cancels what a request
 * has begun when its client leaves, and gives what is kept alive 30 s more.
 */

import { waitUntil } from "./platform.ts";

/** Gives `work` itself, which ends though the client of this request leaves. */
export function keepAlive<T>(work: Promise<T>): Promise<T> {
  // Whoever awaits the work has its failure.
  waitUntil(work.catch(() => undefined));
  return work;
}
