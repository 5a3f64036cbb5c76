/**
 * The hub's rows: which sessions exist, whose they are, which grants use them, what they hear of; which grants ended;
 * and which changes not everybody was told yet.
 *
 * Among the URIs "" stands for lists.
 *   registered   caller '["none","anonymous","none"] kTq…', id '9f…', uris '["","file:///a"]', since 1763700000000, grants '["5c…"]'
 *   kv "over 5c…"   1763700000000
 *   kv "tell {\"list\":\"tools\"}"   {"share":"…","id":"9f…","again":true}
 */

import type { Change } from "./change.ts";

/** The key of a row: the sessions of one share lie together, so that counting them reads no others. */
export interface Registered extends Record<string, SqlStorageValue> {
  /** Whose it is and counts against: {@link shareOf}. */
  readonly share: string;
  readonly id: string;
}

/** `since`: when it was admitted or, if the hub knows better, last seen; milliseconds since the epoch. */
export interface Seen extends Registered {
  readonly since: number;
}

/** How far a change was told. `again`: it came once more meanwhile. */
interface Progress {
  readonly after: Registered;
  readonly again?: boolean;
}

export interface SessionRows {
  /** How many there are of one share, or of all shares of the caller `of`. */
  count(of: string): number;
  isEmpty(): boolean;
  add(one: Registered, grant: string | undefined, since: number): void;
  setUris(one: Registered, uris: readonly string[]): void;
  /** Whether the session hears of lists. */
  setHears(one: Registered, hears: boolean): void;
  /** Notes that `grant` is used in the session. False when {@link MAX_GRANTS} others are, or there is no such row. */
  addGrant(one: Registered, grant: string): boolean;
  setSeen(one: Registered, since: number): void;
  /** Removes a row that was last seen before `before`. */
  remove(one: Registered, before: number): void;
  /** Of one share or caller, two rows: those that were seen longest ago, after `skipped` others. */
  idlest(of: string, skipped: number): Seen[];
  unseenSince(before: number, most: number): Seen[];
  /** The sessions that hear of `change`, in order, `most` of them behind `after`. */
  concernedBy(change: Change, after: Registered, most: number): Registered[];
  /** A change that not everybody was told yet. */
  telling(): { readonly change: Change; readonly after: Registered } | undefined;
  /** Has a change that is being told told to all once more. False when it is not being told. */
  tellAgain(change: Change): boolean;
  /** Notes the last session that was told; undefined when all were. */
  noteTold(change: Change, after: Registered | undefined): void;
  /** Notes that `grant` ended. */
  bar(grant: string, now: number): void;
  /** Forgets the grants that ended before `before`. */
  unbar(before: number): void;
  isBarred(grant: string | undefined): boolean;
  /** Reads every row: revoking is rare, and an index would cost each session a row more. */
  usedBy(grant: string): Registered[];
}

/** Grants that a session is used by, its own included: all of them are one row. */
const MAX_GRANTS = 16;

/** Where the first page begins. */
export const START: Registered = { share: "", id: "" };

const TABLE =
  "CREATE TABLE IF NOT EXISTS registered (caller TEXT, id TEXT, uris TEXT, since INTEGER, grants TEXT, PRIMARY KEY (caller, id)) WITHOUT ROWID";

/** Whether the JSON list in `column` has the value of `binding`. */
const has = (column: string, binding: string): string =>
  `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${binding})`;

/** A share begins with its caller's key, which begins no other; "{" follows every character of what may come behind it. */
const within = (binding: string): string => `caller BETWEEN ${binding} AND ${binding} || '{'`;

const THIS = "caller = ?1 AND id = ?2";

