/**
 * What is wrong with a value, for whoever sent it: "/tags/0 must be one of a, b". The first faults are put in words and
 * the others are counted: a value may have as many as it has members, and names of its own.
 */

import { cut } from "./bytes.ts";

/** Faults that are named, and characters of each. */
export const MAX_NAMED_FAULTS = 10;
const MAX_FAULT_LENGTH = 500;

export interface Faults {
  /** `path`: a JSON Pointer, "" for the value itself; `problem`: such as "must be a string". */
  add(path: string, problem: string): void;
  /** All of them in one line, or undefined where there are none. */
  text(): string | undefined;
}

/** An empty list of faults. */
export function createFaults(): Faults {
  const phrases: string[] = [];
  let count = 0;
  return {
    add(path, problem) {
      count += 1;
      if (count <= MAX_NAMED_FAULTS)
        phrases.push(cut(`${path === "" ? "/" : path} ${problem}`, MAX_FAULT_LENGTH));
    },
    text() {
      if (count === 0) return undefined;
      const more = count - phrases.length;
      return phrases.join("; ") + (more > 0 ? `; and ${more} more` : "");
    },
  };
}
