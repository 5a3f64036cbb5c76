/** The end of a session at the hub: tried at once, and by the alarm until it is done or the hub finds out by itself. */

import { logError } from "../../base/log.ts";
import { MAX_ATTEMPTS, retryDelayMs } from "../../base/retry.ts";
import { now } from "../../base/time.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import type { SessionRuntime } from "./types.ts";

/** Has the hub forget the session that was. After the last try the hub finds out by itself. */
export async function unregister({
  store,
  objectState,
  dependencies,
}: SessionRuntime): Promise<void> {
  const { share, attempts } = store.pendingUnregistration() ?? {
    share: "",
    attempts: MAX_ATTEMPTS,
  };
  const sessionId = objectState.id.toString();
  try {
    if (attempts < MAX_ATTEMPTS) await dependencies.hub.unregisterSession(sessionId, share);
  } catch (error) {
    const session = await sha256Base64url(sessionId);
    logError("cleanup.failed", error, { session, attempts });
    store.putPendingUnregistration({ share, attempts: attempts + 1 });
    return objectState.storage.setAlarm(now() + retryDelayMs(attempts));
  }
  await objectState.storage.deleteAll();
}
