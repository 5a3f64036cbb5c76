/** What serves a request: the server, what the isolate shares, and the call itself. Types only. */

import type { Cancellation } from "../base/cancellation.ts";
import type { Tracer } from "../base/span.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { NotificationSink, Outcome } from "../protocol/outcome.ts";
import type { MethodSpec } from "../protocol/versions.ts";
import type { CreateContext } from "./handler-context.ts";
import type { Server } from "./registry.ts";
import type { ServerRequest } from "./types.ts";

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
}

/** What a request handler is given. */
export interface Call {
  readonly server: Server;
  readonly request: ServerRequest;
  readonly sink: NotificationSink;
  readonly cancel: Cancellation;
  readonly services: Services;
  /** Lets the connection go while the call goes on; the era says what that means. */
  readonly closeStream?: (() => void) | undefined;
}

/** A method that an extension adds to the stateless revisions. One that a revision has itself cannot be replaced. */
export interface ExtensionMethod extends MethodSpec {
  /** Whether the client declared the extension is for it to look at: `missingExtension`. */
  readonly handle: (call: Call) => Outcome | Promise<Outcome>;
}
