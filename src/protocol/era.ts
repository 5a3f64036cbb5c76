/**
 * Which era a request belongs to. Read from the body and the version header, never from `Mcp-Method`: old clients send
 * that too. MCP versioning#backward-compatibility-with-initialization-based-versions.
 * A version that nobody serves goes to the stateless era, whose error says which ones are served.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Message, RpcRequest } from "../wire/jsonrpc.ts";
import { META_KEYS } from "./request-meta.ts";
import { findRevision, SESSION_VERSIONS, type Era } from "./versions.ts";

/**
 * The era of a request with these messages (a GET or DELETE has none) and this `MCP-Protocol-Version` header, which the first
 * revision does not have. `versions` are those that are served. Refuses any other, and a batch in a version that has none.
 */
export function determineEra(
  messages: readonly Message[],
  isBatch: boolean,
  versionHeader: string | null,
  versions: readonly string[],
): Result<Era, ProtocolError> {
  const statedVersion = messages.map(metaVersion).find((version) => version !== undefined);
  // `handle-request.ts` compares the version of the body with the header's before it judges either.
  if (statedVersion !== undefined && !isBatch) return ok("stateless");
  const servesSessions = versions.some((version) => SESSION_VERSIONS.includes(version));
  const requestedVersion = statedVersion ?? versionHeader;
  if (requestedVersion === null)
    return servesSessions
      ? ok("session")
      : err(unsupportedVersion(handshakeVersion(messages), versions));
  const revision = findRevision(requestedVersion);
  // A handshake names its version in its parameters; only a header of the stateless era itself says otherwise.
  if (!isBatch && messages.some(isInitializeRequest))
    return revision?.era === "stateless" || !servesSessions
      ? err(unsupportedVersion(requestedVersion, servesSessions ? SESSION_VERSIONS : versions))
      : ok("session");
  // spec: session.version.header
  if (revision === undefined || !versions.includes(revision.date))
    return err(unsupportedVersion(requestedVersion, versions));
  // spec: http.body.single, session.body.single
  if (isBatch && !revision.features.allowsBatches) return err(batchUnsupported(revision.date));
  return ok(revision.era);
}

/** Whether the message begins a session. */
export function isInitializeRequest(message: Message): message is RpcRequest {
  return message.kind === "request" && message.method === "initialize";
}

/** What a message says of its own version; older ones say nothing. */
function metaVersion(message: Message): JsonValue | undefined {
  const meta = message.kind === "response" ? undefined : message.params["_meta"];
  return isObject(meta) ? meta[META_KEYS.protocolVersion] : undefined;
}

/** The version that a handshake among `messages` asks for. */
function handshakeVersion(messages: readonly Message[]): JsonValue {
  return messages.find(isInitializeRequest)?.params["protocolVersion"] ?? null;
}

/** `supported`: the versions of which one could be asked for instead. */
export function unsupportedVersion(
  requested: JsonValue,
  supported: readonly string[],
): ProtocolError {
  const message = `Unsupported protocol version: use one of ${supported.join(", ")}`;
  return protocolError("UnsupportedProtocolVersion", message, {
    supported: [...supported],
    requested,
  });
}

/** The error for a batch in the revision `date`. */
export function batchUnsupported(date: string): ProtocolError {
  return protocolError("InvalidRequest", `Batches do not exist in ${date}`);
}
