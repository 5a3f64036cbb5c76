/** The statements of a caller's notes, in SQLite tables of the caller's own storage. */

import type { Store } from "../state/store.ts";

export const KINDS = ["fact", "preference"] as const;
/** Notes that one caller may have. */
export const MOST_NOTES = 1_000;

export type Note = {
  readonly kind: (typeof KINDS)[number];
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** False when there is no room for one more. */
export async function addNote(mine: Store, { kind, text, at }: Note): Promise<boolean> {
  await prepare(mine);
  const full = `(SELECT count(*) FROM notes) >= ${MOST_NOTES}`;
  const insert = `INSERT INTO notes (kind, text, at) SELECT ?, ?, ? WHERE NOT ${full} RETURNING id`;
  return (await mine.sql(insert, kind, text, at)).length > 0;
}

/** The newest notes, at most so many, that hold each of `words`; of the letters a to z, large and small are alike. */
export async function newestNotes(mine: Store, words: readonly string[], most: number): Promise<readonly Note[]> {
  await prepare(mine);
  return mine.sql<Note>(
    `SELECT kind, text, at FROM notes WHERE NOT EXISTS (
      SELECT 1 FROM json_each(?) WHERE instr(lower(text), lower(value)) = 0) ORDER BY id DESC LIMIT ?`,
    JSON.stringify(words),
    most,
  );
}

export async function countNotes(mine: Store): Promise<number> {
  await prepare(mine);
  return (await mine.sql<{ count: number }>("SELECT count(*) AS count FROM notes"))[0]?.count ?? 0;
}

/** How many there were. */
export async function deleteNotes(mine: Store): Promise<number> {
  return (await mine.sql("DELETE FROM notes RETURNING id")).length;
}

async function prepare(mine: Store): Promise<void> {
  const columns = "id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL";
  await mine.sql(`CREATE TABLE IF NOT EXISTS notes (${columns}) STRICT`);
}
