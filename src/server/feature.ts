/**
 * What a part of the Worker brings that can be left out: a feature of `features`, or an authority of `auth`. Types only.
 * Whoever names a part in `index.ts` has its bindings, settings, routes and members of Context; where it is not named,
 * nothing of it is in the bundle and nothing is required for it.
 */

import type { Caller } from "../base/caller.ts";
import type { ServerIdentifiers } from "../base/identifiers.ts";
import type { JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { Settings } from "../base/settings.ts";
import type { Span, Tracer } from "../base/span.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { Message, RpcRequest } from "../wire/jsonrpc.ts";
import type { ResourceSpec } from "./define.ts";
import type { ContextMembers } from "./handler-context.ts";
import type { Server } from "./registry.ts";
import type {
  AddToSubscription,
  ExtensionMethod,
  Services,
  StartTask,
  ViewList,
} from "./services.ts";
import type { ServerRequest } from "./types.ts";

/** What a part is made from. */
export interface Platform {
  readonly server: Server;
  readonly ring: KeyRing;
  readonly settings: Settings;
}

/** What every object and transport of an isolate shares, once all parts have started. */
export interface ServerRuntime {
  readonly server: Server;
  readonly services: Services;
  readonly settings: Settings;
}

export interface Feature {
  /** Revisions of MCP that are served because of it. */
  readonly versions?: readonly string[];
  /** Whether clients can learn of changes: capabilities say so. */
  readonly sendsChanges?: boolean;
  /** The extension of the protocol that it is: its id, and what clients are told of it. */
  readonly extension?: Extension;
  /** What it serves beside the resources of the app. */
  readonly resources?: readonly ResourceSpec[];
  /** Once per isolate. What is wrong with its settings goes to `platform.settings`. */
  start(platform: Platform): FeatureParts;
}

export interface Extension {
  readonly id: string;
  readonly settings: JsonObject;
  /** Older than the stateless revisions: clients declare it, and are told of it, in sessions too. */
  readonly isInSessions?: true;
}

export interface FeatureParts {
  /** What handlers find in their Context. */
  readonly contextMembers?: ContextMembers;
  /** What the extension serves, by method. */
  readonly methods?: Readonly<Record<string, ExtensionMethod>>;
  /** Which form of a list a client is shown. */
  readonly viewList?: ViewList;
  readonly startTask?: StartTask;
  readonly addToSubscription?: AddToSubscription;
  readonly route?: Route;
  /** Whether its route serves scripts of any site at `path`: no Origin is refused there, and it says itself who may read. */
  readonly isPublic?: (path: string) => boolean;
  /** Records what requests do. */
  readonly tracer?: Tracer;
  /** Serves the revisions that have sessions. */
  readonly createSessionTransport?: (runtime: ServerRuntime) => SessionTransport;
  /** Serves `subscriptions/listen`. */
  readonly openSubscriptionStream?: OpenSubscriptionStream;
}

/** The answer at a path of its own; undefined at every other. */
export type Route = (
  http: Request,
  url: URL,
  identifiers: ServerIdentifiers,
) => Response | undefined | Promise<Response | undefined>;

export type OpenSubscriptionStream = (
  http: Request,
  request: RpcRequest & Pick<ServerRequest, "capabilities">,
  caller: Caller,
  addToSubscription?: AddToSubscription,
) => Promise<Response>;

/** The methods of the MCP endpoint in revisions that have sessions. `caller` is verified. */
export interface SessionTransport {
  /** `isBatch`: the body was an array. */
  handlePost(
    http: Request,
    messages: readonly Message[],
    isBatch: boolean,
    caller: Caller,
    span: Span,
  ): Promise<Response>;
  handleGet(http: Request, caller: Caller): Promise<Response>;
  handleDelete(http: Request, caller: Caller): Promise<Response>;
}

/** Who vouches for callers, where the settings choose it. */
export interface AuthFeature {
  /** Once per isolate; undefined where the settings name another one. */
  start(platform: Platform): Authority | undefined;
}

export interface Authority {
  /** Whether people sign in here, or another issuer's tokens are taken. */
  readonly mode: "builtin" | "external";
  /** The caller behind the bearer token, or the challenge that says how to become one. */
  authenticate(http: Request, identifiers: ServerIdentifiers): Promise<Result<Caller, Response>>;
  /** 401: the token looks good, and its grant has ended. */
  accessRevoked(identifiers: ServerIdentifiers): Response;
  /** 403: the token is good, but `scopes` are needed, all of them. */
  insufficientScope(identifiers: ServerIdentifiers, scopes: readonly string[]): Response;
  /** Metadata documents and endpoints. */
  readonly route: Route;
  /** Whether a page for people is at `path`: no script of another site may read it (RFC 9700 section 2.6). */
  isPage(path: string): boolean;
}
