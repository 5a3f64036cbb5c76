/**
 * What failed, for its two readers: the log gets all of it under a trace id, the client gets the id.
 * Names come from what the server offers, never from what a client made up.
 */

import { log, stackOf, type Event } from "../base/log.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { traceIdOf } from "../telemetry/span.ts";
import type { Server } from "./catalog.ts";
import type { ServerRequest } from "./types.ts";
import { targetOf } from "./trace.ts";

/** A request, and the server that was asked. */
interface Asked {
  readonly server: Server;
  readonly request: Pick<ServerRequest, "method" | "params" | "span">;
}

/** Logs `error`, an exception or a sentence. Gives what the client is told: `told`, and the trace id of the log line. */
// spec: tools.error.sanitised, logging.secrets.absent
export function report(event: Event, asked: Asked, error: unknown, told: string = "Internal error"): Refusal {
  const { method, params, span } = asked.request;
  const trace = traceIdOf(span);
  log("error", event, { method, ...targetOf(asked.server, method, params), trace, error: stackOf(error) });
  return refusal("InternalError", `${told} (trace ${trace})`);
}
