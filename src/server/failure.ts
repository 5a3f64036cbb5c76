/**
 * What failed, for its two readers: the log gets all of it under a trace id, the client gets the id.
 * Names come from what the server offers, never from what a client made up.
 */

import { logError, type LogEvent } from "../base/log.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { traceIdOf } from "../base/span.ts";
import { targetNames } from "./request-target.ts";
import type { ServerRequest } from "./types.ts";

/** Logs `error`, an exception or a sentence. Gives what the client is told: `clientMessage`, and the trace id of the log line. */
// spec: tools.error.sanitised, logging.secrets.absent
export function logInternalError(
  event: LogEvent,
  { method, target, span }: Pick<ServerRequest, "method" | "target" | "span">,
  error: unknown,
  clientMessage: string = "Internal error",
): ProtocolError {
  const traceId = traceIdOf(span);
  logError(event, error, { method, ...targetNames(target), trace: traceId });
  return protocolError("InternalError", `${clientMessage} (trace ${traceId})`);
}