export function sessionRows({ kv, sql }: DurableObjectStorage): SessionRows {
  sql.exec(TABLE);
  const find = (where: string, ...bindings: SqlStorageValue[]): Seen[] =>
    sql.exec<Seen>(`SELECT caller AS share, id, since FROM registered WHERE ${where}`, ...bindings).toArray();
  return {
    ...keptRows(kv),
    count: (of) => sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM registered WHERE ${within("?1")}`, of).one().n,
    isEmpty: () => find("true LIMIT 1").length === 0 && [...kv.list({ limit: 1 })].length === 0,
    add({ share, id }, grant, since) {
      const grants = JSON.stringify(grant === undefined ? [] : [grant]);
      sql.exec("INSERT INTO registered VALUES (?, ?, '[]', ?, ?)", share, id, since, grants);
    },
    setUris({ share, id }, uris) {
      const set = `CASE WHEN ${has("uris", "''")} THEN json_insert(?3, '$[#]', '') ELSE ?3 END`;
      sql.exec(`UPDATE registered SET uris = ${set} WHERE ${THIS}`, share, id, JSON.stringify(uris));
    },
    setHears({ share, id }, hears) {
      const others = "(SELECT json_group_array(value) FROM json_each(uris) WHERE value <> '')";
      const set = hears ? `json_insert(${others}, '$[#]', '')` : others;
      sql.exec(`UPDATE registered SET uris = ${set} WHERE ${THIS}`, share, id);
    },
    addGrant({ share, id }, grant) {
      const where = `${THIS} AND NOT ${has("grants", "?3")} AND json_array_length(grants) < ${MAX_GRANTS}`;
      sql.exec(`UPDATE registered SET grants = json_insert(grants, '$[#]', ?3) WHERE ${where}`, share, id, grant);
      return find(`${THIS} AND ${has("grants", "?3")}`, share, id, grant).length > 0;
    },
    setSeen: ({ share, id }, since) =>
      void sql.exec(`UPDATE registered SET since = ?3 WHERE ${THIS}`, share, id, since),
    remove: ({ share, id }, before) =>
      void sql.exec(`DELETE FROM registered WHERE ${THIS} AND since < ?3`, share, id, before),
    idlest: (of, skipped) => find(`${within("?1")} ORDER BY since LIMIT 2 OFFSET ?2`, of, skipped),
    unseenSince: (before, most) => find("since < ?1 ORDER BY since LIMIT ?2", before, most),
    concernedBy(change, { share, id }, most) {
      const mayHear = change.audience === undefined ? "?5 = ''" : within("?5");
      const where = `(caller, id) > (?1, ?2) AND ${has("uris", "?4")} AND ${mayHear} ORDER BY caller, id LIMIT ?3`;
      return find(where, share, id, most, "uri" in change ? change.uri : "", change.audience ?? "");
    },
    usedBy: (grant) => find(has("grants", "?1"), grant),
  };
}

type Kept = "telling" | "tellAgain" | "noteTold" | "bar" | "unbar" | "isBarred";

function keptRows(kv: SyncKvStorage): Pick<SessionRows, Kept> {
  const keyOf = (change: Change): string => `tell ${JSON.stringify(change)}`;
  return {
    telling() {
      for (const [key, { after }] of kv.list<Progress>({ prefix: "tell ", limit: 1 }))
        return { change: JSON.parse(key.slice(5)) as Change, after };
      return undefined;
    },
    tellAgain(change) {
      const told = kv.get<Progress>(keyOf(change));
      if (told === undefined) return false;
      kv.put(keyOf(change), { ...told, again: true });
      return true;
    },
    noteTold(change, after) {
      const again = kv.get<Progress>(keyOf(change))?.again === true;
      if (after !== undefined) kv.put(keyOf(change), { after, again });
      else if (again) kv.put(keyOf(change), { after: START });
      else kv.delete(keyOf(change));
    },
    bar: (grant, now) => kv.put(`over ${grant}`, now),
    unbar(before) {
      for (const [key, at] of kv.list<number>({ prefix: "over " })) if (at < before) kv.delete(key);
    },
    isBarred: (grant) => grant !== undefined && kv.get(`over ${grant}`) !== undefined,
  };
}
