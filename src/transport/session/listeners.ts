/**
 * Streams that a client opens by GET, to hear what belongs to no call. MCP basic/transports#listening-for-messages-from-the-server.
 * A change that may not have reached its client is never silently lost: a listener that cannot say by an event id what it has,
 * is told what may have changed, which is every list and the URIs that it watches.
 */

import { now } from "../../base/time.ts";
import { toNotification, type Change } from "../../protocol/change.ts";
import { writeNotification } from "../../wire/jsonrpc.ts";
import type { SessionRecord } from "./record-rows.ts";
import { appendEvent, deleteStream, deliveryState, openSockets, openStream } from "./streams.ts";
import { MAX_GET_STREAMS, type SessionRuntime } from "./types.ts";

/** Of an event that no stream keeps, or more than one. */
const NO_STREAM = 0;

/** Milliseconds after which a connection that took an event is known to live: a keep-alive of an idle stream, and a little more. */
const PROOF_OF_LIFE_MS = 30_000;

/** A new stream for a GET. Of too many, those that nobody holds are ended first, and then the oldest. */
export function openGetStream(runtime: SessionRuntime): number {
  const stream = openStream(runtime, "listening", "null");
  const isAttached = (one: number): number => Number(openSockets(runtime, one).length > 0);
  const [, ...others] = runtime.store.listeningStreamIds();
  const surplusStreams = others
    .toSorted((one, other) => isAttached(other) - isAttached(one))
    .slice(MAX_GET_STREAMS - 1);
  for (const one of surplusStreams) deleteStream(runtime, one);
  return stream;
}

/** Sends a change that the session's client subscribed to, and may know of. */
export function sendChange(runtime: SessionRuntime, record: SessionRecord, change: Change): void {
  if ("uri" in change && !runtime.store.subscriptions().includes(change.uri)) return;
  if (change.audience !== undefined && change.audience !== record.caller) return;
  sendOnGetStream(runtime, changeNotification(change));
}

/** Sends a message that belongs to no call, on one stream opened by GET: the newest that is attached, else the newest. */
export function sendOnGetStream(runtime: SessionRuntime, data: string): void {
  // spec: session.stream.single, session.stream.broadcast, session.get.response-free
  const open = runtime.store.listeningStreamIds();
  const attached = open.find((one) => openSockets(runtime, one).length > 0);
  const stream = attached ?? open[0];
  if (stream !== undefined) appendEvent(runtime, stream, data);
  if (attached === undefined) noteUnheardEvent(runtime, stream ?? NO_STREAM);
}

function changeNotification(change: Change): string {
  const { method, params } = toNotification(change);
  return writeNotification(method, params);
}

/** An event came while nobody was attached: a client that comes back, but not for `stream`, would miss it. */
function noteUnheardEvent({ store }: SessionRuntime, stream: number): void {
  const record = store.session();
  const { unheardStream = stream } = record ?? {};
  const noted = unheardStream === stream ? stream : NO_STREAM;
  if (record !== undefined && record.unheardStream !== noted)
    store.putSession({ ...record, unheardStream: noted });
}

/** A connection to `stream` has ended. What it was passed a moment ago may have gone into a connection that was dead already. */
export function noteListenerGone(runtime: SessionRuntime, socket: WebSocket): void {
  if (wasPassedEvent(socket))
    noteUnheardEvent(runtime, Number(runtime.objectState.getTags(socket)[0]));
}

/** Whether a listener beside `stream` was passed an event a moment ago: its client may be the one that comes back here. */
function isInDoubt(runtime: SessionRuntime, stream: number): boolean {
  return runtime.store
    .listeningStreamIds()
    .some((one) => one !== stream && openSockets(runtime, one).some(wasPassedEvent));
}

function wasPassedEvent(socket: WebSocket): boolean {
  const { passedAtMs } = deliveryState(socket);
  return passedAtMs !== undefined && now() - passedAtMs < PROOF_OF_LIFE_MS;
}

/** A listener is attached to `stream`. If anything went unheard before, it is told what may have changed. */
export function noteListener(
  runtime: SessionRuntime,
  stream: number,
  { isNew, isTooOld }: { readonly isNew: boolean; readonly isTooOld: boolean },
): void {
  const record = runtime.store.session();
  const { unheardStream = stream } = record ?? {};
  const missesUnheard =
    isNew && (record?.unheardStream !== undefined || isInDoubt(runtime, stream));
  if (record?.isListening === false || isTooOld || missesUnheard || unheardStream !== stream)
    catchUp(runtime, stream);
  if (record !== undefined && (record.isListening !== true || record.unheardStream !== undefined))
    runtime.store.putSession({ ...record, isListening: true, unheardStream: undefined });
}

/** Tells a client what may have changed: all that it listens for. */
function catchUp(runtime: SessionRuntime, stream: number): void {
  for (const list of runtime.dependencies.server.changeableLists)
    appendEvent(runtime, stream, changeNotification({ list }));
  for (const uri of runtime.store.subscriptions())
    appendEvent(runtime, stream, changeNotification({ uri }));
}
