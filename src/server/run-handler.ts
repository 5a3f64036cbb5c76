/**
 * Runs a handler: gives it a context, closes its notifications when it is done, and turns whatever happened into an outcome.
 * The one place where an exception of a handler is caught. Its message reaches the caller only from a PublicError.
 */

import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { seal } from "../crypto/seal.ts";
import { errorType } from "../base/span.ts";
import { createInputRequests, type InputRequests } from "./input-requests.ts";
import type { ToErrorOutcome } from "./input-round.ts";
import { PublicError } from "./content.ts";
import type { Context } from "./context.ts";
import { logInternalError } from "./failure.ts";
import { targetNames } from "./request-target.ts";
import { limitNotifications } from "./notification-limiter.ts";
import type { HandlerRun } from "./handler-context.ts";
import type { Call, Services } from "./services.ts";
import type { ServerRequest, TimeLimit } from "./types.ts";

/** The purpose of elicitation ids: each is a session's id, sealed, which only this server can make or read. */
export const ELICITATION_ID_PURPOSE = "elicitation";

/** Of a tool its own time, where it has one. */
export function timeLimitOf(
  { handlerSeconds }: Services,
  { method, target }: Pick<ServerRequest, "method" | "target">,
): TimeLimit {
  const { tool, prompt, resource } = targetNames(target);
  const seconds = target.tool?.timeoutSeconds ?? handlerSeconds;
  return {
    ms: seconds * 1_000,
    message: `${tool ?? prompt ?? resource ?? method} took longer than ${seconds} s`,
  };
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
  const { cancel, request, services, closeStream } = call;
  const { method, target, capabilities, retryState, sessionId, span } = request;
  // A completion does not run the prompt that it is about.
  const named = method === "completion/complete" ? undefined : (target.tool ?? target.prompt);
  const handlerSpan = span.startChild(`run ${named?.name ?? method}`, "internal");
  // Few handlers ask anything: what asking needs is made with the first question.
  const issueElicitationId =
    sessionId === undefined
      ? undefined
      : () => seal(services.ring, ELICITATION_ID_PURPOSE, sessionId);
  let inputRequests: InputRequests | undefined;
  const getInputRequests = (): InputRequests =>
    (inputRequests ??= createInputRequests(
      capabilities,
      retryState,
      toErrorOutcome,
      issueElicitationId,
      call.steps,
    ));
  const notifications = limitNotifications(call.sink, cancel);
  const run: HandlerRun = {
    request,
    cancel,
    span: handlerSpan,
    notify: notifications.sink,
    getInputRequests,
    closeStream,
    caller: undefined,
    lastProgress: -Infinity,
  };
  /** Questions outrank what the handler returned, and what it threw. */
  const callHandler = async (): Promise<Outcome> => {
    try {
      const value = await handler(services.createContext(run));
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
    return toErrorOutcome(readHandlerError(call, error));
  } finally {
    notifications.close();
    handlerSpan.end();
  }
}

/** What the caller is told of what a handler threw. All but a PublicError is logged. */
function readHandlerError(call: Call, error: unknown): ProtocolError {
  if (error instanceof PublicError) return protocolError("InvalidParams", error.message);
  call.steps?.fail(error);
  const { timeoutError } = call.cancel;
  return timeoutError === undefined
    ? logInternalError("handler.failed", call.request, error)
    : logInternalError(
        "handler.timed_out",
        call.request,
        timeoutError.message,
        timeoutError.message,
      );
}
