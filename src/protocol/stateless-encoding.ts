/**
 * A neutral outcome in the words of a date: `resultType`, cache hints, server identity.
 * MCP basic#result-responses, server/utilities/caching, patterns/mrtr#inputrequiredresult.
 */

import { isObject, type JsonObject } from "../base/json.ts";
import type { CacheHint } from "./outcome.ts";
import type { ProtocolError } from "../base/protocol-error.ts";
import { META_KEYS, type Implementation } from "./request-meta.ts";
import type { MethodSpec } from "./versions.ts";

/** Results that do not change are the same object each time; their text is made once, with the hint that it says. */
const serializedResults = new WeakMap<
  JsonObject,
  { readonly text: string; readonly hint: CacheHint }
>();

/** Not to be cached: what a result says when its maker gave no hint. */
const NOT_CACHEABLE: CacheHint = { ttlMs: 0, scope: "private" };

/** The text of a complete result. A frozen result object promises never to change, and is serialised once. */
export function encodeCompleteResult(
  methodSpec: MethodSpec,
  result: JsonObject,
  cache: CacheHint | undefined,
  server: Implementation,
  resultType: string = "complete",
): string {
  const hint = cache ?? NOT_CACHEABLE;
  const { ttlMs, scope } = hint;
  const serialized = serializedResults.get(result);
  if (serialized?.hint.ttlMs === ttlMs && serialized.hint.scope === scope) return serialized.text;
  // spec: caching.hints.present, caching.ttl.range
  const hints = methodSpec.isCacheable
    ? { ttlMs: toNonNegativeInteger(ttlMs), cacheScope: scope }
    : undefined;
  const resultMeta = isObject(result["_meta"]) ? result["_meta"] : undefined;
  // spec: meta.server.identity
  const _meta = { ...resultMeta, [META_KEYS.serverInfo]: server };
  // spec: result.type.present, result.type.known
  const text = JSON.stringify({ ...result, resultType, ...hints, _meta });
  if (Object.isFrozen(result)) serializedResults.set(result, { text, hint });
  return text;
}

/** A number that JSON can say, and not below 0. */
function toNonNegativeInteger(value: number): number {
  return Math.max(0, Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER)) || 0;
}

/** The text of a result that asks for input. Never cacheable. */
export function encodeInputRequired(
  requests: object,
  requestState: string,
  server: Implementation,
): string {
  const inputRequests = Object.keys(requests).length === 0 ? undefined : requests;
  const _meta = { [META_KEYS.serverInfo]: server };
  // spec: mrtr.result.nonempty
  return JSON.stringify({ resultType: "input_required", inputRequests, requestState, _meta });
}

/** The text of the answer that ends a subscription. */
export function encodeSubscriptionEnd(
  subscriptionId: string | number,
  server: Implementation,
): string {
  const _meta = { [META_KEYS.subscriptionId]: subscriptionId, [META_KEYS.serverInfo]: server };
  // spec: subscriptions.close.result
  return JSON.stringify({ resultType: "complete", _meta });
}

/** A refusal in the newest words: the code for a missing resource is retired. */
export function toStatelessError(error: ProtocolError): ProtocolError {
  // spec: error.code.retired
  return error.error === "ResourceNotFound" ? { ...error, error: "InvalidParams" } : error;
}
