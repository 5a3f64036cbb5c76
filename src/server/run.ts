/**
 * Runs a handler: gives it a context, closes the valve when it is done, and turns whatever happened into an outcome.
 * The one place where an exception of a handler is caught. Its message reaches the caller only from a PublicError.
 */

import { callerKey } from "../base/caller.ts";
import { refused, type Outcome, type Sink } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import { seal } from "../crypto/seal.ts";
import { LOG_LEVELS } from "../revision/envelope.ts";
import { kindOf, type Span } from "../telemetry/span.ts";
import { askingFor, can, type Fail, type Questions } from "./ask.ts";
import { PublicError } from "./content.ts";
import type { Context } from "./context.ts";
import { cached, createState, credentialsOf, fetchFrom, limited, mineOf, openState, shareState } from "./lend.ts";
import { report } from "./failure.ts";
import { targetOf } from "./trace.ts";
import { valve } from "./valve.ts";
import type { ServerRequest, Call, Limit } from "./types.ts";

/** The purpose of elicitation ids: each is a session's id, sealed, which only this server can make or read. */
export const ELICITATION = "elicitation";

/** Of a tool its own time, where it has one. */
export function limitOf(
  { server, services }: Pick<Call, "server" | "services">,
  { method, params }: Pick<ServerRequest, "method" | "params">,
): Limit {
  const { tool, prompt, resource } = targetOf(server, method, params);
  const seconds = server.tools.get(tool ?? "")?.timeoutSeconds ?? services.handlerSeconds;
  return { ms: seconds * 1_000, message: `${tool ?? prompt ?? resource ?? method} took longer than ${seconds} s` };
}

/**
 * Runs `handler` and shapes what it returns with `finish`, which throws where that is no result. `fail` says how an error
 * ends the request: a tool shows it to the model, everything else refuses.
 */
export async function run<T>(
  call: Call,
  handler: (context: Context) => T | Promise<T>,
  finish: (value: T) => Outcome,
  fail: Fail = refused,
): Promise<Outcome> {
  const { cancel, request } = call;
  const { method, params, capabilities, memory, session, span } = request;
  // Only where a name says what is run was it found: elsewhere it is a stranger's word.
  const { name } = params;
  const named = typeof name === "string" && (method === "tools/call" || method === "prompts/get");
  const part = span.child(`run ${named ? name : method}`, "internal");
  // Few handlers ask anything: what asking needs is made with the first question.
  const issue = session === undefined ? undefined : () => seal(call.services.ring, ELICITATION, session);
  let asking: Questions | undefined;
  const questions = (): Questions => (asking ??= askingFor(capabilities, memory, fail, issue));
  const flow = valve(call.sink, cancel);
  /** Questions outrank what the handler returned, and what it threw. */
  const work = async (): Promise<Outcome> => {
    try {
      const value = await handler(contextOf(call, part, flow.sink, questions));
      return (asking && (await asking.open())) ?? finish(value);
    } catch (error) {
      const open = asking && (await asking.open());
      if (open === undefined) throw error;
      return open;
    }
  };
  try {
    return await cancel.within(work());
  } catch (error) {
    part.end(kindOf(error));
    if (error instanceof PublicError) return fail(refusal("InvalidParams", error.message));
    const { timeout } = cancel;
    if (timeout === undefined) return fail(report("handler.failed", call, error));
    return fail(report("handler.timeout", call, timeout.message, timeout.message));
  } finally {
    flow.close();
    part.end();
  }
}

function contextOf(
  { request, cancel, services, release }: Call,
  part: Span,
  tell: Sink,
  questions: () => Questions,
): Context {
  const { caller, clientInfo, capabilities, progressToken, logLevel } = request;
  const lender = { services, caller, part };
  let last = -Infinity;
  return {
    caller,
    client: { info: clientInfo, can: (ability) => can(capabilities, ability) },
    get signal() {
      return cancel.signal;
    },
    progress(progress, total, message) {
      // spec: progress.token.active, progress.increase
      if (progressToken === undefined || !(progress > last)) return;
      last = progress;
      const more = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
      tell({ method: "notifications/progress", params: { progressToken, progress, ...more } });
    },
    log(level, data, logger) {
      // spec: logging.level.required
      if (logLevel === undefined || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(logLevel)) return;
      tell({ method: "notifications/message", params: { level, data, ...(logger !== undefined && { logger }) } });
    },
    ask: (key, question) => questions().ask(key, question),
    askUrl: (key, question) => questions().askUrl(key, question),
    requireUrl: (key, question) => questions().requireUrl(key, question),
    completed: (elicitationId) => services.complete(elicitationId),
    sample: (key, asked) => questions().sample(key, asked),
    roots: (key) => questions().roots(key),
    once: (key, action) => questions().once(key, action),
    get mine() {
      return mineOf(lender);
    },
    createState: (seconds) => createState(lender, seconds),
    state: (handle) => openState(lender, handle),
    shareState: (handle, seconds) => shareState(lender, handle, seconds),
    cache: (key, ttl, load, choice) => cached(lender, key, ttl, load, choice),
    limit: (key, max, windowMs, choice) => limited(lender, key, max, windowMs, choice),
    get vault() {
      return credentialsOf(lender);
    },
    fetch: (url, limits) => fetchFrom(lender, url, limits),
    release: () => release?.(),
    changed: (list) => services.publish({ list }),
    updated: (uri, audience = "everyone") =>
      services.publish(audience === "caller" ? { uri, audience: callerKey(caller) } : { uri }),
  };
}
