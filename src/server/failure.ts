/**
 * What failed, for its two readers: the log gets all of it under a trace id, the client gets the id.
 * Names come from what the server offers, never from what a client made up.
 */

import { log, errorStack, type LogEvent } from "../base/log.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { traceIdOf } from "../base/span.ts";
import type { Server } from "./registry.ts";
import type { ServerRequest } from "./types.ts";
import { requestTarget } from "./request-span.ts";

/** A request, and the server that was asked. */
interface FailedRequest {
  readonly server: Server;
  readonly request: Pick<ServerRequest, "method" | "params" | "span">;
}

/** Logs `error`, an exception or a sentence. Gives what the client is told: `told`, and the trace id of the log line. */
// spec: tools.error.sanitised, logging.secrets.absent
export function logInternalError(
  event: LogEvent,
  failed: FailedRequest,
  error: unknown,
  clientMessage: string = "Internal error",
): ProtocolError {
  const { method, params, span } = failed.request;
  const traceId = traceIdOf(span);
  log("error", event, {
    method,
    ...requestTarget(failed.server, method, params),
    trace: traceId,
    error: errorStack(error),
  });
  return protocolError("InternalError", `${clientMessage} (trace ${traceId})`);
}
