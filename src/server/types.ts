/** A request as `server/` sees it, whichever protocol revision and transport brought it. Types only. */

import type { Caller } from "../base/caller.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { RetryState } from "../protocol/outcome.ts";
import type { ClientCapabilities, Implementation, LogLevel } from "../protocol/request-meta.ts";
import type { Span } from "../base/span.ts";
import type { Message, RpcRequest } from "../wire/jsonrpc.ts";
import type { RequestTarget } from "./request-target.ts";

/** A message of a verified caller. */
export type ReceivedMessage = Message & {
  readonly caller: Caller;
  /** Empty of what is no request. */
  readonly target: RequestTarget;
};

/** A request, with what it names. */
export interface TargetedRequest extends RpcRequest {
  readonly target: RequestTarget;
}

/** One request as `server/` sees it, whichever era brought it. */
export interface ServerRequest {
  readonly method: string;
  readonly params: JsonObject;
  readonly target: RequestTarget;
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

/** How long a request may take, from its start to its result or its questions. The era, which has a clock, ends it. */
export interface TimeLimit {
  readonly ms: number;
  /** What is said when it takes longer. */
  readonly message: string;
}

/** What a call that may be lost does around the steps of its handler, which are `once` of Context. */
export interface Steps {
  /** Whether the handler is to be left before its next step: it runs again from its start, or not at all. */
  mustLetGo(): boolean;
  /** What a step gave, where another run has ended it since this one began. */
  kept(key: string): JsonValue | undefined;
  /** Keeps what a step gave, before anything follows it, and gives what is kept: what came first. @throws where it cannot. */
  record(key: string, value: JsonValue): JsonValue;
  /** The handler threw `error`, and not to tell the caller something. */
  fail(error: unknown): void;
}
