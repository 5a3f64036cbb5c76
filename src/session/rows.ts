/**
 * The rows of a session object: every statement that reads or writes them.
 *
 *   kv "session"        {"name":"Xk3…","caller":"[\"none\",…]","share":"[\"none\",…] kTq…","grant":"5c…","revision":"…","client":"{…}","level":"info","seen":1763700000000}
 *   kv "left"           {"share":"[\"none\",…] kTq…","tries":1}: all that there is, when the hub could not be told of the end
 *   kv "subscriptions"  ["file:///a"]
 *   streams  id 1763700000000, state 'waiting', call '{"request":…,"questions":…}', expires 1763700600000, dropped 0
 *   events   stream 1763700000000, seq 2, data '{"jsonrpc":"2.0",…}', final 0, at 1763700000000
 */

/** What a session is, written once at `initialize`. */
export interface SessionRow {
  /** A digest of its id, for records: the id itself is a credential. Rows of an older version have none. */
  readonly name?: string;
  /** Key of the caller it is bound to. */
  readonly caller: string;
  /** Whose share of the hub it counts against. */
  readonly share: string;
  /** Whether the hub knows that the client listens. */
  readonly hears?: boolean;
  /** The grant that opened it: revoking that ends the session. */
  readonly grant: string | undefined;
  readonly revision: string;
  /** JSON of the client's info and capabilities. */
  readonly client: string;
  readonly level: string | undefined;
  /** When the client was last seen, to within ten minutes; milliseconds. */
  readonly seen: number;
}

export interface Left {
  readonly share: string;
  readonly tries: number;
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
}

export interface Rows {
  session(): SessionRow | undefined;
  putSession(session: SessionRow): void;
  /** From here on the session is gone, though its rows may take a moment to go. */
  forgetSession(): void;
  /** The share at the hub of a session that ended and is still registered there, and how often that failed. */
  left(): Left | undefined;
  putLeft(left: Left): void;
  subscriptions(): string[];
  putSubscriptions(uris: readonly string[]): void;

  /** `id` is never used twice: it is the time, pushed forward where two streams open in one millisecond. */
  addStream(id: number, state: StreamState, call: string): void;
  stream(id: number): StreamRow | undefined;
  /** Id of the newest stream, or 0: the clock of another machine may be behind. */
  newestStream(): number;
  updateStream(id: number, state: StreamState, call: string, expires: number): void;
  dropStream(id: number): void;
  /** Streams whose call was at work and has no answer. */
  unanswered(): StreamRow[];
  /** Streams that wait for the client, the first to expire first. */
  waiting(): StreamRow[];
  /** Streams opened by GET, newest first. */
  openStreams(): number[];

  /** Gives the event's sequence number, which no event of the stream had before, dropped ones included. */
  addEvent(stream: number, data: string, final: boolean, at: number): number;
  eventsAfter(stream: number, seq: number): EventRow[];
  isAnswered(stream: number): boolean;
  /** Characters of all events kept. */
  size(): number;
  /** Drops the oldest events of a stream until `keep` are left. */
  dropOldest(stream: number, keep: number): void;
  /** Drops events older than `before`, and the streams that ended with them. */
  dropBefore(before: number): void;
}

