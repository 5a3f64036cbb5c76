/**
 * How a request ends, in words that no revision and no transport owns. `server/` makes it, `stateless-encoding.ts` and
 * `session-encoding.ts` say it in the words of a date, the transports carry it to the client.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import type { ProtocolError } from "../base/protocol-error.ts";

/** How long, and by whom, a result may be cached (`ttlMs` in milliseconds). */
export interface CacheHint {
  readonly ttlMs: number;
  readonly scope: "public" | "private";
}

/** A question to the client: sampling, elicitation or roots. */
export interface InputRequest {
  // spec: mrtr.requests.kind
  readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  readonly params: JsonObject;
}

/** What earlier rounds of one request left behind: the client's raw answers, and results of `ctx.once`. */
export interface RetryState {
  readonly answers: JsonObject;
  readonly once: JsonObject;
  /** How often each open question was put. Left out before the first. */
  readonly asked?: JsonObject;
}

export const NO_RETRY_STATE: RetryState = { answers: {}, once: {} };

export type Outcome =
  | {
      readonly kind: "complete";
      readonly result: JsonObject;
      readonly cache?: CacheHint;
      /** The word of an extension for a result that is not the method's own; "complete" without one. */
      readonly resultType?: string;
    }
  // spec: mrtr.only
  | {
      readonly kind: "inputRequired";
      readonly requests: Readonly<Record<string, InputRequest>>;
      readonly retryState: RetryState;
    }
  | { readonly kind: "refused"; readonly refusal: ProtocolError };

/** A message that accompanies a running request. Not kept, not answered. */
export interface CallNotification {
  // spec: pattern.initiate, http.sse.requests
  readonly method: "notifications/progress" | "notifications/message";
  readonly params: { readonly [key: string]: JsonValue | undefined };
}

/** Takes the notifications of a call. One that is taken reaches the client or nobody; nothing comes back. */
export type NotificationSink = (notification: CallNotification) => void;

/** The outcome of a request that is refused. */
export function errorOutcome(error: ProtocolError): Outcome {
  return { kind: "refused", refusal: error };
}
