/**
 * Room for one more session. Where a share is used up, the session makes room that nobody has used for longest.
 * The hub knows no more than when each was used at the earliest, so it asks, and notes what it hears: a session that was
 * used later than the next one goes back in line. One that holds a stream or is at work is never ended.
 */

import { ANONYMOUS, callerKey } from "../base/caller.ts";
import { now } from "../base/time.ts";
import type { SeenSession, HubRows } from "./hub-rows.ts";

/** Sessions one caller may have open, or one address of strangers; listeners likewise, on each hub object. */
export const MAX_SESSIONS_PER_CALLER = 100;
/** Sessions of all strangers on one hub object. */
export const MAX_ANONYMOUS_SESSIONS = 10_000;

/** Requests to sessions in one invocation: the platform allows a thousand. */
export const HUB_PAGE_SIZE = 500;

/** Milliseconds for which a share that had no room is not looked at again. */
export const FULL_MS = 2_000;

/** Milliseconds after admission in which a session may not have been opened yet. */
export const OPENING_MS = 60_000;

/** What a session says that was to be ended: when it was last seen, if that is too late for it. "sessionNotFound": there is none, or not yet. */
export type RetirementResult = number | "busy" | "ended" | "sessionNotFound";

/** Has a session end, unless it is busy or was seen after `before`. */
type RequestRetirement = (session: SeenSession, before: number) => Promise<RetirementResult>;

/** Whether there is room for one more session of `share`, after some may have been ended. Nothing is awaited after the last look. */
export async function ensureCapacity(
  rows: HubRows,
  share: string,
  requestRetirement: RequestRetirement,
): Promise<boolean> {
  const time = now();
  let skipped = 0;
  for (let requestCount = 0; requestCount < HUB_PAGE_SIZE; requestCount++) {
    const fullGroup = findFullGroup(rows, share);
    if (fullGroup === undefined) return true;
    const [oldest, next] = rows.leastRecentlyUsed(fullGroup, skipped);
    if (oldest === undefined || oldest.lastSeenMs >= time) return false;
    // To the end of the line: whoever else wants room meanwhile asks another.
    rows.setLastSeen(oldest, time + OPENING_MS);
    if (
      await retireIdleSession(
        rows,
        oldest,
        Math.min(next?.lastSeenMs ?? time, time),
        requestRetirement,
      )
    )
      continue;
    rows.setLastSeen(oldest, oldest.lastSeenMs);
    skipped += 1;
  }
  return false;
}

/** The bound that one more session of `share` would break: that of the share, or of all strangers. */
function findFullGroup(rows: HubRows, share: string): string | undefined {
  const anonymous = callerKey(ANONYMOUS);
  if (share !== anonymous && rows.count(share) >= MAX_SESSIONS_PER_CALLER) return share;
  return share.startsWith(anonymous) && !takeAnonymousRoom(rows) ? anonymous : undefined;
}

/** For how many strangers each hub object has room at least. Sessions that ended since it counted make more. */
const anonymousRoom = new WeakMap<HubRows, number>();

/** Whether there is room for one more stranger. All of them are counted only where the last count leaves none. */
function takeAnonymousRoom(rows: HubRows): boolean {
  const known = anonymousRoom.get(rows) ?? 0;
  const room = known > 0 ? known : MAX_ANONYMOUS_SESSIONS - rows.count(callerKey(ANONYMOUS));
  anonymousRoom.set(rows, room - 1);
  return room > 0;
}

/** Ends a session that was not seen after `before`, or notes when it was. False while it may not have been opened yet. */
export async function retireIdleSession(
  rows: HubRows,
  session: SeenSession,
  before: number,
  requestRetirement: RequestRetirement,
): Promise<boolean> {
  const result = await requestRetirement(session, before);
  if (result === "sessionNotFound" && session.lastSeenMs > now() - OPENING_MS) return false;
  if (result === "sessionNotFound" || result === "ended") rows.remove(session, Infinity);
  else rows.setLastSeen(session, result === "busy" ? now() : result);
  return true;
}
