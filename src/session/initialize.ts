/**
 * `initialize`: choose the revision, make the session, say what the server can do.
 * MCP basic/lifecycle#initialization. Refuses malformed parameters and callers whose sessions are all at work;
 * an unknown revision is answered with the newest one that has sessions, as the text asks.
 */

import { isWithin } from "../base/bytes.ts";
import { callerKey, type Caller } from "../base/caller.ts";
import { refusal } from "../base/refusal.ts";
import { digest } from "../crypto/seal.ts";
import { shareOf } from "../hub/door.ts";
import { FULL_SECONDS } from "../hub/hub.ts";
import { capabilitiesIn } from "../revision/legacy.ts";
import { readCapabilities, readImplementation } from "../revision/envelope.ts";
import { negotiate } from "../revision/revisions.ts";
import type { Span } from "../telemetry/span.ts";
import { jsonResponse, refuse } from "../wire/http.ts";
import { writeResult, type RequestId, type RpcRequest } from "../wire/jsonrpc.ts";
import type { SessionObject } from "./object.ts";
import { MAX_CLIENT_BYTES, SESSION_GONE, type House } from "./room.ts";

/** What the Worker's side of a session needs. */
export interface SessionDoor extends House {
  readonly sessions: DurableObjectNamespace<SessionObject<unknown>>;
  /** Set to serve one revision only. */
  readonly only: string | undefined;
}

/**
 * Two object requests: the hub keeps the caller to a share and learns of the session; the object is made.
 * `span` is told the session's name, which is no credential.
 */
export async function openSession(
  door: SessionDoor,
  http: Request,
  { id, params }: RpcRequest,
  caller: Caller,
  span: Span,
): Promise<Response> {
  const { protocolVersion } = params;
  if (typeof protocolVersion !== "string") return invalid(id, "params.protocolVersion must be a string");
  const declared = readCapabilities(params["capabilities"]);
  if (!declared.ok) return invalid(id, `params.capabilities${declared.error}`);
  const named = readImplementation(params["clientInfo"]);
  if (!named.ok) return invalid(id, `params.clientInfo ${named.error}`);
  // spec: session.version.negotiate
  const revision = negotiate(protocolVersion, door.only);
  // Kept with the session and read with every call: what is not used is not kept.
  const { name, version, title } = named.value;
  const capabilities = capabilitiesIn(revision, declared.value);
  const client = JSON.stringify({ clientInfo: { name, version, title }, capabilities });
  if (!isWithin(client, MAX_CLIENT_BYTES))
    return invalid(id, `params.clientInfo and params.capabilities hold more than ${MAX_CLIENT_BYTES} bytes`);
  // spec: session.id.visible, session.id.unique
  const session = door.sessions.newUniqueId();
  const share = await shareOf(caller, http);
  const admission = await door.hub.admit(session.toString(), share, caller.grant);
  if (admission === "over") return refuse(refusal("Forbidden", "This access was taken back: sign in again"), id);
  if (admission === "full") {
    const reason = refusal("TooManySessions", "All your sessions are at work: end one with DELETE, or wait a minute");
    return refuse(reason, id, { "retry-after": String(FULL_SECONDS) });
  }
  const sessionName = await digest(session.toString());
  span.set({ "mcp.session.id": sessionName });
  const opening = {
    name: sessionName,
    caller: callerKey(caller),
    share,
    grant: caller.grant,
    revision: revision.date,
    client,
  };
  if (!(await door.sessions.get(session).initialize(opening))) return refuse(SESSION_GONE, id);
  const { info, instructions } = door.server;
  const unknown = revision.words.unknownEntryFields;
  // spec: session.version.respect
  const serverInfo = Object.fromEntries(Object.entries(info).filter(([member]) => !unknown.includes(member)));
  const result = { protocolVersion: revision.date, capabilities: door.server.capabilities, serverInfo, instructions };
  const response = jsonResponse(writeResult(id, JSON.stringify(result)));
  response.headers.set("mcp-session-id", session.toString());
  return response;
}

function invalid(id: RequestId, message: string): Response {
  return refuse(refusal("InvalidParams", message), id);
}
