/**
 * The rows of a session object's streams: every statement that reads or writes them. What it is stands in record-rows.ts.
 *
 *   streams  id 1763700000000, state 'suspended', call_json '{"request":{"id":7},"openRequests":…}', expires_at_ms 1763700600000, dropped_seq 0
 *   suspended_calls  stream 1763700000000, call_json '{"request":…,"retryState":…}'
 *   events   stream 1763700000000, seq 2, data '{"jsonrpc":"2.0",…}', is_final 0, created_at_ms 1763700000000
 */

import { createSessionRecordStore, type SessionRecordStore } from "./record-rows.ts";

/** `running`: a call is at work. `suspended`: its questions are with the client. `listening`: opened by GET. */
export type StreamState = "running" | "suspended" | "listening";

export interface StreamRow extends Record<string, SqlStorageValue> {
  readonly id: number;
  readonly state: StreamState;
  /** JSON of what finds the call behind the stream: its id and open questions; "null" for a stream opened by GET. */
  readonly call_json: string;
  readonly expires_at_ms: number;
  /** Sequence number up to which events were dropped. */
  readonly dropped_seq: number;
}

export interface EventRow extends Record<string, SqlStorageValue> {
  readonly seq: number;
  readonly data: string;
  readonly is_final: number;
}

interface DroppedEvent extends Record<string, SqlStorageValue> {
  readonly stream: number;
  readonly seq: number;
  readonly is_final: number;
  readonly bytes: number;
}

export interface SessionStore extends SessionRecordStore {
  /** `id` is never used twice: it is the time, pushed forward where two streams open in one millisecond. */
  addStream(id: number, state: StreamState, call: string): void;
  stream(id: number): StreamRow | undefined;
  /** Id of the newest stream, or 0: the clock of another machine may be behind. */
  newestStreamId(): number;
  /** Notes that the stream's call waits until `expires`, and keeps what it needs to go on. */
  saveSuspendedCall(id: number, call: string, kept: string, expires: number): void;
  suspendedCallJson(id: number): string | undefined;
  /** Bytes kept of all calls that wait, but not of stream `id`. */
  suspendedBytes(id: number): number;
  /** Notes that the stream's call is at work, and forgets what was kept of it. */
  markRunning(id: number, call: string): void;
  deleteStream(id: number): void;
  /** Streams whose call was at work and has no answer. */
  unansweredStreams(): StreamRow[];
  /** Streams that wait for the client, the first to expire first, without what is kept of their calls. */
  suspendedStreams(): StreamRow[];
  /** Streams opened by GET, newest first. */
  listeningStreamIds(): number[];

  /** Gives the event's sequence number, which no event of the stream had before, dropped ones included; 0 without the stream. */
  addEvent(stream: number, data: string, final: boolean, at: number): number;
  /** Read as they are taken: all of them may be many bytes. */
  eventsAfter(stream: number, seq: number): Iterable<EventRow>;
  isAnswered(stream: number): boolean;
  /** Bytes of all events kept. Counted once in this object's life, and from then on with every event. */
  eventBytes(): number;
  /** When the oldest event was written, or infinity. */
  oldestEventAt(): number;
  /**
   * Each drops events, and the streams that ended with them: those older than `before`, or all but the newest. True when
   * some were for a listener.
   */
  dropEventsBefore(before: number): boolean;
  keepNewestEvents(bytes: number): boolean;
}

/** What an event costs beside its data, its share of a stream's row included; bytes. */
const ROW_OVERHEAD_BYTES = 100;

/** Made with the first stream: a session that is only ever answered in JSON never has them. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, state TEXT, call_json TEXT, expires_at_ms INTEGER, dropped_seq INTEGER);
  CREATE TABLE IF NOT EXISTS suspended_calls (stream INTEGER PRIMARY KEY, call_json TEXT);
  CREATE TABLE IF NOT EXISTS events (stream INTEGER, seq INTEGER, data TEXT, is_final INTEGER, created_at_ms INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID;`;

/** The rows of one session object. */
export function createSessionStore({ sql, kv }: DurableObjectStorage): SessionStore {
  const tables = sql.exec("SELECT 1 FROM sqlite_master WHERE name IN ('streams', 'suspended_calls')").toArray().length;
  let hasTables = tables > 1;
  const makeTables = (): void => {
    if (!hasTables) sql.exec(TABLES);
    hasTables = true;
  };
  // A session that an earlier version began lacks one.
  if (tables === 1) makeTables();
  const select: Select = (text, ...bindings) => (hasTables ? sql.exec(text, ...bindings) : []);
  const query: Query = (text, ...bindings) => [...select(text, ...bindings)] as never;
  const queryNumber: NumberQuery = (what, from, ...bindings) =>
    query<{ n: number | null }>(`SELECT ${what} AS n FROM ${from}`, ...bindings)[0]?.n ?? undefined;
  return {
    ...createSessionRecordStore(kv),
    ...createCallQueries(query, queryNumber),
    ...createEventQueries(select, query, queryNumber),
    addStream(id, state, call) {
      makeTables();
      query("INSERT INTO streams VALUES (?, ?, ?, 0, 0)", id, state, call);
    },
  };
}

type Row = Record<string, SqlStorageValue>;
/** Its rows are read as they are taken. */
type Select = (text: string, ...bindings: SqlStorageValue[]) => Iterable<Row>;
type Query = <T extends Row>(text: string, ...bindings: SqlStorageValue[]) => T[];
type NumberQuery = (what: string, from: string, ...bindings: SqlStorageValue[]) => number | undefined;

/** Bytes from the newest event down to this one. */
const BYTES_FROM_NEWEST = `SUM(octet_length(data) + ${ROW_OVERHEAD_BYTES}) OVER (ORDER BY created_at_ms DESC, stream DESC, seq DESC)`;

