/**
 * The MCP endpoint, behind the router: who is calling, what was sent, how much, and which era serves it.
 * MCP basic/transports/streamable-http. Refuses before anything runs; what runs is the era's.
 */

import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { ServerIdentifiers } from "../oauth/identifiers.ts";
import { insufficientScope, authenticate } from "../oauth/resource-server/bearer.ts";
import { determineEra } from "../protocol/era.ts";
import { missingScopes } from "../server/scopes.ts";
import type { Span } from "../telemetry/span.ts";
import { handleSessionDelete, handleSessionGet, handleSessionPost } from "../transport/session/transport.ts";
import { handleStatelessRequest } from "../transport/stateless/handle-request.ts";
import { readBody } from "../wire/body.ts";
import { requestIdOf, parseJsonBody, readMessages, type RequestId } from "../wire/jsonrpc.ts";
import { clientAddress, checkMediaTypes, readHeader, errorResponse } from "../wire/response.ts";
import type { Runtime } from "./runtime.ts";

/** Authenticates the caller, or answers 401 or 403; then serves the method. Nobody passes without a caller. */
export function handleMcp(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  span: Span,
): Response | Promise<Response> {
  const { verify, scopes } = runtime;
  if (verify === undefined) return handleMcpMethod(http, runtime, identifiers, ANONYMOUS, span);
  // spec: bearer.checked.first
  const caller = authenticate(http, identifiers, verify, scopes);
  return caller.then((result) =>
    result.ok ? handleMcpMethod(http, runtime, identifiers, result.value, span) : result.error,
  );
}

/** GET and DELETE belong to sessions alone, and count as a message each. */
function handleMcpMethod(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  caller: Caller,
  span: Span,
): Response | Promise<Response> {
  const { dependencies } = runtime;
  // spec: transport.deliver
  if (http.method === "POST") return handleMcpPost(http, runtime, identifiers, caller, span);
  const version = readHeader(http.headers, "mcp-protocol-version");
  const era = determineEra([], false, version);
  if (!era.ok) return errorResponse(era.error);
  const isSessionEra = era.value === "session";
  if (isSessionEra && (http.method === "GET" || http.method === "DELETE")) {
    const serve = http.method === "GET" ? handleSessionGet : handleSessionDelete;
    return overLimit(runtime, http, caller, 1).then((over) => over ?? serve(dependencies, http, caller));
  }
  // spec: http.get.refuse, http.verb.allow
  const allow = isSessionEra ? "GET, POST, DELETE, OPTIONS" : "POST, OPTIONS";
  return errorResponse(protocolError("MethodNotAllowed", `${http.method} is not served here: use POST`), undefined, {
    allow,
  });
}

/** 1. Media types, 2. body, 3. JSON, 4. JSON-RPC, 5. limit, of what was refused by 2 to 4 too, 6. scopes, 7. era. */
async function handleMcpPost(
  http: Request,
  runtime: Runtime,
  identifiers: ServerIdentifiers,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const { config, dependencies } = runtime;
  const mediaTypes = checkMediaTypes(http.headers);
  if (!mediaTypes.ok) return errorResponse(mediaTypes.error);
  const body = await readBody(http, config.maxBodyBytes);
  const parsed = body.ok ? parseJsonBody(body.value) : body;
  const value = parsed.ok ? parsed.value : null;
  const isBatch = Array.isArray(value);
  const id = requestIdOf(value);
  const messages = parsed.ok ? readMessages(value) : parsed;
  // What is no message costs as much as one.
  const messageCount = messages.ok ? messages.value.length : 1;
  // spec: tools.calls.limited, completion.requests.limited
  const over = await overLimit(
    runtime,
    http,
    caller,
    messageCount,
    isBatch ? `: a batch counts as ${messageCount}` : "",
    id,
  );
  if (over !== undefined) return over;
  if (!messages.ok) return errorResponse(messages.error, id);
  const needed = missingScopes(dependencies.server, caller, value);
  // spec: bearer.scope.checked
  if (needed.length > 0) return insufficientScope(identifiers, needed);
  const era = determineEra(messages.value, isBatch, readHeader(http.headers, "mcp-protocol-version"));
  if (!era.ok) return errorResponse(era.error, id);
  const [firstMessage] = messages.value;
  return era.value === "session" || firstMessage === undefined
    ? handleSessionPost(dependencies, http, messages.value, isBatch, caller, span)
    : handleStatelessRequest(dependencies, http, firstMessage, caller, span);
}

/**
 * Counts `count` messages. Gives the refusal where they are too many; `what` is said in it. Who is known is limited as
 * themselves; strangers by address. The limiter keeps no storage, and counts one at a time. What was counted of a batch
 * that is refused stays counted.
 */
async function overLimit(
  { limiter }: Runtime,
  http: Request,
  caller: Caller,
  messageCount: number,
  batchNote: string = "",
  id?: RequestId,
): Promise<Response | undefined> {
  const key = caller === ANONYMOUS ? clientAddress(http) : callerKey(caller);
  for (let remaining = messageCount; limiter !== undefined && remaining > 0; remaining -= 1)
    if (!(await limiter.limit({ key })).success)
      return errorResponse(protocolError("TooManyRequests", `Too many requests${batchNote}; wait a minute`), id, {
        "retry-after": "60",
      });
  return undefined;
}
