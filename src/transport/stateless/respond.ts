/**
 * One answer, plain or streamed. Plain JSON when the answer is there before anything else; the first notice, or a
 * second without an answer, turns the reply into an SSE stream that ends with the answer.
 * MCP transports/streamable-http#receiving-messages and #cancellation.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import { createCancellation, type Cancellation } from "../../base/cancellation.ts";
import { startTimer } from "../../base/time.ts";
import { logError } from "../../base/log.ts";
import type { CallNotification, NotificationSink } from "../../protocol/outcome.ts";
import type { TimeLimit } from "../../server/types.ts";
import { replyResponse, type JsonRpcReply } from "../../wire/response.ts";
import { MAX_MESSAGE_BYTES, writeNotification } from "../../wire/jsonrpc.ts";
import { openSse, STREAM_AFTER_MS, CALL_KEEP_ALIVE_MS, type SseStream } from "../../wire/sse.ts";

/**
 * Turns of the microtask queue that an answer may take before the platform is asked for a timer and for the client's
 * disconnect. A handler that waits for nothing is through by then, and those two cost as much as all else together.
 */
const MICROTASKS_BEFORE_TIMER = 50;

/**
 * Runs `work` and answers `http` with what it makes. When the client leaves, the work is cancelled and nothing is sent;
 * when it takes longer than its limit, it is told so, and its answer says so.
 */
export async function respond(
  http: Request,
  limit: () => TimeLimit,
  run: (sink: NotificationSink, cancel: Cancellation) => Promise<JsonRpcReply>,
): Promise<Response> {
  const cancel = createCancellation();
  let stream: SseStream | undefined;
  let resolveStreaming = (): void => undefined;
  const startStream = (): SseStream => {
    stream ??= openSse(http.signal, () => cancel.abort(), CALL_KEEP_ALIVE_MS);
    resolveStreaming();
    return stream;
  };
  // spec: http.sse.related, logging.stream.own
  const sink = (notification: CallNotification): void => {
    const data = writeNotification(notification.method, notification.params);
    // Notices may be lost, the answer may not: it is sent even to a client that is slow to read.
    if (isWithinBytes(data, MAX_MESSAGE_BYTES) && !startStream().isFull())
      startStream().send({ data });
  };

  const pendingReply = run(sink, cancel);
  const quickReply = await settledWithin(MICROTASKS_BEFORE_TIMER, pendingReply);
  if (quickReply !== undefined && stream === undefined) return replyResponse(quickReply);

  // spec: cancel.disconnect, cancel.close
  http.signal.addEventListener("abort", () => cancel.abort(), { once: true });
  const streaming = new Promise<undefined>(
    (resolve) => (resolveStreaming = () => resolve(undefined)),
  );
  const { ms, message } = limit();
  const stopTimeout = startTimer(ms, () => cancel.expire(message));
  pendingReply.then(stopTimeout, stopTimeout);
  const stopStreamTimer = startTimer(STREAM_AFTER_MS, startStream);
  const firstReply =
    stream === undefined ? await Promise.race([pendingReply, streaming]) : undefined;
  stopStreamTimer();
  // spec: http.reply.type
  if (firstReply !== undefined && stream === undefined) return replyResponse(firstReply);
  const openedStream = startStream();
  // spec: http.sse.terminate
  const sendReply = ({ text }: JsonRpcReply): void => {
    openedStream.send({ data: text });
    openedStream.close();
  };
  // `work` turns every failure into an answer: a rejection is a bug.
  const abortStream = (error: unknown): void => {
    logError("response.failed", error);
    openedStream.abort();
  };
  pendingReply.then(sendReply, abortStream);
  return openedStream.response;
}

/** What `promise` gives within so many turns of the microtask queue, or undefined when it takes longer or fails. */
async function settledWithin<T>(
  maxMicrotasks: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  let value: T | undefined;
  promise.then(
    (settled) => {
      value = settled;
    },
    () => undefined,
  );
  for (let microtask = 0; microtask < maxMicrotasks && value === undefined; microtask++)
    await Promise.resolve();
  return value;
}
