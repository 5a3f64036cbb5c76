/**
 * The rows of a session object: every statement that reads or writes them.
 *
 *   kv "session"        {"caller":"[\"none\",…]","revision":"…","client":{…},"level":"info","seen":1763700000000}
 *   kv "subscriptions"  ["file:///a"]
 *   streams  id 1763700000000, state 'waiting', call '{"request":…,"questions":…}', expires 1763700600000, dropped 0
 *   events   stream 1763700000000, seq 2, data '{"jsonrpc":"2.0",…}', final 0, at 1763700000000
 * The two tables are made with the first stream: a session that is only ever answered in JSON never has them.
 */

/** What a session is, written once at `initialize`. */
export interface SessionRow {
  /** Key of the caller it is bound to. */
  readonly caller: string;
  readonly revision: string;
  readonly client: { readonly info: string; readonly capabilities: string };
  readonly level: string | undefined;
  /** When the client was last seen, to within a quarter of the session's lifetime; milliseconds. */
  readonly seen: number;
}

/** `running`: a call is at work. `waiting`: its questions are with the client. `open`: opened by GET. */
export type StreamState = "running" | "waiting" | "open";

export interface StreamRow extends Record<string, SqlStorageValue> {
  readonly id: number;
  readonly state: StreamState;
  /** JSON of the call behind the stream; "null" for a stream opened by GET. */
  readonly call: string;
  readonly expires: number;
  /** Sequence number up to which events were dropped. */
  readonly dropped: number;
}

export interface EventRow extends Record<string, SqlStorageValue> {
  readonly seq: number;
  readonly data: string;
  readonly final: number;
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, state TEXT, call TEXT, expires INTEGER, dropped INTEGER);
  CREATE TABLE IF NOT EXISTS events (stream INTEGER, seq INTEGER, data TEXT, final INTEGER, at INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID;`;

export interface Rows {
  session(): SessionRow | undefined;
  putSession(session: SessionRow): void;
  subscriptions(): string[];
  putSubscriptions(uris: readonly string[]): void;
  /** `id` is never used twice: it is the time, pushed forward where two streams open in one millisecond. */
  addStream(id: number, state: StreamState, call: string): void;
  stream(id: number): StreamRow | undefined;
  updateStream(id: number, state: StreamState, call: string, expires: number): void;
  /** Streams whose call was at work and has no answer. */
  unanswered(): StreamRow[];
  /** Streams that wait for the client, the first to expire first. */
  waiting(): StreamRow[];
  /** Streams opened by GET, newest first. */
  openStreams(): number[];
  addEvent(stream: number, data: string, final: boolean, at: number): number;
  eventsAfter(stream: number, seq: number): EventRow[];
  /** Drops the oldest events of a stream until `keep` are left. */
  dropOldest(stream: number, keep: number): void;
  /** Drops events older than `before`, and the streams that ended with them. */
  dropBefore(before: number): void;
  dropStream(id: number): void;
  bytes(): number;
}

export function sessionRows(storage: DurableObjectStorage): Rows {
  const { sql, kv } = storage;
  let hasTables = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'streams'").toArray().length > 0;
  /** Rows of a query, or none while there are no tables. */
  const all = <T extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]): T[] =>
    hasTables ? sql.exec<T>(query, ...bindings).toArray() : [];
  const dropStream = (id: number): void => {
    all("DELETE FROM events WHERE stream = ?", id);
    all("DELETE FROM streams WHERE id = ?", id);
  };

  return {
    session: () => kv.get<SessionRow>("session"),
    putSession: (session) => kv.put("session", session),
    subscriptions: () => kv.get<string[]>("subscriptions") ?? [],
    putSubscriptions: (uris) => kv.put("subscriptions", [...uris]),

    addStream(id, state, call) {
      if (!hasTables) sql.exec(TABLES);
      hasTables = true;
      sql.exec("INSERT INTO streams VALUES (?, ?, ?, 0, 0)", id, state, call);
    },
    stream: (id) => all<StreamRow>("SELECT * FROM streams WHERE id = ?", id)[0],
    updateStream: (id, state, call, expires) =>
      void all("UPDATE streams SET state = ?, call = ?, expires = ? WHERE id = ?", state, call, expires, id),
    unanswered: () =>
      all<StreamRow>(
        "SELECT * FROM streams s WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM events WHERE stream = s.id AND final = 1)",
      ),
    waiting: () => all<StreamRow>("SELECT * FROM streams WHERE state = 'waiting' ORDER BY expires"),
    openStreams: () =>
      all<{ id: number }>("SELECT id FROM streams WHERE state = 'open' ORDER BY id DESC").map(({ id }) => id),

    addEvent(stream, data, final, at) {
      const next =
        "SELECT MAX(s.dropped, COALESCE((SELECT MAX(seq) FROM events WHERE stream = s.id), 0)) + 1 AS seq FROM streams s WHERE s.id = ?";
      const seq = sql.exec<{ seq: number }>(next, stream).one().seq;
      sql.exec("INSERT INTO events VALUES (?, ?, ?, ?, ?)", stream, seq, data, final ? 1 : 0, at);
      return seq;
    },
    eventsAfter: (stream, seq) =>
      all<EventRow>("SELECT seq, data, final FROM events WHERE stream = ? AND seq > ? ORDER BY seq", stream, seq),
    dropOldest(stream, keep) {
      const last =
        all<{ seq: number | null }>("SELECT MAX(seq) AS seq FROM events WHERE stream = ?", stream)[0]?.seq ?? 0;
      if (last <= keep) return;
      all("DELETE FROM events WHERE stream = ? AND seq <= ?", stream, last - keep);
      all("UPDATE streams SET dropped = ? WHERE id = ? AND dropped < ?", last - keep, stream, last - keep);
    },
    dropBefore(before) {
      all(
        "UPDATE streams SET dropped = (SELECT MAX(seq) FROM events e WHERE e.stream = streams.id AND at < ?1) " +
          "WHERE id IN (SELECT stream FROM events WHERE at < ?1)",
        before,
      );
      const ended = all<{ stream: number }>("SELECT stream FROM events WHERE final = 1 AND at < ?", before);
      for (const { stream } of ended) dropStream(stream);
      all("DELETE FROM events WHERE at < ?", before);
    },
    dropStream,
    bytes: () => sql.databaseSize,
  };
}
