/**
 * The hub's rows: which sessions exist, whose they are, which grants use them, and what they hear of ("": of lists). What it
 * remembers besides stands in hub-records.ts.
 *
 *   sessions        share '["none","anonymous","none"] kTq…', id '9f…', last_seen_ms 1763700000000, grants '["5c…"]'
 *   subscriptions   uri 'file:///a', share '["none","anonymous","none"] kTq…', id '9f…'
 */

import type { Change } from "../protocol/change.ts";
import { createHubRecords, type HubRecords, type SessionKey } from "./hub-records.ts";

/** `lastSeenMs`: when it was admitted or, if the hub knows better, last seen; milliseconds since the epoch. */
export interface SeenSession extends SessionKey {
  readonly lastSeenMs: number;
}

export interface HubRows extends HubRecords {
  /** How many there are of one share, or of all shares of the caller `of`. */
  count(shareOrCaller: string): number;
  isEmpty(): boolean;
  find(session: SessionKey): SeenSession | undefined;
  add(session: SessionKey, grant: string | undefined, lastSeenMs: number): void;
  setUris(session: SessionKey, uris: readonly string[]): void;
  /** Whether the session hears of lists. */
  setReceivesListChanges(session: SessionKey, receivesListChanges: boolean): void;
  /** Notes that `grant` is used in the session. False when {@link MAX_GRANTS} others are, or there is no such row. */
  addGrant(session: SessionKey, grant: string): boolean;
  setLastSeen(session: SessionKey, lastSeenMs: number): void;
  /** Removes a row that was last seen before `before`. */
  remove(session: SessionKey, before: number): void;
  /** Of one share or caller, two rows: those that were seen longest ago, after `skipped` others. */
  leastRecentlyUsed(shareOrCaller: string, skipped: number): SeenSession[];
  unseenSince(before: number, limit: number): SeenSession[];
  /** The sessions that hear of `change`, in order, `most` of them behind `after`. */
  sessionsForChange(change: Change, after: SessionKey, limit: number): SessionKey[];
  /** Reads every row of a session, which is short: a grant ends once, and an index would cost each session a row more. */
  sessionsUsingGrant(grant: string): SessionKey[];
}

/** Grants that a session is used by, its own included: all of them are one row. */
const MAX_GRANTS = 16;

