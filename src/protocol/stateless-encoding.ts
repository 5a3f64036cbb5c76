/**
 * A neutral outcome in the words of a date: `resultType`, cache hints, server identity.
 * MCP basic#result-responses, server/utilities/caching, patterns/mrtr#inputrequiredresult.
 */

import { membersOf, type JsonObject } from "../base/json.ts";
import type { CacheHint } from "./outcome.ts";
import type { ProtocolError } from "../base/protocol-error.ts";
import { resultText } from "./result-text.ts";
import { META_KEYS, type Implementation } from "./request-meta.ts";
import type { MethodSpec } from "./versions.ts";

/** Not to be cached: what a result says when its maker gave no hint. */
const NOT_CACHEABLE: CacheHint = { ttlMs: 0, scope: "private" };

/** The text of a complete result. */
export function encodeCompleteResult(
  methodSpec: MethodSpec,
  result: JsonObject,
  { ttlMs, scope }: CacheHint = NOT_CACHEABLE,
  server: Implementation,
  resultType: string = "complete",
): string {
  return resultText(result, `${ttlMs} ${scope}`, () => {
    // spec: caching.hints.present, caching.ttl.range
    const hints = methodSpec.isCacheable
      ? { ttlMs: toNonNegativeInteger(ttlMs), cacheScope: scope }
      : undefined;
    // spec: meta.server.identity
    const _meta = { ...membersOf(result["_meta"]), [META_KEYS.serverInfo]: server };
    // spec: result.type.present, result.type.known
    return { ...result, resultType, ...hints, _meta };
  });
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
