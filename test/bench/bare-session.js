/**
 * What sessions are compared with: a Worker that hops to an object, and an object that does nothing but what no session
 * can do without: one row at the start, the recorded answer to a call, one hibernating socket behind a stream.
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

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send("data: \n\n");
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
    if (stub !== undefined) return new Response(await stub.call(message), { headers: HEADERS });
    if (message.method === "subscriptions/listen")
      return listen(request, BARE.getByName(`shard-${message.id % 4}`));
    if (message.params.name === "change") return change(message, BARE);
    const id = BARE.newUniqueId();
    const text = await BARE.get(id).open(message);
    return new Response(text, { headers: { ...HEADERS, "mcp-session-id": id.toString() } });
  },
};

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
  return new Response(readable, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}
