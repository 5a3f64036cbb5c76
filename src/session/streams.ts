/**
 * Streams of a session: events are rows first and then reach whoever is attached.
 * MCP basic/transports#resumability-and-redelivery. An event id is `<stream>-<sequence>`: a cursor within its stream.
 * Attaching a new POST stream, opening the GET stream and resuming are one operation: attach(stream, after).
 */

import { now } from "../base/clock.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Revision } from "../revision/revisions.ts";
import type { SseEvent } from "../wire/sse.ts";
import { CHECK_EVERY, EVENT_TTL_MS, MAX_EVENTS_PER_STREAM, MAX_OPEN_STREAMS, MAX_SESSION_SIZE } from "./room.ts";
import type { Room } from "./room.ts";
import type { StreamState } from "./rows.ts";

/** Milliseconds a client should wait before it reconnects. */
const RETRY_MS = 1_000;

/** WebSocket close codes between object and Worker. */
export const CLOSE = { done: 1000, poll: 4000, replaced: 4001, ended: 4002 } as const;

let lastStream = 0;

/** Opens a stream and gives its id. */
export function openStream(room: Room, state: StreamState, call: string): number {
  bound(room);
  // spec: session.resume.id.unique
  lastStream = Math.max(now(), lastStream + 1, room.rows.newestStream() + 1);
  room.rows.addStream(lastStream, state, call);
  return lastStream;
}

/** Writes a message to the stream and passes it to the attached socket. A final message ends the stream. */
export function emit(room: Room, stream: number, data: string, final: boolean = false): void {
  const seq = room.rows.addEvent(stream, data, final, now());
  if (seq % CHECK_EVERY === 0) {
    room.rows.dropOldest(stream, MAX_EVENTS_PER_STREAM);
    bound(room);
  }
  for (const socket of sockets(room, stream)) {
    pass(socket, { id: `${stream}-${seq}`, data });
    if (final) socket.close(CLOSE.done, "answered");
  }
}

/** Keeps a session's events within its share. The older half goes first: the newest may be on their way to the client. */
function bound(room: Room): void {
  for (let age = EVENT_TTL_MS; age >= 0.5 && room.rows.size() > MAX_SESSION_SIZE; age /= 2) {
    room.rows.dropBefore(now() - age);
  }
}

/** Ends a stream that will have no answer: its call was stopped. */
export function discard(room: Room, stream: number): void {
  for (const socket of sockets(room, stream)) socket.close(CLOSE.done, "cancelled");
  room.rows.dropStream(stream);
}

/** Closes the connection, not the stream: the client comes back for the rest. */
export function release(room: Room, stream: number): void {
  const held = sockets(room, stream);
  if (held.length === 0) room.released.add(stream);
  for (const socket of held) socket.close(CLOSE.poll, "poll");
}

/** A new stream for a GET. The oldest ones that nobody holds are forgotten. */
export function openListening(room: Room): number {
  const stream = openStream(room, "open", "null");
  for (const old of room.rows.openStreams().slice(MAX_OPEN_STREAMS)) {
    if (sockets(room, old).length === 0) room.rows.dropStream(old);
  }
  return stream;
}

/** Sends a message that belongs to no call, on one stream opened by GET: the newest that is attached, else the newest. */
export function announce(room: Room, data: string): void {
  // spec: session.stream.single, session.stream.broadcast, session.get.response-free
  const open = room.rows.openStreams();
  const stream = open.find((one) => sockets(room, one).length > 0) ?? open[0];
  if (stream !== undefined) emit(room, stream, data);
}

/** Connects a socket for a caller by `grant` and replays what followed event `after`. Refuses cursors that are too old. */
export function attach(
  room: Room,
  revision: Revision,
  stream: number,
  after: number,
  grant?: string,
): Result<WebSocket, Refusal> {
  const row = room.rows.stream(stream);
  if (row === undefined || after < row.dropped) {
    const kept = `events are kept for ${EVENT_TTL_MS / 1000} s and ${MAX_EVENTS_PER_STREAM} a stream`;
    return err(refusal("InvalidRequest", `Last-Event-ID is unknown here or too old: ${kept}`));
  }
  // A stream has one reader: the connection that resumes replaces the one that was lost without notice.
  for (const socket of sockets(room, stream)) socket.close(CLOSE.replaced, "resumed elsewhere");
  const { 0: client, 1: server } = new WebSocketPair();
  room.state.acceptWebSocket(server, [String(stream), ...(grant === undefined ? [] : [grant])]);
  // spec: session.stream.prime
  if (after === 0 && revision.words.primes) pass(server, { id: `${stream}-0`, data: "", retry: RETRY_MS });
  // spec: session.resume.same-stream, session.stream.answered
  for (const { seq, data } of room.rows.eventsAfter(stream, after)) pass(server, { id: `${stream}-${seq}`, data });
  if (room.rows.isAnswered(stream)) server.close(CLOSE.done, "answered");
  else if (room.released.delete(stream)) server.close(CLOSE.poll, "poll");
  return ok(client);
}

function sockets(room: Room, stream: number): WebSocket[] {
  return room.state.getWebSockets(String(stream)).filter((socket) => socket.readyState === WebSocket.READY_STATE_OPEN);
}

function pass(socket: WebSocket, event: SseEvent): void {
  socket.send(JSON.stringify(event));
}
