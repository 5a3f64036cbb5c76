/**
 * Who may use the session of an object, and when its client was last seen. MCP client/elicitation#statefulness.
 * Refuses every caller but the one that opened the session, and every grant that ended here.
 *
 * Memory alone holds the grants and the newest time. An object that forgot them asks the hub about a grant again, and
 * finds an earlier time in the row.
 */

import { now } from "../../base/time.ts";
import { findRevision } from "../../protocol/versions.ts";
import { LAST_SEEN_INTERVAL_MS } from "./limits.ts";
import type { ActiveSession, SessionRuntime } from "./types.ts";

export interface SessionAccess {
  /** The session, when there is one. */
  session(): ActiveSession | undefined;
  /** The session, when it is `caller`'s. Notes that the client is here, and by which grant. */
  authorize(caller: string, grant?: string): Promise<ActiveSession | undefined>;
  /** Notes that the client is here: in memory, and once in a while in the row. */
  touch(session: ActiveSession): ActiveSession;
  /** When the client was last seen; milliseconds since the epoch. */
  lastSeenMs(session: ActiveSession): number;
  /** Notes that `grant` ended. */
  endGrant(grant: string): void;
  hasEnded(grant: string | undefined): boolean;
}

/** The access to the session of `runtime`. */
export function createSessionAccess({
  store,
  objectState,
  dependencies,
}: SessionRuntime): SessionAccess {
  /** Grants beside the session's own that the hub knows to be used here. */
  const knownGrants = new Set<string>();
  /** Grants that ended here: as many at most as the hub lets into a session. */
  const endedGrants = new Set<string>();
  /** When the client was last seen, as far as this object remembers. */
  let lastSeenMs = 0;

  const findSession = (): ActiveSession | undefined => {
    const record = store.session();
    const revision = record && findRevision(record.revision);
    return record && revision && { record, revision };
  };
  const hasEnded = (grant: string | undefined): boolean =>
    grant !== undefined && endedGrants.has(grant);
  const touch = (session: ActiveSession): ActiveSession => {
    lastSeenMs = now();
    if (now() - session.record.lastSeenMs <= LAST_SEEN_INTERVAL_MS) return session;
    store.updateSession({ lastSeenMs: now() });
    return findSession() ?? session;
  };
  const authorize = async (caller: string, grant?: string): Promise<ActiveSession | undefined> => {
    const session = findSession();
    // spec: session.bound, elicit.identity.bound, elicit.state.protected
    if (session === undefined || session.record.caller !== caller) return undefined;
    if (hasEnded(grant)) return undefined;
    if (grant === undefined || grant === session.record.grant || knownGrants.has(grant))
      return touch(session);
    const sessionId = objectState.id.toString();
    if (!(await dependencies.hub.addGrant(sessionId, session.record.share, grant)))
      return undefined;
    knownGrants.add(grant);
    // The session or the grant may have ended meanwhile.
    return authorize(caller, grant);
  };
  return {
    session: findSession,
    authorize,
    touch,
    lastSeenMs: ({ record }) => Math.max(record.lastSeenMs, lastSeenMs),
    endGrant(grant) {
      endedGrants.add(grant);
    },
    hasEnded,
  };
}
