/**
 * Upstreams on loopback in the shape of the real ones: Wikimedia's search and summary, Open-Meteo's places and forecasts,
 * a service with accounts and keys, and a feed over a WebSocket. Each can be told to fail in all the ways that they do.
 */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** How the next answers fail: not at all, or as the name says. */
export type UpstreamFault =
  | "none"
  | "hangs"
  | "hangs up"
  | "huge"
  | "a page"
  | "broken JSON"
  | "another shape"
  | "redirect"
  | 401
  | 404
  | 429
  | 500;

export interface Upstreams {
  readonly url: string;
  fault: UpstreamFault;
  /** Paths and what came with them. */
  readonly requests: {
    readonly path: string;
    readonly agent: string | undefined;
    readonly key: string | undefined;
  }[];
  stop(): void;
}

const ARTICLES: Readonly<Record<string, string>> = {
  Otter: "Otters are carnivorous mammals.",
  Sea_otter: "The sea otter is a marine mammal.",
  "C/C++": "Two languages and a slash.",
};
const TOWNS: Readonly<Record<string, object>> = {
  oslo: { name: "Oslo", country: "Norway", latitude: 59.91, longitude: 10.75 },
  tromsø: { name: "Tromsø", country: "Norway", latitude: 69.65, longitude: 18.96 },
  atlantis: { name: "Atlantis", latitude: 0, longitude: 0 },
};

function answer({ url = "", headers }: IncomingMessage): [status: number, body: object] {
  const { pathname, searchParams } = new URL(url, "http://upstream");
  const [, title] = /^\/api\/rest_v1\/page\/summary\/(.*)$/.exec(pathname) ?? [];
  if (title !== undefined) {
    const key = decodeURIComponent(title);
    const extract = ARTICLES[key];
    const page = `https://en.wikipedia.org/wiki/${key}`;
    return extract === undefined
      ? [404, { type: "Internal error" }]
      : [200, { title: key.replace("_", " "), extract, content_urls: { desktop: { page } } }];
  }
  if (pathname === "/w/rest.php/v1/search/page") {
    const words = searchParams.get("q")?.toLowerCase() ?? "";
    const found = [...Object.keys(ARTICLES), "Gone"].filter((key) =>
      key.toLowerCase().includes(words),
    );
    return [
      200,
      {
        pages: found.map((key, id) => ({
          id,
          key,
          title: key.replace("_", " "),
          excerpt: "<b>",
          description: null,
        })),
      },
    ];
  }
  if (pathname === "/v1/search") {
    const town = TOWNS[searchParams.get("name")?.toLowerCase() ?? ""];
    return [200, town === undefined ? { generationtime_ms: 1 } : { results: [town] }];
  }
  if (pathname === "/v1/forecast") {
    if (searchParams.get("latitude") === "0") return [200, { reason: "under water" }];
    return [
      200,
      {
        current: {
          time: "2026-11-28T05:00",
          interval: 900,
          temperature_2m: -3.5,
          wind_speed_10m: 4,
          weather_code: 73,
        },
      },
    ];
  }
  if (pathname === "/me") {
    const name = /^Bearer key-of-(\w+)$/.exec(headers.authorization ?? "")?.[1];
    return name === undefined ? [401, { error: "who?" }] : [200, { id: name }];
  }
  return [404, {}];
}

export async function serveUpstreams(): Promise<Upstreams> {
  const upstreams = {
    url: "",
    fault: "none" as UpstreamFault,
    requests: [] as Upstreams["requests"][number][],
    stop: () => undefined as void,
  };
  const server = createServer((request, response) => {
    const { url: path = "", headers } = request;
    upstreams.requests.push({ path, agent: headers["user-agent"], key: headers.authorization });
    respond(upstreams.fault, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstreams.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  upstreams.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return upstreams;
}

function respond(fault: UpstreamFault, request: IncomingMessage, response: ServerResponse): void {
  const json = { "content-type": "application/json" };
  if (typeof fault === "number") {
    response.writeHead(fault, json).end("{}");
    return;
  }
  switch (fault) {
    case "hangs":
      return undefined;
    case "hangs up":
      request.destroy();
      return;
    case "huge":
      response.writeHead(200, json).end(`{"pages":"${"x".repeat(300_000)}"}`);
      return;
    case "a page":
      response.writeHead(200, { "content-type": "text/html" }).end("<html>");
      return;
    case "broken JSON":
      response.writeHead(200, json).end('{"pages":[');
      return;
    case "another shape":
      response.writeHead(200, json).end('{"pages":"none"}');
      return;
    case "redirect":
      response.writeHead(302, { location: "http://10.0.0.1/secret" }).end();
      return;
    case "none": {
      const [status, body] = answer(request);
      response.writeHead(status, json).end(JSON.stringify(body));
      return;
    }
  }
}

export interface FeedServer {
  readonly url: string;
  /** Connections that were opened, those that are open, and how many the other side has said goodbye to. */
  opened: number;
  readonly open: Set<Socket>;
  farewells: number;
  /** How the next connection is met. */
  mood: "welcome" | "refuses" | "hangs";
  send(message: string | Buffer): void;
  /** Ends all connections, with a close frame or as when a cable is cut. */
  end(how: "politely" | "rudely"): void;
  stop(): void;
}

/** A WebSocket server (RFC 6455) that only speaks: unmasked frames of text or bytes below 64 KiB, and the close. */
export async function serveFeed(): Promise<FeedServer> {
  const server = createServer((_, response) => {
    response.writeHead(426).end();
  });
  const all = new Set<Socket>();
  const feed: FeedServer = {
    url: "",
    opened: 0,
    open: new Set<Socket>(),
    farewells: 0,
    mood: "welcome" as const,
    send: (message) => {
      const bytes = frame(typeof message === "string" ? TEXT : BINARY, Buffer.from(message));
      feed.open.forEach((socket) => socket.write(bytes));
    },
    end: (how) =>
      feed.open.forEach((socket) =>
        how === "rudely" ? socket.destroy() : socket.write(frame(CLOSE)),
      ),
    stop: () => {
      all.forEach((socket) => socket.destroy());
      server.close();
    },
  };
  server.on("connection", (socket) => all.add(socket));
  server.on("upgrade", (request, socket: Socket) => {
    socket.on("error", () => undefined);
    if (feed.mood === "hangs") return undefined;
    if (feed.mood === "refuses") {
      socket.end("HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const fields = ["upgrade: websocket", "connection: upgrade", `sec-websocket-accept: ${accept}`];
    socket.write(["HTTP/1.1 101 Switching Protocols", ...fields, "", ""].join("\r\n"));
    feed.opened += 1;
    feed.open.add(socket);
    socket.on("data", ([first]) => {
      if (first !== CLOSE) throw new Error(`The other side spoke: ${first}`);
      feed.farewells += 1;
      socket.end(frame(CLOSE));
    });
    socket.on("close", () => feed.open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(feed, {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed`,
  });
}

/** First bytes of whole frames. */
const [TEXT, BINARY, CLOSE] = [0x81, 0x82, 0x88];

function frame(first: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const { length } = payload;
  return Buffer.concat([
    Buffer.from([first, ...(length < 126 ? [length] : [126, length >> 8, length & 255])]),
    payload,
  ]);
}
