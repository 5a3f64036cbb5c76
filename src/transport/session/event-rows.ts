/**
 * The events of a session object's streams: every statement that reads, writes or drops them, and that deletes a
 * stream with them. session-rows.ts makes their table, and has an example row.
 */

type Row = Record<string, SqlStorageValue>;
/** Its rows are read as they are taken. */
export type Select = (text: string, ...bindings: SqlStorageValue[]) => Iterable<Row>;
export type Query = <T extends Row>(text: string, ...bindings: SqlStorageValue[]) => T[];
export type NumberQuery = (
  what: string,
  from: string,
  ...bindings: SqlStorageValue[]
) => number | undefined;

export interface EventRow extends Record<string, SqlStorageValue> {
  readonly seq: number;
  readonly data: string;
  readonly is_final: number;
}

export interface EventStore {
  /** Deletes a stream, with its events and what is kept of its call. */
  deleteStream(id: number): void;
  /** Gives the event's sequence number, which no event of the stream had before, dropped ones included; 0 without the stream. */
  addEvent(stream: number, data: string, final: boolean, at: number): number;
  /** Read as they are taken: all of them may be many bytes. */
  eventsAfter(stream: number, seq: number): Iterable<EventRow>;
  isAnswered(stream: number): boolean;
  /** Drops the events of a stream that begin with one of `prefixes`. The stream stays. */
  dropEventsBeginning(stream: number, prefixes: readonly string[]): void;
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

/** Bytes from the newest event down to this one. */
const BYTES_FROM_NEWEST = `SUM(octet_length(data) + ${ROW_OVERHEAD_BYTES}) OVER (ORDER BY created_at_ms DESC, stream DESC, seq DESC)`;

interface DroppedEvent extends Record<string, SqlStorageValue> {
  readonly stream: number;
  readonly seq: number;
  readonly is_final: number;
  readonly bytes: number;
}

/** The statements about events. The tables are made by the caller. */
export function createEventStore(
  select: Select,
  query: Query,
  queryNumber: NumberQuery,
): EventStore {
  let cachedEventBytes: number | undefined;
  const eventBytes = (): number =>
    (cachedEventBytes ??=
      queryNumber(`TOTAL(octet_length(data) + ${ROW_OVERHEAD_BYTES})`, "events") ?? 0);

  /** Drops the events that fit `condition`. True when some were for a listener. */
  const dropEvents = (condition: string, ...bindings: SqlStorageValue[]): boolean => {
    const bytesBefore = eventBytes();
    const dropped = deleteEvents(query, condition, ...bindings);
    cachedEventBytes = bytesBefore - dropped.bytes;
    return dropped.isForListener;
  };
  return {
    deleteStream(id) {
      dropEvents("stream = ?", id);
      query("DELETE FROM suspended_calls WHERE stream = ?", id);
      query("DELETE FROM streams WHERE id = ?", id);
    },
    dropEventsBeginning(stream, prefixes) {
      dropEvents(`stream = ? AND ${beginsWithOneOf("?")}`, stream, JSON.stringify(prefixes));
    },
    addEvent(stream, data, final, at) {
      const before = eventBytes();
      const added = insertEvent(query, stream, data, final, at);
      if (added === undefined) return 0;
      cachedEventBytes = before + added.bytes + ROW_OVERHEAD_BYTES;
      return added.seq;
    },
    eventsAfter: (stream, seq) =>
      select(
        "SELECT seq, data, is_final FROM events WHERE stream = ? AND seq > ? ORDER BY seq",
        stream,
        seq,
      ) as never,
    isAnswered: (stream) =>
      queryNumber("1", "events WHERE stream = ? AND is_final = 1", stream) === 1,
    eventBytes,
    oldestEventAt: () => queryNumber("MIN(created_at_ms)", "events") ?? Infinity,
    dropEventsBefore: (before) => dropEvents("created_at_ms < ?", before),
    keepNewestEvents(bytes) {
      const bytesByEvent = `SELECT stream, seq, ${BYTES_FROM_NEWEST} AS n FROM events`;
      return dropEvents(
        `(stream, seq) IN (SELECT stream, seq FROM (${bytesByEvent}) WHERE n > ?)`,
        bytes,
      );
    },
  };
}

/** Whether an event begins with one of the texts of a JSON list. */
export const beginsWithOneOf = (binding: string): string =>
  `EXISTS (SELECT 1 FROM json_each(${binding}) WHERE instr(data, value) = 1)`;

/** Deletes events, and notes on their streams how far, or deletes those that ended. `bytes`: with what they cost beside their data. */
function deleteEvents(
  query: Query,
  condition: string,
  ...bindings: SqlStorageValue[]
): { bytes: number; isForListener: boolean } {
  let bytes = 0;
  const last = new Map<number, DroppedEvent>();
  const columns = "stream, seq, is_final, octet_length(data) AS bytes";
  const text = `DELETE FROM events WHERE ${condition} RETURNING ${columns}`;
  for (const event of query<DroppedEvent>(text, ...bindings)) {
    bytes += event.bytes + ROW_OVERHEAD_BYTES;
    if (event.seq > (last.get(event.stream)?.seq ?? 0)) last.set(event.stream, event);
  }
  let isForListener = false;
  const setDropped =
    "UPDATE streams SET dropped_seq = MAX(dropped_seq, ?) WHERE id = ? RETURNING state";
  for (const { stream, seq, is_final } of last.values()) {
    if (is_final === 1) query("DELETE FROM streams WHERE id = ?", stream);
    else if (query<{ state: string }>(setDropped, seq, stream)[0]?.state === "listening")
      isForListener = true;
  }
  return { bytes, isForListener };
}

/** Writes an event behind all that its stream ever had. Undefined without the stream. */
function insertEvent(
  query: Query,
  stream: number,
  data: string,
  final: boolean,
  at: number,
): { seq: number; bytes: number } | undefined {
  const seq = "1 + MAX(dropped_seq, COALESCE((SELECT MAX(seq) FROM events WHERE stream = id), 0))";
  const insert = `INSERT INTO events SELECT id, ${seq}, ?, ?, ? FROM streams WHERE id = ? RETURNING seq, octet_length(data) AS bytes`;
  return query<{ seq: number; bytes: number }>(insert, data, final ? 1 : 0, at, stream)[0];
}
