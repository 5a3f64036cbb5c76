/** What tests of the hub share: its objects, their rows, and sessions of callers whom the test makes up. */

import { runInDurableObject } from "cloudflare:test";
import type { Caller } from "../../src/base/caller.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { createHubClient, HUB_SHARDS, type HubClient } from "../../src/hub/client.ts";
import type { HubObject } from "../../src/hub/hub-object.ts";
import { buildServer } from "../../src/server/registry.ts";
import { tool } from "../../src/server/zod.ts";
import { handleSessionGet, handleSessionPost } from "../../src/transport/session/transport.ts";
import { readMessages } from "../../src/wire/jsonrpc.ts";
import type { SessionTransportDependencies } from "../../src/transport/session/initialize.ts";
import {
  bindings,
  EventReader,
  jsonRpcRequest,
  type Session,
} from "../transport/session/client.ts";
import { servicesFor, unrecordedSpan } from "../server/services.ts";
import { countedNamespace } from "../world/counting.ts";
import { EVERYTHING } from "../world/parts.ts";

export const hub: HubClient = createHubClient(countedNamespace(bindings.HUB));
export const sessionDependencies: SessionTransportDependencies = {
  server: buildServer(
    {
      info: { name: "hub", version: "1" },
      tools: [tool({ name: "nothing", handler: () => "" })],
      resources: [{ uri: "test://a", name: "a", read: () => "" }] as never,
    },
    EVERYTHING,
  ),
  services: servicesFor(),
  hub,
  sessions: countedNamespace(bindings.SESSION),
  pinnedRevision: undefined,
};

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

let count = 0;
/** Somebody whom no other test knows, without a grant unless one is given. */
export function newCaller(grant?: string): Caller {
  const known = {
    issuer: "https://issuer.test",
    subject: `person ${(count += 1)}`,
    client: "cli",
    scopes: [],
  };
  return grant === undefined ? known : { ...known, grant };
}

export function mcpRequest(session?: Session, method: string = "POST"): Request {
  const headers = {
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  };
  const named = session === undefined ? {} : { "mcp-session-id": session.id };
  return new Request("http://127.0.0.1/mcp", { method, headers: { ...headers, ...named } });
}

export function post(by: Caller, session: Session | undefined, body: object): Promise<Response> {
  const messages = readMessages(body as JsonValue);
  if (!messages.ok) throw new Error(messages.error.message);
  return handleSessionPost(
    sessionDependencies,
    mcpRequest(session),
    messages.value,
    Array.isArray(body),
    by,
    unrecordedSpan,
  );
}

export function initialize(by: Caller): Promise<Response> {
  const clientInfo = { name: "t", version: "1" };
  return post(
    by,
    undefined,
    jsonRpcRequest(0, "initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo,
    }),
  );
}

export async function openSession(by: Caller): Promise<Session> {
  const id = (await initialize(by)).headers.get("mcp-session-id");
  if (id === null) throw new Error("initialize failed");
  return { id, revision: "2025-11-25" };
}

/** The listening stream, once it is open. */
export async function openGetStream(by: Caller, session: Session): Promise<EventReader> {
  const events = new EventReader(
    await handleSessionGet(sessionDependencies, mcpRequest(session, "GET"), by),
  );
  await events.next();
  return events;
}

export async function ping(by: Caller, session: Session): Promise<number> {
  return (await post(by, session, jsonRpcRequest(1, "ping"))).status;
}

/** Made anew each time: files share this module, and a stub does not outlive the objects that are deleted between them. */
export const shards = (): readonly DurableObjectStub<HubObject<unknown>>[] =>
  Array.from({ length: HUB_SHARDS }, (_, index) => bindings.HUB.getByName(`shard-${index}`));

/** The shard that has the sessions of a share. */
export function shardOf(share: string): DurableObjectStub<HubObject<unknown>> {
  let sum = 0;
  for (let at = 0; at < share.length; at++) sum = (sum * 31 + share.charCodeAt(at)) >>> 0;
  return bindings.HUB.getByName(`shard-${sum % HUB_SHARDS}`);
}

export interface RegistryRow {
  readonly share: string;
  readonly id: string;
  readonly uris: string;
  readonly last_seen_ms: number;
}

/** The rows of the shares that begin so, on every shard, with what each hears of. */
export async function registryRows(share: string): Promise<RegistryRow[]> {
  const uris =
    "SELECT json_group_array(uri) FROM subscriptions WHERE (share, id) = (sessions.share, sessions.id) ORDER BY uri";
  const text = `SELECT share, id, (${uris}) AS uris, last_seen_ms FROM sessions WHERE substr(share, 1, length(?1)) = ?1 ORDER BY last_seen_ms`;
  const found = shards().map((shard) =>
    runInDurableObject(shard, (_hub, { storage }) =>
      storage.sql.exec<Record<keyof RegistryRow, never>>(text, share).toArray(),
    ),
  );
  return (await Promise.all(found)).flat();
}

/** Writes a row as an admission does. */
export function addRegistryRow(
  share: string,
  id: string,
  lastSeenMs: number,
  grants: string = "[]",
): Promise<void> {
  return runInDurableObject(shardOf(share), (_hub, { storage }) =>
    insertSession(storage, share, id, lastSeenMs, grants),
  );
}

/** Writes `most` rows at once. Ids that are no ids are those of sessions that cannot be asked: they count as at work. */
export function addRegistryRows(
  share: string,
  most: number,
  lastSeenMs: number,
  idOf: (index: number) => string,
  receivesListChanges: boolean = false,
): Promise<void> {
  return runInDurableObject(shardOf(share), (_hub, { storage }) => {
    for (let index = 0; index < most; index++) {
      insertSession(storage, share, idOf(index), lastSeenMs);
      if (receivesListChanges)
        storage.sql.exec("INSERT INTO subscriptions VALUES ('', ?, ?)", share, idOf(index));
    }
  });
}

/** Writes a row as an admission does, in an object that a test is in. */
export function insertSession(
  { sql }: DurableObjectStorage,
  share: string,
  id: string,
  lastSeenMs: number,
  grants: string = "[]",
): void {
  sql.exec(
    "INSERT INTO sessions (share, id, last_seen_ms, grants) VALUES (?, ?, ?, ?)",
    share,
    id,
    lastSeenMs,
    grants,
  );
}

/** Forgets all sessions of an object that a test is in. */
export function deleteSessions({ kv, sql }: DurableObjectStorage): void {
  sql.exec("DELETE FROM sessions");
  sql.exec("DELETE FROM subscriptions");
  for (const [key] of kv.list({ prefix: "unreached " })) kv.delete(key);
}

/** Notes the id of each session that the object asks from now on. */
export function recordRequestedSessions(
  object: HubObject<unknown>,
  note: (id: string) => void,
): void {
  const real = object.sessions.bind(object);
  object.sessions = () =>
    new Proxy(real(), {
      get(target, name) {
        if (name !== "idFromString") return (id: DurableObjectId) => target.get(id);
        return (id: string) => {
          note(id);
          return target.idFromString(id);
        };
      },
    });
}
