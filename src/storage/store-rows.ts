/**
 * The rows of a store object. Each is of one kind, which its name says, and keeps that kind's rows only.
 *
 *   state, owner  kv <the handler's key>   '{"moves":"e4 e5"}' (JSON text), and whatever tables the handler makes
 *   cache         kv "cached"   {"text":"{…}","loadedAtMs":1763700000000,"freshUntilMs":1763700300000,"usableUntilMs":1763786700000,"lease":1763700000000}
 *   limit         kv "window"   {"slot":14110200,"slotMs":450000,"counts":[0,0,0,1,0,2,0,0,1]}
 * The platform keeps kv out of reach of SQL.
 */

import type { ListOptions } from "./types.ts";
import type { SlidingWindow } from "./sliding-window.ts";

/** Bytes of a value as JSON; a row of an object holds at most 2 MB. */
export const MAX_STORED_VALUE_BYTES = 1_000_000;
/** Seconds for which anything is kept, at most: ten years, more than anybody plans for. */
export const MAX_STORED_SECONDS = 315_360_000;

/** Times are milliseconds since the epoch. */
export interface CachedRow {
  readonly text: string;
  readonly loadedAtMs: number;
  /** Until when it is as good as new, and until when it is better than an error. */
  readonly freshUntilMs: number;
  readonly usableUntilMs: number;
  /** The lease under which it was loaded; none yet where it was just made. */
  readonly lease?: number;
}

export type SqlRow = Record<string, SqlStorageValue>;

export interface StoreEntry {
  readonly key: string;
  readonly text: string;
}

export interface StoreRows {
  read(key: string): string | undefined;
  write(key: string, text: string): void;
  /** True when there was one. */
  remove(key: string): boolean;
  list(options: ListOptions): StoreEntry[];
  query(statement: string, bindings: readonly SqlStorageValue[]): SqlRow[];
  cached(): CachedRow | undefined;
  putCached(row: CachedRow): void;
  window(): SlidingWindow | undefined;
  putWindow(row: SlidingWindow): void;
}

/** Entries and characters of one answer, to `list` or to a statement. */
const MAX_ENTRIES = 1_000;
const MAX_CHARACTERS = 4_000_000;

/** The rows of one store object. */
export function storeRows(storage: DurableObjectStorage): StoreRows {
  const { kv } = storage;
  return {
    read: (key) => kv.get<string>(key),
    write: (key, text) => kv.put(key, text),
    remove: (key) => kv.delete(key),
    list({ prefix = "", after, limit = 100 }) {
      const selection = {
        prefix,
        limit: Math.min(limit, MAX_ENTRIES),
        ...(after !== undefined && { startAfter: after }),
      };
      const entries: StoreEntry[] = [];
      let size = 0;
      for (const [key, text] of kv.list<string>(selection)) {
        size += text.length;
        // To end here would look like the end of the list.
        if (size > MAX_CHARACTERS && entries.length > 0)
          throw new Error(
            `The entries hold more than ${MAX_CHARACTERS} characters: ask for at most ${entries.length}`,
          );
        entries.push({ key, text });
      }
      return entries;
    },
    // All or nothing: an error undoes what the text before it wrote, and so does an answer that is too large.
    query: (statement, bindings) =>
      storage.transactionSync(() => {
        const rows = storage.sql.exec<SqlRow>(statement, ...bindings).toArray();
        if (rows.length > MAX_ENTRIES)
          throw new Error(`The statement gives more than ${MAX_ENTRIES} rows: add a LIMIT`);
        if (sizeOf(rows) > MAX_CHARACTERS)
          throw new Error(
            `The statement gives more than ${MAX_CHARACTERS} characters: ask for less`,
          );
        return rows;
      }),
    cached: () => kv.get("cached"),
    putCached: (row) => kv.put("cached", row),
    window: () => kv.get("window"),
    putWindow: (row) => kv.put("window", row),
  };
}

function sizeOf(rows: readonly SqlRow[]): number {
  const size = (value: SqlStorageValue): number => {
    if (typeof value === "string") return value.length;
    return value instanceof ArrayBuffer ? value.byteLength : 0;
  };
  return rows.flatMap((row) => Object.values(row).map(size)).reduce((sum, one) => sum + one, 0);
}
