/**
 * subscriptions/listen: a response that stays open and tells of changes, fed by the hub over a hibernating socket.
 * MCP patterns/subscriptions. The acknowledgement goes first, every message is tagged, the server's end is graceful.
 */

import type { Caller } from "../../base/caller.ts";
import type { JsonValue } from "../../base/json.ts";
import { toNotification, parseSubscriptionFilter, FILTER_TOO_LARGE, type Change } from "../../protocol/change.ts";
import { shareOf, type HubClient } from "../../hub/client.ts";
import { encodeSubscriptionEnd } from "../../protocol/stateless-encoding.ts";
import { META_KEYS } from "../../protocol/request-meta.ts";
import type { Server } from "../../server/registry.ts";
import { errorResponse } from "../../wire/response.ts";
import { writeNotification, writeResult, type RpcRequest } from "../../wire/jsonrpc.ts";
import { openSse } from "../../wire/sse.ts";

/** Opens the stream. Costs one object request, whatever its length. */
export async function openSubscriptionStream(
  dependencies: { readonly server: Server; readonly hub: HubClient },
  http: Request,
  request: RpcRequest,
  caller: Caller,
): Promise<Response> {
  const filter = parseSubscriptionFilter(request.params["notifications"], dependencies.server.changeableLists);
  if (!filter.ok) return errorResponse(filter.error, request.id);
  const socket = await dependencies.hub.openListener(filter.value, caller, await shareOf(caller, http));
  if (socket === undefined) return errorResponse(FILTER_TOO_LARGE, request.id);

  const stream = openSse(http.signal, () => socket.close(1000, "client left"));
  const sendTaggedNotification = (method: string, params: Record<string, JsonValue>): void => {
    // A change must not be left out: who does not read begins anew.
    if (stream.isFull()) return stream.abort();
    // spec: subscriptions.tag
    const tagged = { ...params, _meta: { [META_KEYS.subscriptionId]: request.id } };
    stream.send({ data: writeNotification(method, tagged) });
  };
  // spec: subscriptions.ack.first
  sendTaggedNotification("notifications/subscriptions/acknowledged", {
    notifications: filter.value as Record<string, JsonValue>,
  });
  socket.addEventListener("message", ({ data }) => {
    const { method, params } = toNotification(JSON.parse(String(data)) as Change);
    sendTaggedNotification(method, params);
  });
  socket.addEventListener("close", () => {
    // The hub went away, not the client: end the subscription in order, so that the client may open a new one. The
    // result goes first: clients take the notification alone for a loss.
    stream.send({ data: writeResult(request.id, encodeSubscriptionEnd(request.id, dependencies.server.info)) });
    // spec: subscriptions.teardown.cancelled, cancel.purpose
    sendTaggedNotification("notifications/cancelled", {
      requestId: request.id,
      reason: "The server ended this subscription",
    });
    stream.close();
  });
  socket.accept();
  return stream.response;
}
