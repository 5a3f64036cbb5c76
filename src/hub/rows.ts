/**
 * The hub's rows: which sessions exist, whose they are, and which resources they watch.
 *
 *   registered   caller '["none","anonymous","none"]', id '9f…', uris '["file:///a"]' or NULL, since 1763700000000
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
  add(one: Registered, since: number): void;
  setUris(one: Registered, uris: readonly string[]): void;
  /** Removes a row that was added before `before`. */
  remove(one: Registered, before: number): void;
  /** The sessions that `change` may concern: every one for a list, the watching ones for a resource. */
  concernedBy(change: Change): Registered[];
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS registered (caller TEXT, id TEXT, uris TEXT, since INTEGER, PRIMARY KEY (caller, id)) WITHOUT ROWID";

export function sessionRows({ sql }: DurableObjectStorage): SessionRows {
  sql.exec(TABLE);
  return {
    count: (caller) => sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM registered WHERE caller = ?", caller).one().n,
    add: ({ caller, id }, since) => void sql.exec("INSERT INTO registered VALUES (?, ?, NULL, ?)", caller, id, since),
    setUris({ caller, id }, uris) {
      const watched = uris.length === 0 ? null : JSON.stringify(uris);
      sql.exec("UPDATE registered SET uris = ? WHERE caller = ? AND id = ?", watched, caller, id);
    },
    remove: ({ caller, id }, before) =>
      void sql.exec("DELETE FROM registered WHERE caller = ? AND id = ? AND since < ?", caller, id, before),
    concernedBy(change) {
      const audience = change.audience === undefined ? "" : " AND caller = ?2";
      const filter =
        "uri" in change ? "uris IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(uris) WHERE value = ?1)" : "?1 = ''";
      const bindings = ["uri" in change ? change.uri : "", ...(change.audience === undefined ? [] : [change.audience])];
      return sql
        .exec<Registered>(`SELECT caller, id FROM registered WHERE ${filter}${audience}`, ...bindings)
        .toArray();
    },
  };
}
