/**
 * The statements of the example's users, in D1. Whatever a caller sends is bound, and found with `instr` rather than
 * LIKE: no character of it means anything but itself. Only the letters a to z are compared without regard to case.
 */

import { errorStack, log, PublicError, withTimeout } from "../api.ts";

export interface User extends Record<string, string | number> {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly city: string;
  /** A day, ISO 8601. */
  readonly joined: string;
}
export const USER = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: { type: "string" },
    email: { type: "string" },
    city: { type: "string" },
    joined: { type: "string" },
  },
  required: ["id", "name", "email", "city", "joined"],
} as const;

/** The person with that id, or null. */
export function userById(database: D1Database, id: number): Promise<User | null> {
  return withDatabaseErrors(() =>
    database.prepare("SELECT * FROM users WHERE id = ?").bind(id).first<User>(),
  );
}

/** Up to `most` people after the id `after` in whose name some word starts with each of `words`. */
export function usersNamed(
  database: D1Database,
  words: readonly string[],
  after: number,
  limit: number,
): Promise<User[]> {
  return withDatabaseErrors(async () => {
    const statement = database.prepare(`SELECT * FROM users WHERE id > ? AND NOT EXISTS (
      SELECT 1 FROM json_each(?) WHERE instr(lower(' ' || name), lower(' ' || value)) = 0) ORDER BY id LIMIT ?`);
    return (await statement.bind(after, JSON.stringify(words), limit).all<User>()).results;
  });
}

/** Ids that start with these digits. */
export function idsFrom(database: D1Database, digits: string): Promise<string[]> {
  return withDatabaseErrors(async () => {
    const statement = database.prepare(
      "SELECT id FROM users WHERE instr(id, ?) = 1 ORDER BY id LIMIT 100",
    );
    return (await statement.bind(digits).all<User>()).results.map(({ id }) => String(id));
  });
}

const QUERY_TIMEOUT_MS = 5_000;

/** Nobody waits for a silent database. What one says is for the operator's log. */
async function withDatabaseErrors<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await withTimeout(QUERY_TIMEOUT_MS, query());
  } catch (error) {
    log("error", "app.dependency_failed", { error: errorStack(error) });
    throw new PublicError(
      String(error).includes("no such table")
        ? "The database has no users yet: its operator makes the tables with `make migrate`"
        : "The database cannot be reached: try again in a minute",
    );
  }
}
