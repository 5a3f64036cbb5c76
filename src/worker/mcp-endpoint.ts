/**
 * The MCP endpoint, behind the router: who is calling, what was sent, how much, and which era serves it.
 * MCP basic/transports/streamable-http. Refuses before anything runs; what runs is the era's.
 */

import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import type { ServerIdentifiers } from "../base/identifiers.ts";
import { err, ok, type Result } from "../base/result.ts";
import { determineEra } from "../protocol/era.ts";
import { findTarget, NO_TARGET } from "../server/request-target.ts";
import { missingScopes } from "../server/scopes.ts";
import type { Span } from "../base/span.ts";
import { handleStatelessRequest } from "../transport/stateless/handle-request.ts";
import { readBody } from "../wire/body.ts";
import { ERRORS } from "../wire/errors.ts";
import { MAX_BATCH_MESSAGES, parseBody, type Messages } from "../wire/jsonrpc.ts";
import { clientAddress, checkMediaTypes, readHeader, errorResponse } from "../wire/response.ts";
import type { Runtime } from "./runtime.ts";

/** Authenticates the caller, or answers 401 or 403; then serves the method. Nobody passes without a caller. */
export function handleMcp(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  span: Span,
): Response | Promise<Response> {
  const { authority } = runtime;
  if (authority === undefined) return handleMcpMethod(http, runtime, identifiers, ANONYMOUS, span);
  // spec: bearer.checked.first, elicit.identity.credential, elicit.identity.verified, elicit.url.foreign
  // spec: caching.access.controlled, caching.scope.powerless, completion.access.controlled
  return authority.authenticate(http, identifiers).then(async (caller) => {
    if (!caller.ok) return caller.error;
    const response = await handleMcpMethod(http, runtime, identifiers, caller.value, span);
    // Only what looked at the grant can find that it has ended.
    return response.status === ERRORS.AccessRevoked.status
      ? authority.accessRevoked(identifiers)
      : response;
  });
}

/** GET and DELETE belong to sessions alone, and count as a message each, or for each stream that a GET comes back for. */
function handleMcpMethod(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  caller: Caller,
  span: Span,
): Response | Promise<Response> {
  const { server, sessions } = runtime;
  // spec: transport.deliver
  if (http.method === "POST") return handleMcpPost(http, runtime, identifiers, caller, span);
  if (sessions === undefined) return methodNotAllowed(http, "POST, OPTIONS");
  const version = readHeader(http.headers, "mcp-protocol-version");
  const era = determineEra([], false, version, server.versions);
  if (!era.ok) return errorResponse(era.error);
  if (era.value === "stateless") return methodNotAllowed(http, "POST, OPTIONS");
  if (http.method !== "GET" && http.method !== "DELETE")
    return methodNotAllowed(http, "GET, POST, DELETE, OPTIONS");
  // Each part of an event id is a stream, whoever issued it (transport/session/event-ids.ts).
  const streams = readHeader(http.headers, "last-event-id")?.split(".") ?? [];
  const messageCount = Math.min(Math.max(streams.length, 1), MAX_BATCH_MESSAGES);
  return checkLimit(runtime, http, caller, messageCount).then((limit) => {
    if (!limit.ok) return errorResponse(limit.error);
    return http.method === "GET"
      ? sessions.handleGet(http, caller)
      : sessions.handleDelete(http, caller);
  });
}

// spec: http.get.refuse, http.verb.allow
function methodNotAllowed(http: Request, allow: string): Response {
  return errorResponse(
    protocolError("MethodNotAllowed", `${http.method} is not served here: use POST`),
    undefined,
    { allow },
  );
}

/** 1. Media types, 2. body, JSON, messages, 3. limit, of what was refused by 2 too, 4. what they name, 5. scopes, 6. era. */
async function handleMcpPost(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const { config, server, authority, sessions } = runtime;
  const mediaTypes = checkMediaTypes(http.headers);
  if (!mediaTypes.ok) return errorResponse(mediaTypes.error);
  const { messages, isBatch, id } = parseBody(await readBody(http, config.maxBodyBytes));
  // What is no message costs as much as one.
  const messageCount = messages.ok ? messages.value.length : 1;
  // spec: tools.calls.limited, completion.requests.limited
  const batchNote = isBatch ? `: a batch counts as ${messageCount}` : "";
  const limit = await checkLimit(runtime, http, caller, messageCount, {
    batchNote,
    share: messages.ok && !isBatch ? ownShare(runtime, messages.value) : "",
  });
  if (!limit.ok) return errorResponse(limit.error, id);
  if (!messages.ok) return errorResponse(messages.error, id);
  const targets = messages.value.map((message) =>
    message.kind === "request" ? findTarget(server, message) : NO_TARGET,
  );
  const needed = missingScopes(server, caller, targets);
  // spec: bearer.scope.checked
  if (needed.length > 0 && authority !== undefined) {
    // With what the token has: clients ask for just what the challenge names, and would lose the rest.
    const held = caller.scopes.filter((scope) => Object.hasOwn(server.scopes, scope));
    return authority.insufficientScope(identifiers, [...new Set([...held, ...needed])]);
  }
  const version = readHeader(http.headers, "mcp-protocol-version");
  const era = determineEra(messages.value, isBatch, version, server.versions);
  if (!era.ok) return errorResponse(era.error, id);
  if (sessions !== undefined && era.value === "session")
    return sessions.handlePost(http, messages.value, isBatch, caller, span);
  const [message] = messages.value;
  const [target = NO_TARGET] = targets;
  return handleStatelessRequest(runtime, http, { ...message, caller, target }, span);
}

const WITHIN_LIMIT: Result<void, ProtocolError> = ok(undefined);

/** What a request is counted by beside its caller, where its method is limited apart from others; "" of any other. */
function ownShare({ services }: Runtime, [message]: Messages): string {
  if (message.kind !== "request") return "";
  const { method, params } = message;
  const { limitKey } = services.extensionMethods.get(method) ?? {};
  return limitKey === undefined ? "" : `${method} ${limitKey(params)} `;
}

/**
 * Counts `messageCount` messages, of a `share` apart from others. Refuses where they are too many; `batchNote` is said with it. Signed-in callers
 * are limited by their key, anonymous ones by address. The limiter keeps no storage, and counts one at a time. What was counted of a batch
 * that is refused stays counted.
 */
async function checkLimit(
  { config: { limiter } }: Runtime,
  http: Request,
  caller: Caller,
  messageCount: number,
  { batchNote = "", share = "" }: { readonly batchNote?: string; readonly share?: string } = {},
): Promise<Result<void, ProtocolError>> {
  if (limiter === undefined) return WITHIN_LIMIT;
  const key = share + (caller === ANONYMOUS ? clientAddress(http) : callerKey(caller));
  for (let remaining = messageCount; remaining > 0; remaining -= 1)
    if (!(await limiter.limit({ key })).success)
      return err(protocolError("TooManyRequests", `Too many requests${batchNote}; wait a minute`));
  return WITHIN_LIMIT;
}
