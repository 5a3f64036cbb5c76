/**
 * The Worker's side of a session: resolves the id, passes messages on, and writes streams to the client.
 * MCP basic/transports#streamable-http, and what earlier revisions say differently.
 * A made-up or foreign session id is refused here: no object wakes. Whose session it is, the object decides.
 */

import { base64url } from "../base/bytes.ts";
import { callerKey, type Caller } from "../base/caller.ts";
import { after, randomBytes } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { readMessages, writeError, type Message, type MessageRefusal } from "../wire/jsonrpc.ts";
import { accepted, jsonResponse, refuse } from "../wire/http.ts";
import { accepts } from "../wire/media.ts";
import { PATIENCE_MS } from "../wire/sse.ts";
import { openSession, type SessionDoor } from "./initialize.ts";
import { sessionGone, type SessionObject } from "./object.ts";
import type { Handled } from "./room.ts";
import { streamTo } from "./stream-to.ts";

type Stub = DurableObjectStub<SessionObject<unknown>>;

/** A POST of the session era. `body` is JSON; an array of it is a batch, which one revision has. */
export async function postToSession(
  door: SessionDoor,
  http: Request,
  body: JsonValue,
  caller: Caller,
): Promise<Response> {
  const messages = readMessages(body);
  if (!messages.ok) return refuse(messages.error, messages.error.id);
  const [first] = messages.value;
  // spec: session.initialize, session.initialize.unbatched
  if (first?.kind === "request" && first.method === "initialize" && !Array.isArray(body))
    return openSession(door, first, caller);
  const session = resolve(door, http.headers.get("mcp-session-id"));
  if (!session.ok) return refuse(session.error);
  const tickets = messages.value.map(() => base64url(randomBytes(9)));
  const handling = session.value.handle(caller, messages.value, Array.isArray(body), tickets);
  // The object has no timers: the Worker is the one who loses patience.
  const stopWaiting = after(PATIENCE_MS, () => {
    session.value.promote(tickets).catch(() => undefined);
  });
  const handled = await handling.catch((error: unknown) => lost(error, messages.value));
  stopWaiting();
  return answer(session.value, http, caller, handled, Array.isArray(body));
}

/** GET: the listening stream, or the rest of a stream after `Last-Event-ID`. */
export async function listenToSession(door: SessionDoor, http: Request, caller: Caller): Promise<Response> {
  // spec: session.endpoint, session.get.stream
  const accept = http.headers.get("accept");
  if (accept !== null && !accepts(accept, "text/event-stream")) {
    return refuse(refusal("NotAcceptable", "Accept must list text/event-stream"));
  }
  const session = resolve(door, http.headers.get("mcp-session-id"));
  if (!session.ok) return refuse(session.error);
  const lastEventId = http.headers.get("last-event-id");
  const [, stream = "new", seq = "0"] = /^(\d{1,15})-(\d{1,9})$/.exec(lastEventId ?? "") ?? [];
  if (lastEventId !== null && stream === "new")
    return refuse(refusal("InvalidRequest", "Last-Event-ID was not issued by this server"));
  return streamTo(http, session.value, callerKey(caller), [{ stream, after: seq }], []);
}

/** DELETE: ends the session. */
export async function endSession(door: SessionDoor, http: Request, caller: Caller): Promise<Response> {
  const session = resolve(door, http.headers.get("mcp-session-id"));
  if (!session.ok) return refuse(session.error);
  return (await session.value.end(callerKey(caller))) ? new Response(null, { status: 204 }) : refuse(sessionGone());
}

/** Tells the session that `elicitationId` belongs to; its first part is the session's id. */
export async function completeElicitation(sessions: SessionDoor["sessions"], elicitationId: string): Promise<void> {
  const session = resolve({ sessions }, elicitationId.split(".")[0] ?? "");
  if (session.ok) await session.value.complete(elicitationId);
}

function resolve({ sessions }: Pick<SessionDoor, "sessions">, id: string | null): Result<Stub, MessageRefusal> {
  // spec: session.id.required, session.initialize.first
  if (id === null) return err(refusal("InvalidRequest", "Mcp-Session-Id header is missing: initialize first"));
  try {
    // Throws for an id that this namespace did not issue, so that forgeries cost nothing.
    return ok(sessions.get(sessions.idFromString(id)));
  } catch {
    return err(sessionGone());
  }
}

/** The object died under the call. Nothing was streamed yet, so the POST itself carries the error. */
function lost(error: unknown, messages: readonly Message[]): Handled[] {
  console.error(JSON.stringify({ event: "session.lost", error: String(error) }));
  const reason = refusal("InternalError", "The server was restarted while this call ran: call again");
  return messages.map((message) =>
    message.kind === "request" ? { kind: "answer", text: writeError(message.id, reason) } : { kind: "accepted" },
  );
}

async function answer(
  stub: Stub,
  http: Request,
  caller: Caller,
  handled: readonly Handled[],
  batched: boolean,
): Promise<Response> {
  const [first] = handled;
  if (handled.some(({ kind }) => kind === "gone")) return refuse(sessionGone());
  if (first?.kind === "refused") return refuse(refusal(first.error, first.message));
  const texts = handled.flatMap((one) => (one.kind === "answer" ? [one.text] : []));
  const streams = handled.flatMap((one) => (one.kind === "stream" ? [{ stream: String(one.stream), after: "0" }] : []));
  if (streams.length > 0) return streamTo(http, stub, callerKey(caller), streams, texts);
  const [only] = texts;
  if (only === undefined) return accepted();
  return jsonResponse(batched ? `[${texts.join(",")}]` : only);
}
