/**
 * Streams of a session: events are rows first and then reach whoever is attached, as fast as they are read there.
 * MCP basic/transports#resumability-and-redelivery. An event id is `<stream>-<sequence>`: a cursor within its stream.
 * Attaching a new POST stream, opening the GET stream and resuming are one operation: attach(stream, after).
 */

import { utf8 } from "../base/bytes.ts";
import { now } from "../base/clock.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Revision } from "../revision/revisions.ts";
import type { SseEvent } from "../wire/sse.ts";
import { EVENT_TTL_MS, MAX_EVENT_BYTES, MAX_OPEN_STREAMS, wakeBy, type Room } from "./room.ts";
import type { EventRow, StreamState } from "./rows.ts";

/** Milliseconds a client should wait before it reconnects. */
const RETRY_MS = 1_000;

/** WebSocket close codes between object and Worker. */
export const CLOSE = { done: 1000, poll: 4000, replaced: 4001, ended: 4002 } as const;

/** Bytes passed to a connection before it must say that the client has read them. */
export const WINDOW_BYTES = 1_048_576;

/** An event on its way to the Worker, which answers with any message when the client has read one with `ask`. */
export interface PassedEvent extends SseEvent {
  readonly ask?: boolean;
}

/** What a connection was passed, kept with its socket: the last event, and how many bytes since it was last asked. */
interface Passed {
  readonly seq: number;
  readonly bytes: number;
}

let lastStream = 0;

/** Opens a stream and gives its id. */
export function openStream(room: Room, state: StreamState, call: string): number {
  // spec: session.resume.id.unique
  lastStream = Math.max(now(), lastStream + 1, room.rows.newestStream() + 1);
  room.rows.addStream(lastStream, state, call);
  return lastStream;
}

/** Writes a message to the stream and passes it to the attached socket. A final message ends the stream. */
export function emit(room: Room, stream: number, data: string, final: boolean = false): void {
  const { rows } = room;
  const seq = rows.addEvent(stream, data, final, now());
  if (rows.eventBytes() > MAX_EVENT_BYTES) rows.keepNewest((MAX_EVENT_BYTES * 3) / 4);
  wakeBy(room, now() + EVENT_TTL_MS);
  for (const socket of sockets(room, stream)) {
    // One that has enough to read asks for the rest.
    if (passedTo(socket).bytes <= WINDOW_BYTES) pass(socket, stream, { seq, data, final: Number(final) });
  }
}

/** Ends a stream that will have no answer: its call was stopped. */
export function discard(room: Room, stream: number): void {
  for (const socket of sockets(room, stream)) socket.close(CLOSE.done);
  room.rows.dropStream(stream);
}

/** Closes the connection, not the stream: the client comes back for the rest. */
export function release(room: Room, stream: number): void {
  const held = sockets(room, stream);
  if (held.length === 0) room.released.add(stream);
  for (const socket of held) socket.close(CLOSE.poll);
}

/** A new stream for a GET. Of too many, those that nobody holds are ended first, and then the oldest. */
export function openListening(room: Room): number {
  const stream = openStream(room, "open", "null");
  const isHeld = (one: number): number => Number(sockets(room, one).length > 0);
  const [, ...others] = room.rows.openStreams();
  const spare = others.toSorted((one, other) => isHeld(other) - isHeld(one)).slice(MAX_OPEN_STREAMS - 1);
  for (const one of spare) discard(room, one);
  return stream;
}

/** Sends a message that belongs to no call, on one stream opened by GET: the newest that is attached, else the newest. */
export function announce(room: Room, data: string): void {
  // spec: session.stream.single, session.stream.broadcast, session.get.response-free
  const open = room.rows.openStreams();
  const stream = open.find((one) => sockets(room, one).length > 0) ?? open[0];
  if (stream !== undefined) emit(room, stream, data);
}

/**
 * Connects a socket for a caller by `grant` and passes on what followed event `after`; what is read faster than it can
 * be passed on waits in its rows. Refuses cursors that are too old. A call's own POST comes with -1: it takes what is left.
 */
export function attach(
  room: Room,
  revision: Revision,
  stream: number,
  after: number,
  grant?: string,
): Result<WebSocket, Refusal> {
  const row = room.rows.stream(stream);
  if (row === undefined || (after >= 0 && after < row.dropped)) {
    return err(
      refusal("InvalidRequest", "Last-Event-ID is unknown here or too old: events are kept for an hour at most"),
    );
  }
  // A stream has one reader: the connection that resumes replaces the one that was lost without notice.
  for (const socket of sockets(room, stream)) socket.close(CLOSE.replaced);
  const { 0: client, 1: server } = new WebSocketPair();
  room.state.acceptWebSocket(server, [String(stream), ...(grant === undefined ? [] : [grant])]);
  // spec: session.stream.prime
  if (after <= 0 && revision.words.primes) send(server, { id: `${stream}-0`, data: "", retry: RETRY_MS });
  replay(room, server, stream, after);
  return ok(client);
}

/** The client has read what the socket was passed: here is more. */
export function goOnReading(room: Room, socket: WebSocket): void {
  const stream = Number(room.state.getTags(socket)[0]);
  const row = room.rows.stream(stream);
  const { seq } = passedTo(socket);
  // A listener must not miss a message without knowing: it comes back, and is told. A call's answer is what matters.
  if (row === undefined || (row.state === "open" && seq < row.dropped)) socket.close(CLOSE.ended);
  else replay(room, socket, stream, seq);
}

/** Passes on what followed event `after`, as much as the window allows. */
function replay(room: Room, socket: WebSocket, stream: number, after: number): void {
  socket.serializeAttachment({ seq: after, bytes: 0 } satisfies Passed);
  // spec: session.resume.same-stream, session.stream.answered
  for (const event of room.rows.eventsAfter(stream, after)) if (pass(socket, stream, event)) return;
  if (room.rows.isAnswered(stream)) socket.close(CLOSE.done);
  else if (room.released.delete(stream)) socket.close(CLOSE.poll);
}

function sockets(room: Room, stream: number): WebSocket[] {
  return room.state.getWebSockets(String(stream)).filter((socket) => socket.readyState === WebSocket.READY_STATE_OPEN);
}

function passedTo(socket: WebSocket): Passed {
  return (socket.deserializeAttachment() ?? { seq: 0, bytes: 0 }) as Passed;
}

/** Passes an event on. True when no more may follow: it was the last, or the client must read first. */
function pass(socket: WebSocket, stream: number, { seq, data, final }: EventRow): boolean {
  const bytes = passedTo(socket).bytes + utf8(data).length;
  const ask = bytes > WINDOW_BYTES;
  send(socket, { id: `${stream}-${seq}`, data, ...(ask && { ask }) });
  socket.serializeAttachment({ seq, bytes } satisfies Passed);
  if (final === 1) socket.close(CLOSE.done);
  return ask || final === 1;
}

function send(socket: WebSocket, event: PassedEvent): void {
  socket.send(JSON.stringify(event));
}
