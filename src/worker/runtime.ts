/**
 * The runtime: everything that a request needs on its way, made once per isolate from the settings, the app and the
 * parts that `index.ts` names. None of them imports this file.
 */

import type { JsonObject } from "../base/json.ts";
import { log, setStacksAsText } from "../base/log.ts";
import type { ServerIdentifiers } from "../base/identifiers.ts";
import { createSettings, type Settings } from "../base/settings.ts";
import { NO_TRACER } from "../base/span.ts";
import type { ServerSpec } from "../server/define.ts";
import type {
  AuthFeature,
  Authority,
  Extension,
  Feature,
  FeatureParts,
  OpenSubscriptionStream,
  Route,
  ServerRuntime,
  SessionTransport,
} from "../server/feature.ts";
import { createContextFactory } from "../server/handler-context.ts";
import { buildServer, type Server } from "../server/registry.ts";
import { readConfig, type Config } from "./config.ts";

/** What a Worker is made of. `E`: the settings and bindings of the app. */
export interface WorkerParts<E> {
  /** What the server offers; as a function of the settings it is made with the first request. What is wrong goes to `settings`. */
  readonly server: ServerSpec | ((env: E, settings: Settings) => ServerSpec);
  /** Who vouches for callers: the first one that the settings choose. Without one, only AUTH "none" serves anybody. */
  readonly auth?: readonly AuthFeature[];
  readonly features?: readonly Feature[];
  readonly site?: SiteHandler;
  readonly errorPage?: ErrorPage;
}

/** Serves what the app has beside the endpoint, such as a page for people; undefined for what it does not have. */
export type SiteHandler = (
  http: Request,
  context: SiteContext,
) => Response | undefined | Promise<Response | undefined>;
/** A page for people in place of an error; the error as it is for everybody else. */
export type ErrorPage = (http: Request, error: Response, serverName: string) => Promise<Response>;
export interface SiteContext {
  readonly server: Server;
  readonly identifiers: ServerIdentifiers;
  /** Whether nobody is asked who they are, everybody signs in here, or another issuer's tokens are taken. */
  readonly authMode: "open" | Authority["mode"];
}

export interface Runtime extends ServerRuntime {
  readonly config: Config;
  /** Undefined when nobody is asked who they are. */
  readonly authority: Authority | undefined;
  /** Undefined where only the stateless revisions are served. */
  readonly sessions: SessionTransport | undefined;
  readonly openSubscriptionStream: OpenSubscriptionStream | undefined;
  /** What is served beside the endpoint, in the order in which it is asked. */
  readonly routes: readonly Route[];
  /** Whether scripts of any site may read what a part serves at `path`. */
  readonly isPublic: (path: string) => boolean;
}

/** The server of `parts`, with what its features make possible. @throws on a definition that is wrong. */
export function buildServerOf<E>(
  spec: ServerSpec,
  { features = [] }: Pick<WorkerParts<E>, "features">,
): Server {
  const resources = [spec, ...features].flatMap((one) => one.resources ?? []);
  const extensions = features.flatMap(({ extension }) => extension ?? []);
  return buildServer(
    { ...spec, resources },
    {
      versions: features.flatMap(({ versions = [] }) => versions),
      sendsChanges: features.some(({ sendsChanges = false }) => sendsChanges),
      extensions: declarationsOf(extensions),
      sessionExtensions: declarationsOf(extensions.filter(({ isInSessions }) => isInSessions)),
    },
  );
}

function declarationsOf(extensions: readonly Extension[]): JsonObject {
  return Object.fromEntries(extensions.map(({ id, settings }) => [id, settings]));
}

/** Starts every part. @throws when a setting or binding is missing or wrong, and names all of them. */
export function createRuntime<E>(
  serverFor: Server | ((settings: Settings) => Server),
  parts: WorkerParts<E>,
  env: unknown,
): Runtime {
  const settings = createSettings(env);
  setStacksAsText(settings.isOn("DEV"));
  const { ring, ...config } = readConfig(settings);
  const server = typeof serverFor === "function" ? serverFor(settings) : serverFor;
  // Without a ring nothing can start.
  if (ring === undefined) settings.check();
  const platform = { server, settings, ring: ring as Config["ring"] };
  const started = (parts.features ?? []).map((feature) => feature.start(platform));
  // What one part brings and no other does.
  const only = Object.assign({}, ...started) as FeatureParts;
  const authority = config.isOpen ? undefined : startAuthority(parts.auth ?? [], platform);
  settings.check();
  if (authority === undefined)
    log("warn", "auth.disabled", {
      warning: "ANYONE MAY CALL THIS SERVER",
    });
  const services = {
    ring: platform.ring,
    handlerSeconds: config.handlerSeconds,
    tracer: only.tracer ?? NO_TRACER,
    createContext: createContextFactory(
      started.flatMap(({ contextMembers = [] }) => contextMembers),
    ),
    listViews: started.flatMap(({ viewList }) => viewList ?? []),
    extensionMethods: new Map(started.flatMap(({ methods = {} }) => Object.entries(methods))),
    startTask: only.startTask,
    addToSubscription: only.addToSubscription,
  };
  const serverRuntime = { server, services, settings };
  return {
    ...serverRuntime,
    config: { ...config, ring: platform.ring },
    authority,
    sessions: only.createSessionTransport?.(serverRuntime),
    openSubscriptionStream: only.openSubscriptionStream,
    routes: [...started.map(({ route }) => route), authority?.route].filter(
      (route) => route !== undefined,
    ),
    isPublic: (path) => started.some((one) => one.isPublic?.(path)),
  };
}

/** The first that the settings choose. A Worker without one is refused: only AUTH "none" opens it. */
function startAuthority(
  authFeatures: readonly AuthFeature[],
  platform: Parameters<AuthFeature["start"]>[0],
): Authority | undefined {
  for (const feature of authFeatures) {
    const authority = feature.start(platform);
    if (authority !== undefined) return authority;
  }
  // To let everybody in instead would be the worst reading of a lost setting, or of a part that was taken out.
  platform.settings.reject(
    'Nobody vouches for callers: no part of this Worker does. Set AUTH to "none" to serve everybody',
  );
  return undefined;
}
