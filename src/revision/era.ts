/**
 * Which era a request belongs to. Read from the body and the version header, never from `Mcp-Method`: old clients send
 * that too. MCP versioning#backward-compatibility-with-initialization-based-versions.
 * A version that nobody serves goes to the stateless era, whose error says which ones are served.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Message, RpcRequest } from "../wire/jsonrpc.ts";
import { META } from "./envelope.ts";
import { revisionOf, SERVED_DATES, SESSION_DATES, type Era } from "./revisions.ts";

/**
 * The era of a request with these messages (none but in a POST) and this `MCP-Protocol-Version` header, which the first
 * revision does not have. Refuses a version that nobody serves, and a batch in a version that has none.
 */
export function eraOf(messages: readonly Message[], batched: boolean, header: string | null): Result<Era, Refusal> {
  const stated = messages.map(versionIn).find((version) => version !== undefined);
  // A message that states its version is compared with its headers before either is judged.
  if (stated !== undefined && !batched) return ok("stateless");
  const asked = stated ?? header;
  if (asked === null) return ok("session");
  const revision = revisionOf(asked);
  // A handshake names its version in its parameters; only a header of the stateless era itself says otherwise.
  if (!batched && messages.some(opensSession))
    return revision?.era === "stateless" ? err(unsupportedVersion(revision.date, SESSION_DATES)) : ok("session");
  // spec: session.version.header
  if (revision === undefined) return err(unsupportedVersion(asked));
  // spec: http.body.single, session.body.single
  if (batched && !revision.words.batches) return err(noBatch(revision.date));
  return ok(revision.era);
}

export function opensSession(message: Message): message is RpcRequest {
  return message.kind === "request" && message.method === "initialize";
}

/** What a message says of its own version; older ones say nothing. */
function versionIn(message: Message): JsonValue | undefined {
  const meta = message.kind === "response" ? undefined : message.params["_meta"];
  return isObject(meta) ? meta[META.protocolVersion] : undefined;
}

/** `served`: the versions of which one could be asked for instead. */
export function unsupportedVersion(requested: JsonValue, served: readonly string[] = SERVED_DATES): Refusal {
  const message = `Unsupported protocol version: use one of ${served.join(", ")}`;
  return refusal("UnsupportedProtocolVersion", message, { supported: [...served], requested });
}

export function noBatch(date: string): Refusal {
  return refusal("InvalidRequest", `Batches do not exist in ${date}`);
}
