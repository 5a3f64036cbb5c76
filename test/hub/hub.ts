/** What tests of the hub share: its objects, their rows, and sessions of callers whom the test makes up. */

import { runInDurableObject } from "cloudflare:test";
import type { Caller } from "../../src/base/caller.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { hubDoor, HUB_SHARDS, type HubDoor } from "../../src/hub/door.ts";
import type { HubObject } from "../../src/hub/hub.ts";
import { catalog } from "../../src/server/catalog.ts";
import { tool } from "../../src/server/define.ts";
import { listenToSession, postToSession } from "../../src/session/door.ts";
import { readMessages } from "../../src/wire/jsonrpc.ts";
import type { SessionDoor } from "../../src/session/initialize.ts";
import { bindings, Events, request, type Session } from "../session/client.ts";
import { servicesFor, unrecorded } from "../unit/services.ts";
import { countedNamespace } from "../world/counting.ts";

export const hub: HubDoor = hubDoor(countedNamespace(bindings.HUB));
export const door: SessionDoor = {
  server: catalog({
    info: { name: "hub", version: "1" },
    tools: [tool({ name: "nothing", handler: () => "" })],
    resources: [{ uri: "test://a", name: "a", read: () => "" }] as never,
  }),
  services: servicesFor(),
  hub,
  sessions: countedNamespace(bindings.SESSION),
  only: undefined,
};

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let count = 0;
/** Somebody whom no other test knows, without a grant unless one is given. */
export function somebody(grant?: string): Caller {
  const known = { issuer: "https://issuer.test", subject: `person ${(count += 1)}`, client: "cli", scopes: [] };
  return grant === undefined ? known : { ...known, grant };
}

export function http(session?: Session, method: string = "POST"): Request {
  const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
  const named = session === undefined ? {} : { "mcp-session-id": session.id };
  return new Request("http://127.0.0.1/mcp", { method, headers: { ...headers, ...named } });
}

export function post(by: Caller, session: Session | undefined, body: object): Promise<Response> {
  const messages = readMessages(body as JsonValue);
  if (!messages.ok) throw new Error(messages.error.message);
  return postToSession(door, http(session), messages.value, Array.isArray(body), by, unrecorded);
}

export function initialize(by: Caller): Promise<Response> {
  const clientInfo = { name: "t", version: "1" };
  return post(by, undefined, request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }));
}

export async function open(by: Caller): Promise<Session> {
  const id = (await initialize(by)).headers.get("mcp-session-id");
  if (id === null) throw new Error("initialize failed");
  return { id, revision: "2025-11-25" };
}

/** The listening stream, once it is open. */
export async function listenTo(by: Caller, session: Session): Promise<Events> {
  const events = new Events(await listenToSession(door, http(session, "GET"), by));
  await events.next();
  return events;
}

export async function ping(by: Caller, session: Session): Promise<number> {
  return (await post(by, session, request(1, "ping"))).status;
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

export interface Row {
  readonly caller: string;
  readonly id: string;
  readonly uris: string;
  readonly since: number;
}

/** The rows of the shares that begin so, on every shard. */
export async function rowsOf(share: string): Promise<Row[]> {
  const text = "SELECT caller, id, uris, since FROM registered WHERE substr(caller, 1, length(?1)) = ?1 ORDER BY since";
  const found = shards().map((shard) =>
    runInDurableObject(shard, (_hub, { storage }) => storage.sql.exec<Record<keyof Row, never>>(text, share).toArray()),
  );
  return (await Promise.all(found)).flat();
}

/** Writes a row as an admission does. */
export function addRow(
  share: string,
  id: string,
  since: number,
  uris: string = "[]",
  grants: string = "[]",
): Promise<void> {
  return runInDurableObject(shardOf(share), (_hub, { storage }) => {
    storage.sql.exec("INSERT INTO registered VALUES (?, ?, ?, ?, ?)", share, id, uris, since, grants);
  });
}

/** Writes `most` rows at once. Ids that are no ids are those of sessions that cannot be asked: they count as at work. */
export function fill(
  share: string,
  most: number,
  since: number,
  idOf: (index: number) => string,
  uris: string = "[]",
): Promise<void> {
  return runInDurableObject(shardOf(share), (_hub, { storage }) => {
    for (let index = 0; index < most; index++)
      storage.sql.exec("INSERT INTO registered VALUES (?, ?, ?, ?, '[]')", share, idOf(index), uris, since);
  });
}

/** Notes the id of each session that the object asks from now on. */
export function watchAsked(object: HubObject<unknown>, note: (id: string) => void): void {
  const real = object.sessions.bind(object);
  object.sessions = (env) =>
    new Proxy(real(env), {
      get(target, name) {
        if (name !== "idFromString") return (id: DurableObjectId) => target.get(id);
        return (id: string) => {
          note(id);
          return target.idFromString(id);
        };
      },
    });
}
