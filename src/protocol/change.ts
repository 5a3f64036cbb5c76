/**
 * Changes that clients may ask to hear of, and the filter that says which.
 * MCP patterns/subscriptions#notification-filter. Pure; bounds the filter so that it fits a socket's attachment.
 */

import { encodeUtf8 } from "../base/bytes.ts";
import { isObject, type JsonValue } from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";

export type ListName = "tools" | "prompts" | "resources";

/** A list changed, or one resource did. `audience` limits a change to one caller (a caller key). */
// spec: subscriptions.scope
export type Change = ({ readonly list: ListName } | { readonly uri: string }) & {
  readonly audience?: string;
};

/** What a listener asked to hear of. MCP `SubscriptionFilter`. */
export interface SubscriptionFilter {
  toolsListChanged?: boolean | undefined;
  promptsListChanged?: boolean | undefined;
  resourcesListChanged?: boolean | undefined;
  resourceSubscriptions?: string[] | undefined;
}

/** Bytes of a filter as JSON in UTF-8. A hibernating socket keeps it so, beside the caller, in at most 16,384 bytes. */
const MAX_FILTER_BYTES = 12_288;

/** What is said of a filter that cannot be kept. */
export const FILTER_TOO_LARGE: ProtocolError = protocolError(
  "InvalidParams",
  `params.notifications is larger than ${MAX_FILTER_BYTES} bytes: open several subscriptions`,
);

/** The part of the `notifications` parameter that a server with `lists` can honour; the rest is read and dropped. */
export function parseSubscriptionFilter(
  value: JsonValue | undefined,
  lists: ReadonlySet<ListName>,
): Result<SubscriptionFilter, ProtocolError> {
  if (!isObject(value)) return invalidFilter(" must be an object");
  // spec: subscriptions.ack.subset
  const filter: SubscriptionFilter = {};
  for (const list of ["tools", "prompts", "resources"] as const) {
    const field = `${list}ListChanged` as const;
    const isRequested = value[field];
    if (isRequested !== undefined && typeof isRequested !== "boolean")
      return invalidFilter(`.${field} must be a boolean`);
    if (isRequested === true && lists.has(list)) filter[field] = true;
  }
  const uris = value["resourceSubscriptions"];
  if (uris !== undefined) {
    if (!Array.isArray(uris) || !uris.every(isText))
      return invalidFilter(".resourceSubscriptions must be a list of strings");
    if (lists.has("resources")) filter.resourceSubscriptions = uris;
  }
  return encodeUtf8(JSON.stringify(filter)).length <= MAX_FILTER_BYTES
    ? ok(filter)
    : err(FILTER_TOO_LARGE);
}

function invalidFilter(problem: string): Result<never, ProtocolError> {
  return err(protocolError("InvalidParams", `params.notifications${problem}`));
}

/** Whether a listener with `filter` asked to hear of `change`. */
export function matchesFilter(filter: SubscriptionFilter, change: Change): boolean {
  // spec: subscriptions.filter.honour
  if ("list" in change) return filter[`${change.list}ListChanged`] === true;
  return filter.resourceSubscriptions?.includes(change.uri) ?? false;
}

/** The notification that tells of `change`. */
export function toNotification(change: Change): {
  method: string;
  params: Record<string, JsonValue>;
} {
  if ("list" in change) return { method: `notifications/${change.list}/list_changed`, params: {} };
  return { method: "notifications/resources/updated", params: { uri: change.uri } };
}

/** A string that UTF-8 can say. */
function isText(value: JsonValue): value is string {
  return typeof value === "string" && value.isWellFormed();
}
