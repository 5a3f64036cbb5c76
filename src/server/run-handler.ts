/**
 * Runs a handler: gives it a context, closes its notifications when it is done, and turns whatever happened into an outcome.
 * The one place where an exception of a handler is caught. Its message reaches the caller only from a PublicError.
 */

import { callerKey } from "../base/caller.ts";
import { errorOutcome, type Outcome, type NotificationSink } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import { seal } from "../crypto/seal.ts";
import { LOG_LEVELS } from "../protocol/request-meta.ts";
import { errorType, type Span } from "../telemetry/span.ts";
import { createInputRequests, supportsInput, type ToErrorOutcome, type InputRequests } from "./input-requests.ts";
import { PublicError } from "./content.ts";
import type { Context } from "./context.ts";
import {
  cacheValue,
  createStorage,
  callerCredentials,
  tracedFetch,
  countUse,
  callerStorage,
  openStorage,
  shareStorage,
} from "./context-services.ts";
import { logInternalError } from "./failure.ts";
import { requestTarget } from "./request-span.ts";
import { limitNotifications } from "./notification-limiter.ts";
import type { ServerRequest, Call, TimeLimit } from "./types.ts";

/** The purpose of elicitation ids: each is a session's id, sealed, which only this server can make or read. */
export const ELICITATION_ID_PURPOSE = "elicitation";

/** Of a tool its own time, where it has one. */
export function timeLimitOf(
  { server, services }: Pick<Call, "server" | "services">,
  { method, params }: Pick<ServerRequest, "method" | "params">,
): TimeLimit {
  const { tool, prompt, resource } = requestTarget(server, method, params);
  const seconds = server.tools.get(tool ?? "")?.timeoutSeconds ?? services.handlerSeconds;
  return { ms: seconds * 1_000, message: `${tool ?? prompt ?? resource ?? method} took longer than ${seconds} s` };
}

/**
 * Runs `handler` and shapes what it returns with `finish`, which throws where that is no result. `toErrorOutcome` says how an error
 * ends the request: a tool shows it to the model, everything else refuses.
 */
export async function runHandler<T>(
  call: Call,
  handler: (context: Context) => T | Promise<T>,
  toOutcome: (value: T) => Outcome,
  toErrorOutcome: ToErrorOutcome = errorOutcome,
): Promise<Outcome> {
  const { cancel, request } = call;
  const { method, params, capabilities, retryState, sessionId, span } = request;
  // Only where a name says what is run was it found: elsewhere it is a stranger's word.
  const { name } = params;
  const isNamed = typeof name === "string" && (method === "tools/call" || method === "prompts/get");
  const handlerSpan = span.startChild(`run ${isNamed ? name : method}`, "internal");
  // Few handlers ask anything: what asking needs is made with the first question.
  const issueElicitationId =
    sessionId === undefined ? undefined : () => seal(call.services.ring, ELICITATION_ID_PURPOSE, sessionId);
  let inputRequests: InputRequests | undefined;
  const getInputRequests = (): InputRequests =>
    (inputRequests ??= createInputRequests(capabilities, retryState, toErrorOutcome, issueElicitationId));
  const notifications = limitNotifications(call.sink, cancel);
  /** Questions outrank what the handler returned, and what it threw. */
  const callHandler = async (): Promise<Outcome> => {
    try {
      const value = await handler(createContext(call, handlerSpan, notifications.sink, getInputRequests));
      return (inputRequests && (await inputRequests.outcome())) ?? toOutcome(value);
    } catch (error) {
      const inputOutcome = inputRequests && (await inputRequests.outcome());
      if (inputOutcome === undefined) throw error;
      return inputOutcome;
    }
  };
  try {
    return await cancel.rejectOnTimeout(callHandler());
  } catch (error) {
    handlerSpan.end(errorType(error));
    if (error instanceof PublicError) return toErrorOutcome(protocolError("InvalidParams", error.message));
    const { timeoutError } = cancel;
    if (timeoutError === undefined) return toErrorOutcome(logInternalError("handler.failed", call, error));
    return toErrorOutcome(logInternalError("handler.timed_out", call, timeoutError.message, timeoutError.message));
  } finally {
    notifications.close();
    handlerSpan.end();
  }
}

function createContext(
  { request, cancel, services, closeStream }: Call,
  handlerSpan: Span,
  notify: NotificationSink,
  getInputRequests: () => InputRequests,
): Context {
  const { caller, clientInfo, capabilities, progressToken, logLevel } = request;
  const scope = { services, caller, span: handlerSpan };
  let lastProgress = -Infinity;
  return {
    caller,
    client: { info: clientInfo, supports: (capability) => supportsInput(capabilities, capability) },
    get signal() {
      return cancel.signal;
    },
    progress(progress, total, message) {
      // spec: progress.token.active, progress.increase
      if (progressToken === undefined || !(progress > lastProgress)) return;
      lastProgress = progress;
      const optionalParams = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
      notify({ method: "notifications/progress", params: { progressToken, progress, ...optionalParams } });
    },
    log(level, data, logger) {
      // spec: logging.level.required
      if (logLevel === undefined || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(logLevel)) return;
      notify({ method: "notifications/message", params: { level, data, ...(logger !== undefined && { logger }) } });
    },
    elicitForm: (key, elicitation) => getInputRequests().elicitForm(key, elicitation),
    elicitUrl: (key, elicitation) => getInputRequests().elicitUrl(key, elicitation),
    requireUrl: (key, elicitation) => getInputRequests().requireUrl(key, elicitation),
    elicitationComplete: (elicitationId) => services.notifyElicitationComplete(elicitationId),
    sample: (key, samplingRequest) => getInputRequests().sample(key, samplingRequest),
    roots: (key) => getInputRequests().roots(key),
    once: (key, action) => getInputRequests().once(key, action),
    get storage() {
      return callerStorage(scope);
    },
    createStorage: (seconds) => createStorage(scope, seconds),
    openStorage: (handle) => openStorage(scope, handle),
    shareStorage: (handle, seconds) => shareStorage(scope, handle, seconds),
    cache: (key, ttl, load, options) => cacheValue(scope, key, ttl, load, options),
    rateLimit: (key, max, windowMs, options) => countUse(scope, key, max, windowMs, options),
    get vault() {
      return callerCredentials(scope);
    },
    fetch: (url, limits) => tracedFetch(scope, url, limits),
    closeStream: () => closeStream?.(),
    listChanged: (list) => services.publish({ list }),
    resourceUpdated: (uri, audience = "everyone") =>
      services.publish(audience === "caller" ? { uri, audience: callerKey(caller) } : { uri }),
  };
}
