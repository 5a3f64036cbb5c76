/** A request as `server/` sees it, whichever protocol revision and transport brought it, and what serves it. Types only. */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import type { JsonObject } from "../base/json.ts";
import type { Memory, Sink } from "../base/outcome.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { Change } from "../hub/change.ts";
import type { ClientCapabilities, Implementation, LogLevel } from "../revision/envelope.ts";
import type { StateDoor } from "../state/door.ts";
import type { Span } from "../telemetry/span.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { Vault } from "../vault/vault.ts";
import type { Server } from "./catalog.ts";

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
  readonly memory: Memory;
  /** Id of the session, in revisions that have them. */
  readonly session?: string;
  /** What its work is recorded under. */
  readonly span: Span;
}

/** What the platform lends to every request. */
export interface Services {
  readonly ring: KeyRing;
  readonly stores: StateDoor;
  readonly vault: Vault;
  readonly tracer: Tracer;
  /** Seconds that a handler may take, unless its tool says otherwise. */
  readonly handlerSeconds: number;
  publish(change: Change): void;
  /** Tells the session that asked by URL that the person is done there. */
  complete(elicitationId: string): void;
}

/** What a request handler is given. */
export interface Call {
  readonly server: Server;
  readonly request: ServerRequest;
  readonly sink: Sink;
  readonly cancel: Cancellation;
  readonly services: Services;
  /** Lets the connection go while the call goes on; the era says what that means. */
  readonly release?: (() => void) | undefined;
}

/** How long a request may take, from its start to its result or its questions. The era, which has a clock, ends it. */
export interface Limit {
  readonly ms: number;
  /** What is said when it takes longer. */
  readonly message: string;
}
