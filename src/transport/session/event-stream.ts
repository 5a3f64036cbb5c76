/**
 * The Worker's side of streams: attaches to those of a session object, and writes them to the client as one.
 * MCP basic/transports#resumability-and-redelivery. The event ids of a batch, which has a stream for each call, are the
 * cursors of all its streams joined by dots: a client that comes back has lost nothing of any.
 * Refuses ids that no server issued. Whether the events behind one are still there, the object says: `streams.ts`, attach.
 */

import { callerKey, type Caller } from "../../base/caller.ts";
import { retried } from "../../base/retry.ts";
import { now } from "../../base/time.ts";
import { MAX_BATCH_MESSAGES, writeError, type RequestId } from "../../wire/jsonrpc.ts";
import { openSse, type SseEvent, type SseStream } from "../../wire/sse.ts";
import type { SessionObject } from "./session-object.ts";
import type { StreamEvent } from "./streams.ts";
import { CALL_LOST } from "./refusals.ts";
import { EXHAUSTED_HEADER } from "./types.ts";

/** A session by its name, in the Worker. */
export interface SessionRef {
  /** Made anew each time it is read: one whose object was reset fails for good. */
  readonly stub: DurableObjectStub<SessionObject<unknown>>;
}

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

/**
 * Writes `texts` and all events of the streams of `cursors` to the client. Each event id has the cursors of all streams.
 * Where the object of a call is reset, what it has next comes on the same response: not every client knows an event id by
 * which it could come back.
 */
export async function streamEvents(
  http: Request,
  session: SessionRef,
  caller: Caller,
  cursors: readonly StreamCursor[],
  texts: string[],
): Promise<Response> {
  const attached = await attachStreams(session, caller, cursors, texts);
  if (attached instanceof Response) return attached;
  const relay = new EventRelay(http, attached.eventIds, (cursor) =>
    connect(session, caller, cursor).catch(() => undefined),
  );
  relay.begin(attached.connections, texts);
  return relay.response;
}

/** How often in a row a connection is made anew that broke, or ended within {@link LASTING_MS}. */
const MAX_RECONNECTS = 3;
/** Milliseconds after which a connection has lasted. */
const LASTING_MS = 10_000;
/** How the object closes what is over, or for its client to come back for. */
const CLOSED = 1000;

/** The object's answer to an upgrade request; undefined where it cannot be asked. */
type Connect = (cursor: StreamCursor) => Promise<Response | undefined>;

/** What comes over several connections, as one response. */
class EventRelay {
  readonly #sse: SseStream;
  readonly #eventIds: string[];
  readonly #connect: Connect;
  readonly #sockets = new Set<WebSocket>();
  #lastWrite = Promise.resolve();
  #openCount = 0;
  #hasLeft = false;
  /** Whether the client was told one by which it may come back. */
  #hasEventId = false;

  constructor(http: Request, eventIds: string[], reconnect: Connect) {
    this.#eventIds = eventIds;
    this.#connect = reconnect;
    this.#sse = openSse(http.signal, () => {
      this.#hasLeft = true;
      for (const socket of this.#sockets) socket.close(CLOSED);
    });
  }

  get response(): Response {
    return this.#sse.response;
  }

  /** Writes `texts`, and then what comes over `connections`, each of which has the event id of its place. */
  begin(connections: readonly Connection[], texts: readonly string[]): void {
    this.#openCount = connections.length;
    for (const [index, data] of texts.entries())
      // Behind the last of them the client may come back for the streams.
      this.#write({ data }, connections.length > 0 && index === texts.length - 1);
    if (connections.length === 0) this.#enqueue(this.#sse.close);
    for (const [index, connection] of connections.entries()) this.#follow(index, connection, 0);
  }

  #follow(index: number, { socket, id }: Connection, reconnects: number): void {
    const since = now();
    this.#sockets.add(socket);
    socket.addEventListener("message", ({ data }) => {
      const { id: eventId, acknowledge, ...event } = JSON.parse(String(data)) as StreamEvent;
      if (eventId !== undefined) this.#eventIds[index] = eventId;
      this.#write(event, eventId !== undefined);
      if (acknowledge === true) this.#enqueue(() => acknowledgeRead(socket));
    });
    socket.addEventListener("close", ({ code }) => {
      this.#sockets.delete(socket);
      if (id === undefined || code === CLOSED) return this.#end();
      const isLasting = now() - since >= LASTING_MS;
      void this.#goOn(index, id, isLasting ? 0 : reconnects);
    });
    socket.accept();
  }

  /** The connection to the stream of a call broke, or the stream is gone. */
  async #goOn(index: number, id: RequestId, reconnects: number): Promise<void> {
    const [cursor] = parseEventId(this.#eventIds[index] ?? "") ?? [];
    const mayConnect = cursor !== undefined && reconnects < MAX_RECONNECTS;
    const response = mayConnect ? await this.#connect(cursor) : undefined;
    const socket = response?.webSocket ?? undefined;
    if (socket !== undefined && this.#hasLeft) return closeAll([{ socket, id }]);
    if (socket !== undefined) return this.#follow(index, { socket, id }, reconnects + 1);
    // Where the object cannot be asked the call may go on: a client that can come back is told nothing that might not be so.
    if (response !== undefined || !this.#hasEventId)
      this.#write({ data: writeError(id, CALL_LOST) }, false);
    this.#end();
  }

  #end(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#enqueue(this.#sse.close);
  }

  #write(event: SseEvent, hasId: boolean): void {
    const whole = hasId ? { ...event, id: this.#eventIds.join(".") } : event;
    this.#hasEventId ||= hasId;
    this.#enqueue(() => {
      this.#sse.send(whole);
      return this.#sse.waitUntilRead();
    });
  }

  /** One after the other, so that the client is seen to read each: what waits here is bounded by what the object passes on. */
  #enqueue(act: () => void | Promise<void>): void {
    this.#lastWrite = this.#lastWrite.then(act);
  }
}

