/**
 * Server-Sent Events, written by hand. https://html.spec.whatwg.org/multipage/server-sent-events.html
 * One writer per response: a first byte at once, a comment at least every 25 s, and an end for who has stopped reading.
 * Refuses CR and LF in `id` and `event`, where they would forge fields. Resuming is the era's business.
 */

import { encodeUtf8 } from "../base/bytes.ts";
import { startInterval, now } from "../base/time.ts";

/** Milliseconds between keep-alive comments; below the idle limit of common proxies (30 s). */
const KEEP_ALIVE_MS = 25_000;

/** The same while a call is at work: a failed write is often the only sign that its client has left and it can stop. */
export const CALL_KEEP_ALIVE_MS = 2_000;

/** Milliseconds without an answer after which a reply becomes a stream. */
export const STREAM_AFTER_MS = 1_000;

/** Bytes that a client may leave unread before notices of a call are held back. */
export const MAX_UNREAD_BYTES = 1_048_576;

/** Milliseconds in which a client reads something of what it was sent, or is cut off. */
export const UNREAD_TIMEOUT_MS = 30_000;

/** Bytes that are written at once: how finely is seen that a slow client reads. */
export const CHUNK_BYTES = 16_384;

// spec: http.sse.buffering
const RESPONSE_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

export interface SseEvent {
  readonly data: string;
  readonly id?: string;
  /** Milliseconds the client should wait before it reconnects. */
  readonly retry?: number;
}

export interface SseStream {
  readonly response: Response;
  readonly send: (event: SseEvent) => void;
  /** Whether the client has left more than so many bytes unread; {@link MAX_UNREAD_BYTES} where none is given. */
  readonly isFull: (bytes?: number) => boolean;
  /** Resolves when the client has read all that was sent, or has left. */
  readonly waitUntilRead: () => Promise<void>;
  /** Ends the response when all that was sent is read. */
  readonly close: () => void;
  /** Ends the response at once: the client counts as gone. */
  readonly abort: () => void;
}

/** One event as text. `data` may hold line breaks: each line becomes a field of its own. */
export function writeEvent(event: SseEvent): string {
  // spec: sse.lines, sse.fields
  let text = "";
  if (event.id !== undefined) text += `id: ${singleLine(event.id)}\n`;
  if (event.retry !== undefined) text += `retry: ${event.retry}\n`;
  for (const line of event.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function singleLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error("An SSE id must be a single line");
  return value;
}

/**
 * Opens a response stream. Whatever is sent waits for its reader. `gone` runs once when the client has left before
 * `close`: its signal fired, a write failed, or it has read nothing for {@link UNREAD_TIMEOUT_MS}. After that `send` does nothing.
 */
export function openSse(
  signal: AbortSignal,
  onDisconnect: () => void,
  keepAliveMs: number = KEEP_ALIVE_MS,
): SseStream {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let isOpen = true;
  let unreadBytes = 0;
  let lastReadAt = 0;
  let lastWrite = Promise.resolve();

  const disconnect = (): void => {
    stopKeepAlive();
    // spec: cancel.race
    if (isOpen) onDisconnect();
    isOpen = false;
    writer.abort().catch(() => undefined);
  };
  const write = (text: string): void => {
    if (!isOpen) return;
    // spec: sse.encoding
    const bytes = encodeUtf8(text);
    if (unreadBytes === 0) lastReadAt = now();
    unreadBytes += bytes.length;
    for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
      const chunk = bytes.subarray(offset, offset + CHUNK_BYTES);
      const onWritten = (): void => {
        unreadBytes -= chunk.length;
        lastReadAt = now();
      };
      lastWrite = writer.write(chunk).then(onWritten, disconnect);
    }
  };
  // The pending timer also keeps workerd from aborting an idle stream, and its write is how a silent departure shows.
  const stopKeepAlive = startInterval(keepAliveMs, () => {
    if (unreadBytes === 0) write(": keep-alive\n\n");
    else if (now() - lastReadAt >= UNREAD_TIMEOUT_MS) disconnect();
  });
  signal.addEventListener("abort", disconnect, { once: true });
  write(": open\n\n");

  const closeWriter = (): void => {
    stopKeepAlive();
    writer.close().catch(() => undefined);
  };
  return {
    response: new Response(readable, { headers: RESPONSE_HEADERS }),
    send: (event) => write(writeEvent(event)),
    isFull: (bytes = MAX_UNREAD_BYTES) => unreadBytes > bytes,
    waitUntilRead: () => lastWrite,
    close() {
      isOpen = false;
      lastWrite.then(closeWriter, disconnect);
    },
    abort: disconnect,
  };
}
