/**
 * What a workerd of a test holds, seen from outside: the databases of its objects on disk, and its memory.
 * Databases are read from copies: their files belong to the server, which may be writing them.
 */

import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** One object's database. Sizes are bytes. */
export interface Stored {
  readonly path: string;
  /** The file. */
  readonly file: number;
  /** The log of changes that are not in the file yet. */
  readonly log: number;
}

/** The databases of all objects of a class that has one at all. */
export function storedBy(folder: string, className: string): Stored[] {
  const place = join(folder, className);
  if (!existsSync(place)) return [];
  const files = readdirSync(place).filter((name) => name.endsWith(".sqlite"));
  return files.map((name) => {
    const path = join(place, name);
    return { path, file: sizeOf(path), log: sizeOf(`${path}-wal`) };
  });
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** A copy may be taken in the middle of a write. */
const MAX_COPIES = 5;

/** Rows of a query on a copy of the database; none where it lacks the table. */
export function rowsIn<T>(stored: Stored, table: string, query: string): T[] {
  for (let copies = 1; ; copies += 1) {
    try {
      return rowsInCopy(stored, table, query);
    } catch (error) {
      if (copies === MAX_COPIES) throw error;
    }
  }
}

function rowsInCopy<T>({ path }: Stored, table: string, query: string): T[] {
  const folder = mkdtempSync(join(tmpdir(), "barewire-stored-"));
  try {
    const copy = join(folder, basename(path));
    for (const part of ["", "-wal"])
      if (existsSync(path + part)) copyFileSync(path + part, copy + part);
    const database = new DatabaseSync(copy);
    try {
      const has =
        database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) !== undefined;
      return has ? (database.prepare(query).all() as T[]) : [];
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a process takes of its machine. */
interface Taken {
  /** Bytes of memory, now and at most. */
  readonly memory: number;
  readonly mostMemory: number;
  /** Of the processor, since it started. */
  readonly seconds: number;
}

/** What the largest of a process and its descendants takes; nothing where the system does not tell. */
export function takenBy(pid: number): Taken {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return { memory: 0, mostMemory: 0, seconds: 0 };
  const status = readFileSync(path, "utf8");
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1_024;
  // Behind the program's name in brackets; a hundredth of a second each.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ");
  const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
  const own = { memory: read("VmRSS"), mostMemory: read("VmHWM"), seconds };
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  const all = [
    own,
    ...children
      .split(" ")
      .filter(Boolean)
      .map((child) => takenBy(Number(child))),
  ];
  return all.toSorted((one, other) => other.memory - one.memory)[0] ?? own;
}
