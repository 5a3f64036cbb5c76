/**
 * What sessions are compared with: a Worker that hops to an object, and an object that does nothing but what no session
 * can do without: one row at the start, the recorded answer to a call, one hibernating socket behind a stream, be it that of
 * a call which tells its progress first.
 */

import { DurableObject } from "cloudflare:workers";

/* global gc, OPENED, CALLED, HEADERS -- recorded answers, cut at their id; the bundler puts them in their place */

let births = 0;
/** Ids of the objects behind streams. */
const listened = new Set();

export class Bare extends DurableObject {
  constructor(state, env) {
    super(state, env);
    births += 1;
  }

  open({ id, params }) {
    this.ctx.storage.kv.put("session", params);
    return OPENED.join(JSON.stringify(id));
  }

  call({ id }) {
    return CALLED.join(JSON.stringify(id));
  }

  fetch(request) {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const events = request.url.endsWith("/count") ? COUNTED : [": open\n\n"];
    for (const [at, event] of events.entries()) {
      // What can be resumed is kept before it is sent.
      if (events === COUNTED) this.ctx.storage.kv.put(`event ${at}`, event);
      server.send(event);
    }
    if (events === COUNTED) server.close(1000);
    return new Response(null, { status: 101, webSocket: client });
  }

  change() {
    for (const socket of this.ctx.getWebSockets()) socket.send("data: list_changed\n\n");
  }

  webSocketClose(socket) {
    socket.close(1000);
  }
}

export default {
  async fetch(request, { BARE }) {
    if (request.url.endsWith("/census")) return census();
    const session = request.headers.get("mcp-session-id");
    const stub = session === null ? undefined : BARE.get(BARE.idFromString(session));
    if (request.method === "GET") return listen(request, stub);
    const message = await request.json();
    if (message.params.name === "count") return count(stub);
    if (stub !== undefined) return new Response(await stub.call(message), { headers: HEADERS });
    if (message.method === "subscriptions/listen")
      return listen(request, BARE.getByName(`shard-${message.id % 4}`));
    if (message.params.name === "change") return change(message, BARE);
    const id = BARE.newUniqueId();
    const text = await BARE.get(id).open(message);
    return new Response(text, { headers: { ...HEADERS, "mcp-session-id": id.toString() } });
  },
};

const SSE_HEADERS = { "content-type": "text/event-stream", "cache-control": "no-store" };
const event = (id, message) => `id: 1763700000000-${id}\ndata: ${JSON.stringify(message)}\n\n`;
/** The stream of a call as sessions have it: an empty event, the notice, the answer. */
const COUNTED = [
  "id: 1763700000000-0\nretry: 1000\ndata: \n\n",
  event(1, {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: {
      progressToken: "bench",
      progress: 1,
      total: 1,
      message: "Counting what a tool may say",
    },
  }),
  event(2, { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "counted" }] } }),
];

/** The stream of a call that tells its progress: what its object sends, as it comes. */
async function count(stub) {
  const { webSocket } = await stub.fetch("https://object/count", {
    headers: { upgrade: "websocket" },
  });
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  webSocket.addEventListener("message", ({ data }) => {
    writer.write(new TextEncoder().encode(data)).catch(() => webSocket.close(1000));
  });
  webSocket.addEventListener("close", () => writer.close().catch(() => undefined));
  webSocket.accept();
  return new Response(readable, { headers: SSE_HEADERS });
}

function census() {
  gc();
  return Response.json({ births });
}

/** Tells every stream, and so wakes every object behind one. */
async function change({ id }, namespace) {
  await Promise.all(
    [...listened].map((one) => namespace.get(namespace.idFromString(one)).change()),
  );
  return new Response(CALLED.join(JSON.stringify(id)), { headers: HEADERS });
}

async function listen(request, stub) {
  listened.add(stub.id.toString());
  const { webSocket } = await stub.fetch("https://object/", { headers: { upgrade: "websocket" } });
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const write = (text) => {
    writer.write(new TextEncoder().encode(text)).catch(leave);
  };
  const timer = setInterval(() => write(": keep-alive\n\n"), 25_000);
  const leave = () => {
    clearInterval(timer);
    webSocket.close(1000);
  };
  request.signal.addEventListener("abort", leave, { once: true });
  webSocket.addEventListener("message", ({ data }) => write(data));
  webSocket.accept();
  write(": open\n\n");
  return new Response(readable, { headers: SSE_HEADERS });
}
