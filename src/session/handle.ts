/**
 * One message of a session: a request to answer, a notification to take note of, an answer to a question.
 * MCP basic/lifecycle, utilities/ping, server/utilities/logging, server/resources#subscriptions.
 * A method without a row in the session's revision does not exist.
 */

import { isWithin } from "../base/bytes.ts";
import { isObject } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { isLogLevel, LOG_LEVELS, TOKEN_FAULT } from "../revision/envelope.ts";
import { endWith } from "../server/trace.ts";
import {
  isShort,
  TOO_LARGE,
  writeError,
  writeResult,
  type Message,
  type RequestId,
  type RpcRequest,
} from "../wire/jsonrpc.ts";
import { cancel, goOn, spanIn, start } from "./calls.ts";
import { BATCHED_INITIALIZE, MAX_EVENT_BYTES, type Handled, type Room, type Visit } from "./room.ts";

/** Resource URIs that one session may be subscribed to. */
export const MAX_SUBSCRIPTIONS = 200;
/** Bytes of such a URI: all of them are one row. */
const MAX_URI_BYTES = 2_048;

/** Handles the messages of one POST. Answers that together are too much for one become errors. */
export async function handleAll(
  room: Room,
  visit: Visit,
  messages: readonly Message[],
  ticket: string,
): Promise<Handled[]> {
  const handled = await Promise.all(messages.map((message) => handle(room, visit, message, ticket)));
  let left = MAX_EVENT_BYTES;
  return handled.map((one, index) => {
    const message = messages[index];
    if (one.kind !== "answer" || message?.kind !== "request") return one;
    if (one.text.length > left) return done(message.id, TOO_LARGE);
    left -= one.text.length;
    return one;
  });
}

async function handle(room: Room, visit: Visit, message: Message, ticket: string): Promise<Handled> {
  if (message.kind === "response") {
    goOn(room, visit, message);
    return { kind: "accepted" };
  }
  if (message.kind === "notification") {
    const { requestId } = message.params;
    const named = typeof requestId === "string" || typeof requestId === "number";
    // spec: session.cancel
    if (message.method === "notifications/cancelled" && named) cancel(room, requestId);
    return { kind: "accepted" };
  }
  const { id, method } = message;
  const { methods, date } = visit.revision;
  if (!methods.has(method)) return done(id, refusal("MethodNotFound", `Method "${method}" does not exist in ${date}`));
  const own = OWN.get(method);
  const { _meta } = message.params;
  if (isObject(_meta) && !isShort(_meta["progressToken"])) return done(id, refusal("InvalidParams", TOKEN_FAULT));
  if (own === undefined) return start(room, visit, message, ticket);
  const span = spanIn(room, visit, message);
  const refused = await own(room, visit, message);
  endWith(span, refused === undefined ? { kind: "complete", result: {} } : { kind: "refused", refusal: refused });
  room.house.services.tracer.settle("now");
  return done(id, refused);
}

type Own = (room: Room, visit: Visit, request: RpcRequest) => Refusal | undefined | Promise<Refusal | undefined>;

/** What a session answers by itself: why not, or nothing when it is done. */
const OWN = new Map<string, Own>([
  ["logging/setLevel", setLevel],
  ["resources/subscribe", subscribe],
  ["resources/unsubscribe", subscribe],
  // spec: session.ping
  ["ping", () => undefined],
  // spec: session.initialize.unbatched
  ["initialize", () => BATCHED_INITIALIZE],
]);

/** An answer that says no more than whether the request was done. */
function done(id: RequestId, refused: Refusal | undefined): Handled {
  return { kind: "answer", text: refused === undefined ? writeResult(id, "{}") : writeError(id, refused) };
}

function setLevel(room: Room, { row }: Visit, { params: { level } }: RpcRequest): Refusal | undefined {
  if (!isLogLevel(level)) return refusal("InvalidParams", `params.level must be one of ${LOG_LEVELS.join(", ")}`);
  room.rows.putSession({ ...row, level });
  return undefined;
}

/** Keeps the set of URIs exactly: "a" and "ab" are two subscriptions. */
async function subscribe(room: Room, { row }: Visit, { method, params }: RpcRequest): Promise<Refusal | undefined> {
  const { uri } = params;
  if (typeof uri !== "string" || !isWithin(uri, MAX_URI_BYTES) || !URL.canParse(uri))
    return refusal("InvalidParams", `params.uri must be an absolute URI of at most ${MAX_URI_BYTES} bytes`);
  const uris = new Set(room.rows.subscriptions());
  if (method === "resources/subscribe") uris.add(uri);
  else uris.delete(uri);
  if (uris.size > MAX_SUBSCRIPTIONS)
    return refusal("InvalidParams", `A session holds at most ${MAX_SUBSCRIPTIONS} subscriptions: unsubscribe from one`);
  room.rows.putSubscriptions([...uris]);
  await room.house.hub.watch(room.state.id.toString(), row.share, [...uris]);
  return undefined;
}
