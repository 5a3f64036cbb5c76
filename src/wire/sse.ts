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

/** Milliseconds in which a client reads {@link CHUNK_BYTES} of what it was sent, or all of it, or is cut off. */
export const UNREAD_TIMEOUT_MS = 30_000;

/** Bytes that are written at once, at most: how finely is seen that a slow client reads. */
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
  /** Resolves when the client has read all that was sent by now, or has left. */
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
 * `close`: its signal fired, a write failed, or it has not read what {@link UNREAD_TIMEOUT_MS} asks. After that `send` does nothing.
 */
export function openSse(
  signal: AbortSignal,
  onDisconnect: () => void,
  keepAliveMs: number = KEEP_ALIVE_MS,
): SseStream {
  const { readable, writable } = new IdentityTransformStream();
  const output = new Output(writable);
  let isOpen = true;

  const disconnect = (): void => {
    stopKeepAlive();
    // spec: cancel.race
    if (isOpen) onDisconnect();
    isOpen = false;
    output.abort();
  };
  const write = (text: string): void => {
    // spec: sse.encoding
    if (isOpen) output.write(encodeUtf8(text), disconnect);
  };
  // The pending timer also keeps workerd from aborting an idle stream, and its write is how a silent departure shows.
  const stopKeepAlive = startInterval(keepAliveMs, () => {
    if (output.unreadBytes === 0) write(": keep-alive\n\n");
    else if (now() - output.lastReadAt >= UNREAD_TIMEOUT_MS) disconnect();
  });
  signal.addEventListener("abort", disconnect, { once: true });
  write(": open\n\n");

  return {
    response: new Response(readable, { headers: RESPONSE_HEADERS }),
    send: (event) => write(writeEvent(event)),
    isFull: (bytes = MAX_UNREAD_BYTES) => output.unreadBytes > bytes,
    waitUntilRead: () => output.waitUntilRead(),
    close() {
      isOpen = false;
      void output.waitUntilRead().then(() => {
        stopKeepAlive();
        output.close();
      });
    },
    abort: disconnect,
  };
}

/**
 * The bytes of one response. Each write to the platform waits for its turn at the isolate, which is seconds where many are served:
 * what comes meanwhile, or in one go, is one write.
 */
class Output {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** What is not yet given to the platform. */
  #waiting: Uint8Array[] = [];
  #isWriting = false;
  /** Bytes since its start. */
  #sent = 0;
  #read = 0;
  /** Who waits for so many bytes to be read, in the order of these. */
  readonly #readers: { readonly bytes: number; readonly resolve: () => void }[] = [];
  /** When the client was last seen to read, or to have read all. */
  lastReadAt = 0;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writer = writable.getWriter();
  }

  get unreadBytes(): number {
    return this.#sent - this.#read;
  }

  /** `onFailure`: the client has left. */
  write(bytes: Uint8Array, onFailure: () => void): void {
    if (this.unreadBytes === 0) this.lastReadAt = now();
    this.#sent += bytes.length;
    this.#waiting.push(bytes);
    if (!this.#isWriting) this.#writeAll().catch(onFailure);
  }

  /** Resolves when all that was sent by now is read, or never will be. */
  waitUntilRead(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#readers.push({ bytes: this.#sent, resolve });
    this.#tellReaders();
    return promise;
  }

  #tellReaders(): void {
    while (this.#readers[0] !== undefined && this.#readers[0].bytes <= this.#read)
      this.#readers.shift()?.resolve();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const chunk = this.#takeChunk();
      await this.#writer.write(chunk);
      this.#read += chunk.length;
      this.lastReadAt = now();
      this.#tellReaders();
    }
    this.#isWriting = false;
  }

  #takeChunk(): Uint8Array {
    const chunk = new Uint8Array(Math.min(this.unreadBytes, CHUNK_BYTES));
    let length = 0;
    let takenCount = 0;
    for (const bytes of this.#waiting) {
      const part = bytes.subarray(0, chunk.length - length);
      chunk.set(part, length);
      length += part.length;
      if (part.length < bytes.length) {
        this.#waiting[takenCount] = bytes.subarray(part.length);
        break;
      }
      takenCount += 1;
    }
    this.#waiting.splice(0, takenCount);
    return chunk;
  }

  close(): void {
    this.#writer.close().catch(() => undefined);
  }

  abort(): void {
    this.#waiting = [];
    this.#read = this.#sent;
    this.#tellReaders();
    this.#writer.abort().catch(() => undefined);
  }
}
