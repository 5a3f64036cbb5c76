/**
 * The Worker's side of streams: attaches to those of a session object. `event-relay.ts` writes them to the client as one.
 * MCP basic/transports#resumability-and-redelivery. Whether the events behind an id are still there, the object says:
 * `streams.ts`, attach.
 */

import { callerKey, type Caller } from "../../base/caller.ts";
import { retried } from "../../base/retry.ts";
import { withTimeout } from "../../base/time.ts";
import { writeError } from "../../wire/jsonrpc.ts";
import { errorResponse } from "../../wire/response.ts";
import type { StreamCursor } from "./event-ids.ts";
import { closeAll, EventRelay, type StreamConnection } from "./event-relay.ts";
import type { SessionObject } from "./session-object.ts";
import { CALL_LOST, STREAM_OVER } from "./refusals.ts";
import { EXHAUSTED_HEADER } from "./types.ts";

/** A session by its name, in the Worker. */
export interface SessionRef {
  /** Made anew each time it is read: one whose object was reset fails for good. */
  readonly stub: DurableObjectStub<SessionObject<unknown>>;
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
    connect(session, caller, cursor),
  );
  relay.begin(attached.connections, texts);
  return relay.response;
}

/** Connections to streams, and the event id that the client has of each; behind them those of streams that are gone. */
interface AttachedStreams {
  readonly connections: readonly StreamConnection[];
  readonly eventIds: string[];
}

/** Milliseconds that an object has to answer; one that is there does within a few, unless it asks the hub. */
const CONNECT_MS = 10_000;

/**
 * Asks for the events behind a cursor, over a socket: one object request. Of two connections to one stream the older ends.
 * @throws where the object cannot be asked, or says nothing
 */
async function connect(
  session: SessionRef,
  caller: Caller,
  { stream, after }: StreamCursor,
): Promise<Response> {
  // Later than that it would take the place of a connection that was made since.
  const within = String(CONNECT_MS);
  const query = new URLSearchParams({ stream, after, within, caller: callerKey(caller) });
  if (caller.grant !== undefined) query.set("grant", caller.grant);
  const headers = { upgrade: "websocket" };
  const asked = session.stub.fetch(`https://session/?${query.toString()}`, { headers });
  return withTimeout(CONNECT_MS, asked).catch((error: unknown) => {
    // What comes too late is not read.
    asked.then(
      ({ webSocket: socket }) => closeAll(socket === null ? [] : [{ socket, id: undefined }]),
      () => undefined,
    );
    throw error;
  });
}

/**
 * Attaches to every stream of `cursors`, one object request each. A stream that is gone (its call was cancelled, or its
 * answer dropped) is answered for in `texts`, and keeps nothing else from the client. A client that comes back is told of
 * it when it has all that there is of the others: by a response, as where nothing is left, or where all is over.
 */
async function attachStreams(
  session: SessionRef,
  caller: Caller,
  cursors: readonly StreamCursor[],
  texts: string[],
): Promise<AttachedStreams | Response> {
  const connections: StreamConnection[] = [];
  const eventIds: string[] = [];
  const lostEventIds: string[] = [];
  let refusal: Response | undefined;
  let isAnyLeft = false;
  let isAway = false;
  for (const cursor of cursors) {
    const { stream, after, id } = cursor;
    const upgradeResponse = isAway
      ? undefined
      : await retried(() => connect(session, caller, cursor)).catch((error: unknown) => {
          // The object cannot be had: the answers beside it can. Whoever listens comes again.
          isAway = true;
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
  const isOver = !isAnyLeft && cursors.every(({ id }) => id === undefined);
  if (refusal === undefined && isOver) {
    closeAll(connections);
    return errorResponse(STREAM_OVER, undefined, { allow: "POST, DELETE" });
  }
  if (refusal === undefined || isAnyLeft)
    return { connections, eventIds: [...eventIds, ...lostEventIds] };
  closeAll(connections);
  return refusal;
}
