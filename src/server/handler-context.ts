/**
 * Makes the Context of a handler. Each member is made when the handler reads it, so that a call that asks for nothing
 * and sends nothing costs nothing. What features add stands beside what every server has.
 */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import { copyJson } from "../base/json.ts";
import type { Span } from "../base/span.ts";
import type { NotificationSink } from "../protocol/outcome.ts";
import { LOG_LEVELS } from "../protocol/request-meta.ts";
import type { BaseContext, Context } from "./context.ts";
import type { InputRequests } from "./input-requests.ts";
import { supportsInput } from "./input-round.ts";
import { tracedFetch } from "./traced-fetch.ts";
import type { ServerRequest } from "./types.ts";

/** One run of a handler: what members of its Context are made from. */
export interface HandlerRun {
  readonly request: ServerRequest;
  readonly cancel: Cancellation;
  /** The span of the run. */
  readonly span: Span;
  readonly notify: NotificationSink;
  readonly getInputRequests: () => InputRequests;
  readonly closeStream: (() => void) | undefined;
  /** The caller as this run has it, once it is asked for. */
  caller: Caller | undefined;
  /** The progress that was sent last; -Infinity before. */
  lastProgress: number;
}

/** Members of a Context by name: each gives the member for a run. */
export type ContextMembers<Members = object> = {
  readonly [Name in keyof Members]: (run: HandlerRun) => Members[Name];
};

export type CreateContext = (run: HandlerRun) => Context;

/** The Context of handlers, with what features add. Called once per isolate. @throws where two features add one name. */
export function createContextFactory(added: readonly ContextMembers[]): CreateContext {
  class HandlerContext {
    readonly #run: HandlerRun;
    constructor(run: HandlerRun) {
      this.#run = run;
    }
    static define(name: string, make: (run: HandlerRun) => unknown): void {
      if (name in this.prototype) throw new Error(`Two features add "${name}" to Context`);
      Object.defineProperty(this.prototype, name, {
        get(this: HandlerContext) {
          return make(this.#run);
        },
      });
    }
  }
  for (const members of [BASE_MEMBERS, ...added])
    for (const [name, make] of Object.entries(
      members as Record<string, (run: HandlerRun) => unknown>,
    ))
      HandlerContext.define(name, make);
  return (run) => new HandlerContext(run) as unknown as Context;
}

/** A handler may change what it is given: others have the same caller. */
function ownCaller(caller: Caller): Caller {
  const { scopes, properties } = caller;
  const own = { ...caller, scopes: [...scopes] };
  return properties === undefined ? own : { ...own, properties: copyJson(properties) };
}

const BASE_MEMBERS: ContextMembers<BaseContext> = {
  caller: (run) => (run.caller ??= ownCaller(run.request.caller)),
  client: ({ request: { clientInfo, capabilities } }) => ({
    info: clientInfo,
    supports: (capability) => supportsInput(capabilities, capability),
  }),
  signal: ({ cancel }) => cancel.signal,
  progress: (run) => (progress, total, message) => {
    const { progressToken } = run.request;
    // spec: progress.token.active, progress.increase
    // What is no finite number has no words in JSON.
    if (progressToken === undefined || !Number.isFinite(progress) || progress <= run.lastProgress)
      return;
    run.lastProgress = progress;
    const finiteTotal = Number.isFinite(total) ? total : undefined;
    run.notify({
      method: "notifications/progress",
      params: { progressToken, progress, total: finiteTotal, message },
    });
  },
  log:
    ({ request: { logLevel }, notify }) =>
    (level, data, logger) => {
      // spec: logging.level.required
      if (logLevel === undefined || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(logLevel))
        return;
      notify({ method: "notifications/message", params: { level, data, logger } });
    },
  elicitForm: ({ getInputRequests }) => getInputRequests().elicitForm,
  elicitUrl: ({ getInputRequests }) => getInputRequests().elicitUrl,
  requireUrl: ({ getInputRequests }) => getInputRequests().requireUrl,
  sample: ({ getInputRequests }) => getInputRequests().sample,
  roots: ({ getInputRequests }) => getInputRequests().roots,
  once: ({ getInputRequests }) => getInputRequests().once,
  fetch:
    ({ span }) =>
    (url, limits) =>
      tracedFetch(span, url, limits),
  closeStream:
    ({ closeStream }) =>
    () =>
      closeStream?.(),
};
