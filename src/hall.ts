/**
 * The hall behind the front door: everything that a request needs on its way through the house, made once per isolate
 * from the bindings, the settings and the app. Composes the rooms; no room knows this file.
 */

import { waitUntil } from "cloudflare:workers";
import { log } from "./base/log.ts";
import { bindingsOf, type Bindings } from "./bindings.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import { hubDoor } from "./hub/door.ts";
import { ownTokens } from "./oauth/access-token.ts";
import type { Verifier } from "./oauth/bearer.ts";
import type { Desk, Entrance, Settings } from "./oauth/desk.ts";
import { outsideTokens } from "./oauth/outside.ts";
import type { Place } from "./oauth/place.ts";
import type { Server } from "./server/catalog.ts";
import type { Services } from "./server/run.ts";
import { completeElicitation } from "./session/door.ts";
import type { SessionDoor } from "./session/initialize.ts";
import { stateDoor } from "./state/door.ts";
import { NO_TRACER, tracerFor } from "./telemetry/tracer.ts";
import { vaultIn, type Vault } from "./vault/vault.ts";

/** Serves what the app has beside the endpoint, such as a page for people; undefined for what it does not have. */
export type Site = (http: Request, about: About) => Response | undefined | Promise<Response | undefined>;
export interface About {
  readonly server: Server;
  readonly place: Place;
  /** Whether nobody is asked who they are, everybody signs in here, or another issuer's tokens are taken. */
  readonly entry: "open" | "own" | "outside";
}

export interface Hall {
  readonly config: Config;
  readonly limiter: Bindings["limiter"];
  readonly door: SessionDoor;
  readonly vault: Vault;
  readonly settings: Settings;
  readonly scopes: readonly string[];
  readonly site: Site | undefined;
  /** The authorization server, where this server is its own. */
  readonly desk: Desk | undefined;
  /** Reads bearer tokens; undefined when nobody is asked who they are. */
  readonly verify: Verifier | undefined;
}

/** Throws when a setting is missing or wrong, and says which. */
export function furnish(server: Server, env: Env, entrance: (vault: Vault) => Entrance, site?: Site): Hall {
  const config = readConfig(env);
  const { auth, ring } = config;
  const { hub: hubs, sessions, stores, vault: database, grants, accounts, limiter, authLimiter } = bindingsOf(env);
  const hub = hubDoor(hubs);
  const vault = vaultIn(database, ring);
  // Publishing outlives the request that caused it, and never delays its answer.
  const services: Services = {
    ...{ ring, vault, stores: stateDoor(ring, stores) },
    tracer: config.collector === undefined ? NO_TRACER : tracerFor({ service: server.info.name, ...config.collector }),
    publish: (change) => waitUntil(hub.publish(change)),
    complete: (elicitationId) => waitUntil(completeElicitation(sessions, elicitationId)),
  };
  const door = { server, services, hub, sessions, only: config.only };
  const settings = { ...config.oauth, serverName: server.info.title ?? server.info.name, scopes: server.scopes };
  const hall = { config, limiter, door, vault, settings, scopes: Object.keys(settings.scopes), site };
  if (auth === "none") {
    log("warn", "auth.none", { warning: "AUTH is none: ANYONE MAY CALL THIS SERVER" });
    return { ...hall, desk: undefined, verify: undefined };
  }
  if (auth !== "own") return { ...hall, desk: undefined, verify: outsideTokens(auth) };
  const closeLive = (grant: string): Promise<void> => hub.revoke(grant);
  const desk = { ring, grants, accounts, limiter: authLimiter, settings, entrance: entrance(vault), closeLive };
  return { ...hall, desk, verify: ownTokens(desk) };
}
