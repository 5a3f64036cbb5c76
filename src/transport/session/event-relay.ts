/**
 * The Worker's end of connections to a session object: what comes over them, written to the client as one response. Where the
 * object of a call is reset, its connection is made anew: not every client knows an event id by which it could come back.
 */

import { now, sleep } from "../../base/time.ts";
import { writeError, type RequestId } from "../../wire/jsonrpc.ts";
import { openSse, type SseEvent, type SseStream } from "../../wire/sse.ts";
import { parseEventId, type StreamCursor } from "./event-ids.ts";
import { CALL_LOST } from "./refusals.ts";
import type { StreamEvent } from "./streams.ts";

/** A connection to a stream; `id`: of the request, where this is its own POST. */
export interface StreamConnection {
  readonly socket: WebSocket;
  readonly id: RequestId | undefined;
}

/** How often in a row a connection is made anew that broke, or ended within {@link LASTING_MS}. */
const MAX_RECONNECTS = 3;
/** Milliseconds after which a connection has lasted. */
const LASTING_MS = 10_000;
/** Milliseconds before each try to have an object that cannot be asked: the client waits, and may not come back by itself. */
const PAUSES_MS = [0, 100, 300, 900, 3_000, 9_000, 27_000];
/** How the object closes what is over, or for its client to come back for. */
const CLOSED = 1000;

/** The object's answer to an upgrade request. @throws where it cannot be asked */
type Connect = (cursor: StreamCursor) => Promise<Response>;

/** What comes over several connections, as one response. */
export class EventRelay {
  readonly #sse: SseStream;
  readonly #eventIds: string[];
  readonly #connect: Connect;
  readonly #sockets = new Set<WebSocket>();
  #lastConnect = Promise.resolve();
  #openCount = 0;
  #hasLeft = false;
  #isObjectAway = false;
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
  begin(connections: readonly StreamConnection[], texts: readonly string[]): void {
    this.#openCount = connections.length;
    for (const [index, data] of texts.entries())
      // Behind the last of them the client may come back for the streams.
      this.#write({ data }, connections.length > 0 && index === texts.length - 1);
    if (connections.length === 0) this.#sse.close();
    for (const [index, connection] of connections.entries()) this.#follow(index, connection, 0);
  }

  #follow(index: number, { socket, id }: StreamConnection, reconnects: number): void {
    const since = now();
    this.#sockets.add(socket);
    socket.addEventListener("message", ({ data }) => {
      const { id: eventId, acknowledge, ...event } = JSON.parse(String(data)) as StreamEvent;
      if (eventId !== undefined) this.#eventIds[index] = eventId;
      this.#write(event, eventId !== undefined);
      if (acknowledge === true) void this.#sse.waitUntilRead().then(() => acknowledgeRead(socket));
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
    // What was passed on is read first: the object counts anew what a new connection has not read.
    await this.#sse.waitUntilRead();
    if (this.#hasLeft) return;
    const [cursor] = parseEventId(this.#eventIds[index] ?? "") ?? [];
    const mayConnect = cursor !== undefined && reconnects < MAX_RECONNECTS;
    const response = mayConnect ? await this.#reconnect(cursor) : undefined;
    const socket = response?.webSocket ?? undefined;
    if (socket !== undefined && this.#hasLeft) return closeAll([{ socket, id }]);
    if (socket !== undefined) return this.#follow(index, { socket, id }, reconnects + 1);
    // Where the object cannot be asked the call may go on: a client that can come back is told nothing that might not be so.
    if (response !== undefined || !this.#hasEventId)
      this.#write({ data: writeError(id, CALL_LOST) }, false);
    this.#end();
  }

  /** One after the other: an object that is away is asked for one stream alone. Undefined where it cannot be had, or nobody waits. */
  async #reconnect(cursor: StreamCursor): Promise<Response | undefined> {
    const response = this.#lastConnect.then(() => this.#tryToConnect(cursor));
    this.#lastConnect = response.then(() => undefined);
    return response;
  }

  async #tryToConnect(cursor: StreamCursor): Promise<Response | undefined> {
    for (const pause of PAUSES_MS) {
      if (pause > 0) await sleep(pause);
      if (this.#hasLeft || this.#isObjectAway) return undefined;
      const response = await this.#connect(cursor).catch(() => undefined);
      if (response !== undefined) return response;
    }
    this.#isObjectAway = true;
    return undefined;
  }

  #end(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#sse.close();
  }

  #write(event: SseEvent, hasId: boolean): void {
    const whole = hasId ? { ...event, id: this.#eventIds.join(".") } : event;
    this.#hasEventId ||= hasId;
    // What waits here is bounded by what the object passes on.
    this.#sse.send(whole);
  }
}

/** Nobody will read them: the object is to know. */
export function closeAll(connections: readonly StreamConnection[]): void {
  for (const { socket } of connections) {
    socket.accept();
    socket.close(CLOSED);
  }
}

function acknowledgeRead(socket: WebSocket): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send("read");
}
