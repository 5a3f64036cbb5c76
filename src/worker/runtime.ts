/**
 * The runtime: everything that a request needs on its way, made once per isolate
 * from the bindings, the settings and the app. Composes the folders below; none of them imports this file.
 */

import { waitUntil } from "cloudflare:workers";
import { log, setStacksAsText } from "../base/log.ts";
import { readBindings, type Bindings } from "./bindings.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import { createHubClient } from "../hub/client.ts";
import { builtinTokenVerifier } from "../oauth/authorization-server/access-token.ts";
import type { TokenVerifier } from "../oauth/resource-server/bearer.ts";
import type { AuthorizationServer, LoginOptions } from "../oauth/authorization-server/types.ts";
import type { AuthorizationServerSettings } from "../oauth/settings.ts";
import { serverDefaultScopes } from "../oauth/authorization-server/metadata.ts";
import { externalTokenVerifier } from "../oauth/resource-server/external-issuer.ts";
import type { ServerIdentifiers } from "../oauth/identifiers.ts";
import type { Server } from "../server/registry.ts";
import type { Services } from "../server/types.ts";
import { completeElicitation } from "../transport/session/transport.ts";
import type { SessionTransportDependencies } from "../transport/session/initialize.ts";
import type { StorageClient, createStorageClient } from "../storage/client.ts";
import { NO_TRACER, type createTracer } from "../telemetry/tracer.ts";
import type { rotateKeys } from "./admin.ts";
import type { Vault, createVault } from "../vault/vault.ts";

/** Serves what the app has beside the endpoint, such as a page for people; undefined for what it does not have. */
export type SiteHandler = (http: Request, context: SiteContext) => Response | undefined | Promise<Response | undefined>;
/** A page for people in place of an error; the error as it is for everybody else. */
export type ErrorPage = (http: Request, error: Response, serverName: string) => Promise<Response>;
export interface SiteContext {
  readonly server: Server;
  readonly identifiers: ServerIdentifiers;
  /** Whether nobody is asked who they are, everybody signs in here, or another issuer's tokens are taken. */
  readonly authMode: "open" | "builtin" | "external";
}

/** Modules that a fork may do without: what `index.ts` does not name is not in its bundle, and throws where it is used. */
export interface OptionalModules {
  readonly site?: SiteHandler;
  readonly errorPage?: ErrorPage;
  readonly storage?: typeof createStorageClient;
  readonly vault?: { readonly open: typeof createVault; readonly rotate: typeof rotateKeys };
  readonly telemetry?: typeof createTracer;
}

export interface Runtime {
  readonly config: Config;
  readonly limiter: Bindings["limiter"];
  readonly dependencies: SessionTransportDependencies;
  readonly settings: AuthorizationServerSettings;
  readonly scopes: readonly string[];
  readonly modules: OptionalModules;
  /** The authorization server, where this server is its own. */
  readonly authServer: AuthorizationServer | undefined;
  /** Reads bearer tokens; undefined when nobody is asked who they are. */
  readonly verify: TokenVerifier | undefined;
}

/** Throws when a setting is missing or wrong, and says which. */
export function createRuntime(
  server: Server,
  env: Env,
  createLoginOptions: (vault: Vault) => LoginOptions,
  modules: OptionalModules,
): Runtime {
  setStacksAsText(env.DEV === "1");
  const config = readConfig(env);
  const { auth, ring } = config;
  const {
    hub: hubNamespace,
    sessions,
    stores: storeNamespace,
    vault: database,
    grants,
    accounts,
    limiter,
    authLimiter,
  } = readBindings(env);
  const hub = createHubClient(hubNamespace);
  const vault = modules.vault?.open(database, ring) ?? missingModule<Vault>("vault");
  const serviceInfo = { service: server.info.name, version: server.info.version };
  // Publishing outlives the request that caused it, and never delays its answer.
  const services: Services = {
    ring,
    vault,
    handlerSeconds: config.handlerSeconds,
    storage: modules.storage?.(ring, storeNamespace) ?? missingModule<StorageClient>("storage"),
    tracer: (config.collector && modules.telemetry?.({ ...serviceInfo, ...config.collector })) ?? NO_TRACER,
    publish: (change) => waitUntil(hub.publish(change)),
    notifyElicitationComplete: (elicitationId) => waitUntil(completeElicitation(sessions, ring, elicitationId)),
  };
  const dependencies = { server, services, hub, sessions, pinnedRevision: config.pinnedRevision };
  const settings = { ...config.oauth, serverName: server.info.title ?? server.info.name, scopes: server.scopes };
  const common = { config, limiter, dependencies, settings, scopes: serverDefaultScopes(settings), modules };
  if (auth === "none") {
    log("warn", "auth.disabled", { warning: "AUTH is none: ANYONE MAY CALL THIS SERVER" });
    return { ...common, authServer: undefined, verify: undefined };
  }
  if (auth !== "builtin") return { ...common, authServer: undefined, verify: externalTokenVerifier(auth) };
  const authServer = { ring, grants, accounts, limiter: authLimiter, settings, login: createLoginOptions(vault) };
  return { ...common, authServer, verify: builtinTokenVerifier(authServer) };
}

/** Stands where an optional module was left out: throws when it is used. */
function missingModule<T extends object>(name: keyof OptionalModules): T {
  const throwMissing = (): never => {
    throw new Error(`This server has no ${name}: name it in index.ts`);
  };
  return new Proxy({}, { get: throwMissing }) as T;
}
