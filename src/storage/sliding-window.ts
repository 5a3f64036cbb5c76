/**
 * A sliding window in nine numbers: never more than `max` uses in any window of that length. Pure.
 * The window is cut in eight. Uses are counted per slot, and a slot counts whole as long as any of it is in the window:
 * so a place may come back up to an eighth of the window late, and never early.
 */

import type { RateLimitResult } from "./types.ts";

/** Uses in the slot numbered `slot` and in the eight before it, oldest first. A slot is `slotMs` milliseconds. */
export interface SlidingWindow {
  readonly slot: number;
  readonly counts: readonly number[];
  readonly slotMs: number;
}

const SLOTS = 8;
const NO_USES: readonly number[] = Array.from({ length: SLOTS + 1 }, () => 0);

/** One use at `at` (milliseconds): whether it may be, and the window that it leaves behind when it may. */
export function consume(
  previous: SlidingWindow | undefined,
  nowMs: number,
  max: number,
  windowMs: number,
): { readonly result: RateLimitResult; readonly window: SlidingWindow | undefined } {
  const slotMs = windowMs / SLOTS;
  const { slot, counts } = slideTo(
    previous ?? { slot: 0, counts: NO_USES, slotMs },
    Math.floor(nowMs / slotMs),
  );
  const used = counts.reduce((sum, count) => sum + count, 0);
  if (used >= max) {
    const freeAtMs = whenFreeMs({ slot, counts, slotMs }, used - max);
    return {
      result: { isAllowed: false, remaining: 0, retryAfterMs: Math.ceil(freeAtMs - nowMs) },
      window: undefined,
    };
  }
  const window = { slot, slotMs, counts: counts.with(SLOTS, (counts[SLOTS] ?? 0) + 1) };
  return { result: { isAllowed: true, remaining: max - used - 1, retryAfterMs: 0 }, window };
}

/** The window as of slot `now`. A clock that is behind counts into the newest slot there is. */
function slideTo({ slot, counts, slotMs }: SlidingWindow, currentSlot: number): SlidingWindow {
  const elapsedSlots = Math.min(Math.max(currentSlot - slot, 0), SLOTS + 1);
  return {
    slot: Math.max(currentSlot, slot),
    counts: [...counts.slice(elapsedSlots), ...NO_USES.slice(0, elapsedSlots)],
    slotMs,
  };
}

/** When more than `surplus` uses will have left the window. */
function whenFreeMs({ slot, counts, slotMs }: SlidingWindow, surplus: number): number {
  let leaving = 0;
  const at = counts.findIndex((count) => (leaving += count) > surplus);
  return (slot + at + 1) * slotMs;
}

/** When nothing that was counted is in the window any more. */
export function emptyAtMs({ slot, slotMs }: SlidingWindow): number {
  return (slot + SLOTS + 1) * slotMs;
}
