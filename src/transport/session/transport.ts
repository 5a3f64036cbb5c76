/**
 * The Worker's side of a session: resolves the id and passes messages on. `event-stream.ts` writes streams to the client.
 * MCP basic/transports#streamable-http, and what earlier revisions say differently.
 * An id that this namespace did not issue is refused here: no object wakes. Any other wakes its object, which decides
 * whether the session is still there, and whose it is.
 * The Worker holds connections and their keep-alive; the object sleeps behind hibernating sockets.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { callerKey, type Caller } from "../../base/caller.ts";
import { keepAlive } from "../../base/keep-alive.ts";
import { startInterval, randomBytes } from "../../base/time.ts";
import { logError } from "../../base/log.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { retried } from "../../base/retry.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { open } from "../../crypto/seal.ts";
import { ELICITATION_ID_PURPOSE } from "../../server/run-handler.ts";
import { isInitializeRequest } from "../../protocol/era.ts";
import { startRequestSpan } from "../../server/request-span.ts";
import { NO_TARGET } from "../../server/request-target.ts";
import { withSpan, type Span } from "../../base/span.ts";
import { writeError, type Message } from "../../wire/jsonrpc.ts";
import {
  acceptedResponse,
  deletedResponse,
  jsonResponse,
  readHeader,
  errorResponse,
} from "../../wire/response.ts";
import { acceptsMediaType } from "../../wire/media-type.ts";
import { STREAM_AFTER_MS } from "../../wire/sse.ts";
import { NEW_STREAM, parseEventId } from "./event-ids.ts";
import { streamEvents, type SessionRef } from "./event-stream.ts";
import { handleInitialize, type SessionTransportDependencies } from "./initialize.ts";
import { BATCHED_INITIALIZE, CALL_LOST, SESSION_NOT_FOUND } from "./refusals.ts";
import type { MessageOutcome } from "./types.ts";

/** A POST of the session era. `isBatch`: its body was an array, which one revision has. */
export async function handleSessionPost(
  dependencies: SessionTransportDependencies,
  http: Request,
  messages: readonly Message[],
  isBatch: boolean,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const [first] = messages;
  // spec: session.whole, session.initialize, session.initialize.unbatched
  if (first !== undefined && isInitializeRequest(first) && !isBatch) {
    const requestSpan = startRequestSpan(span, { ...first, target: NO_TARGET }, {});
    const response = await handleInitialize(dependencies, http, first, caller, requestSpan);
    requestSpan.end(response.ok ? undefined : String(response.status));
    return response;
  }
  const session = findSession(dependencies, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok)
    return errorResponse(messages.some(isInitializeRequest) ? BATCHED_INITIALIZE : session.error);
  const postId = encodeBase64url(randomBytes(9));
  const answers = messages.filter(({ kind }) => kind !== "request");
  const handling = withSpan(span, ["Session.handle", "client"], async (handleSpan) => {
    const handle = async (some: readonly Message[]): Promise<MessageOutcome[]> =>
      session.value.stub.handlePost(caller, some, isBatch, postId, handleSpan.context());
    if (answers.length === messages.length) return retried(() => handle(messages));
    // A call may not run twice; an answer of the client may be taken twice, and a call waits for it.
    return handle(messages).catch(async (error: unknown) => {
      if (answers.length > 0) await retried(() => handle(answers));
      throw error;
    });
  });
  // The object has no timers: the Worker is the one who loses patience; more than once, as a call may begin late.
  const stopStreamTimer = startInterval(STREAM_AFTER_MS, () => {
    session.value.stub.switchToStream(postId).catch(() => undefined);
  });
  // Also when its client has left: without a stream the call would have no alarm, and no end.
  const outcomes = await keepAlive(handling)
    .finally(stopStreamTimer)
    .catch((error: unknown) => callLostOutcomes(error, messages));
  // Nobody is there for it: what waits on a stream is not held for whoever has left.
  if (http.signal.aborted) return acceptedResponse();
  return toResponse(session.value, http, caller, messages, outcomes, isBatch);
}

