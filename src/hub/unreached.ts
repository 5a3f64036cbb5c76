/**
 * Sessions that could not be told of a change: their object was restarted, overloaded, or failed. They are told later, by the
 * hub's alarm, what may have changed, so that no change is lost without a word.
 */

import { log, errorStack } from "../base/log.ts";
import { MAX_ATTEMPTS } from "../base/retry.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import type { HubRows } from "./hub-rows.ts";
import type { SessionKey } from "./hub-records.ts";

/** Requests to sessions at a time: others are made in the same invocation. */
const PAGE_SIZE = 100;

/** Tells a page of them by `notifyMissed`. Whoever fails once more waits for the next time, {@link MAX_ATTEMPTS} times. */
export async function reachAgain(
  rows: HubRows,
  notifyMissed: (session: SessionKey) => Promise<void>,
): Promise<void> {
  await Promise.all(
    rows.unreached(PAGE_SIZE).map(async ({ session, attempts }) => {
      try {
        await notifyMissed(session);
        rows.forgetUnreached(session);
      } catch (error) {
        await logUnreached(session, error);
        if (attempts < MAX_ATTEMPTS) rows.markUnreached(session, attempts + 1);
        else rows.forgetUnreached(session);
      }
    }),
  );
}

/** A session could not be asked or told. Its id is a credential: its digest stands for it. */
export async function logUnreached({ id }: SessionKey, error: unknown): Promise<void> {
  log("error", "session.notify_failed", {
    session: await sha256Base64url(id),
    error: errorStack(error),
  });
}
