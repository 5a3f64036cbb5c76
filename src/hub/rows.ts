/**
 * The hub's rows: which sessions exist, whose they are, and which resources they watch.
 *
 *   sessions   id '9f…', caller '["none","anonymous","none"]', uris '["file:///a"]' or NULL
 * A row lives as long as its session; one that outlives it goes with the next change it would have been told of.
 */

import type { Change } from "./change.ts";

export interface SessionRows {
  count(caller: string): number;
  add(id: string, caller: string): void;
  setUris(id: string, uris: readonly string[]): void;
  remove(id: string): void;
  /** Ids of the sessions that `change` may concern: every one for a list, the watching ones for a resource. */
  concernedBy(change: Change): string[];
}

export function sessionRows({ sql }: DurableObjectStorage): SessionRows {
  sql.exec("CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, caller TEXT, uris TEXT) WITHOUT ROWID");
  const ids = (query: string, ...bindings: string[]): string[] =>
    sql
      .exec<{ id: string }>(query, ...bindings)
      .toArray()
      .map(({ id }) => id);
  return {
    count: (caller) => sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM sessions WHERE caller = ?", caller).one().n,
    add: (id, caller) => void sql.exec("INSERT INTO sessions VALUES (?, ?, NULL)", id, caller),
    setUris: (id, uris) =>
      void sql.exec("UPDATE sessions SET uris = ? WHERE id = ?", uris.length === 0 ? null : JSON.stringify(uris), id),
    remove: (id) => void sql.exec("DELETE FROM sessions WHERE id = ?", id),
    concernedBy(change) {
      const audience = change.audience === undefined ? "" : " AND caller = ?2";
      const filter =
        "uri" in change ? "uris IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(uris) WHERE value = ?1)" : "?1 = ''";
      const bindings = ["uri" in change ? change.uri : "", ...(change.audience === undefined ? [] : [change.audience])];
      return ids(`SELECT id FROM sessions WHERE ${filter}${audience}`, ...bindings);
    },
  };
}
