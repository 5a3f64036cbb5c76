/**
 * Sessions that could not be told of a change: their object was restarted, overloaded, or failed. They are told later, by the
 * hub's alarm, what may have changed, so that no change is lost without a word.
 */

import { log, errorStack } from "../base/log.ts";
import { MAX_ATTEMPTS, retryDelayMs } from "../base/retry.ts";
import { now } from "../base/time.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import type { HubRows } from "./hub-rows.ts";
import type { SessionKey } from "./hub-records.ts";

/** Requests to sessions at a time: others are made in the same invocation. */
const PAGE_SIZE = 100;

/** Tells a page of those whose time has come by `notifyMissed`. Whoever fails once more waits for longer, {@link MAX_ATTEMPTS} times. */
export async function reachAgain(
  rows: HubRows,
  notifyMissed: (session: SessionKey) => Promise<void>,
): Promise<void> {
  const due = rows.unreached().filter(({ nextAtMs }) => nextAtMs <= now());
  await Promise.all(
    due.slice(0, PAGE_SIZE).map(async ({ session, attempts }) => {
      // Before it is told: what fails meanwhile is noted anew.
      rows.forgetUnreached(session);
      try {
        await notifyMissed(session);
      } catch (error) {
        await logUnreached(session, error);
        if (attempts < MAX_ATTEMPTS) noteUnreached(rows, session, attempts + 1);
      }
    }),
  );
}

/** Notes that a session could not be told, for the `attempts`-th time. Gives when to try again. */
export function noteUnreached(rows: HubRows, session: SessionKey, attempts: number): number {
  const nextAtMs = now() + retryDelayMs(attempts - 1);
  rows.markUnreached({ session, attempts, nextAtMs });
  return nextAtMs;
}

/** A session could not be asked or told. Its id is a credential: its digest stands for it. */
export async function logUnreached({ id }: SessionKey, error: unknown): Promise<void> {
  log("error", "session.notify_failed", {
    session: await sha256Base64url(id),
    error: errorStack(error),
  });
}
