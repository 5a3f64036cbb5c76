/**
 * One message of a session: a request to answer, a notification to take note of, an answer to a question.
 * MCP basic/lifecycle, utilities/ping, server/utilities/logging, server/resources#subscriptions.
 * A method without a row in the session's revision does not exist.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonObject } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isLogLevel, LOG_LEVELS } from "../revision/envelope.ts";
import { writeError, writeResult, type Message, type RpcRequest } from "../wire/jsonrpc.ts";
import { cancel, goOn, start, type Session } from "./calls.ts";
import type { Handled, Room } from "./room.ts";

/** Resource URIs that one session may be subscribed to. */
export const MAX_SUBSCRIPTIONS = 200;
/** Characters of such a URI: all of them are one row. */
const MAX_URI_LENGTH = 2_048;

export async function handle(
  room: Room,
  session: Session,
  message: Message,
  caller: Caller,
  ticket: string,
): Promise<Handled> {
  if (message.kind === "response") {
    goOn(room, session, message, caller);
    return { kind: "accepted" };
  }
  if (message.kind === "notification") {
    const { requestId } = message.params;
    const named = typeof requestId === "string" || typeof requestId === "number";
    // spec: session.cancel
    if (message.method === "notifications/cancelled" && named) cancel(room, requestId);
    return { kind: "accepted" };
  }
  if (!session.revision.methods.has(message.method)) {
    return answer(
      message,
      err(refusal("MethodNotFound", `Method "${message.method}" does not exist in ${session.revision.date}`)),
    );
  }
  switch (message.method) {
    // spec: session.ping
    case "ping":
      return answer(message, ok({}));
    case "logging/setLevel":
      return answer(message, setLevel(room, session, message.params));
    case "resources/subscribe":
    case "resources/unsubscribe":
      return answer(message, await subscribe(room, message, caller));
    default:
      return start(room, session, message, caller, ticket);
  }
}

function answer({ id }: RpcRequest, result: Result<JsonObject, Refusal>): Handled {
  return {
    kind: "answer",
    text: result.ok ? writeResult(id, JSON.stringify(result.value)) : writeError(id, result.error),
  };
}

function setLevel(room: Room, session: Session, { level }: JsonObject): Result<JsonObject, Refusal> {
  if (!isLogLevel(level)) return err(refusal("InvalidParams", `params.level must be one of ${LOG_LEVELS.join(", ")}`));
  room.rows.putSession({ ...session.row, level });
  return ok({});
}

/** Keeps the set of URIs exactly: "a" and "ab" are two subscriptions. */
async function subscribe(
  room: Room,
  { method, params }: RpcRequest,
  caller: Caller,
): Promise<Result<JsonObject, Refusal>> {
  const { uri } = params;
  if (typeof uri !== "string" || uri.length > MAX_URI_LENGTH || !URL.canParse(uri))
    return err(refusal("InvalidParams", `params.uri must be an absolute URI of at most ${MAX_URI_LENGTH} characters`));
  const uris = new Set(room.rows.subscriptions());
  if (method === "resources/subscribe") uris.add(uri);
  else uris.delete(uri);
  if (uris.size > MAX_SUBSCRIPTIONS)
    return err(refusal("InvalidParams", `A session holds at most ${MAX_SUBSCRIPTIONS} subscriptions`));
  room.rows.putSubscriptions([...uris]);
  await room.house.hub.watch(room.state.id.toString(), caller, [...uris]);
  return ok({});
}
