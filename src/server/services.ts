/** What serves a request: the server, what the isolate shares, and the call itself. Types only. */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import type { JsonObject } from "../base/json.ts";
import type { ProtocolError } from "../base/protocol-error.ts";
import type { Result } from "../base/result.ts";
import type { Tracer } from "../base/span.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { NotificationSink, Outcome } from "../protocol/outcome.ts";
import type { ClientCapabilities } from "../protocol/request-meta.ts";
import type { MethodSpec } from "../protocol/versions.ts";
import type { Tool } from "./define.ts";
import type { CreateContext } from "./handler-context.ts";
import type { ListContents, Server } from "./registry.ts";
import type { ServerRequest, Steps } from "./types.ts";

/** What every request of an isolate shares. */
export interface Services {
  readonly ring: KeyRing;
  readonly tracer: Tracer;
  /** Seconds that a handler may take, unless its tool says otherwise. */
  readonly handlerSeconds: number;
  /** Makes the Context of a handler, with the members of every feature. */
  readonly createContext: CreateContext;
  /** What extensions serve, by method. */
  readonly extensionMethods: ReadonlyMap<string, ExtensionMethod>;
  /** Makes tasks of calls; undefined without that part. */
  readonly startTask: StartTask | undefined;
  /** What an extension adds to `subscriptions/listen`. */
  readonly addToSubscription: AddToSubscription | undefined;
  /** What extensions show of a list, one after the other. */
  readonly listViews: readonly ViewList[];
}

/** Makes a task of a call to `tool`, or says why not; undefined where the call is to run at once. `args` were checked. */
export type StartTask = (call: Call, tool: Tool, args: never) => Promise<Outcome> | undefined;

/** Reads what a subscription is to hear of beside changes, and opens it; undefined where the request names nothing of it. */
export type AddToSubscription = (
  request: Pick<ServerRequest, "params" | "capabilities">,
  caller: Caller,
) => Promise<Result<AddedSubscription, ProtocolError>> | undefined;

export interface AddedSubscription {
  /** The part of `notifications` that is granted. */
  readonly filter: JsonObject;
  /** The notification that carries each message of the sockets as its params. */
  readonly method: string;
  /** Not accepted yet. One that closes with 1000 has nothing more to tell; any other close ends the subscription. */
  /** Each says nothing until it is sent a message, when its turn has come. */
  readonly sockets: readonly WebSocket[];
}

/** What is shown of a list to a client with these capabilities: each time the same object, whose pages are made once. */
export type ViewList = (list: ListContents, capabilities: ClientCapabilities) => ListContents;

/** What a request handler is given. */
export interface Call {
  readonly server: Server;
  readonly request: ServerRequest;
  readonly sink: NotificationSink;
  readonly cancel: Cancellation;
  readonly services: Services;
  /** Lets the connection go while the call goes on; the era says what that means. */
  readonly closeStream?: (() => void) | undefined;
  /** What brought it, in the stateless era. */
  readonly http?: Request;
  /** Of a task. */
  readonly steps?: Steps;
}

/** A method that an extension adds to the stateless revisions. One that a revision has itself cannot be replaced. */
export interface ExtensionMethod extends MethodSpec {
  /**
   * Where its requests are limited apart from all other messages of their caller: by what this gives of their parameters, which
   * is one of a few texts.
   */
  readonly limitKey?: (params: JsonObject) => string;
  /** Whether the client declared the extension is for it to look at: `missingExtension`. */
  readonly handle: (call: Call) => Outcome | Promise<Outcome>;
}