/** A connection to a stream; `id`: of the request, where this is its own POST. */
interface Connection {
  readonly socket: WebSocket;
  readonly id: RequestId | undefined;
}

/** Connections to streams, and the event id that the client has of each; behind them those of streams that are gone. */
interface AttachedStreams {
  readonly connections: readonly Connection[];
  readonly eventIds: string[];
}

/** Asks for the events behind a cursor, over a socket: one object request. Of two connections to one stream the older ends. */
function connect(
  session: SessionRef,
  caller: Caller,
  { stream, after }: StreamCursor,
): Promise<Response> {
  const query = new URLSearchParams({ stream, after, caller: callerKey(caller) });
  if (caller.grant !== undefined) query.set("grant", caller.grant);
  const headers = { upgrade: "websocket" };
  return retried(async () =>
    session.stub.fetch(`https://session/?${query.toString()}`, { headers }),
  );
}

/**
 * Attaches to every stream of `cursors`, one object request each. A stream that is gone (its call was cancelled, or its
 * answer dropped) is answered for in `texts`, and keeps nothing else from the client. A client that comes back is told of
 * it when it has all that there is of the others: by a response, as where nothing is left.
 */
async function attachStreams(
  session: SessionRef,
  caller: Caller,
  cursors: readonly StreamCursor[],
  texts: string[],
): Promise<AttachedStreams | Response> {
  const connections: Connection[] = [];
  const eventIds: string[] = [];
  const lostEventIds: string[] = [];
  let refusal: Response | undefined;
  let isAnyLeft = false;
  for (const cursor of cursors) {
    const { stream, after, id } = cursor;
    const upgradeResponse = await connect(session, caller, cursor).catch((error: unknown) => {
      // The object cannot be had: the answers beside it can. Whoever listens comes again.
      if (id !== undefined) return undefined;
      closeAll(connections);
      throw error;
    });
    if (upgradeResponse?.status === 404) {
      closeAll(connections);
      return upgradeResponse;
    }
    if (upgradeResponse !== undefined && upgradeResponse.webSocket !== null) {
      connections.push({ socket: upgradeResponse.webSocket, id });
      eventIds.push(`${stream}-${Math.max(Number(after), 0)}`);
      isAnyLeft ||= !upgradeResponse.headers.has(EXHAUSTED_HEADER);
    } else if (id !== undefined) texts.push(writeError(id, CALL_LOST));
    else {
      refusal = upgradeResponse;
      lostEventIds.push(`${stream}-${after}`);
    }
  }
  if (refusal === undefined || isAnyLeft)
    return { connections, eventIds: [...eventIds, ...lostEventIds] };
  closeAll(connections);
  return refusal;
}

/** Nobody will read them: the object is to know. */
function closeAll(connections: readonly Connection[]): void {
  for (const { socket } of connections) {
    socket.accept();
    socket.close(CLOSED);
  }
}

function acknowledgeRead(socket: WebSocket): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send("read");
}