/** GET: the listening stream, or the rest of a stream after `Last-Event-ID`. */
export async function handleSessionGet(
  dependencies: SessionTransportDependencies,
  http: Request,
  caller: Caller,
): Promise<Response> {
  // spec: session.endpoint, session.get.stream
  const accept = readHeader(http.headers, "accept");
  if (accept !== null && !acceptsMediaType(accept, "text/event-stream")) {
    return errorResponse(protocolError("NotAcceptable", "Accept must list text/event-stream"));
  }
  const session = findSession(dependencies, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok) return errorResponse(session.error);
  const lastEventId = readHeader(http.headers, "last-event-id");
  const cursors = lastEventId === null ? [NEW_STREAM] : parseEventId(lastEventId);
  if (cursors === undefined)
    return errorResponse(
      protocolError("InvalidRequest", "Last-Event-ID was not issued by this server"),
    );
  return streamEvents(http, session.value, caller, cursors, []);
}

/** DELETE: ends the session. */
export async function handleSessionDelete(
  dependencies: SessionTransportDependencies,
  http: Request,
  caller: Caller,
): Promise<Response> {
  const session = findSession(dependencies, readHeader(http.headers, "mcp-session-id"));
  if (!session.ok) return errorResponse(session.error);
  let tries = 0;
  const end = async (): Promise<boolean> => {
    tries += 1;
    return session.value.stub.deleteSession(callerKey(caller), caller.grant);
  };
  // What is not there any more where it is asked again is gone.
  return (await retried(end)) || tries > 1 ? deletedResponse() : errorResponse(SESSION_NOT_FOUND);
}

/** Tells the session that `elicitationId` was issued in. An id that was not issued tells nobody. */
export async function completeElicitation(
  sessions: SessionTransportDependencies["sessions"],
  ring: KeyRing,
  elicitationId: string,
): Promise<void> {
  // spec: elicit.opener.tamperproof
  const sealedSessionId = await open(ring, ELICITATION_ID_PURPOSE, elicitationId);
  if (!sealedSessionId.ok || typeof sealedSessionId.value !== "string") return;
  const session = findSession({ sessions }, sealedSessionId.value);
  if (session.ok) await session.value.stub.notifyElicitationComplete(elicitationId);
}

function findSession(
  { sessions }: Pick<SessionTransportDependencies, "sessions">,
  id: string | null,
): Result<SessionRef, ProtocolError> {
  // spec: session.id.required, session.initialize.first
  if (id === null)
    return err(
      protocolError("InvalidRequest", "Mcp-Session-Id header is missing: initialize first"),
    );
  try {
    // Throws for an id that this namespace did not issue, so that forgeries cost nothing.
    const objectId = sessions.idFromString(id);
    return ok({
      get stub() {
        return sessions.get(objectId);
      },
    });
  } catch {
    return err(SESSION_NOT_FOUND);
  }
}

/** The object died during the call. Nothing was streamed yet, so each request of the POST gets an error as its answer. A POST without a request fails. */
function callLostOutcomes(error: unknown, messages: readonly Message[]): MessageOutcome[] {
  // spec: http.notification.refused
  // What nobody took must not be accepted: the client would wait for what comes of its answer.
  if (messages.every(({ kind }) => kind !== "request")) throw error;
  logError("session.call_lost", error);
  return messages.map((message) =>
    message.kind === "request"
      ? { kind: "answer", text: writeError(message.id, CALL_LOST) }
      : { kind: "accepted" },
  );
}

async function toResponse(
  session: SessionRef,
  http: Request,
  caller: Caller,
  messages: readonly Message[],
  outcomes: readonly MessageOutcome[],
  isBatch: boolean,
): Promise<Response> {
  const [first] = outcomes;
  if (outcomes.some(({ kind }) => kind === "sessionNotFound"))
    return errorResponse(SESSION_NOT_FOUND);
  if (first?.kind === "refused") return errorResponse(protocolError(first.error, first.message));
  const texts = outcomes.flatMap((outcome) => (outcome.kind === "answer" ? [outcome.text] : []));
  const streams = outcomes.flatMap((outcome, index) => {
    const message = messages[index];
    if (outcome.kind !== "stream" || message?.kind !== "request") return [];
    return [{ stream: String(outcome.streamId), after: "-1", id: message.id }];
  });
  if (streams.length > 0) return streamEvents(http, session, caller, streams, texts);
  const [onlyText] = texts;
  // spec: session.batch.empty
  if (onlyText === undefined) return acceptedResponse();
  return jsonResponse(isBatch ? `[${texts.join(",")}]` : onlyText);
}
