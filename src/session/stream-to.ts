/**
 * From sockets to SSE: one response that carries one stream of a session, or those of a batch.
 * The Worker holds the connection and its keep-alive; the object sleeps behind the sockets.
 */

import { openSse } from "../wire/sse.ts";
import type { SessionObject } from "./object.ts";
import type { Frame } from "./streams.ts";

export interface Cursor {
  /** A stream id, or "new" to open one. */
  readonly stream: string;
  /** Sequence number of the last event the client has. */
  readonly after: string;
}

/**
 * Attaches to every stream of `cursors` (one object request each) and writes `texts` and all events to the client.
 * A stream that is gone (its call was cancelled meanwhile) is no reason to keep the others of a batch from the client.
 */
export async function streamTo(
  http: Request,
  stub: DurableObjectStub<SessionObject<unknown>>,
  caller: string,
  cursors: readonly Cursor[],
  texts: readonly string[],
): Promise<Response> {
  const sockets: WebSocket[] = [];
  let refused: Response | undefined;
  for (const { stream, after } of cursors) {
    const query = new URLSearchParams({ stream, after, caller });
    const attached = await stub.fetch(`https://session/?${query.toString()}`, { headers: { upgrade: "websocket" } });
    if (attached.webSocket === null) refused = attached;
    else sockets.push(attached.webSocket);
  }
  if (refused !== undefined && sockets.length + texts.length === 0) return refused;
  const leave = (): void => {
    for (const socket of sockets) socket.close(1000, "client left");
  };
  const sse = openSse(http.signal, leave);
  for (const text of texts) sse.send({ data: text });
  let open = sockets.length;
  if (open === 0) sse.close();
  for (const socket of sockets) {
    socket.addEventListener("message", ({ data }) => sse.send(JSON.parse(String(data)) as Frame));
    socket.addEventListener("close", () => {
      open -= 1;
      if (open === 0) sse.close();
    });
    socket.accept();
  }
  return sse.response;
}
