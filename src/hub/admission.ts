/**
 * Room for one more session. Where a share is used up, the session makes room that nobody has used for longest.
 * The hub knows no more than when each was used at the earliest, so it asks, and notes what it hears: a session that was
 * used later than the next one goes back in line. One that holds a stream or is at work is never ended.
 */

import { ANONYMOUS, callerKey } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import type { Seen, SessionRows } from "./rows.ts";

/** Sessions one caller may have open, or one address of strangers; listeners likewise, on each hub object. */
export const MAX_SESSIONS_PER_CALLER = 100;
/** Sessions of all strangers on one hub object. */
export const MAX_SESSIONS_OF_STRANGERS = 10_000;

/** Requests to sessions in one invocation: the platform allows a thousand. */
export const PAGE = 500;

/** Milliseconds after admission in which a session may not have been opened yet. */
export const OPENING_MS = 60_000;

/** What a session says that was to be ended: when it was last seen, if that is too late for it. "gone": there is none, or not yet. */
export type Retired = number | "busy" | "ended" | "gone";

/** Has a session end, unless it is busy or was seen after `before`. */
type Ask = (one: Seen, before: number) => Promise<Retired>;

/** Whether there is room for one more session of `share`, after some may have been ended. Nothing is awaited after the last look. */
export async function makeRoom(rows: SessionRows, share: string, ask: Ask): Promise<boolean> {
  const at = now();
  let skipped = 0;
  for (let asked = 0; asked < PAGE; asked++) {
    const crowded = crowdedBy(rows, share);
    if (crowded === undefined) return true;
    const [idlest, next] = rows.idlest(crowded, skipped);
    if (idlest === undefined || idlest.since >= at) return false;
    // To the end of the line: whoever else wants room meanwhile asks another.
    rows.setSeen(idlest, at + OPENING_MS);
    if (await retire(rows, idlest, Math.min(next?.since ?? at, at), ask)) continue;
    rows.setSeen(idlest, idlest.since);
    skipped += 1;
  }
  return false;
}

/** The bound that one more session of `share` would break: that of the share, or of all strangers. */
function crowdedBy(rows: SessionRows, share: string): string | undefined {
  const strangers = callerKey(ANONYMOUS);
  if (share !== strangers && rows.count(share) >= MAX_SESSIONS_PER_CALLER) return share;
  const isCrowded = share.startsWith(strangers) && rows.count(strangers) >= MAX_SESSIONS_OF_STRANGERS;
  return isCrowded ? strangers : undefined;
}

/** Ends a session that was not seen after `before`, or notes when it was. False while it may not have been opened yet. */
export async function retire(rows: SessionRows, one: Seen, before: number, ask: Ask): Promise<boolean> {
  const seen = await ask(one, before);
  if (seen === "gone" && one.since > now() - OPENING_MS) return false;
  if (seen === "gone" || seen === "ended") rows.remove(one, Infinity);
  else rows.setSeen(one, seen === "busy" ? now() : seen);
  return true;
}