/** A change finds who hears of it by the key, a session what it hears of by the index: lists need none, their key is known. */
const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS sessions (share TEXT, id TEXT, last_seen_ms INTEGER, grants TEXT, PRIMARY KEY (share, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS subscriptions (uri TEXT, share TEXT, id TEXT, PRIMARY KEY (uri, share, id)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS subscriptions_of_session ON subscriptions (share, id) WHERE uri <> ''`;

/** Whether the JSON list in `column` has the value of `binding`. */
const jsonListContains = (column: string, binding: string): string =>
  `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${binding})`;

/** A share begins with its caller's key, which begins no other; "{" follows every character of what may come behind it. */
const isOfShareOrCaller = (binding: string): string =>
  `share BETWEEN ${binding} AND ${binding} || '{'`;

const WHERE_KEY = "share = ?1 AND id = ?2";
const EXISTS = `EXISTS (SELECT 1 FROM sessions WHERE ${WHERE_KEY})`;

/** The rows of one hub object. Makes its tables where they are missing. */
export function createHubRows({ kv, sql }: DurableObjectStorage): HubRows {
  sql.exec(CREATE_TABLES);
  const find = createSessionFinder(sql);
  return {
    ...createHubRecords(kv),
    ...createSubscriptionRows(sql),
    ...createLookups(find),
    count: (shareOrCaller) =>
      sql
        .exec<{ n: number }>(
          `SELECT COUNT(*) AS n FROM sessions WHERE ${isOfShareOrCaller("?1")}`,
          shareOrCaller,
        )
        .one().n,
    isEmpty: () => find("true LIMIT 1").length === 0 && [...kv.list({ limit: 1 })].length === 0,
    add({ share, id }, grant, lastSeenMs) {
      const grants = JSON.stringify(grant === undefined ? [] : [grant]);
      // Columns by name: a table of an earlier layout has one more.
      sql.exec(
        "INSERT INTO sessions (share, id, last_seen_ms, grants) VALUES (?, ?, ?, ?)",
        share,
        id,
        lastSeenMs,
        grants,
      );
    },
    addGrant({ share, id }, grant) {
      const where = `${WHERE_KEY} AND NOT ${jsonListContains("grants", "?3")} AND json_array_length(grants) < ${MAX_GRANTS}`;
      sql.exec(
        `UPDATE sessions SET grants = json_insert(grants, '$[#]', ?3) WHERE ${where}`,
        share,
        id,
        grant,
      );
      return (
        find(`${WHERE_KEY} AND ${jsonListContains("grants", "?3")}`, share, id, grant).length > 0
      );
    },
    setLastSeen: ({ share, id }, lastSeenMs) => {
      sql.exec(`UPDATE sessions SET last_seen_ms = ?3 WHERE ${WHERE_KEY}`, share, id, lastSeenMs);
    },
    remove({ share, id }, before) {
      sql.exec(`DELETE FROM sessions WHERE ${WHERE_KEY} AND last_seen_ms < ?3`, share, id, before);
      for (const kind of ["=", "<>"])
        sql.exec(
          `DELETE FROM subscriptions WHERE uri ${kind} '' AND ${WHERE_KEY} AND NOT ${EXISTS}`,
          share,
          id,
        );
    },
  };
}

type SessionFinder = (where: string, ...bindings: SqlStorageValue[]) => SeenSession[];
type LookupMethods = "find" | "leastRecentlyUsed" | "unseenSince" | "sessionsUsingGrant";

function createLookups(find: SessionFinder): Pick<HubRows, LookupMethods> {
  return {
    find: ({ share, id }) => find(WHERE_KEY, share, id)[0],
    leastRecentlyUsed: (shareOrCaller, skipped) =>
      find(
        `${isOfShareOrCaller("?1")} ORDER BY last_seen_ms LIMIT 2 OFFSET ?2`,
        shareOrCaller,
        skipped,
      ),
    unseenSince: (before, limit) =>
      find("last_seen_ms < ?1 ORDER BY last_seen_ms LIMIT ?2", before, limit),
    sessionsUsingGrant: (grant) => find(jsonListContains("grants", "?1"), grant),
  };
}

/** Finds sessions by a condition, with what is to follow it. */
function createSessionFinder(sql: SqlStorage): SessionFinder {
  const select = "SELECT share, id, last_seen_ms AS lastSeenMs FROM sessions WHERE";
  return (where, ...bindings) => sql.exec<SeenSession>(`${select} ${where}`, ...bindings).toArray();
}

type SubscriptionMethods = "setUris" | "setReceivesListChanges" | "sessionsForChange";

function createSubscriptionRows(sql: SqlStorage): Pick<HubRows, SubscriptionMethods> {
  /** What it hears of already is not written again. */
  const subscribe = (share: string, id: string, uris: string): void => {
    sql.exec(
      `INSERT OR IGNORE INTO subscriptions SELECT value, ?1, ?2 FROM json_each(?3) WHERE ${EXISTS}`,
      share,
      id,
      uris,
    );
  };
  return {
    setUris({ share, id }, uris) {
      const json = JSON.stringify(uris);
      const newUris = "(SELECT value FROM json_each(?3))";
      sql.exec(
        `DELETE FROM subscriptions WHERE uri <> '' AND ${WHERE_KEY} AND uri NOT IN ${newUris}`,
        share,
        id,
        json,
      );
      subscribe(share, id, json);
    },
    setReceivesListChanges({ share, id }, receivesListChanges) {
      if (receivesListChanges) subscribe(share, id, '[""]');
      else sql.exec(`DELETE FROM subscriptions WHERE uri = '' AND ${WHERE_KEY}`, share, id);
    },
    sessionsForChange(change, after, limit) {
      const { audience } = change;
      const uri = "uri" in change ? change.uri : "";
      // One range of the key: from the first of the audience on, or from where the last page ended.
      const { share, id } =
        audience === undefined || after.share !== "" ? after : { share: audience, id: "" };
      const audienceCondition = audience === undefined ? "?5 = ''" : "share <= ?5 || '{'";
      const where = `uri = ?4 AND (share, id) > (?1, ?2) AND ${audienceCondition}`;
      return sql
        .exec<SessionKey>(
          `SELECT share, id FROM subscriptions WHERE ${where} ORDER BY share, id LIMIT ?3`,
          share,
          id,
          limit,
          uri,
          audience ?? "",
        )
        .toArray();
    },
  };
}
