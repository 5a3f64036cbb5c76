/**
 * subscriptions/listen: a response that stays open and tells of changes, fed by the hub over a hibernating socket.
 * MCP patterns/subscriptions. The acknowledgement goes first, every message is tagged, the server's end is graceful.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonValue } from "../base/json.ts";
import { describe, readFilter, TOO_LARGE, type Change } from "../hub/change.ts";
import { shareOf, type HubDoor } from "../hub/door.ts";
import { encodeListenEnd } from "../revision/encode.ts";
import { META } from "../revision/envelope.ts";
import type { Server } from "../server/catalog.ts";
import { refuse } from "../wire/http.ts";
import { writeNotification, writeResult, type RpcRequest } from "../wire/jsonrpc.ts";
import { openSse } from "../wire/sse.ts";

/** Opens the stream. Costs one object request, whatever its length. */
export async function listen(
  door: { readonly server: Server; readonly hub: HubDoor },
  http: Request,
  message: RpcRequest,
  caller: Caller,
): Promise<Response> {
  const filter = readFilter(message.params["notifications"], door.server.lists);
  if (!filter.ok) return refuse(filter.error, message.id);
  const socket = await door.hub.listen(filter.value, caller, await shareOf(caller, http));
  if (socket === undefined) return refuse(TOO_LARGE, message.id);

  const stream = openSse(http.signal, () => socket.close(1000, "client left"));
  const tell = (method: string, params: Record<string, JsonValue>): void => {
    // A change must not be left out: who does not read begins anew.
    if (stream.isFull()) return stream.abort();
    // spec: subscriptions.tag
    const tagged = { ...params, _meta: { [META.subscriptionId]: message.id } };
    stream.send({ data: writeNotification(method, tagged) });
  };
  // spec: subscriptions.ack.first
  tell("notifications/subscriptions/acknowledged", { notifications: filter.value as Record<string, JsonValue> });
  socket.addEventListener("message", ({ data }) => {
    const { method, params } = describe(JSON.parse(String(data)) as Change);
    tell(method, params);
  });
  socket.addEventListener("close", () => {
    // The hub went away, not the client: end the subscription in order, so that the client may open a new one. The
    // result goes first: clients take the notification alone for a loss.
    stream.send({ data: writeResult(message.id, encodeListenEnd(message.id, door.server.info)) });
    // spec: subscriptions.teardown.cancelled, cancel.purpose
    tell("notifications/cancelled", { requestId: message.id, reason: "The server ended this subscription" });
    stream.close();
  });
  socket.accept();
  return stream.response;
}
