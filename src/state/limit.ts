/**
 * A sliding window in nine numbers: never more than `max` uses in any window of that length. Pure.
 * The window is cut in eight. Uses are counted per slot, and a slot counts whole as long as any of it is in the window:
 * so a place may come back up to an eighth of the window late, and never early.
 */

import type { Limited } from "./store.ts";

/** Uses in the slot numbered `slot` and in the eight before it, oldest first. A slot is `width` milliseconds. */
export interface Window {
  readonly slot: number;
  readonly counts: readonly number[];
  readonly width: number;
}

const SLOTS = 8;
const NONE: readonly number[] = Array.from({ length: SLOTS + 1 }, () => 0);

/** One use at `at` (milliseconds): whether it may be, and the window that it leaves behind when it may. */
export function use(
  before: Window | undefined,
  at: number,
  max: number,
  windowMs: number,
): { readonly limited: Limited; readonly after: Window | undefined } {
  const width = windowMs / SLOTS;
  const { slot, counts } = slide(before ?? { slot: 0, counts: NONE, width }, Math.floor(at / width));
  const used = counts.reduce((sum, count) => sum + count, 0);
  if (used >= max) {
    const free = freeAt({ slot, counts, width }, used - max);
    return { limited: { ok: false, remaining: 0, retryAfterMs: Math.ceil(free - at) }, after: undefined };
  }
  const after = { slot, width, counts: counts.with(SLOTS, (counts[SLOTS] ?? 0) + 1) };
  return { limited: { ok: true, remaining: max - used - 1, retryAfterMs: 0 }, after };
}

/** The window as of slot `now`. A clock that is behind counts into the newest slot there is. */
function slide({ slot, counts, width }: Window, now: number): Window {
  const gone = Math.min(Math.max(now - slot, 0), SLOTS + 1);
  return { slot: Math.max(now, slot), counts: [...counts.slice(gone), ...NONE.slice(0, gone)], width };
}

/** When more than `surplus` uses will have left the window. */
function freeAt({ slot, counts, width }: Window, surplus: number): number {
  let left = 0;
  const at = counts.findIndex((count) => (left += count) > surplus);
  return (slot + at + 1) * width;
}

/** When nothing that was counted is in the window any more. */
export function emptyAt({ slot, width }: Window): number {
  return (slot + SLOTS + 1) * width;
}
