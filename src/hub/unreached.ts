/**
 * Sessions that could not be told of a change: their object was restarted, overloaded, or failed. They are told later, by the
 * hub's alarm, what may have changed, so that no change is lost without a word.
 */

import { logError } from "../base/log.ts";
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
    due.slice(0, PAGE_SIZE).map(async ({ session, attempts, missedCount }) => {
      // Also where this object died in the middle of every try.
      if (attempts > MAX_ATTEMPTS) return rows.forgetUnreached(session);
      const nextAtMs = now() + retryDelayMs(attempts);
      // Before the session is told: where this object dies meanwhile, the next one tries again.
      rows.putUnreached({ session, attempts: attempts + 1, missedCount, nextAtMs });
      try {
        await notifyMissed(session);
        forgetTold(rows, session, missedCount);
      } catch (error) {
        await logUnreached(session, error);
        if (attempts === MAX_ATTEMPTS) rows.forgetUnreached(session);
      }
    }),
  );
}

/** The session was told what it had missed before `missedCount` became more. Of what it missed since, it is told soon. */
function forgetTold(rows: HubRows, session: SessionKey, missedCount: number): void {
  const noted = rows.getUnreached(session);
  if (noted === undefined || noted.missedCount === missedCount)
    return rows.forgetUnreached(session);
  rows.putUnreached({ ...noted, attempts: 1, nextAtMs: now() + retryDelayMs(0) });
}

/** Notes that a session could not be told of a change. One that is noted already keeps its turn. Gives when to try again. */
export function noteUnreached(rows: HubRows, session: SessionKey): number {
  const noted = rows.getUnreached(session);
  const { attempts, missedCount, nextAtMs } = noted ?? {
    attempts: 1,
    missedCount: 0,
    nextAtMs: now() + retryDelayMs(0),
  };
  rows.putUnreached({ session, attempts, missedCount: missedCount + 1, nextAtMs });
  return nextAtMs;
}

/** A session could not be asked or told. Its id is a credential: its digest stands for it. */
export async function logUnreached({ id }: SessionKey, error: unknown): Promise<void> {
  logError("session.notify_failed", error, { session: await sha256Base64url(id) });
}
