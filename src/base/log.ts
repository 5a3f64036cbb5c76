/**
 * The log: one JSON object a line, each with an event whose name is stable. This list is what an operator alerts on.
 * Facts never hold a secret, a token, a code, or a value that a stranger chose freely; a `Secret` says "[secret]".
 */

import type { Secret } from "./secret.ts";

export type LogEvent =
  /** At start: nobody is asked who they are. */
  | "auth.disabled"
  /** An OAuth request was refused, at a page, an endpoint or the resource; `reason` is stable. */
  | "oauth.refused"
  /** Somebody signed in; was turned away; agreed; said no; got a token; lost a grant; a client registered. */
  | "oauth.signed_in"
  | "oauth.denied"
  | "oauth.granted"
  | "oauth.token_issued"
  | "oauth.revoked"
  | "oauth.registered"
  /** A grant or an account could not be asked: its object was reset, or has too much to do. */
  | "oauth.object_away"
  /** A hook of the app threw. */
  | "hook.failed"
  /** A Host or an Origin that is not served; each at most once a minute, while no other comes between. */
  | "request.refused"
  /** A request ended in a 500; a handler threw, or returned what is no result; a handler took too long. */
  | "request.failed"
  | "handler.failed"
  | "handler.timed_out"
  /** A call could not be answered with what came of it, such as a result that is no JSON; a reply ended without one. */
  | "call.failed"
  | "response.failed"
  /** A tool made a result that does not fit its schema. */
  | "tool.output_invalid"
  /** A task ended by an error: its handler failed too often, or the protocol has an error for what came of it. */
  | "task.failed"
  /** A task could not go on, for a setting is missing or the hub does not answer; it is tried again. */
  | "task.postponed"
  /** An object died under a call; a session could not be told of a change. */
  | "session.call_lost"
  | "session.notify_failed"
  | "change.lost"
  /** A listener of the hub could not be told of a change. */
  | "listener.notify_failed"
  /**
   * What follows the end of a grant or a session is not done yet, and is tried again; after `tries` it is given up. Or a
   * grant could not be ended at its person's wish, which they are told, or to make room, which their next login tries again.
   */
  | "cleanup.failed"
  /** A credential cannot be had; `reason` says why, `message` which key or database. */
  | "vault.failed"
  /** The operator had a page of credentials sealed anew. */
  | "vault.resealed"
  /** Something the app relies on failed, such as a database. */
  | "app.dependency_failed"
  /** Spans did not reach the collector, at most once a minute; spans were dropped for want of room. */
  | "telemetry.failed";

export type LogFields = Readonly<Record<string, string | number | boolean | Secret | undefined>>;

let hasStacksAsText = false;

/** From here on an `error` that is a stack follows its line as text, for people who read the log: `wrangler dev` maps stacks in text. */
export function setStacksAsText(isEnabled: boolean): void {
  hasStacksAsText = isEnabled;
}

/** Writes one JSON line. `event` is one of {@link LogEvent}, which operators filter by. */
export function log(
  level: "log" | "warn" | "error",
  event: LogEvent,
  fields: LogFields = {},
): void {
  const { error, ...rest } = fields;
  const stack = String(error ?? "");
  if (hasStacksAsText && stack.includes("\n"))
    console[level](`${JSON.stringify({ event, ...rest })}\n${stack}`);
  else console[level](JSON.stringify({ event, ...fields }));
}

/** Writes the line of something that failed: `fields`, and the stack of `error` where it has one. */
export function logError(event: LogEvent, error: unknown, fields: LogFields = {}): void {
  log("error", event, { ...fields, error: errorStack(error) });
}

/** An exception as a fact: its stack where it has one. */
export function errorStack(error: unknown): string {
  return String((error as Error | undefined)?.stack ?? error);
}
