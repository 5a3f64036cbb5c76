/**
 * `initialize`: choose the revision, make the session, say what the server can do.
 * MCP basic/lifecycle#initialization. Refuses malformed parameters and callers with too many sessions;
 * an unknown revision is answered with the newest one that has sessions, as the text asks.
 */

import { isWithin } from "../base/bytes.ts";
import { callerKey, type Caller } from "../base/caller.ts";
import { refusal } from "../base/refusal.ts";
import { capabilitiesIn } from "../revision/legacy.ts";
import { readCapabilities, readImplementation } from "../revision/envelope.ts";
import { negotiate } from "../revision/revisions.ts";
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

/** Two object requests: the hub counts the caller's sessions and learns whom to tell of changes; the object is made. */
export async function openSession(door: SessionDoor, { id, params }: RpcRequest, caller: Caller): Promise<Response> {
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
  if (!(await door.hub.admit(session.toString(), caller))) {
    return refuse(
      refusal("TooManySessions", "This caller may open no more sessions: end one with DELETE, or sign in again"),
      id,
    );
  }
  const opening = { caller: callerKey(caller), grant: caller.grant, revision: revision.date, client };
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
