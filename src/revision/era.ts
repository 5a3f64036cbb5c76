/**
 * Which era a request belongs to. Read from the body and the version header, never from `Mcp-Method`: old clients send
 * that too. MCP versioning#backward-compatibility-with-initialization-based-versions.
 * A version that nobody serves goes to the stateless era, whose error says which ones are served.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { META } from "./envelope.ts";
import { revisionOf, SERVED_DATES, type Era } from "./revisions.ts";

/** The era of a POST with this body and `MCP-Protocol-Version` header. */
export function eraOf(body: JsonValue, header: string | null): Era {
  if (!isObject(body)) return "session";
  const params = body["params"];
  const meta = isObject(params) ? params["_meta"] : undefined;
  if (isObject(meta) && META.protocolVersion in meta) return "stateless";
  // A handshake names its version in the body; only a header of the stateless era itself says otherwise.
  if (body["method"] === "initialize")
    return header !== null && revisionOf(header.trim())?.era === "stateless" ? "stateless" : "session";
  return eraOfHeader(header);
}

/** The era that a version header names. The first revision has no such header. */
export function eraOfHeader(header: string | null): Era {
  return header === null ? "session" : (revisionOf(header.trim())?.era ?? "stateless");
}

/** Refuses a version header that names no served revision; a request without the header passes. */
export function checkServed(header: string | null): Result<void, Refusal> {
  const served = header === null || revisionOf(header.trim()) !== undefined;
  // spec: session.version.header
  return served ? ok(undefined) : err(unsupportedVersion(header));
}

export function unsupportedVersion(requested: string): Refusal {
  const message = `Unsupported protocol version: served are ${SERVED_DATES.join(", ")}`;
  return refusal("UnsupportedProtocolVersion", message, { supported: [...SERVED_DATES], requested });
}