type EventQueries = Pick<
  SessionStore,
  | "deleteStream"
  | "addEvent"
  | "eventsAfter"
  | "isAnswered"
  | "eventBytes"
  | "oldestEventAt"
  | "dropEventsBefore"
  | "keepNewestEvents"
>;

function createEventQueries(select: Select, query: Query, queryNumber: NumberQuery): EventQueries {
  let cachedEventBytes: number | undefined;
  const eventBytes = (): number =>
    (cachedEventBytes ??= queryNumber(`TOTAL(octet_length(data) + ${ROW_OVERHEAD_BYTES})`, "events") ?? 0);

  /** Drops the events that fit `which`: the first of their streams. */
  const dropEvents = (condition: string, ...bindings: SqlStorageValue[]): boolean => {
    let remainingBytes = eventBytes();
    const last = new Map<number, DroppedEvent>();
    const dropped = "RETURNING stream, seq, is_final, octet_length(data) AS bytes";
    for (const event of query<DroppedEvent>(`DELETE FROM events WHERE ${condition} ${dropped}`, ...bindings)) {
      remainingBytes -= event.bytes + ROW_OVERHEAD_BYTES;
      if (event.seq > (last.get(event.stream)?.seq ?? 0)) last.set(event.stream, event);
    }
    cachedEventBytes = remainingBytes;
    let isForListener = false;
    const setDropped = "UPDATE streams SET dropped_seq = MAX(dropped_seq, ?) WHERE id = ? RETURNING state";
    for (const [stream, { seq, is_final }] of last) {
      if (is_final === 1) query("DELETE FROM streams WHERE id = ?", stream);
      else if (query<{ state: StreamState }>(setDropped, seq, stream)[0]?.state === "listening") isForListener = true;
    }
    return isForListener;
  };
  return {
    deleteStream(id) {
      dropEvents("stream = ?", id);
      query("DELETE FROM suspended_calls WHERE stream = ?", id);
      query("DELETE FROM streams WHERE id = ?", id);
    },
    addEvent(stream, data, final, at) {
      const before = eventBytes();
      const seq = "1 + MAX(dropped_seq, COALESCE((SELECT MAX(seq) FROM events WHERE stream = id), 0))";
      const insert = `INSERT INTO events SELECT id, ${seq}, ?, ?, ? FROM streams WHERE id = ? RETURNING seq, octet_length(data) AS bytes`;
      const [added] = query<{ seq: number; bytes: number }>(insert, data, final ? 1 : 0, at, stream);
      if (added === undefined) return 0;
      cachedEventBytes = before + added.bytes + ROW_OVERHEAD_BYTES;
      return added.seq;
    },
    eventsAfter: (stream, seq) =>
      select("SELECT seq, data, is_final FROM events WHERE stream = ? AND seq > ? ORDER BY seq", stream, seq) as never,
    isAnswered: (stream) => queryNumber("1", "events WHERE stream = ? AND is_final = 1", stream) === 1,
    eventBytes,
    oldestEventAt: () => queryNumber("MIN(created_at_ms)", "events") ?? Infinity,
    dropEventsBefore: (before) => dropEvents("created_at_ms < ?", before),
    keepNewestEvents(bytes) {
      const bytesByEvent = `SELECT stream, seq, ${BYTES_FROM_NEWEST} AS n FROM events`;
      return dropEvents(`(stream, seq) IN (SELECT stream, seq FROM (${bytesByEvent}) WHERE n > ?)`, bytes);
    },
  };
}

type CallQueries = Pick<
  SessionStore,
  | "stream"
  | "newestStreamId"
  | "saveSuspendedCall"
  | "suspendedCallJson"
  | "suspendedBytes"
  | "markRunning"
  | "unansweredStreams"
  | "suspendedStreams"
  | "listeningStreamIds"
>;

function createCallQueries(query: Query, queryNumber: NumberQuery): CallQueries {
  const setCall = (id: number, state: StreamState, call: string, expires: number): void => {
    query("UPDATE streams SET state = ?, call_json = ?, expires_at_ms = ? WHERE id = ?", state, call, expires, id);
  };
  return {
    stream: (id) => query<StreamRow>("SELECT * FROM streams WHERE id = ?", id)[0],
    newestStreamId: () => queryNumber("MAX(id)", "streams") ?? 0,
    saveSuspendedCall(id, call, kept, expires) {
      // In this order: a write that fails after another must not leave a call that waits with nothing to go on from.
      query("INSERT OR REPLACE INTO suspended_calls VALUES (?, ?)", id, kept);
      setCall(id, "suspended", call, expires);
    },
    suspendedCallJson: (id) =>
      query<{ call_json: string }>("SELECT call_json FROM suspended_calls WHERE stream = ?", id)[0]?.call_json,
    suspendedBytes: (id) => queryNumber("TOTAL(octet_length(call_json))", "suspended_calls WHERE stream <> ?", id) ?? 0,
    markRunning(id, call) {
      setCall(id, "running", call, 0);
      query("DELETE FROM suspended_calls WHERE stream = ?", id);
    },
    unansweredStreams() {
      const ended = "SELECT stream FROM events WHERE is_final = 1";
      return query<StreamRow>(`SELECT * FROM streams WHERE state = 'running' AND id NOT IN (${ended})`);
    },
    suspendedStreams: () => query<StreamRow>("SELECT * FROM streams WHERE state = 'suspended' ORDER BY expires_at_ms"),
    listeningStreamIds: () =>
      query<{ id: number }>("SELECT id FROM streams WHERE state = 'listening' ORDER BY id DESC").map(({ id }) => id),
  };
}
