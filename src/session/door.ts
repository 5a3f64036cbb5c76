/**
 * The Worker's side of a session: resolves the id, passes messages on, and writes streams to the client.
 * MCP basic/transports#streamable-http, and what earlier revisions say differently.
 * A made-up or foreign session id is refused here: no object wakes. Whose session it is, the object decides.
 * The Worker holds connections and their keep-alive; the object sleeps behind hibernating sockets.
 */

import { base64url } from "../base/bytes.ts";
import { callerKey, type Caller } from "../base/caller.ts";
import { after, randomBytes } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { open } from "../crypto/seal.ts";
import { ELICITATION } from "../server/run.ts";
import { opensSession } from "../revision/era.ts";
import { serveSpan } from "../server/trace.ts";
import { during, type Span } from "../telemetry/span.ts";
import { writeError, type Message, type RequestId } from "../wire/jsonrpc.ts";
import { accepted, jsonResponse, readHeader, refuse } from "../wire/http.ts";
import { accepts } from "../wire/media.ts";
import { openSse, PATIENCE_MS, type SseEvent } from "../wire/sse.ts";
import { openSession, type SessionDoor } from "./initialize.ts";
import type { SessionObject } from "./object.ts";
import { BATCHED_INITIALIZE, CALL_LOST, SESSION_GONE, type Handled } from "./room.ts";
import type { PassedEvent } from "./streams.ts";

type Stub = DurableObjectStub<SessionObject<unknown>>;

/** A POST of the session era. `batched`: its body was an array, which one revision has. */
export async function postToSession(
  door: SessionDoor,
  http: Request,
  messages: readonly Message[],
  batched: boolean,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const [first] = messages;
  // spec: session.initialize, session.initialize.unbatched
  if (first !== undefined && opensSession(first) && !batched) {
    const opening = serveSpan(span, door.server, first, {});
    const opened = await openSession(door, http, first, caller, opening);
    opening.end(opened.ok ? undefined : String(opened.status));
    return opened;
  }
  const session = resolve(door, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok) return refuse(messages.some(opensSession) ? BATCHED_INITIALIZE : session.error);
  const ticket = base64url(randomBytes(9));
  const handling = during(span, ["Session.handle", "client"], (part) =>
    session.value.handle(caller, messages, batched, ticket, part.context()),
  );
  // The object has no timers: the Worker is the one who loses patience.
  const stopWaiting = after(PATIENCE_MS, () => {
    session.value.promote(ticket).catch(() => undefined);
  });
  const handled = await handling.catch((error: unknown) => lost(error, messages));
  stopWaiting();
  return answer(session.value, http, caller, messages, handled, batched);
}

/** GET: the listening stream, or the rest of a stream after `Last-Event-ID`. */
export async function listenToSession(door: SessionDoor, http: Request, caller: Caller): Promise<Response> {
  // spec: session.endpoint, session.get.stream
  const accept = readHeader(http.headers, "accept");
  if (accept !== null && !accepts(accept, "text/event-stream")) {
    return refuse(refusal("NotAcceptable", "Accept must list text/event-stream"));
  }
  const session = resolve(door, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok) return refuse(session.error);
  const lastEventId = readHeader(http.headers, "last-event-id");
  const [, stream = "new", seq = "0"] = /^(\d{1,15})-(\d{1,9})$/.exec(lastEventId ?? "") ?? [];
  if (lastEventId !== null && stream === "new")
    return refuse(refusal("InvalidRequest", "Last-Event-ID was not issued by this server"));
  return streamTo(http, session.value, caller, [{ stream, after: seq }], []);
}

/** DELETE: ends the session. */
export async function endSession(door: SessionDoor, http: Request, caller: Caller): Promise<Response> {
  const session = resolve(door, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok) return refuse(session.error);
  return (await session.value.end(callerKey(caller))) ? new Response(null, { status: 204 }) : refuse(SESSION_GONE);
}

/** Tells the session that `elicitationId` was issued in. An id that was not issued tells nobody. */
export async function completeElicitation(
  sessions: SessionDoor["sessions"],
  ring: KeyRing,
  elicitationId: string,
): Promise<void> {
  const issued = await open(ring, ELICITATION, elicitationId);
  if (!issued.ok || typeof issued.value !== "string") return;
  const session = resolve({ sessions }, issued.value);
  if (session.ok) await session.value.complete(elicitationId);
}

