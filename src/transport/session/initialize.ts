/**
 * `initialize`: choose the revision, make the session, say what the server can do.
 * MCP basic/lifecycle#initialization. Refuses malformed parameters and callers whose sessions are all at work;
 * an unknown revision is answered with the newest one that has sessions, as the text asks.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import { callerKey, type Caller } from "../../base/caller.ts";
import type { JsonObject } from "../../base/json.ts";
import { ACCESS_REVOKED, protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { retried } from "../../base/retry.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { shareOf } from "../../hub/client.ts";
import type { RegistrationResult } from "../../hub/hub-object.ts";
import { omit, supportedCapabilities } from "../../protocol/session-encoding.ts";
import {
  readCapabilities,
  readImplementation,
  type ClientCapabilities,
} from "../../protocol/request-meta.ts";
import { negotiateRevision, type Revision } from "../../protocol/versions.ts";
import type { Span } from "../../base/span.ts";
import { jsonResponse, errorResponse } from "../../wire/response.ts";
import { writeResult, type RpcRequest } from "../../wire/jsonrpc.ts";
import type { Server } from "../../server/registry.ts";
import type { SessionObject } from "./session-object.ts";
import { MAX_CLIENT_INFO_BYTES } from "./limits.ts";
import { SESSION_NOT_FOUND } from "./refusals.ts";
import type { SessionDependencies } from "./types.ts";

/** What the Worker's side of a session needs. */
export interface SessionTransportDependencies extends SessionDependencies {
  readonly sessions: DurableObjectNamespace<SessionObject<unknown>>;
  /** Set to serve one revision only. */
  readonly pinnedRevision: string | undefined;
}

/** Opens a session, and says what the server can do. `span` is told the session's name, which is no credential. */
export async function handleInitialize(
  dependencies: SessionTransportDependencies,
  http: Request,
  { id, params }: RpcRequest,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const opened = await openSession(dependencies, http, params, caller, span);
  if (!opened.ok) return errorResponse(opened.error, id);
  const { sessionId } = opened.value;
  const result = initializeResult(dependencies.server, opened.value);
  const response = jsonResponse(writeResult(id, JSON.stringify(result)));
  response.headers.set("mcp-session-id", sessionId);
  return response;
}

interface OpenedSession {
  readonly sessionId: string;
  readonly revision: Revision;
  /** Those of the client; undefined where it knows of none. */
  readonly extensions: ClientCapabilities["extensions"];
}

/** Two object requests: the hub keeps the caller to a share and learns of the session; the object is made. */
async function openSession(
  dependencies: SessionTransportDependencies,
  http: Request,
  params: JsonObject,
  caller: Caller,
  span: Span,
): Promise<Result<OpenedSession, ProtocolError>> {
  const { protocolVersion } = params;
  if (typeof protocolVersion !== "string")
    return invalidParams("params.protocolVersion must be a string");
  const declaredCapabilities = readCapabilities(params["capabilities"]);
  if (!declaredCapabilities.ok)
    return invalidParams(`params.capabilities${declaredCapabilities.error}`);
  const clientInfo = readImplementation(params["clientInfo"]);
  if (!clientInfo.ok) return invalidParams(`params.clientInfo ${clientInfo.error}`);
  // spec: session.version.negotiate
  const revision = negotiateRevision(protocolVersion, dependencies.pinnedRevision);
  // Kept with the session and read with every call: what is not used is not kept.
  const { name, version, title } = clientInfo.value;
  const capabilities = supportedCapabilities(revision, declaredCapabilities.value);
  const client = JSON.stringify({ clientInfo: { name, version, title }, capabilities });
  if (!isWithinBytes(client, MAX_CLIENT_INFO_BYTES))
    return invalidParams(
      `params.clientInfo and params.capabilities hold more than ${MAX_CLIENT_INFO_BYTES} bytes`,
    );
  // spec: session.id.visible, session.id.unique, session.id.random
  const sessionId = dependencies.sessions.newUniqueId();
  const share = await shareOf(caller, http);
  const sessionName = await sha256Base64url(sessionId.toString());
  span.set({ "mcp.session.id": sessionName });
  const record = {
    name: sessionName,
    caller: callerKey(caller),
    share,
    grant: caller.grant,
    revision: revision.date,
    client,
  };
  // Both together where the object is reset meanwhile: a revocation may have been told to the one before it.
  const open = async (): Promise<RegistrationResult | "ended"> => {
    const { hub, sessions } = dependencies;
    const admission = await hub.registerSession(sessionId.toString(), share, caller.grant);
    if (admission !== "registered") return admission;
    return (await sessions.get(sessionId).initialize(record)) ? admission : "ended";
  };
  const opened = await retried(open);
  if (opened === "ended") return err(SESSION_NOT_FOUND);
  if (opened !== "registered") return err(admissionError(opened));
  return ok({ sessionId: sessionId.toString(), revision, extensions: capabilities.extensions });
}

function invalidParams(message: string): Result<never, ProtocolError> {
  return err(protocolError("InvalidParams", message));
}

/** What a caller is told for whom the hub registers no session. */
function admissionError(reason: Exclude<RegistrationResult, "registered">): ProtocolError {
  return reason === "grantRevoked"
    ? ACCESS_REVOKED
    : protocolError(
        "TooManyRequests",
        "All your sessions are at work: end one with DELETE, or wait a minute",
      );
}

/** What the server is and can do, as far as the revision has words for it. */
function initializeResult(
  { info, instructions, capabilities, sessionExtensions }: Server,
  { revision, extensions }: Omit<OpenedSession, "sessionId">,
): object {
  // spec: session.version.respect
  // Clients that know of no extensions are told of none: these revisions have no word for them.
  return {
    protocolVersion: revision.date,
    capabilities: { ...capabilities, ...(extensions && { extensions: sessionExtensions }) },
    serverInfo: omit(info as unknown as JsonObject, revision.features.unknownEntryFields),
    instructions,
  };
}
