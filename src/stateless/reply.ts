/**
 * One answer, plain or streamed. Plain JSON when the answer is there before anything else; the first notice, or a
 * second without an answer, turns the reply into an SSE stream that ends with the answer.
 * MCP transports/streamable-http#receiving-messages and #cancellation.
 */

import { after } from "../base/clock.ts";
import type { Notice, Sink } from "../base/outcome.ts";
import type { Refusal } from "../base/refusal.ts";
import { ERRORS } from "../wire/errors.ts";
import { jsonResponse } from "../wire/http.ts";
import { writeNotification } from "../wire/jsonrpc.ts";
import { openSse, PATIENCE_MS, PULSE_MS, type SseStream } from "../wire/sse.ts";

export interface Answer {
  /** The JSON-RPC answer, as text. */
  readonly text: string;
  readonly refusal?: Refusal;
}

type Work = (sink: Sink, signal: AbortSignal) => Promise<Answer>;

/**
 * Runs `work` and answers with what it makes. `gone` is the client's disconnect; it aborts the signal that the work
 * was given, and nothing is sent after it.
 */
export async function reply(gone: AbortSignal, work: Work): Promise<Response> {
  const cancelled = new AbortController();
  // spec: cancel.disconnect, cancel.close
  gone.addEventListener("abort", () => cancelled.abort(), { once: true });
  let stream: SseStream | undefined;
  let becomeStream = (): void => undefined;
  const streaming = new Promise<"stream">((resolve) => (becomeStream = () => resolve("stream")));

  const startStream = (): SseStream => {
    stream ??= openSse(gone, () => cancelled.abort(), PULSE_MS);
    becomeStream();
    return stream;
  };
  // spec: http.sse.related, logging.stream.own
  const sink = (notice: Notice): void => startStream().send({ data: writeNotification(notice.method, notice.params) });
  const answer = work(sink, cancelled.signal);
  const stopWaiting = after(PATIENCE_MS, startStream);

  const first = await Promise.race([answer, streaming]);
  stopWaiting();
  // spec: http.reply.type
  if (first !== "stream" && stream === undefined) return jsonResponse(first.text, statusOf(first));
  const opened = startStream();
  // spec: http.sse.terminate
  answer.then(({ text }) => opened.send({ data: text }), report).finally(() => opened.close());
  return opened.response;
}

function statusOf({ refusal: reason }: Answer): number {
  return reason === undefined ? 200 : ERRORS[reason.error].status;
}

/** `work` turns every failure into an answer; a rejection here is a bug, and the stream ends without one. */
function report(error: unknown): void {
  console.error(JSON.stringify({ event: "reply.failed", error: String(error) }));
}
