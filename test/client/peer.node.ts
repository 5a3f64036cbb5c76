/**
 * A peer of a server over node:http and node:net, with no client in between: it says what a test wants said, drops
 * connections when it likes, and reads as slowly as it likes. One peer is one address, as the platform would tell it.
 */

import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";

export const STATELESS = "2026-07-28";
export type Json = Readonly<Record<string, unknown>>;

export interface Peer {
  readonly url: URL;
  /** What it sends as CF-Connecting-IP: outside Cloudflare nobody else sets it. */
  readonly address: string;
}

export interface Session extends Peer {
  readonly id: string;
  readonly revision: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface StreamEvent {
  readonly id: string | undefined;
  /** None in a priming event. */
  readonly message: Json | undefined;
}

/** What goes out in one request. */
export interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TYPES = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** A POST of `body` in the session, or in none. */
export function inSession(peer: Peer | Session, body: string): Sent {
  const session =
    "id" in peer ? { "mcp-session-id": peer.id, "mcp-protocol-version": peer.revision } : {};
  return {
    method: "POST",
    headers: { ...TYPES, "cf-connecting-ip": peer.address, ...session },
    body,
  };
}

/** A GET that listens, or that takes up a stream after `lastEventId`. */
export function listening(session: Session, lastEventId?: string): Sent {
  const { headers } = inSession(session, "");
  const resumed = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  return {
    method: "GET",
    headers: { ...headers, accept: "text/event-stream", ...resumed },
    body: "",
  };
}

/** A request of the revision without sessions. `_meta` of `params` is laid over the envelope. */
export function stateless(peer: Peer, id: string | number, method: string, params: Json): Sent {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientCapabilities": { elicitation: {}, sampling: {}, roots: {} },
    ...(params["_meta"] as Json | undefined),
  };
  const { name } = params;
  const headers = {
    ...TYPES,
    "cf-connecting-ip": peer.address,
    "mcp-protocol-version": STATELESS,
    "mcp-method": method,
    ...(typeof name === "string" && { "mcp-name": name }),
  };
  return {
    method: "POST",
    headers,
    body: JSON.stringify(rpc(id, method, { ...params, _meta: meta })),
  };
}

export function rpc(id: string | number, method: string, params: Json = {}): Json {
  return { jsonrpc: "2.0", id, method, params };
}

export function toolCall(id: string | number, name: string, args: Json = {}, meta?: Json): Json {
  return rpc(id, "tools/call", {
    name,
    arguments: args,
    ...(meta !== undefined && { _meta: meta }),
  });
}

/** Opens a session. Undefined when there was no room for it. */
export async function openSession(peer: Peer, revision: string): Promise<Session | undefined> {
  const capabilities = { elicitation: {}, sampling: {}, roots: {} };
  const params = {
    protocolVersion: revision,
    capabilities,
    clientInfo: { name: "peer", version: "1" },
  };
  const reply = await send(
    peer,
    inSession(peer, JSON.stringify(rpc("open", "initialize", params))),
  );
  const id = reply.headers["mcp-session-id"];
  return typeof id === "string" ? { ...peer, id, revision } : undefined;
}

/** Resolves with the head of the answer. `begun` is given the request, so that it can be dropped at any moment. */
export function begin(
  peer: Peer,
  { method, headers, body }: Sent,
  begun?: (drop: () => void) => void,
): Promise<IncomingMessage> {
  const { hostname, port, pathname: path } = peer.url;
  return new Promise((resolve, reject) => {
    const out = request({ hostname, port, path, method, headers, agent: false }, resolve);
    out.on("error", reject);
    out.end(body);
    begun?.(() => {
      out.destroy();
    });
  });
}

/** The whole answer. */
export async function send(peer: Peer, sent: Sent): Promise<Reply> {
  const reply = await begin(peer, sent);
  const parts: Buffer[] = [];
  for await (const part of reply) parts.push(part as Buffer);
  return {
    status: reply.statusCode ?? 0,
    headers: reply.headers,
    body: Buffer.concat(parts).toString(),
  };
}

/** The events of a stream, to its end. Who stops earlier drops the connection. */
export async function* eventsOf(reply: IncomingMessage): AsyncGenerator<StreamEvent> {
  reply.setEncoding("utf8");
  let text = "";
  for await (const part of reply) {
    text += part as string;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const fields = event
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]);
      const data = fields.find(([name]) => name === "data")?.[1];
      const id = fields.find(([name]) => name === "id")?.[1];
      if (data === undefined && id === undefined) continue;
      yield {
        id,
        message: data === undefined || data === "" ? undefined : (JSON.parse(data) as Json),
      };
    }
  }
}

/** The same request over a bare socket: nothing is read of its answer, or a byte every `everyMs`. */
export function openRaw(peer: Peer, { method, headers, body }: Sent, everyMs?: number): Socket {
  const { hostname, port, pathname, host } = peer.url;
  const byte = Buffer.alloc(1);
  const socket: Socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: byte,
      callback: () => {
        if (everyMs !== undefined) setTimeout(() => socket.resume(), everyMs).unref();
        return false;
      },
    },
  });
  socket.on("error", () => undefined);
  const length = method === "POST" ? { "content-length": String(Buffer.byteLength(body)) } : {};
  const lines = Object.entries({ host, ...headers, ...length }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.write(`${method} ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
  return socket;
}
