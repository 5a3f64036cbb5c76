/**
 * Streams that a client opens by GET, to hear what belongs to no call. MCP basic/transports#listening-for-messages-from-the-server.
 * No change is lost silently: a listener that cannot say by an event id what it has is told what may have changed, which is
 * every list and the URIs that it watches. So is one that listens for the first time, where the hub remembers a change since the session began.
 */

import type { Change } from "../../protocol/change.ts";
import type { Revision } from "../../protocol/versions.ts";
import { isWithinIdLimit, writeNotification } from "../../wire/jsonrpc.ts";
import {
  CHANGE_PREFIXES,
  changeNotification,
  EVERYTHING_MAY_HAVE_CHANGED,
  messagesOfEvent,
} from "./change-events.ts";
import type { SessionRecord } from "./record-rows.ts";
import {
  appendEvent,
  deleteStream,
  newestAttachedListener,
  noteGap,
  openSockets,
} from "./streams.ts";
import { MAX_GET_STREAMS } from "./limits.ts";
import type { SessionRuntime } from "./types.ts";

/** Ends the streams beyond {@link MAX_GET_STREAMS}: those that nobody holds first, and then the oldest. The newest stays. */
function endSurplusStreams(runtime: SessionRuntime): void {
  const isAttached = (one: number): number => Number(openSockets(runtime, one).length > 0);
  const [, ...others] = runtime.store.listeningStreamIds();
  const surplusStreams = others
    .toSorted((one, other) => isAttached(other) - isAttached(one))
    .slice(MAX_GET_STREAMS - 1);
  for (const one of surplusStreams) deleteStream(runtime, one);
}

/** Sends a change that the session's client subscribed to, and may know of. */
export function sendChange(runtime: SessionRuntime, record: SessionRecord, change: Change): void {
  if ("uri" in change && !runtime.store.subscriptions().includes(change.uri)) return;
  if (change.audience !== undefined && change.audience !== record.caller) return;
  sendOnGetStream(runtime, changeNotification(change));
}

/** Says that the person is done at a URL which this session's client was asked to open, where its revision has such requests. */
export function sendElicitationComplete(
  runtime: SessionRuntime,
  { features }: Revision,
  elicitationId: string,
): void {
  if (features.elicitation !== "full" || !isWithinIdLimit(elicitationId)) return;
  // spec: session.elicit.complete.own, session.elicit.complete.id
  sendOnGetStream(
    runtime,
    writeNotification("notifications/elicitation/complete", { elicitationId }),
  );
}

/** Sends a message that belongs to no call, on one stream opened by GET: the one attached last, else the newest. */
function sendOnGetStream(runtime: SessionRuntime, data: string): void {
  // spec: session.stream.single, session.stream.broadcast, session.get.response-free
  const stream = newestAttachedListener(runtime) ?? runtime.store.listeningStreamIds()[0];
  if (stream === undefined) noteGap(runtime);
  else appendEvent(runtime, stream, data);
}

/**
 * A listener will be attached to `stream`, and has what it keeps up to event `after`. It is told what may have changed where
 * it may lack something: a message that was dropped or that no stream keeps, or a change that went to another stream.
 * Whether a client was still there to read that, nobody knows: one that comes back without an id is told each time. One that
 * says what it has may hold another stream: what went there is told when that connection ends. What it is told takes the
 * place of what was kept.
 */
export function noteListener(runtime: SessionRuntime, stream: number, after: number): void {
  const { store } = runtime;
  const record = store.session();
  if (record === undefined) return;
  const { isListening } = record;
  const isTooOld = after >= 0 && after < (store.stream(stream)?.dropped_seq ?? 0);
  const others = store.listeningStreamsWithEvents(stream, CHANGE_PREFIXES);
  const unheld = others.filter((other) => openSockets(runtime, other).length === 0);
  const wentElsewhere = after < 0 ? others.length > 0 : unheld.length > 0;
  if (isListening !== true) store.updateSession({ isListening: true });
  if (isListening === false || isTooOld || wentElsewhere) {
    for (const other of unheld) store.dropEventsBeginning(other, CHANGE_PREFIXES);
    catchUp(runtime, stream);
  }
  endSurplusStreams(runtime);
}

/** The hub could not tell of a change: whoever is attached is told what may have changed, and so is whoever comes next. */
export function noteMissed(runtime: SessionRuntime): void {
  noteGap(runtime);
  const attached = newestAttachedListener(runtime);
  if (attached !== undefined) catchUp(runtime, attached);
}

/** A connection to `stream` has ended, which may have been dead for long: whoever else listens is told what may have changed. */
export function noteListenerGone(runtime: SessionRuntime, stream: number | undefined): void {
  if (stream === undefined) return;
  const attached = newestAttachedListener(runtime);
  if (attached === undefined || attached === stream) return;
  const hasGap = runtime.store.session()?.isListening === false;
  const changed = runtime.store.listeningStreamsWithEvents(attached, CHANGE_PREFIXES);
  if (!hasGap && !changed.includes(stream)) return;
  runtime.store.dropEventsBeginning(stream, CHANGE_PREFIXES);
  catchUp(runtime, attached);
}

/** Tells a client what may have changed: all that it listens for. It takes the place of what `stream` kept. */
function catchUp(runtime: SessionRuntime, stream: number): void {
  runtime.store.dropEventsBeginning(stream, CHANGE_PREFIXES);
  if (messagesOfEvent(runtime, EVERYTHING_MAY_HAVE_CHANGED).length > 0)
    appendEvent(runtime, stream, EVERYTHING_MAY_HAVE_CHANGED);
}
