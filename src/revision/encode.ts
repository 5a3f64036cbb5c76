/**
 * A neutral outcome in the words of a date: `resultType`, cache hints, server identity.
 * MCP basic#result-responses, server/utilities/caching, patterns/mrtr#inputrequiredresult.
 */

import { isObject, type JsonObject } from "../base/json.ts";
import type { CacheHint } from "../base/outcome.ts";
import type { Refusal } from "../base/refusal.ts";
import { META, type Implementation } from "./envelope.ts";
import type { MethodRow } from "./revisions.ts";

/** Results that do not change are the same object each time; their text is made once. */
const written = new WeakMap<JsonObject, string>();

/** Not to be cached: what a result says when its maker gave no hint. */
const STALE: CacheHint = { ttlMs: 0, scope: "private" };

/** The text of a complete result. A frozen result object promises never to change, and is serialised once. */
export function encodeComplete(
  row: MethodRow,
  result: JsonObject,
  cache: CacheHint | undefined,
  server: Implementation,
): string {
  const known = written.get(result);
  if (known !== undefined) return known;
  // spec: result.type.present, caching.hints.present, result.type.known
  const { ttlMs, scope } = cache ?? STALE;
  // spec: caching.ttl.range
  const hints = row.cacheable ? { ttlMs: wholeNumber(ttlMs), cacheScope: scope } : undefined;
  const own = isObject(result["_meta"]) ? result["_meta"] : undefined;
  // spec: meta.server.identity
  const _meta = { ...own, [META.serverInfo]: server };
  const text = JSON.stringify({ ...result, resultType: "complete", ...hints, _meta });
  if (Object.isFrozen(result)) written.set(result, text);
  return text;
}

/** A number that JSON can say, and not below 0. */
function wholeNumber(value: number): number {
  return Math.max(0, Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER)) || 0;
}

/** The text of a result that asks for input. Never cacheable. */
export function encodeInputRequired(requests: object, requestState: string, server: Implementation): string {
  const inputRequests = Object.keys(requests).length === 0 ? undefined : requests;
  const _meta = { [META.serverInfo]: server };
  // spec: mrtr.result.nonempty
  return JSON.stringify({ resultType: "input_required", inputRequests, requestState, _meta });
}

/** The text of the answer that ends a subscription. */
export function encodeListenEnd(subscriptionId: string | number, server: Implementation): string {
  const _meta = { [META.subscriptionId]: subscriptionId, [META.serverInfo]: server };
  // spec: subscriptions.close.result
  return JSON.stringify({ resultType: "complete", _meta });
}

/** A refusal in the newest words: the code for a missing resource is retired. */
export function refusalToday(reason: Refusal): Refusal {
  // spec: error.code.retired
  return reason.error === "ResourceNotFound" ? { ...reason, error: "InvalidParams" } : reason;
}
