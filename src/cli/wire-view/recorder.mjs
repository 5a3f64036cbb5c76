/**
 * Runs in the Worker of `make dev`, around its handlers: sends a record of what came and went to the program that serves
 * /wire. It changes nothing: each body and each stream is passed on as it is, piece by piece. Plain JavaScript:
 * `dev-bundle.ts` puts it beside the bundle as it stands here.
 *
 * AsyncLocalStorage says to which exchange a line belongs that runs: the only use of it, and in development alone. What
 * runs where it is unknown belongs to none.
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** The most characters of a body, or of an event, that are recorded. */
const MAX_TEXT = 65_536;

/**
 * What runs at a moment: `kept` are the numbers of the marks that it met.
 * @typedef {{ kept: Set<number>, object?: object }} Running
 * @typedef {{ waitUntil(promise: Promise<unknown>): void }} Context
 * @typedef {{ fetch(input: string | Request, init?: RequestInit): Promise<Response> }} Fetcher
 * @typedef {{ WIRE_VIEW: Fetcher, WIRE_RECORDS: Fetcher }} ViewEnv
 * @typedef {(record: Readonly<Record<string, unknown>>) => void} Send
 * @typedef {(request: Request, env: ViewEnv, context: Context) => Promise<Response>} FetchHandler
 * @typedef {{ fetch: FetchHandler }} Handlers
 */

/** @type {AsyncLocalStorage<Running>} */
export const running = new AsyncLocalStorage();
const isolate = Math.random().toString(36).slice(2, 8);
let count = 0;

/**
 * Called at each mark that `dev-bundle.ts` sets: before a statement that cites requirements runs.
 * @param {number} mark
 */
export function touch(mark) {
  running.getStore()?.kept.add(mark);
}

/**
 * The Worker's handlers, with `fetch` watched. What else there is stays. `bundle`: what its records call the bundle.
 * @param {Handlers} handlers
 * @param {string} bundle
 * @returns {Handlers}
 */
export function watchHandlers(handlers, bundle) {
  // A class, or no handler at all: such a Worker is served as it is.
  if (typeof handlers?.fetch !== "function") return handlers;
  return {
    ...handlers,
    fetch(request, env, context) {
      if (/^\/wire(\/|$)/.test(new URL(request.url).pathname)) return env.WIRE_VIEW.fetch(request);
      return watchExchange(handlers, request, env, context, bundle);
    },
  };
}

/** @type {(handlers: Handlers, request: Request, env: ViewEnv, context: Context, bundle: string) => Promise<Response>} */
async function watchExchange(handlers, request, env, context, bundle) {
  const id = nextId();
  const start = Date.now();
  /** @type {Running} */
  const current = { kept: new Set() };
  const send = sender(env, context, { bundle, exchange: id });
  const state = () => ({ marks: [...current.kept], ms: Date.now() - start });
  const { method, url } = request;
  const headers = [...request.headers];
  send({ what: "request", at: start, method, url, headers });
  if (request.body !== null) context.waitUntil(readText(request.clone(), send, "request-body"));
  try {
    const response = await running.run(current, () => handlers.fetch(request, env, context));
    const { status } = response;
    send({ what: "response", status, responseHeaders: [...response.headers], ...state() });
    const end = () => send({ what: "end", ...state() });
    if (response.body === null || status === 101) {
      end();
      return response;
    }
    if (/^text\/event-stream\b/.test(response.headers.get("content-type") ?? ""))
      return watchStream(response, send, state);
    const copy = response.clone();
    context.waitUntil(readText(copy, send, "response-body").then(end));
    return response;
  } catch (error) {
    send({ what: "end", threw: String(error), ...state() });
    throw error;
  }
}

/**
 * A stream with a reader at its side. Each piece is passed on before it is looked at.
 * @type {(response: Response, send: Send, state: () => object) => Response}
 */
function watchStream(response, send, state) {
  const decoder = new TextDecoder();
  let text = "";
  /** @param {string} more */
  const read = (more) => {
    text += more;
    const events = text.split(/\r\n\r\n|\n\n|\r\r/);
    text = events.pop() ?? "";
    for (const event of events) send({ what: "event", text: cut(event), ...state() });
    if (text.length > MAX_TEXT * 2) text = text.slice(-MAX_TEXT);
  };
  const watched = new TransformStream({
    /** @param {Uint8Array} piece */
    transform(piece, controller) {
      controller.enqueue(piece);
      read(decoder.decode(piece, { stream: true }));
    },
    flush: () => send({ what: "end", ...state() }),
    cancel: () => send({ what: "end", left: true, ...state() }),
  });
  return new Response(response.body?.pipeThrough(watched), response);
}

/**
 * Sends records one after the other, so that they come in their order. A record that is lost is lost: nobody waits for it.
 * @type {(env: ViewEnv, context: Context, base: object) => Send}
 */
export function sender(env, context, base) {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  return (record) => {
    const body = JSON.stringify({ ...base, ...record });
    last = last
      .then(() => env.WIRE_RECORDS.fetch("http://wire.invalid/", { method: "POST", body }))
      .then((response) => response.body?.cancel())
      .catch(() => {});
    context.waitUntil(last);
  };
}

/**
 * Sends the text of a copy, unless it is longer than what is recorded.
 * @type {(copy: Request | Response, send: Send, what: string) => Promise<void>}
 */
async function readText(copy, send, what) {
  const decoder = new TextDecoder();
  let text = "";
  try {
    const reader = /** @type {ReadableStream<Uint8Array>} */ (copy.body).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return send({ what, text });
      text += decoder.decode(value, { stream: true });
      if (text.length <= MAX_TEXT) continue;
      // Nobody waits for that: it comes to its end with the other half.
      reader.cancel().catch(() => {});
      return send({ what, isLong: true });
    }
  } catch (error) {
    return send({ what, text, threw: String(error) });
  }
}

/** @param {string} text */
function cut(text) {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

function nextId() {
  count += 1;
  return `${isolate}${count}`;
}
