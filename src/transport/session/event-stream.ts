/**
 * The Worker's side of streams: attaches to those of a session object, and writes them to the client as one.
 * MCP basic/transports#resumability-and-redelivery. The event ids of a batch, which has a stream for each call, are the
 * cursors of all its streams joined by dots: a client that comes back has lost nothing of any.
 * Refuses ids that no server issued. Whether the events behind one are still there, the object says: `streams.ts`, attach.
 */

import { callerKey, type Caller } from "../../base/caller.ts";
import { MAX_BATCH_MESSAGES, writeError, type RequestId } from "../../wire/jsonrpc.ts";
import { openSse, type SseEvent } from "../../wire/sse.ts";
import type { SessionObject } from "./session-object.ts";
import type { StreamEvent } from "./streams.ts";
import { CALL_LOST } from "./refusals.ts";
import { EXHAUSTED_HEADER } from "./types.ts";

export type SessionStub = DurableObjectStub<SessionObject<unknown>>;

/** A stream id, or "new" to open one, and the sequence number of the last event that the client has. */
export interface StreamCursor {
  readonly stream: string;
  readonly after: string;
  /** Of the request, where this is its own POST. */
  readonly id?: RequestId;
}

/** Opens a stream for a GET. */
export const NEW_STREAM: StreamCursor = { stream: "new", after: "-1" };

/** A cursor for each stream that the connection of this event carried; undefined where no server issued the id. */
export function parseEventId(eventId: string): StreamCursor[] | undefined {
  const cursors = new Map<string, StreamCursor>();
  const parts = eventId.split(".");
  if (parts.length > MAX_BATCH_MESSAGES) return undefined;
  for (const part of parts) {
    const [, stream, after] = /^(0|[1-9]\d{0,14})-(\d{1,9})$/.exec(part) ?? [];
    // Once each: what one connection to a stream may be passed unread is bounded.
    if (stream === undefined || after === undefined || cursors.has(stream)) return undefined;
    cursors.set(stream, { stream, after });
  }
  return [...cursors.values()];
}

/** Writes `texts` and all events of the streams of `cursors` to the client. Each event id has the cursors of all streams. */
export async function streamEvents(
  http: Request,
  stub: SessionStub,
  caller: Caller,
  cursors: readonly StreamCursor[],
  texts: string[],
): Promise<Response> {
  const attached = await attachStreams(stub, caller, cursors, texts);
  if (attached instanceof Response) return attached;
  const { sockets, eventIds } = attached;
  const sse = openSse(http.signal, () => sockets.forEach((socket) => socket.close(1000)));
  // One after the other, so that the client is seen to read each: what waits here is bounded by what the object passes on.
  let lastWrite = Promise.resolve();
  const enqueue = (act: () => void | Promise<void>): void => {
    lastWrite = lastWrite.then(act);
  };
  const write = (event: SseEvent): void =>
    enqueue(() => {
      sse.send(event);
      return sse.waitUntilRead();
    });
  // Behind the last of them the client may come back for the streams.
  const lastText = sockets.length > 0 ? texts.pop() : undefined;
  for (const text of texts) write({ data: text });
  if (lastText !== undefined) write({ id: eventIds.join("."), data: lastText });
  let openSocketCount = sockets.length;
  if (openSocketCount === 0) enqueue(sse.close);
  for (const [index, socket] of sockets.entries()) {
    socket.addEventListener("message", ({ data }) => {
      const event = JSON.parse(String(data)) as StreamEvent;
      if (event.id !== undefined) eventIds[index] = event.id;
      write(event.id === undefined ? event : { ...event, id: eventIds.join(".") });
      if (event.acknowledge === true) enqueue(() => acknowledgeRead(socket));
    });
    socket.addEventListener("close", () => {
      openSocketCount -= 1;
      if (openSocketCount === 0) enqueue(sse.close);
    });
    socket.accept();
  }
  return sse.response;
}

/** Connections to streams, and the event id that the client has of each; behind them those of streams that are gone. */
interface AttachedStreams {
  readonly sockets: readonly WebSocket[];
  readonly eventIds: string[];
}

/**
 * Attaches to every stream of `cursors`, one object request each. A stream that is gone (its call was cancelled, or its
 * answer dropped) is answered for in `texts`, and keeps nothing else from the client. A client that comes back is told of
 * it when it has all that there is of the others: by a response, as where nothing is left.
 */
async function attachStreams(
  stub: SessionStub,
  caller: Caller,
  cursors: readonly StreamCursor[],
  texts: string[],
): Promise<AttachedStreams | Response> {
  const sockets: WebSocket[] = [];
  const eventIds: string[] = [];
  const lostEventIds: string[] = [];
  let refusal: Response | undefined;
  let isAnyLeft = false;
  for (const { stream, after, id } of cursors) {
    const query = new URLSearchParams({ stream, after, caller: callerKey(caller) });
    if (caller.grant !== undefined) query.set("grant", caller.grant);
    const upgradeResponse = await stub
      .fetch(`https://session/?${query.toString()}`, { headers: { upgrade: "websocket" } })
      .catch((error: unknown) => {
        // The object was restarted, and the call lost with it: the answers beside it are not. Whoever listens comes again.
        if (id !== undefined) return undefined;
        closeAll(sockets);
        throw error;
      });
    if (upgradeResponse?.status === 404) {
      closeAll(sockets);
      return upgradeResponse;
    }
    if (upgradeResponse !== undefined && upgradeResponse.webSocket !== null) {
      sockets.push(upgradeResponse.webSocket);
      eventIds.push(`${stream}-${Math.max(Number(after), 0)}`);
      isAnyLeft ||= !upgradeResponse.headers.has(EXHAUSTED_HEADER);
    } else if (id !== undefined) texts.push(writeError(id, CALL_LOST));
    else {
      refusal = upgradeResponse;
      lostEventIds.push(`${stream}-${after}`);
    }
  }
  if (refusal === undefined || isAnyLeft)
    return { sockets, eventIds: [...eventIds, ...lostEventIds] };
  closeAll(sockets);
  return refusal;
}

/** Nobody will read them: the object is to know. */
function closeAll(sockets: readonly WebSocket[]): void {
  for (const socket of sockets) {
    socket.accept();
    socket.close(1000);
  }
}

function acknowledgeRead(socket: WebSocket): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send("read");
}
