/**
 * The hall behind the front door: everything that a request needs on its way through the house, made once per isolate
 * from the bindings, the settings and the app. Composes the rooms; no room knows this file.
 */

import { waitUntil } from "cloudflare:workers";
import { log, writeStacks } from "./base/log.ts";
import { bindingsOf, type Bindings } from "./bindings.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import { hubDoor } from "./hub/door.ts";
import { ownTokens } from "./oauth/access-token.ts";
import type { Verifier } from "./oauth/bearer.ts";
import type { Desk, Entrance } from "./oauth/desk.ts";
import type { Settings } from "./oauth/settings.ts";
import { usualScopes } from "./oauth/metadata.ts";
import { outsideTokens } from "./oauth/outside.ts";
import type { Place } from "./oauth/place.ts";
import type { Server } from "./server/catalog.ts";
import type { Services } from "./server/types.ts";
import { completeElicitation } from "./session/door.ts";
import type { SessionDoor } from "./session/initialize.ts";
import type { StateDoor, stateDoor } from "./state/door.ts";
import { NO_TRACER, type tracerFor } from "./telemetry/tracer.ts";
import type { rotateKeys } from "./vault/rotate.ts";
import type { Vault, vaultIn } from "./vault/vault.ts";

/** Serves what the app has beside the endpoint, such as a page for people; undefined for what it does not have. */
export type Site = (http: Request, about: About) => Response | undefined | Promise<Response | undefined>;
/** A page for people in place of an error; the error as it is for everybody else. */
export type ErrorPage = (http: Request, error: Response, serverName: string) => Promise<Response>;
export interface About {
  readonly server: Server;
  readonly place: Place;
  /** Whether nobody is asked who they are, everybody signs in here, or another issuer's tokens are taken. */
  readonly entry: "open" | "own" | "outside";
}

/** Rooms that a fork may do without: what `worker.ts` does not name is not in its bundle, and throws where it is used. */
export interface Rooms {
  readonly site?: Site;
  readonly errorPage?: ErrorPage;
  readonly state?: typeof stateDoor;
  readonly vault?: { readonly open: typeof vaultIn; readonly rotate: typeof rotateKeys };
  readonly traces?: typeof tracerFor;
}

export interface Hall {
  readonly config: Config;
  readonly limiter: Bindings["limiter"];
  readonly door: SessionDoor;
  readonly settings: Settings;
  readonly scopes: readonly string[];
  readonly rooms: Rooms;
  /** The authorization server, where this server is its own. */
  readonly desk: Desk | undefined;
  /** Reads bearer tokens; undefined when nobody is asked who they are. */
  readonly verify: Verifier | undefined;
}

/** Throws when a setting is missing or wrong, and says which. */
export function furnish(server: Server, env: Env, entrance: (vault: Vault) => Entrance, rooms: Rooms): Hall {
  writeStacks(env.DEV === "1");
  const config = readConfig(env);
  const { auth, ring } = config;
  const { hub: hubs, sessions, stores, vault: database, grants, accounts, limiter, authLimiter } = bindingsOf(env);
  const hub = hubDoor(hubs);
  const vault = rooms.vault?.open(database, ring) ?? absent<Vault>("vault");
  const named = { service: server.info.name, version: server.info.version };
  // Publishing outlives the request that caused it, and never delays its answer.
  const services: Services = {
    ...{ ring, vault, handlerSeconds: config.handlerSeconds },
    stores: rooms.state?.(ring, stores) ?? absent<StateDoor>("state"),
    tracer: (config.collector && rooms.traces?.({ ...named, ...config.collector })) ?? NO_TRACER,
    publish: (change) => waitUntil(hub.publish(change)),
    complete: (elicitationId) => waitUntil(completeElicitation(sessions, ring, elicitationId)),
  };
  const door = { server, services, hub, sessions, only: config.only };
  const settings = { ...config.oauth, serverName: server.info.title ?? server.info.name, scopes: server.scopes };
  const hall = { config, limiter, door, settings, scopes: usualScopes(settings), rooms };
  if (auth === "none") {
    log("warn", "auth.none", { warning: "AUTH is none: ANYONE MAY CALL THIS SERVER" });
    return { ...hall, desk: undefined, verify: undefined };
  }
  if (auth !== "own") return { ...hall, desk: undefined, verify: outsideTokens(auth) };
  const desk = { ring, grants, accounts, limiter: authLimiter, settings, entrance: entrance(vault) };
  return { ...hall, desk, verify: ownTokens(desk) };
}

/** What stands where a room was left out. */
function absent<T extends object>(room: keyof Rooms): T {
  const refuse = (): never => {
    throw new Error(`This server has no ${room}: name it in worker.ts`);
  };
  return new Proxy({}, { get: refuse }) as T;
}
