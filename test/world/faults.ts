/**
 * Switches for what may go wrong at any time in an object, and what was seen of it. The objects of the world look here;
 * tests, which run in the same isolate, turn them.
 */

export interface Faults {
  /** How many of the next requests to the hub's objects fail, by method. */
  readonly hub: { revoke: number; forget: number };
}

export const faults: Faults = { hub: { revoke: 0, forget: 0 } };

/** Grants whose sessions and streams were to be ended, each time. */
export const closedGrants: string[] = [];

/** Throws while there are failures left. */
export function failHub(method: keyof Faults["hub"]): void {
  if (faults.hub[method] === 0) return;
  faults.hub[method] -= 1;
  throw new Error(`The hub cannot be reached (${method})`);
}
