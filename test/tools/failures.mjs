/** How failures of many steps fit on a small terminal. */

/** The least of a reason that says anything. */
const LEAST = 3;

/**
 * A failure: its title, and why. `isLast`: the cause is in the last lines of the reason, where it is otherwise in the first.
 * @typedef {{ readonly title: string; readonly lines: readonly string[]; readonly isLast?: boolean }} Failure
 */

/**
 * `failures` in `room` lines, or a few more: each that is shown has some of its reason, and the first has what is left.
 * `place` is where the rest can be read.
 * @param {readonly Failure[]} failures
 * @param {number} room
 * @param {string} place
 * @returns {string[]}
 */
export function layOutFailures(failures, room, place) {
  /** @type {string[]} */
  const shown = [];
  for (const [index, { title, lines, isLast = false }] of failures.entries()) {
    const later = failures.length - index - 1;
    const left = room - shown.length;
    if (left < 1 + LEAST && index > 0) {
      shown.push(`and ${later + 1} more: ${place}`);
      return shown;
    }
    const most = Math.max(LEAST, left - 1 - later * (1 + LEAST));
    shown.push(title, ...(isLast ? lines.slice(-most) : lines.slice(0, most)));
  }
  return shown;
}
