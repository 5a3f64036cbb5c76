/**
 * Server-Sent Events, written by hand. https://html.spec.whatwg.org/multipage/server-sent-events.html
 * One writer per response: a first byte at once, a comment at least every 25 s, and a bound on what a slow reader may leave unread.
 * Refuses CR and LF in `id` and `event`, where they would forge fields. Resuming is the era's business.
 */

import { utf8 } from "../base/bytes.ts";
import { every } from "../base/clock.ts";

/** Milliseconds between keep-alive comments; below the idle limit of common proxies (30 s). */
const KEEP_ALIVE_MS = 25_000;

/** The same while a call is at work: a failed write is often the only sign that its client has left and it can stop. */
export const PULSE_MS = 2_000;

/** Milliseconds without an answer after which a reply becomes a stream. */
export const PATIENCE_MS = 1_000;

/** Bytes a client may leave unread before it is disconnected. */
export const MAX_UNREAD_BYTES = 1_048_576;

export interface SseEvent {
  readonly data: string;
  readonly id?: string;
  readonly event?: string;
  /** Milliseconds the client should wait before it reconnects. */
  readonly retry?: number;
}

export interface SseStream {
  readonly response: Response;
  send(event: SseEvent): void;
  close(): void;
}

/** One event as text. `data` may hold line breaks: each line becomes a field of its own. */
export function writeEvent(event: SseEvent): string {
  let text = "";
  if (event.event !== undefined) text += `event: ${singleLine(event.event)}\n`;
  if (event.id !== undefined) text += `id: ${singleLine(event.id)}\n`;
  if (event.retry !== undefined) text += `retry: ${event.retry}\n`;
  for (const line of event.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function singleLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error("SSE id and event names must be a single line");
  return value;
}

/**
 * Opens a response stream. `gone` runs once when the client has left: its signal fired, a write failed, or it
 * left more than {@link MAX_UNREAD_BYTES} unread. After that, and after `close`, `send` does nothing.
 */
export function openSse(signal: AbortSignal, gone: () => void, pulse: number = KEEP_ALIVE_MS): SseStream {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let unread = 0;
  let open = true;

  const finish = (): boolean => {
    const first = open;
    open = false;
    stopKeepAlive();
    return first;
  };
  const leave = (): void => {
    // spec: cancel.race
    if (!finish()) return;
    gone();
    writer.abort().catch(() => undefined);
  };
  const write = (text: string): void => {
    if (!open) return;
    const bytes = utf8(text);
    unread += bytes.length;
    if (unread > MAX_UNREAD_BYTES) return leave();
    writer.write(bytes).then(() => void (unread -= bytes.length), leave);
  };
  // The pending timer also keeps workerd from aborting an idle stream, and its write is how a silent departure shows.
  const stopKeepAlive = every(pulse, () => write(": keep-alive\n\n"));
  signal.addEventListener("abort", leave, { once: true });
  write(": open\n\n");

  return {
    // spec: http.sse.buffering
    response: new Response(readable, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    }),
    send: (event) => write(writeEvent(event)),
    close: () => void (finish() && writer.close().catch(() => undefined)),
  };
}