/** Made with the first stream: a session that is only ever answered in JSON never has them. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, state TEXT, call TEXT, expires INTEGER, dropped INTEGER);
  CREATE TABLE IF NOT EXISTS events (stream INTEGER, seq INTEGER, data TEXT, final INTEGER, at INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID;`;

export function sessionRows({ sql, kv }: DurableObjectStorage): Rows {
  let hasTables = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'streams'").toArray().length > 0;
  const query = <T extends Record<string, SqlStorageValue>>(text: string, ...bindings: SqlStorageValue[]): T[] =>
    hasTables ? sql.exec<T>(text, ...bindings).toArray() : [];
  const lastSeq = (stream: number): number =>
    query<{ seq: number }>("SELECT COALESCE(MAX(seq), 0) AS seq FROM events WHERE stream = ?", stream)[0]?.seq ?? 0;
  return {
    ...recordRows(kv),
    addStream(id, state, call) {
      if (!hasTables) sql.exec(TABLES);
      hasTables = true;
      query("INSERT INTO streams VALUES (?, ?, ?, 0, 0)", id, state, call);
    },
    stream: (id) => query<StreamRow>("SELECT * FROM streams WHERE id = ?", id)[0],
    newestStream: () => query<{ id: number | null }>("SELECT MAX(id) AS id FROM streams")[0]?.id ?? 0,
    updateStream: (id, state, call, expires) =>
      void query("UPDATE streams SET state = ?, call = ?, expires = ? WHERE id = ?", state, call, expires, id),
    dropStream(id) {
      query("DELETE FROM events WHERE stream = ?", id);
      query("DELETE FROM streams WHERE id = ?", id);
    },
    unanswered() {
      const ended = "SELECT stream FROM events WHERE final = 1";
      return query<StreamRow>(`SELECT * FROM streams WHERE state = 'running' AND id NOT IN (${ended})`);
    },
    waiting: () => query<StreamRow>("SELECT * FROM streams WHERE state = 'waiting' ORDER BY expires"),
    openStreams: () =>
      query<{ id: number }>("SELECT id FROM streams WHERE state = 'open' ORDER BY id DESC").map(({ id }) => id),
    addEvent(stream, data, final, at) {
      const dropped = query<StreamRow>("SELECT dropped FROM streams WHERE id = ?", stream)[0]?.dropped ?? 0;
      const seq = Math.max(lastSeq(stream), dropped) + 1;
      query("INSERT INTO events VALUES (?, ?, ?, ?, ?)", stream, seq, data, final ? 1 : 0, at);
      return seq;
    },
    eventsAfter: (stream, seq) =>
      query<EventRow>("SELECT seq, data FROM events WHERE stream = ? AND seq > ? ORDER BY seq", stream, seq),
    isAnswered: (stream) => query("SELECT 1 FROM events WHERE stream = ? AND final = 1", stream).length > 0,
    size: () => query<{ size: number }>("SELECT COALESCE(SUM(LENGTH(data)), 0) AS size FROM events")[0]?.size ?? 0,
    dropOldest(stream, keep) {
      const last = lastSeq(stream) - keep;
      if (last <= 0) return;
      query("DELETE FROM events WHERE stream = ? AND seq <= ?", stream, last);
      query("UPDATE streams SET dropped = MAX(dropped, ?) WHERE id = ?", last, stream);
    },
    dropBefore(before) {
      query("DELETE FROM streams WHERE id IN (SELECT stream FROM events WHERE final = 1 AND at < ?)", before);
      const oldest = "(SELECT MAX(seq) FROM events WHERE stream = streams.id AND at < ?1)";
      query(`UPDATE streams SET dropped = MAX(dropped, COALESCE(${oldest}, 0)) WHERE ${oldest} IS NOT NULL`, before);
      query("DELETE FROM events WHERE at < ? OR stream NOT IN (SELECT id FROM streams)", before);
    },
  };
}

type RecordRows = Pick<
  Rows,
  "session" | "putSession" | "forgetSession" | "left" | "putLeft" | "subscriptions" | "putSubscriptions"
>;

function recordRows(kv: SyncKvStorage): RecordRows {
  // Only this object writes the row, and every message needs it: it is read once in the object's life.
  let session = kv.get<SessionRow>("session");
  // Versions before this one had one share for each caller.
  if (session !== undefined) session = { ...session, share: session.share ?? session.caller };
  return {
    session: () => session,
    putSession(row) {
      kv.put("session", row);
      session = row;
    },
    forgetSession: () => void (session = undefined),
    left: () => kv.get<Left>("left"),
    putLeft: (left) => kv.put("left", left),
    subscriptions: () => kv.get<string[]>("subscriptions") ?? [],
    putSubscriptions: (uris) => kv.put("subscriptions", uris),
  };
}
