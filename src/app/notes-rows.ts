/** The statements of a caller's notes, in SQLite tables of the caller's own storage. */

import type { Store } from "../api.ts";

export const NOTE_KINDS = ["fact", "preference"] as const;
/** Notes that one caller may have. */
export const MAX_NOTES = 1_000;

export type Note = {
  readonly kind: (typeof NOTE_KINDS)[number];
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** False when there is no room for one more. */
export async function addNote(storage: Store, { kind, text, at }: Note): Promise<boolean> {
  await createTable(storage);
  const isFull = `(SELECT count(*) FROM notes) >= ${MAX_NOTES}`;
  const insert = `INSERT INTO notes (kind, text, at) SELECT ?, ?, ? WHERE NOT ${isFull} RETURNING id`;
  return (await storage.sql(insert, kind, text, at)).length > 0;
}

/** The newest notes, at most so many, that hold each of `words`; of the letters a to z, large and small are alike. */
export async function newestNotes(
  storage: Store,
  words: readonly string[],
  limit: number,
): Promise<readonly Note[]> {
  await createTable(storage);
  return storage.sql<Note>(
    `SELECT kind, text, at FROM notes WHERE NOT EXISTS (
      SELECT 1 FROM json_each(?) WHERE instr(lower(text), lower(value)) = 0) ORDER BY id DESC LIMIT ?`,
    JSON.stringify(words),
    limit,
  );
}

/** How many notes the caller has. */
export async function countNotes(storage: Store): Promise<number> {
  await createTable(storage);
  return (
    (await storage.sql<{ count: number }>("SELECT count(*) AS count FROM notes"))[0]?.count ?? 0
  );
}

/** How many there were. */
export async function deleteNotes(storage: Store): Promise<number> {
  return (await storage.sql("DELETE FROM notes RETURNING id")).length;
}

async function createTable(storage: Store): Promise<void> {
  const columns =
    "id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL";
  await storage.sql(`CREATE TABLE IF NOT EXISTS notes (${columns}) STRICT`);
}
