/**
 * The resources whose changes a session's client asked to hear of. MCP server/resources#subscriptions.
 * The session keeps them, and tells the hub, which keeps those of all sessions. Refuses what is no URI, and too many of them.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import type { JsonValue } from "../../base/json.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import type { RpcRequest } from "../../wire/jsonrpc.ts";
import type { SessionRecord } from "./record-rows.ts";
import type { RequestContext, SessionRuntime } from "./types.ts";

/** Resource URIs that one session may be subscribed to. */
export const MAX_SUBSCRIPTIONS = 200;
/** Bytes of such a URI, and of all of them as JSON: the hub keeps them in one row, writes it anew with each, and reads it with every change. */
const MAX_URI_BYTES = 2_048;
const MAX_SUBSCRIPTION_BYTES = 65_536;
const TOO_MANY_SUBSCRIPTIONS = `A session holds at most ${MAX_SUBSCRIPTIONS} subscriptions, of ${MAX_SUBSCRIPTION_BYTES} bytes together`;

/** `resources/subscribe` and `resources/unsubscribe`. Keeps the set of URIs exactly: "a" and "ab" are two subscriptions. */
export async function updateSubscription(
  runtime: SessionRuntime,
  { record }: RequestContext,
  { method, params }: RpcRequest,
): Promise<ProtocolError | undefined> {
  const { uri } = params;
  if (!isAbsoluteUri(uri))
    return protocolError(
      "InvalidParams",
      `params.uri must be an absolute URI of at most ${MAX_URI_BYTES} bytes`,
    );
  const uris = new Set(runtime.store.subscriptions());
  const adds = method === "resources/subscribe";
  if (adds) uris.add(uri);
  else uris.delete(uri);
  const fits =
    uris.size <= MAX_SUBSCRIPTIONS &&
    isWithinBytes(JSON.stringify([...uris]), MAX_SUBSCRIPTION_BYTES);
  if (adds && !fits) return protocolError("InvalidParams", TOO_MANY_SUBSCRIPTIONS);
  runtime.store.putSubscriptions([...uris]);
  await tellHub(runtime, record);
  return undefined;
}

/** An absolute URI that is short enough, and text that UTF-8 can say. */
function isAbsoluteUri(uri: JsonValue | undefined): uri is string {
  return (
    typeof uri === "string" &&
    isWithinBytes(uri, MAX_URI_BYTES) &&
    uri.isWellFormed() &&
    URL.canParse(uri)
  );
}

/**
 * Resolves when the hub knows of what is so now. One request to the hub at a time, for its answers may come in any order:
 * whoever comes meanwhile waits for the next, which says what is so when it begins, for all of them.
 */
function tellHub(runtime: SessionRuntime, { share }: SessionRecord): Promise<void> {
  const { hubUpdates, store, objectState, dependencies } = runtime;
  const update = async (): Promise<void> => {
    await hubUpdates.current?.catch(() => undefined);
    hubUpdates.current = hubUpdates.next;
    hubUpdates.next = undefined;
    await dependencies.hub.setSubscriptions(
      objectState.id.toString(),
      share,
      store.subscriptions(),
    );
  };
  hubUpdates.next ??= update();
  return hubUpdates.next;
}