function resolve({ sessions }: Pick<SessionDoor, "sessions">, id: string | null): Result<Stub, Refusal> {
  // spec: session.id.required, session.initialize.first
  if (id === null) return err(refusal("InvalidRequest", "Mcp-Session-Id header is missing: initialize first"));
  try {
    // Throws for an id that this namespace did not issue, so that forgeries cost nothing.
    return ok(sessions.get(sessions.idFromString(id)));
  } catch {
    return err(SESSION_GONE);
  }
}

/** The object died under the call. Nothing was streamed yet, so the POST itself carries the error: its status, where it has no request. */
function lost(error: unknown, messages: readonly Message[]): Handled[] {
  // spec: http.notification.refused
  // What nobody took must not be accepted: the client would wait for what comes of its answer.
  if (messages.every(({ kind }) => kind !== "request")) throw error;
  log("error", "session.lost", { error: stackOf(error) });
  return messages.map((message) =>
    message.kind === "request" ? { kind: "answer", text: writeError(message.id, CALL_LOST) } : { kind: "accepted" },
  );
}

async function answer(
  stub: Stub,
  http: Request,
  caller: Caller,
  messages: readonly Message[],
  handled: readonly Handled[],
  batched: boolean,
): Promise<Response> {
  const [first] = handled;
  if (handled.some(({ kind }) => kind === "gone")) return refuse(SESSION_GONE);
  if (first?.kind === "refused") return refuse(refusal(first.error, first.message));
  const texts = handled.flatMap((one) => (one.kind === "answer" ? [one.text] : []));
  const streams = handled.flatMap((one, index) => {
    const message = messages[index];
    if (one.kind !== "stream" || message?.kind !== "request") return [];
    return [{ stream: String(one.stream), after: "-1", id: message.id }];
  });
  if (streams.length > 0) return streamTo(http, stub, caller, streams, texts);
  const [only] = texts;
  if (only === undefined) return accepted();
  return jsonResponse(batched ? `[${texts.join(",")}]` : only);
}

/** A stream id, or "new" to open one, and the sequence number of the last event that the client has. */
interface Cursor {
  readonly stream: string;
  readonly after: string;
  /** Of the request, where this is its own POST. */
  readonly id?: RequestId;
}

/**
 * Attaches to every stream of `cursors` (one object request each) and writes `texts` and all events to the client.
 * A stream that is gone (its call was cancelled, or its answer dropped) is answered for here, and keeps nothing else
 * from the client.
 */
async function streamTo(
  http: Request,
  stub: Stub,
  caller: Caller,
  cursors: readonly Cursor[],
  texts: string[],
): Promise<Response> {
  const sockets: WebSocket[] = [];
  for (const { stream, after, id } of cursors) {
    const query = new URLSearchParams({ stream, after, caller: callerKey(caller) });
    if (caller.grant !== undefined) query.set("grant", caller.grant);
    const attached = await stub.fetch(`https://session/?${query.toString()}`, { headers: { upgrade: "websocket" } });
    if (attached.webSocket !== null) sockets.push(attached.webSocket);
    else if (id === undefined || attached.status === 404) return attached;
    else texts.push(writeError(id, CALL_LOST));
  }
  const sse = openSse(http.signal, () => sockets.forEach((socket) => socket.close(1000, "client left")));
  // One after the other, so that the client is seen to read each: what waits here is bounded by what the object passes on.
  let last = Promise.resolve();
  const then = (act: () => void | Promise<void>): void => {
    last = last.then(act);
  };
  const write = (event: SseEvent): void =>
    then(() => {
      sse.send(event);
      return sse.read();
    });
  for (const text of texts) write({ data: text });
  let open = sockets.length;
  if (open === 0) then(sse.close);
  for (const socket of sockets) {
    socket.addEventListener("message", ({ data }) => {
      const event = JSON.parse(String(data)) as PassedEvent;
      write(event);
      if (event.ask === true) then(() => askForMore(socket));
    });
    socket.addEventListener("close", () => {
      open -= 1;
      if (open === 0) then(sse.close);
    });
    socket.accept();
  }
  return sse.response;
}

function askForMore(socket: WebSocket): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send("read");
}
