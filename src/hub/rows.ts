/**
 * The hub's rows: which sessions exist, whose they are, which grants use them, what they watch; and which grants ended.
 *
 *   registered   caller '["none","anonymous","none"]', id '9f…', uris '["file:///a"]', since 1763700000000, grants '["5c…"]'
 *   kv "over 5c…"   1763700000000
 * A row lives as long as its session; one that outlives it goes with the next change it would have been told of.
 */

import type { Change } from "./change.ts";

/** The key of a row: a caller's sessions lie together, so that counting them reads no others. */
export interface Registered extends Record<string, SqlStorageValue> {
  readonly caller: string;
  readonly id: string;
}

export interface SessionRows {
  count(caller: string): number;
  add(one: Registered, grant: string | undefined, since: number): void;
  setUris(one: Registered, uris: readonly string[]): void;
  addGrant(one: Registered, grant: string): void;
  /** Removes a row that was added before `before`. */
  remove(one: Registered, before: number): void;
  /** The sessions that `change` may concern: every one for a list, the watching ones for a resource. */
  concernedBy(change: Change): Registered[];
  /** Notes that `grant` ended, for as long as a token of it may go about, and drops what was noted long before `now`. */
  bar(grant: string, now: number): void;
  isBarred(grant: string | undefined): boolean;
  /** Reads every row: revoking is rare, and an index would cost each session a row more. */
  usedBy(grant: string): Registered[];
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS registered (caller TEXT, id TEXT, uris TEXT, since INTEGER, grants TEXT, PRIMARY KEY (caller, id)) WITHOUT ROWID";

/** Longer than an access token lives. */
const BARRED_MS = 86_400_000;

/** Whether the JSON list in `column` has the value of `binding`. */
const has = (column: string, binding: string): string =>
  `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${binding})`;

export function sessionRows({ kv, sql }: DurableObjectStorage): SessionRows {
  sql.exec(TABLE);
  const find = (where: string, ...bindings: string[]): Registered[] =>
    sql.exec<Registered>(`SELECT caller, id FROM registered WHERE ${where}`, ...bindings).toArray();
  return {
    count: (caller) => sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM registered WHERE caller = ?", caller).one().n,
    add({ caller, id }, grant, since) {
      const grants = JSON.stringify(grant === undefined ? [] : [grant]);
      sql.exec("INSERT INTO registered VALUES (?, ?, '[]', ?, ?)", caller, id, since, grants);
    },
    setUris: ({ caller, id }, uris) =>
      void sql.exec("UPDATE registered SET uris = ? WHERE caller = ? AND id = ?", JSON.stringify(uris), caller, id),
    addGrant({ caller, id }, grant) {
      const where = `caller = ?1 AND id = ?2 AND NOT ${has("grants", "?3")}`;
      sql.exec(`UPDATE registered SET grants = json_insert(grants, '$[#]', ?3) WHERE ${where}`, caller, id, grant);
    },
    remove: ({ caller, id }, before) =>
      void sql.exec("DELETE FROM registered WHERE caller = ? AND id = ? AND since < ?", caller, id, before),
    concernedBy(change) {
      const watching = "uri" in change ? has("uris", "?1") : "?1 = ''";
      const uri = "uri" in change ? change.uri : "";
      if (change.audience === undefined) return find(watching, uri);
      return find(`${watching} AND caller = ?2`, uri, change.audience);
    },
    bar(grant, now) {
      for (const [key, at] of kv.list<number>({ prefix: "over " })) if (at < now - BARRED_MS) kv.delete(key);
      kv.put(`over ${grant}`, now);
    },
    isBarred: (grant) => grant !== undefined && kv.get(`over ${grant}`) !== undefined,
    usedBy: (grant) => find(has("grants", "?1"), grant),
  };
}
