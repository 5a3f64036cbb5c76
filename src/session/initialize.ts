/**
 * `initialize`: choose the revision, make the session, say what the server can do.
 * MCP basic/lifecycle#initialization. Refuses malformed parameters and callers with too many sessions;
 * an unknown revision is answered with the newest one that has sessions, as the text asks.
 */

import * as z from "zod";
import { callerKey, type Caller } from "../base/caller.ts";
import { refusal } from "../base/refusal.ts";
import { capabilitiesIn } from "../revision/legacy.ts";
import { clientCapabilities, implementation } from "../revision/envelope.ts";
import { negotiate } from "../revision/revisions.ts";
import { jsonResponse, refuse } from "../wire/http.ts";
import { writeResult, type RpcRequest } from "../wire/jsonrpc.ts";
import type { SessionObject } from "./object.ts";
import type { House } from "./room.ts";

/** What the Worker's side of a session needs. */
export interface SessionDoor extends House {
  readonly sessions: DurableObjectNamespace<SessionObject<unknown>>;
  /** Set to serve one revision only. */
  readonly only: string | undefined;
}

const paramsShape = z.object({
  protocolVersion: z.string(),
  capabilities: clientCapabilities,
  clientInfo: implementation,
});

/** Two object requests: the hub counts the caller's sessions and learns whom to tell of changes; the object is made. */
export async function openSession(door: SessionDoor, { id, params }: RpcRequest, caller: Caller): Promise<Response> {
  const read = paramsShape.safeParse(params);
  if (!read.success) {
    const issue = read.error.issues[0];
    return refuse(
      refusal("InvalidParams", `params.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`),
      id,
    );
  }
  // spec: session.version.negotiate
  const revision = negotiate(read.data.protocolVersion, door.only);
  const session = door.sessions.newUniqueId();
  const key = callerKey(caller);
  if (!(await door.hub.admit(session.toString(), caller))) {
    return refuse(refusal("TooManySessions", "This caller has too many open sessions: end one with DELETE"), id);
  }
  await door.sessions.get(session).initialize({
    caller: key,
    revision: revision.date,
    client: {
      info: JSON.stringify(read.data.clientInfo),
      capabilities: JSON.stringify(capabilitiesIn(revision, read.data.capabilities)),
    },
  });
  const { info, capabilities, instructions } = door.server;
  const result = {
    protocolVersion: revision.date,
    capabilities,
    serverInfo: info,
    ...(instructions === undefined ? {} : { instructions }),
  };
  const response = jsonResponse(writeResult(id, JSON.stringify(result)));
  response.headers.set("mcp-session-id", session.toString());
  return response;
}
