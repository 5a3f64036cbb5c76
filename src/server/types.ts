/** A request as `server/` sees it, whichever protocol revision and transport brought it, and what serves it. Types only. */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import type { JsonObject } from "../base/json.ts";
import type { RetryState, NotificationSink } from "../protocol/outcome.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { Change } from "../protocol/change.ts";
import type { ClientCapabilities, Implementation, LogLevel } from "../protocol/request-meta.ts";
import type { StorageClient } from "../storage/client.ts";
import type { Span } from "../telemetry/span.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { Vault } from "../vault/vault.ts";
import type { Server } from "./registry.ts";

/** One request as `server/` sees it, whichever era brought it. */
export interface ServerRequest {
  readonly method: string;
  readonly params: JsonObject;
  readonly caller: Caller;
  readonly capabilities: ClientCapabilities;
  readonly clientInfo: Implementation | undefined;
  readonly progressToken: string | number | undefined;
  /** The mildest level the client wants to see, or undefined for no log messages. */
  readonly logLevel: LogLevel | undefined;
  readonly retryState: RetryState;
  /** Id of the session, in revisions that have them. */
  readonly sessionId?: string;
  /** What its work is recorded under. */
  readonly span: Span;
}

/** What the platform lends to every request. */
export interface Services {
  readonly ring: KeyRing;
  readonly storage: StorageClient;
  readonly vault: Vault;
  readonly tracer: Tracer;
  /** Seconds that a handler may take, unless its tool says otherwise. */
  readonly handlerSeconds: number;
  publish(change: Change): void;
  /** Tells the session that asked by URL that the person is done there. */
  notifyElicitationComplete(elicitationId: string): void;
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

/** How long a request may take, from its start to its result or its questions. The era, which has a clock, ends it. */
export interface TimeLimit {
  readonly ms: number;
  /** What is said when it takes longer. */
  readonly message: string;
}
