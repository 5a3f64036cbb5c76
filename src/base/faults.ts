/**
 * What is wrong with a value, for whoever sent it: "/tags/0 must be one of a, b". The first faults are put in words and
 * the others are counted: a value may have as many as it has members, and names of its own.
 */

import { cut } from "./bytes.ts";

/** Faults that are named, and characters of each. */
export const MAX_NAMED_FAULTS = 10;
const MAX_FAULT_LENGTH = 500;
/** Faults that are counted: whoever has found so many need not look for more. */
const MAX_COUNTED_FAULTS = 1_000;

/** What is wrong, such as "must be a string"; as a function, which is called for what is named, where words cost time. */
export type Problem = string | (() => string);

export interface Faults {
  /** `path`: a JSON Pointer, "" for the value itself. */
  add(path: string, problem: Problem): void;
  /** Whether so many were found that no other counts. */
  readonly isFull: boolean;
  /** All of them in one line, or undefined where there are none. */
  text(): string | undefined;
}

/** An empty list of faults. */
export function createFaults(): Faults {
  const phrases: string[] = [];
  let count = 0;
  return {
    get isFull() {
      return count >= MAX_COUNTED_FAULTS;
    },
    add(path, problem) {
      count += 1;
      if (count > MAX_NAMED_FAULTS) return;
      const words = typeof problem === "string" ? problem : problem();
      phrases.push(cut(`${path === "" ? "/" : path} ${words}`, MAX_FAULT_LENGTH));
    },
    text() {
      if (count === 0) return undefined;
      const more = count - phrases.length;
      const atLeast = count < MAX_COUNTED_FAULTS ? "" : "at least ";
      return phrases.join("; ") + (more > 0 ? `; and ${atLeast}${more} more` : "");
    },
  };
}
