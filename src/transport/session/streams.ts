/**
 * Streams of a session: events are rows first and then reach whoever is attached, as fast as they are read there.
 * MCP basic/transports#resumability-and-redelivery. An event id is `<stream>-<sequence>`: a cursor within its stream.
 * Attaching a new POST stream, opening the GET stream and resuming are one operation: attach(stream, after).
 */

import { encodeUtf8 } from "../../base/bytes.ts";
import { now } from "../../base/time.ts";
import type { ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Revision } from "../../protocol/versions.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { EVENT_TTL_MS, MAX_EVENT_BYTES } from "./limits.ts";
import { STREAM_GONE } from "./refusals.ts";
import { messagesOfEvent } from "./change-events.ts";
import { scheduleAlarm, type SessionRuntime } from "./types.ts";
import type { EventRow } from "./event-rows.ts";
import type { StreamState } from "./session-rows.ts";

/** Milliseconds a client should wait before it reconnects. */
const RETRY_MS = 1_000;

/** Bytes passed to a connection before it must say that the client has read them. */
export const WINDOW_BYTES = 1_048_576;

/** What is around a message on the wire, at most: an event id has a cursor for each stream of a batch. */
const FRAME_BYTES = 1_000;

/** An event on its way to the Worker, which answers with any message when the client has read one with `acknowledge`. */
export interface StreamEvent extends SseEvent {
  readonly acknowledge?: boolean;
}

/** Kept with a connection's socket: the last event that it was passed, and how many bytes since it was last asked. */
interface DeliveryState {
  readonly seq: number;
  readonly bytes: number;
  readonly listener?: ListenerConnection;
}

/** Of a stream opened by GET: which, and when this connection to it came, in milliseconds since the epoch; no two in the same. */
interface ListenerConnection {
  readonly stream: number;
  readonly attachedAtMs: number;
}

/** How a connection ends whose stream is gone before its client had all of it: nothing is said to be over. */
const DROPPED = 4000;

const NOTHING_PASSED: DeliveryState = { seq: 0, bytes: 0 };

let lastStreamId = 0;
let lastAttachedAtMs = 0;

/** Opens a stream and gives its id. */
export function openStream(runtime: SessionRuntime, state: StreamState, call: string): number {
  // spec: session.resume.id.unique
  lastStreamId = Math.max(now(), lastStreamId + 1, runtime.store.newestStreamId() + 1);
  runtime.store.addStream(lastStreamId, state, call);
  return lastStreamId;
}

/** Writes a message to the stream and passes it to the attached socket. A final message ends the stream. */
export function appendEvent(
  runtime: SessionRuntime,
  stream: number,
  data: string,
  final: boolean = false,
): void {
  const { store } = runtime;
  const seq = store.addEvent(stream, data, final, now());
  if (final) runtime.closedBeforeAttach.delete(stream);
  if (store.eventBytes() > MAX_EVENT_BYTES && store.keepNewestEvents((MAX_EVENT_BYTES * 3) / 4))
    noteGap(runtime);
  scheduleAlarm(runtime, now() + EVENT_TTL_MS);
  for (const socket of openSockets(runtime, stream)) {
    // One that has enough to read asks for the rest.
    if (deliveryState(socket).bytes <= WINDOW_BYTES)
      sendEvent(runtime, socket, stream, { seq, data, is_final: Number(final) });
  }
}

/** Ends a stream that will have no answer: its call was stopped. */
export function deleteStream(runtime: SessionRuntime, stream: number): void {
  for (const socket of openSockets(runtime, stream)) socket.close(1000);
  runtime.closedBeforeAttach.delete(stream);
  runtime.store.deleteStream(stream);
}

/** Closes the connection, not the stream: the client comes back for the rest. */
export function closeForPolling(runtime: SessionRuntime, stream: number): void {
  const attached = openSockets(runtime, stream);
  if (attached.length === 0) runtime.closedBeforeAttach.add(stream);
  for (const socket of attached) socket.close(1000);
}

/** Something that a listener should hear is lost: the next one is told what may have changed. */
export function noteGap({ store }: SessionRuntime): void {
  if (store.session()?.isListening !== false) store.updateSession({ isListening: false });
}

/** Of the streams opened by GET, the one whose connection is the newest: an older one may be dead, and nobody knows yet. */
export function newestAttachedListener(runtime: SessionRuntime): number | undefined {
  let [newest, newestMs]: [number | undefined, number] = [undefined, -1];
  for (const stream of runtime.store.listeningStreamIds())
    for (const socket of openSockets(runtime, stream)) {
      const { attachedAtMs = 0 } = deliveryState(socket).listener ?? {};
      if (attachedAtMs > newestMs) [newest, newestMs] = [stream, attachedAtMs];
    }
  return newest;
}

/** Whether a listener is attached that was passed all that there was for it. */
export function hasListenerUpToDate(runtime: SessionRuntime): boolean {
  return runtime.store
    .listeningStreamIds()
    .flatMap((stream) => openSockets(runtime, stream))
    .some((socket) => deliveryState(socket).bytes <= WINDOW_BYTES);
}

/** `isExhausted`: there is nothing behind the cursor, and nothing will come. */
export interface AttachedSocket {
  readonly socket: WebSocket;
  readonly isExhausted: boolean;
}

