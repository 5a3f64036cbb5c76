/** The newest entries, up to a number and a size, and those that changed since a version. In memory alone. */

import { randomUUID } from "node:crypto";
import type { WireEntry } from "./entries.ts";

const MAX_ENTRIES = 500;
/** Of all entries as JSON. */
const MAX_CHARACTERS = 8_000_000;

/** What changed since a version. */
export interface Changes {
  /** Another one after `make dev` was started again: its numbers begin anew. */
  readonly run: string;
  readonly version: number;
  /** Entries with a smaller number are no longer kept. */
  readonly oldest: number;
  readonly entries: readonly WireEntry[];
}

export interface EntryStore {
  /** Keeps `entry`, or what has become of it. */
  keep(entry: WireEntry): void;
  find(n: number): WireEntry | undefined;
  /** What changed after `version` of this `run`; waits for it up to `waitMs`. Of another run, everything. */
  changesAfter(run: string, version: number, waitMs: number): Promise<Changes>;
}

/** `onDrop` is called with each entry that is no longer kept. */
export function createEntryStore(onDrop: (entry: WireEntry) => void): EntryStore {
  const kept = new Map<number, { readonly entry: WireEntry; readonly characters: number }>();
  const waiting = new Set<() => void>();
  const run = randomUUID();
  let version = 0;
  let newest = 0;
  let characters = 0;

  const dropOldest = (): void => {
    for (const [n, oldest] of kept) {
      if (kept.size <= MAX_ENTRIES && characters <= MAX_CHARACTERS) return;
      kept.delete(n);
      characters -= oldest.characters;
      onDrop(oldest.entry);
    }
  };
  const changes = (after: number): Changes => ({
    run,
    version,
    oldest: kept.keys().next().value ?? newest + 1,
    entries: [...kept.values()].map(({ entry }) => entry).filter((entry) => entry.version > after),
  });
  return {
    keep(entry) {
      version += 1;
      newest = Math.max(newest, entry.n);
      entry.version = version;
      const size = JSON.stringify(entry).length;
      characters += size - (kept.get(entry.n)?.characters ?? 0);
      kept.set(entry.n, { entry, characters: size });
      dropOldest();
      for (const wake of waiting) wake();
    },
    find: (n) => kept.get(n)?.entry,
    async changesAfter(itsRun, after, waitMs) {
      if (itsRun !== run) return changes(0);
      if (after === version) await nextOf(waiting, waitMs);
      return changes(after);
    },
  };
}

/** Resolves when what is put into `waiting` is called, or after `waitMs`. */
function nextOf(waiting: Set<() => void>, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(wake, waitMs);
    function wake(): void {
      clearTimeout(timer);
      waiting.delete(wake);
      resolve();
    }
    waiting.add(wake);
  });
}
