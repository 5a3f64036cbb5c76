/**
 * One answer, plain or streamed. Plain JSON when the answer is there before anything else; the first notice, or a
 * second without an answer, turns the reply into an SSE stream that ends with the answer.
 * MCP transports/streamable-http#receiving-messages and #cancellation.
 */

import { isWithin } from "../base/bytes.ts";
import { cancellation, type Cancellation } from "../base/cancellation.ts";
import { after } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import type { Notice, Sink } from "../base/outcome.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Limit } from "../server/types.ts";
import { ERRORS } from "../wire/errors.ts";
import { jsonResponse } from "../wire/http.ts";
import { MAX_MESSAGE_BYTES, writeNotification } from "../wire/jsonrpc.ts";
import { openSse, PATIENCE_MS, PULSE_MS, type SseStream } from "../wire/sse.ts";

export interface Answer {
  /** The JSON-RPC answer, as text. */
  readonly text: string;
  readonly refusal?: Refusal;
}

/**
 * Turns of the microtask queue that an answer may take before the platform is asked for a timer and for the client's
 * disconnect. A handler that waits for nothing is through by then, and those two cost as much as all else together.
 */
const QUICK_TURNS = 50;

/**
 * Runs `work` and answers `http` with what it makes. When the client leaves, the work is cancelled and nothing is sent;
 * when it takes longer than its limit, it is told so, and its answer says so.
 */
export async function reply(
  http: Request,
  limit: () => Limit,
  work: (sink: Sink, cancel: Cancellation) => Promise<Answer>,
): Promise<Response> {
  const cancel = cancellation();
  let stream: SseStream | undefined;
  let becomeStream = (): void => undefined;
  const startStream = (): SseStream => {
    stream ??= openSse(http.signal, () => cancel.abort(), PULSE_MS);
    becomeStream();
    return stream;
  };
  // spec: http.sse.related, logging.stream.own
  const sink = (notice: Notice): void => {
    const data = writeNotification(notice.method, notice.params);
    // Notices may be lost, the answer may not: it is sent even to a client that is slow to read.
    if (isWithin(data, MAX_MESSAGE_BYTES) && !startStream().isFull()) startStream().send({ data });
  };

  const answer = work(sink, cancel);
  const quick = await within(QUICK_TURNS, answer);
  if (quick !== undefined && stream === undefined) return jsonResponse(quick.text, statusOf(quick));

  // spec: cancel.disconnect, cancel.close
  http.signal.addEventListener("abort", () => cancel.abort(), { once: true });
  const streaming = new Promise<undefined>((resolve) => (becomeStream = () => resolve(undefined)));
  const { ms, message } = limit();
  const stopClock = after(ms, () => cancel.expire(message));
  answer.then(stopClock, stopClock);
  const stopWaiting = after(PATIENCE_MS, startStream);
  const first = stream === undefined ? await Promise.race([answer, streaming]) : undefined;
  stopWaiting();
  // spec: http.reply.type
  if (first !== undefined && stream === undefined) return jsonResponse(first.text, statusOf(first));
  const opened = startStream();
  // spec: http.sse.terminate
  const end = ({ text }: Answer): void => {
    opened.send({ data: text });
    opened.close();
  };
  // `work` turns every failure into an answer: a rejection is a bug.
  const fail = (error: unknown): void => {
    log("error", "reply.failed", { error: stackOf(error) });
    opened.abort();
  };
  answer.then(end, fail);
  return opened.response;
}

/** What `promise` gives within so many turns of the microtask queue, or undefined when it takes longer or fails. */
async function within<T>(turns: number, promise: Promise<T>): Promise<T | undefined> {
  let value: T | undefined;
  promise.then(
    (ready) => void (value = ready),
    () => undefined,
  );
  for (let turn = 0; turn < turns && value === undefined; turn++) await Promise.resolve();
  return value;
}

function statusOf({ refusal: reason }: Answer): number {
  return reason === undefined ? 200 : ERRORS[reason.error].status;
}
