/**
 * The rows of a session object's streams: the tables, and the statements about streams and their calls. Those about
 * events stand in event-rows.ts, what the session is in record-rows.ts.
 *
 *   streams  id 1763700000000, state 'suspended', call_json '{"request":{"id":7},"openRequests":…}', expires_at_ms 1763700600000, dropped_seq 0
 *   suspended_calls  stream 1763700000000, call_json '{"request":…,"retryState":…}'
 *   events   stream 1763700000000, seq 2, data '{"jsonrpc":"2.0",…}', is_final 0, created_at_ms 1763700000000
 */

import {
  beginsWithOneOf,
  createEventStore,
  type EventStore,
  type NumberQuery,
  type Query,
  type Select,
} from "./event-rows.ts";
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

export interface SessionStore extends SessionRecordStore, EventStore {
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
  /** Streams whose call was at work and has no answer. */
  unansweredStreams(): StreamRow[];
  /** Streams that wait for the client, the first to expire first, without what is kept of their calls. */
  suspendedStreams(): StreamRow[];
  /** Streams opened by GET, newest first. */
  listeningStreamIds(): number[];
  /** Those of them, but for `stream`, that keep an event which begins with one of `prefixes`. */
  listeningStreamsWithEvents(stream: number, prefixes: readonly string[]): number[];
}

/** Made with the first stream: a session that is only ever answered in JSON never has them. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, state TEXT, call_json TEXT, expires_at_ms INTEGER, dropped_seq INTEGER);
  CREATE TABLE IF NOT EXISTS suspended_calls (stream INTEGER PRIMARY KEY, call_json TEXT);
  CREATE TABLE IF NOT EXISTS events (stream INTEGER, seq INTEGER, data TEXT, is_final INTEGER, created_at_ms INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID;`;

/** The rows of one session object. */
export function createSessionStore({ sql, kv }: DurableObjectStorage): SessionStore {
  const tables = sql
    .exec("SELECT 1 FROM sqlite_master WHERE name IN ('streams', 'suspended_calls')")
    .toArray().length;
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
    ...createEventStore(select, query, queryNumber),
    addStream(id, state, call) {
      makeTables();
      query("INSERT INTO streams VALUES (?, ?, ?, 0, 0)", id, state, call);
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
  | "listeningStreamsWithEvents"
>;

function createCallQueries(query: Query, queryNumber: NumberQuery): CallQueries {
  const setCall = (id: number, state: StreamState, call: string, expires: number): void => {
    query(
      "UPDATE streams SET state = ?, call_json = ?, expires_at_ms = ? WHERE id = ?",
      state,
      call,
      expires,
      id,
    );
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
      query<{ call_json: string }>("SELECT call_json FROM suspended_calls WHERE stream = ?", id)[0]
        ?.call_json,
    suspendedBytes: (id) =>
      queryNumber("TOTAL(octet_length(call_json))", "suspended_calls WHERE stream <> ?", id) ?? 0,
    markRunning(id, call) {
      setCall(id, "running", call, 0);
      query("DELETE FROM suspended_calls WHERE stream = ?", id);
    },
    unansweredStreams() {
      // From the newest on, as the final event is the last: a stream's other events are not read.
      const finalEvent =
        "SELECT 1 FROM events WHERE stream = id AND is_final = 1 ORDER BY seq DESC LIMIT 1";
      return query<StreamRow>(
        `SELECT * FROM streams WHERE state = 'running' AND (${finalEvent}) IS NULL`,
      );
    },
    suspendedStreams: () =>
      query<StreamRow>("SELECT * FROM streams WHERE state = 'suspended' ORDER BY expires_at_ms"),
    listeningStreamIds: () =>
      query<{ id: number }>(
        "SELECT id FROM streams WHERE state = 'listening' ORDER BY id DESC",
      ).map(({ id }) => id),
    listeningStreamsWithEvents(stream, prefixes) {
      const events = `SELECT 1 FROM events WHERE stream = id AND ${beginsWithOneOf("?1")}`;
      const where = `state = 'listening' AND id <> ?2 AND EXISTS (${events})`;
      const rows = query<{ id: number }>(
        `SELECT id FROM streams WHERE ${where}`,
        JSON.stringify(prefixes),
        stream,
      );
      return rows.map(({ id }) => id);
    },
  };
}
