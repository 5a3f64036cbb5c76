/**
 * subscriptions/listen: a response that stays open and tells of changes, fed by the hub over a hibernating socket.
 * MCP patterns/subscriptions. The acknowledgement goes first, every message is tagged, the server's end is graceful.
 */

import { waitUntil } from "../../base/platform.ts";
import { callerKey, type Caller } from "../../base/caller.ts";
import type { JsonObject } from "../../base/json.ts";
import type { ProtocolError } from "../../base/protocol-error.ts";
import { ok, type Result } from "../../base/result.ts";
import { createHubClient, shareOf, type HubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import {
  toNotification,
  parseSubscriptionFilter,
  type Change,
  type ListName,
} from "../../protocol/change.ts";
import { encodeSubscriptionEnd } from "../../protocol/stateless-encoding.ts";
import { META_KEYS } from "../../protocol/request-meta.ts";
import type { Feature } from "../../server/feature.ts";
import type { ContextMembers, HandlerRun } from "../../server/handler-context.ts";
import type { Server } from "../../server/registry.ts";
import type { AddedSubscription, AddToSubscription } from "../../server/services.ts";
import type { ServerRequest } from "../../server/types.ts";
import { errorResponse } from "../../wire/response.ts";
import { writeNotification, writeResult, type RpcRequest } from "../../wire/jsonrpc.ts";
import { openSse } from "../../wire/sse.ts";

/** Its bindings. */
export interface SubscriptionsEnv {
  readonly HUB: DurableObjectNamespace<HubObject<unknown>>;
}

/** What the subscriptions feature adds to Context. */
export interface SubscriptionsContext {
  /** Tells listeners that a list changed. */
  readonly listChanged: (list: ListName) => void;
  /** Tells subscribers that a resource changed; with "caller", only those of the same caller. */
  readonly resourceUpdated: (uri: string, audience?: "everyone" | "caller") => void;
}

declare module "../../server/context.ts" {
  interface Context extends SubscriptionsContext {}
}

/** Sends changes to clients of every revision: subscriptions/listen here, and to sessions where they are served. */
export function subscriptions(): Feature {
  return {
    sendsChanges: true,
    start({ server, settings }) {
      const hub = createHubClient(settings.objects<HubObject<unknown>>("HUB"));
      return {
        contextMembers: subscriptionMembers((change) => hub.publish(change)),
        openSubscriptionStream: (http, request, caller, addToSubscription) =>
          openSubscriptionStream({ server, hub }, http, request, caller, addToSubscription),
      };
    },
  };
}

/**
 * The members of {@link SubscriptionsContext}. A change that is announced again while it is on its way is published once
 * more afterwards, however often: a handler that announces it for each of a thousand rows does not cost a thousand times.
 */
export function subscriptionMembers(
  publish: (change: Change) => Promise<void>,
): ContextMembers<SubscriptionsContext> {
  // By run: no promise may be awaited for another request.
  const repeatedByRun = new WeakMap<HandlerRun, Map<string, boolean>>();
  const announce = (run: HandlerRun, change: Change): void => {
    const repeated = repeatedByRun.get(run) ?? new Map<string, boolean>();
    repeatedByRun.set(run, repeated);
    const key = JSON.stringify(change);
    const isOnItsWay = repeated.has(key);
    repeated.set(key, isOnItsWay);
    // Publishing outlives the request that caused it, and never delays its answer.
    if (!isOnItsWay) waitUntil(publishUntilQuiet(publish, change, repeated, key));
  };
  return {
    listChanged: (run) => (list) => announce(run, { list }),
    resourceUpdated:
      (run) =>
      (uri, audience = "everyone") =>
        announce(
          run,
          audience === "caller" ? { uri, audience: callerKey(run.request.caller) } : { uri },
        ),
  };
}

async function publishUntilQuiet(
  publish: (change: Change) => Promise<void>,
  change: Change,
  repeated: Map<string, boolean>,
  key: string,
): Promise<void> {
  try {
    do {
      repeated.set(key, false);
      await publish(change);
    } while (repeated.get(key) === true);
  } finally {
    repeated.delete(key);
  }
}

const NOTHING_ADDED: Result<AddedSubscription, ProtocolError> = ok({
  filter: {},
  method: "",
  sockets: [],
});

interface SubscriptionDependencies {
  readonly server: Server;
  readonly hub: HubClient;
}

/** Opens the stream. Costs one object request, whatever its length, and those of what an extension adds. */
export async function openSubscriptionStream(
  { server, hub }: SubscriptionDependencies,
  http: Request,
  request: RpcRequest & Pick<ServerRequest, "capabilities">,
  caller: Caller,
  addToSubscription?: AddToSubscription,
): Promise<Response> {
  const filter = parseSubscriptionFilter(request.params["notifications"], server.changeableLists);
  if (!filter.ok) return errorResponse(filter.error, request.id);
  const share = await shareOf(caller, http);
  const opened = await hub.openListener(filter.value, caller, share);
  if (!opened.ok) return errorResponse(opened.error, request.id);
  const socket = opened.value;
  const added = (await addToSubscription?.(request, caller)) ?? NOTHING_ADDED;
  if (added.ok) {
    const granted = { ...(filter.value as JsonObject), ...added.value.filter };
    return streamChanges(server, http, request, socket, { ...added.value, filter: granted });
  }
  socket.accept();
  socket.close(1000);
  return errorResponse(added.error, request.id);
}

/** One that waits for its turn is accepted first, or its other end would not hear of it. */
function closeAll(sockets: readonly WebSocket[], waiting: Set<WebSocket>): void {
  for (const socket of waiting) socket.accept();
  waiting.clear();
  for (const socket of sockets) socket.close(1000);
}

/** Bytes that a listener may leave unread before it is cut off: of several tasks that end together, each tells its whole result. */
const MAX_UNREAD_CHANGES_BYTES = 4_194_304;

/** The stream of what comes over the hub's socket and those that were added. Its filter is what is granted. */
function streamChanges(
  { info }: Server,
  http: Request,
  request: RpcRequest,
  hubSocket: WebSocket,
  { filter, method: addedMethod, sockets: addedSockets }: AddedSubscription,
): Response {
  const waiting = new Set(addedSockets);
  const closeSockets = (): void => closeAll([hubSocket, ...addedSockets], waiting);
  const stream = openSse(http.signal, closeSockets);
  const sendTaggedNotification = (method: string, params: JsonObject): void => {
    // A change must not be left out: who does not read begins anew.
    if (stream.isFull(MAX_UNREAD_CHANGES_BYTES)) return stream.abort();
    // spec: subscriptions.tag
    const tagged = { ...params, _meta: { [META_KEYS.subscriptionId]: request.id } };
    stream.send({ data: writeNotification(method, tagged) });
  };
  const endSubscription = (): void => {
    // The hub went away, not the client: end the subscription in order, so that the client may open a new one. The
    // result goes first: clients take the notification alone for a loss.
    stream.send({ data: writeResult(request.id, encodeSubscriptionEnd(request.id, info)) });
    // spec: subscriptions.teardown.cancelled, cancel.purpose
    sendTaggedNotification("notifications/cancelled", {
      requestId: request.id,
      reason: "The server ended this subscription",
    });
    stream.close();
    closeSockets();
  };
  /** Resolves when its first message has been read, also where it then closed. */
  const listenTo = (socket: WebSocket): Promise<void> =>
    new Promise((resolve) => {
      socket.addEventListener("message", ({ data }) => {
        sendTaggedNotification(addedMethod, JSON.parse(String(data)) as JsonObject);
        void stream.waitUntilRead().then(resolve);
      });
      socket.addEventListener("close", ({ code }) => {
        void stream.waitUntilRead().then(resolve);
        if (code !== 1000) endSubscription();
      });
      waiting.delete(socket);
      socket.accept();
      // It waits to be asked.
      socket.send("next");
    });
  // One after the other: each has something to say at once, and a client that reads would be cut off by all of it together.
  const listenToAdded = async (): Promise<void> => {
    for (const socket of addedSockets) if (waiting.has(socket)) await listenTo(socket);
  };
  // spec: subscriptions.ack.first, subscriptions.ack.early
  sendTaggedNotification("notifications/subscriptions/acknowledged", { notifications: filter });
  hubSocket.addEventListener("message", ({ data }) => {
    const { method, params } = toNotification(JSON.parse(String(data)) as Change);
    sendTaggedNotification(method, params);
  });
  hubSocket.addEventListener("close", endSubscription);
  hubSocket.accept();
  void listenToAdded();
  return stream.response;
}
