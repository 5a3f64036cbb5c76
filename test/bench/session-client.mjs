/** A client of the session era for benchmarks: its requests as bytes, and streams read event by event. */

import { ask, connected, post, requestHead } from "./lib.mjs";

const REVISION = "2025-11-25";

export const INITIALIZE = post(
  "initialize",
  {
    protocolVersion: REVISION,
    capabilities: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
    clientInfo: { name: "barewire-bench", version: "1.0.0" },
  },
  {},
);

/** Starts a session and gives its id. */
export async function openSession(port) {
  const { status, headers, body } = await ask(port, INITIALIZE);
  const session = headers["mcp-session-id"];
  if (status !== 200 || session === undefined) throw new Error(`No session: ${status} ${body}`);
  return session;
}

/** A tools/call in a session, as bytes around its id. */
export function sessionCall(session, name, args = {}, meta = {}) {
  return post("tools/call", { name, arguments: args, _meta: meta }, headersOf(session));
}

/** The GET that listens, or that resumes after `lastEventId`, as bytes. */
export function sessionGet(session, lastEventId) {
  const resume = lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId };
  return requestHead("GET", { Accept: "text/event-stream", ...headersOf(session), ...resume });
}

function headersOf(session) {
  return { "Mcp-Session-Id": session, "MCP-Protocol-Version": REVISION };
}

/** The bytes of a request with this id. */
export function bytesOf({ before, after }, id) {
  return `${before}${id}${after}`;
}

/** Collects the Worker's garbage, and gives the number of objects it has built so far. */
export async function census(port) {
  return (await (await fetch(`http://127.0.0.1:${port}/census`)).json()).births;
}

/**
 * Sends a request that is answered with a stream, over a connection of its own. `onEvent` gets each event's id, data and
 * the milliseconds since the request was sent. Gives { firstMs, ended, close } with the first byte of the body.
 */
export async function openStream(port, bytes, onEvent = () => undefined) {
  const socket = await connected(port);
  const first = deferred();
  const ended = deferred();
  let head;
  let rest = Buffer.alloc(0);
  let text = "";
  const sent = performance.now();
  socket.on("error", first.reject);
  socket.on("close", () => {
    first.reject(new Error(`No stream: ${head ?? rest}`));
    ended.resolve();
  });
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (head === undefined) {
      const blank = rest.indexOf("\r\n\r\n");
      if (blank < 0) return;
      head = rest.latin1Slice(0, blank);
      rest = rest.subarray(blank + 4);
      if (!/^HTTP\/1.1 200[^]*\r\nContent-Type: text\/event-stream/i.test(head))
        return socket.destroy();
    }
    const at = performance.now() - sent;
    const taken = takeChunks(rest);
    rest = taken.rest;
    if (taken.text !== "")
      first.resolve({ firstMs: at, ended: ended.promise, close: () => socket.destroy() });
    const events = (text + taken.text).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const [, id] = /^id: (.*)$/m.exec(event) ?? [];
      const [, data] = /^data: (.*)$/m.exec(event) ?? [];
      if (data !== undefined) onEvent({ id, data, at });
    }
    if (taken.last) socket.destroy();
  });
  socket.write(bytes, "latin1");
  return first.promise;
}

/** `Promise.withResolvers`, which Node 20 has not got. */
export function deferred() {
  const one = {};
  one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
  return one;
}

/** The text of all whole chunks in `bytes`, what follows them, and whether the last one was seen. RFC 9112 section 7.1. */
function takeChunks(bytes) {
  let text = "";
  let at = 0;
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    const size = line < 0 ? Infinity : Number.parseInt(bytes.latin1Slice(at, line), 16);
    const end = line + 2 + size;
    if (bytes.length < end + 2) return { text, rest: bytes.subarray(at), last: false };
    text += bytes.utf8Slice(line + 2, end);
    at = end + 2;
    if (size === 0) return { text, rest: bytes.subarray(at), last: true };
  }
}