/**
 * Connects a socket for a caller by `grant` and passes on what followed event `after`; what is not read yet waits in its
 * rows. Refuses a stream that is gone. A new listener, which the hub knows of, and the POST of a call come with -1.
 */
export function attach(
  runtime: SessionRuntime,
  revision: Revision,
  stream: number,
  after: number,
  grant?: string,
): Result<AttachedSocket, ProtocolError> {
  const row = runtime.store.stream(stream);
  if (row === undefined) return err(STREAM_GONE);
  // Where events behind the cursor were dropped, the others follow: of a call its answer is what matters, and a listener is
  // told what may have changed (`listeners.ts`).
  // A stream has one reader: the connection that resumes replaces the one that was lost without notice.
  for (const socket of openSockets(runtime, stream)) socket.close(1000);
  const { 0: client, 1: server } = new WebSocketPair();
  runtime.objectState.acceptWebSocket(server, [
    String(stream),
    ...(grant === undefined ? [] : [grant]),
  ]);
  // spec: session.stream.prime
  // Every connection begins so: there are clients that know no id but those of the connection at hand.
  if (revision.features.sendsPrimingEvent)
    send(server, { id: `${stream}-${Math.max(after, 0)}`, data: "", retry: RETRY_MS });
  if (row.state === "listening") {
    lastAttachedAtMs = Math.max(now(), lastAttachedAtMs + 1);
    keepDeliveryState(server, { listener: { stream, attachedAtMs: lastAttachedAtMs } });
  }
  const isExhausted = replay(runtime, server, stream, after);
  return ok({ socket: client, isExhausted });
}

/** The client has read what the socket was passed: here is more. */
export function continueReplay(runtime: SessionRuntime, socket: WebSocket): void {
  // One that was replaced meanwhile takes nothing any more.
  if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
  const { stream, seq } = positionOf(runtime, socket);
  const row = runtime.store.stream(stream);
  // What is left of a call was dropped, its answer above all.
  if (row === undefined) socket.close(DROPPED);
  // A listener must not miss a message without knowing: it comes back, and is told.
  else if (row.state === "listening" && seq < row.dropped_seq) socket.close(1000);
  else replay(runtime, socket, stream, seq);
}

/** The stream that this is a connection to, and the event that it was passed last. */
export function positionOf(
  { objectState }: SessionRuntime,
  socket: WebSocket,
): { readonly stream: number; readonly seq: number } {
  return { stream: Number(objectState.getTags(socket)[0]), seq: deliveryState(socket).seq };
}

/** Passes on what followed event `after`, as much as the window allows. True when that is nothing, and nothing will come. */
function replay(
  runtime: SessionRuntime,
  socket: WebSocket,
  stream: number,
  after: number,
): boolean {
  keepDeliveryState(socket, { seq: after, bytes: 0 });
  // spec: session.resume.same-stream, session.stream.answered
  for (const event of runtime.store.eventsAfter(stream, after))
    if (sendEvent(runtime, socket, stream, event)) return false;
  if (runtime.store.isAnswered(stream)) {
    socket.close(1000);
    return true;
  }
  if (runtime.closedBeforeAttach.delete(stream)) socket.close(1000);
  return false;
}

/** The connections to `stream` that nothing has closed yet; the client of one may be gone all the same. */
export function openSockets(runtime: SessionRuntime, stream: number): WebSocket[] {
  return runtime.objectState
    .getWebSockets(String(stream))
    .filter((socket) => socket.readyState === WebSocket.READY_STATE_OPEN);
}

/** The stream opened by GET that this is a connection to; undefined of a call's. */
export function listenerStreamOf(socket: WebSocket): number | undefined {
  return deliveryState(socket).listener?.stream;
}

function deliveryState(socket: WebSocket): DeliveryState {
  return (socket.deserializeAttachment() ?? NOTHING_PASSED) as DeliveryState;
}

function keepDeliveryState(socket: WebSocket, changes: Partial<DeliveryState>): void {
  socket.serializeAttachment({ ...deliveryState(socket), ...changes });
}

/** Passes an event on. True when no more may follow: it was the last, or the client must read first. */
function sendEvent(
  runtime: SessionRuntime,
  socket: WebSocket,
  stream: number,
  { seq, data, is_final }: EventRow,
): boolean {
  const messages = messagesOfEvent(runtime, data);
  const bytes = messages.reduce(
    (sum, text) => sum + encodeUtf8(text).length + FRAME_BYTES,
    deliveryState(socket).bytes,
  );
  const isReadRequested = bytes > WINDOW_BYTES;
  for (const [index, text] of messages.entries()) {
    // A client that is lost among the messages of one event comes back for all of them: the last alone has the id.
    const isLast = index === messages.length - 1;
    send(socket, {
      ...(isLast && { id: `${stream}-${seq}` }),
      data: text,
      ...(isLast && isReadRequested && { acknowledge: true }),
    });
  }
  keepDeliveryState(socket, { seq, bytes });
  if (is_final === 1) socket.close(1000);
  return isReadRequested || is_final === 1;
}

function send(socket: WebSocket, event: StreamEvent): void {
  socket.send(JSON.stringify(event));
}
