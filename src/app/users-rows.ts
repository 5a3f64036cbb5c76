/**
 * The statements of the example's people, in D1. Whatever a caller sends is bound, and found with `instr` rather than
 * LIKE: no character of it means anything but itself. Only the letters a to z are compared without regard to case.
 */

import * as z from "zod/mini";
import { after } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { PublicError } from "../server/content.ts";

export interface User extends Record<string, string | number> {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly city: string;
  /** A day, ISO 8601. */
  readonly joined: string;
}
export const user: z.ZodMiniType<User> = z.object({
  id: z.int(),
  ...{ name: z.string(), email: z.string(), city: z.string(), joined: z.string() },
});

export function userById(people: D1Database, id: number): Promise<User | null> {
  return explained(() => people.prepare("SELECT * FROM users WHERE id = ?").bind(id).first<User>());
}

/** Up to `most` people after the id `after` in whose name some word starts with each of `words`. */
export function usersNamed(people: D1Database, words: readonly string[], after: number, most: number): Promise<User[]> {
  return explained(async () => {
    const found = people.prepare(`SELECT * FROM users WHERE id > ? AND NOT EXISTS (
      SELECT 1 FROM json_each(?) WHERE instr(lower(' ' || name), lower(' ' || value)) = 0) ORDER BY id LIMIT ?`);
    return (await found.bind(after, JSON.stringify(words), most).all<User>()).results;
  });
}

/** Ids that start with these digits. */
export function idsFrom(people: D1Database, digits: string): Promise<string[]> {
  return explained(async () => {
    const found = people.prepare("SELECT id FROM users WHERE instr(id, ?) = 1 ORDER BY id LIMIT 100");
    return (await found.bind(digits).all<User>()).results.map(({ id }) => String(id));
  });
}

const SILENCE_MS = 5_000;

/** Nobody waits for a silent database. What one says is for the operator's log. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  let stop = (): void => undefined;
  const silence = new Promise<never>((_, reject) => {
    stop = after(SILENCE_MS, () => reject(new Error(`No answer in ${SILENCE_MS} ms`)));
  });
  try {
    return await Promise.race([work(), silence]);
  } catch (error) {
    log("error", "app.fault", { error: stackOf(error) });
    throw new PublicError(
      String(error).includes("no such table")
        ? "The database has no people yet: its operator makes the tables with `make migrate`"
        : "The database cannot be reached: try again in a minute",
    );
  } finally {
    stop();
  }
}
