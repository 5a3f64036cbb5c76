/**
 * What only a real socket shows: bodies without a length, hostile depth, a client that leaves, one that does not
 * read, the first byte of a stream, a spoofed Host. Written over node:http and node:net, with no client in between.
 */

import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MAX_JSON_DEPTH } from "../../src/base/json.ts";
import { serveWorld, type TestServer } from "./servers.node.ts";

const REVISION = "2026-07-28";
const MAX_BODY_BYTES = 4_194_304;
/** As in src/wire/sse.ts, whose types need the platform's. */
const MAX_UNREAD_CHANGES_BYTES = 4_194_304;
const WATCHED = "test://watched-resource";
const WATCHED_NOTICE = "notifications/resources/updated";
const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientCapabilities": {},
};

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Headers = Record<string, string>;

let world: TestServer;

beforeAll(async () => {
  world = await serveWorld();
}, 90_000);

afterAll(async () => {
  await (world as TestServer | undefined)?.stop();
});

it("caps a chunked body, which announces no length", async () => {
  const chunk = Buffer.alloc(65_536, " ");
  const over = await postChunks(chunk, MAX_BODY_BYTES / chunk.length, Buffer.from(" "));
  expect(over.status).toBe(413);
  expect(JSON.parse(over.body)).toMatchObject({
    error: { message: expect.stringContaining("4194304") as string },
  });
  // One byte less is read to its end, and is only not JSON.
  const under = await postChunks(chunk, MAX_BODY_BYTES / chunk.length - 1, chunk);
  expect([under.status, codeOf(under)]).toEqual([400, -32700]);
});

it("refuses an announced length over the cap before it has come", async () => {
  const headers = callHeaders("test_simple_text", { "content-length": String(MAX_BODY_BYTES + 1) });
  expect((await send("POST", world.url.pathname, headers, " ", "leave open")).status).toBe(413);
});

it.each([
  ["a list", (depth: number) => "[".repeat(depth) + "]".repeat(depth), /deeper than 64 levels/],
  [
    "an object",
    (depth: number) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth),
    /deeper than 64 levels/,
  ],
  // Of what is far too much nobody asks whether it is JSON.
  ["unclosed", (depth: number) => "[".repeat(depth), /not valid JSON|deeper than 64 levels/],
])("survives %s nested 100,000 and 600,000 deep, and refuses it", async (_name, nest, reason) => {
  const meta = JSON.stringify(META);
  for (const depth of [MAX_JSON_DEPTH + 1, 100_000, 600_000]) {
    const bare = await post(nest(depth), callHeaders("spec_json"));
    expect([bare.status, bare.body]).toEqual([400, expect.stringMatching(reason)]);
    const params = `{"_meta":${meta},"name":"spec_json","arguments":{"value":${nest(depth)}}}`;
    const whole = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
    const inside = await post(whole, callHeaders("spec_json"));
    expect([inside.status, inside.body]).toEqual([400, expect.stringMatching(reason)]);
  }
  expect((await call("test_simple_text")).status).toBe(200);
});

it("accepts the deepest body it allows", async () => {
  // The message, params, arguments and value itself stand around the list.
  const value: unknown = JSON.parse(
    "[".repeat(MAX_JSON_DEPTH - 3) + "]".repeat(MAX_JSON_DEPTH - 3),
  );
  expect((await call("spec_json", { value })).status).toBe(200);
  expect((await call("spec_json", { value: [value] })).status).toBe(400);
});

it.each([
  "evil.example.com",
  "evil.example.com:8787",
  "localhost.evil.example.com",
  "127.0.0.1.evil.example.com",
])("refuses the Host of a rebound name: %s", async (host) => {
  const reply = await call("test_simple_text", {}, { host });
  expect(reply.status).toBe(403);
  expect(JSON.parse(reply.body)).toMatchObject({
    error: { message: expect.stringContaining("PUBLIC_URL") as string },
  });
});

it.each<Headers>([{}, { origin: "http://evil.example.com" }, { origin: "http://localhost" }])(
  "refuses a Host that is none, and is no exception: %o",
  async (headers) => {
    const reply = await call("test_simple_text", {}, { host: "localhost:99999", ...headers });
    expect(reply.status).toBe(403);
    expect(JSON.parse(reply.body)).toMatchObject({ error: { message: "The Host header is none" } });
    expect(world.log()).not.toContain("request.failed");
    expect(world.log()).not.toContain("exception");
  },
);

it.each(["localhost", "127.0.0.1", "[::1]"])(
  "serves loopback by each of its names: %s",
  async (name) => {
    expect((await call("test_simple_text", {}, { host: `${name}:${world.url.port}` })).status).toBe(
      200,
    );
  },
);

it("refuses a foreign Origin, and lets an allowed one read its errors", async () => {
  expect((await call("test_simple_text", {}, { origin: "http://evil.example.com" })).status).toBe(
    403,
  );
  expect((await call("test_simple_text", {}, { origin: "null" })).status).toBe(403);
  const mine = await call("no_such_tool", {}, { origin: "http://localhost:5173" });
  expect(codeOf(mine)).toBe(-32602);
  expect(mine.headers["access-control-allow-origin"]).toBe("http://localhost:5173");
});

it("sends the first byte of a stream at once, and a stream within about a second of silence", async () => {
  const listener = await listen({ toolsListChanged: true });
  expect(listener.firstByteMs).toBeLessThan(900);
  expect(listener.text()).toMatch(/^: open\n\n/);
  expect(listener.response.headers).toMatchObject({
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
  });
  listener.close();
  const slow = await openStream(
    "tools/call",
    { name: "spec_slow", arguments: { ms: 1_300 } },
    { "mcp-name": "spec_slow" },
  );
  expect(slow.firstByteMs).toBeGreaterThan(900);
  expect(slow.firstByteMs).toBeLessThan(3_000);
  await slow.ended;
  expect(slow.text()).toContain("slept");
});

// A reset is seen at once. A polite close looks like a client that has only finished writing, until the server writes.
it("aborts the call of a client that hangs up, before and after its answer became a stream", async () => {
  const witness = await listen({ resourceSubscriptions: [WATCHED] });
  const published = (): number => witness.text().split(WATCHED_NOTICE).length - 1;
  const reset = (socket: Socket): void => {
    socket.resetAndDestroy();
  };
  const close = (socket: Socket): void => {
    socket.destroy();
  };
  const departures = [
    [reset, 300] as const,
    [close, 300] as const,
    [reset, 1_600] as const,
    [close, 1_600] as const,
  ];
  for (const [round, [leave, wait]] of departures.entries()) {
    // A call that ends by itself is not aborted, and neither is one that runs.
    expect((await call("spec_slow", { ms: 10 })).body).toContain("slept");
    const socket = rawCall("spec_slow", { ms: 25_000 });
    await pause(wait);
    expect(published()).toBe(round);
    leave(socket);
    await until(() => published() > round, 5_000);
  }
  expect(published()).toBe(departures.length);
  witness.close();
});

it.each([
  ["goes on, and is everybody's", false, "who left"],
  ["that ends with its call fails for nobody else", true, "who stayed"],
])(
  "a cached value whose loader hangs up is not waited for in vain: a load %s",
  async (_, endsWithCall, loadedBy) => {
    const values = { key: crypto.randomUUID(), ms: 1_000, endsWithCall };
    const socket = rawCall("spec_cache", { ...values, by: "who left" });
    await pause(300);
    socket.resetAndDestroy();
    const { body } = await call("spec_cache", { ...values, by: "who stayed" });
    expect(body).toContain(`"text":"${loadedBy}"`);
  },
  // Less than the lease that nobody gave back.
  25_000,
);

it("cuts off a listener that does not read, and not the one beside it", async () => {
  // Each change is some 11 kB to every listener; what the sockets in between hold is a few megabytes.
  const uri = `test://long/${"x".repeat(11_000)}`;
  const [idle, keen] = [
    await listen({ resourceSubscriptions: [uri] }),
    await listen({ resourceSubscriptions: [uri] }),
  ];
  idle.response.pause();
  const count = (text: string): number => text.split(WATCHED_NOTICE).length - 1;
  const [changes, batch] = [1_500, 15];
  for (let sent = batch; sent <= changes; sent += batch) {
    await Promise.all(
      Array.from({ length: batch }, () => call("spec_hub", { do: "updated", uri })),
    );
    // One that reads may be late, but misses nothing.
    await until(() => keen.text().length > sent * uri.length && count(keen.text()) >= sent, 10_000);
  }
  expect(count(keen.text())).toBe(changes);
  expect(keen.response.readableEnded).toBe(false);
  idle.response.resume();
  await idle.ended;
  // The end is a hang-up: neither the rest nor an answer comes after what was under way.
  expect(count(idle.text())).toBeLessThan(changes);
  expect(idle.text().length).toBeGreaterThan(MAX_UNREAD_CHANGES_BYTES);
  expect(idle.text()).not.toContain("resultType");
  keen.close();
}, 60_000);

it("answers GET and unknown paths with what would be right", async () => {
  const get = await send("GET", world.url.pathname, { "mcp-protocol-version": REVISION });
  expect([get.status, get.headers["allow"]]).toEqual([405, "POST, OPTIONS"]);
  const lost = await send("POST", "/mcp/extra", callHeaders("test_simple_text"), "{}");
  expect(lost.status).toBe(404);
  expect(lost.body).toContain("/mcp");
});

// ---- Helpers --------------------------------------------------------------------------------------------------------

function headersFor(method: string, more: Headers = {}): Headers {
  const types = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  return { ...types, "mcp-protocol-version": REVISION, "mcp-method": method, ...more };
}

function callHeaders(name: string, more: Headers = {}): Headers {
  return headersFor("tools/call", { "mcp-name": name, ...more });
}

function bodyOf(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: META } });
}

function call(name: string, args: object = {}, headers: Headers = {}): Promise<Reply> {
  return post(bodyOf("tools/call", { name, arguments: args }), callHeaders(name, headers));
}

function codeOf({ body }: Reply): number | undefined {
  return (JSON.parse(body) as { error?: { code: number } }).error?.code;
}

function post(body: string, headers: Headers): Promise<Reply> {
  return send("POST", world.url.pathname, headers, body);
}

function send(
  method: string,
  path: string,
  headers: Headers,
  body?: string,
  then = "end",
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = world.url;
    const out = request({ hostname, port, path, method, headers, agent: false }, (reply) =>
      resolve(readAll(reply)),
    );
    out.on("error", reject);
    if (then === "end") out.end(body);
    else out.write(body ?? "");
  });
}

/** `count` times `chunk`, then `last`, with Transfer-Encoding instead of Content-Length. */
function postChunks(chunk: Buffer, count: number, last: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname } = world.url;
    const headers = callHeaders("test_simple_text", { "transfer-encoding": "chunked" });
    const out = request(
      { hostname, port, path: pathname, method: "POST", headers, agent: false },
      (reply) => {
        resolve(readAll(reply));
      },
    );
    out.on("error", reject);
    for (let sent = 0; sent < count; sent += 1) out.write(chunk);
    out.end(last);
  });
}

function readAll(reply: IncomingMessage): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let body = "";
    reply.setEncoding("utf8").on("data", (text: string) => (body += text));
    reply.on("end", () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body }));
    reply.on("error", reject);
  });
}

interface Stream {
  readonly response: IncomingMessage;
  readonly firstByteMs: number;
  readonly ended: Promise<void>;
  text(): string;
  close(): void;
}

/** A subscription, acknowledged. */
async function listen(notifications: object): Promise<Stream> {
  const stream = await openStream("subscriptions/listen", { notifications });
  await until(() => stream.text().includes("notifications/subscriptions/acknowledged"), 5_000);
  return stream;
}

/** Opens a reply that streams; resolves with its first byte. */
function openStream(method: string, params: object, more: Headers = {}): Promise<Stream> {
  const { hostname, port, pathname } = world.url;
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const headers = headersFor(method, more);
    const out = request(
      { hostname, port, path: pathname, method: "POST", headers, agent: false },
      (response) => {
        let text = "";
        const ended = new Promise<void>((gone) => {
          response.once("close", gone);
        });
        response.on("error", () => undefined);
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
          const firstByteMs = performance.now() - start;
          resolve({
            response,
            firstByteMs,
            ended,
            text: () => text,
            close: () => {
              out.destroy();
            },
          });
        });
      },
    );
    out.on("error", reject);
    out.end(bodyOf(method, params));
  });
}

/** A call over a bare socket, which can be cut at any moment. */
function rawCall(name: string, args: object): Socket {
  const body = bodyOf("tools/call", { name, arguments: args });
  const lines = {
    host: world.url.host,
    "content-length": String(body.length),
    ...callHeaders(name),
  };
  const head = Object.entries(lines).map(([key, value]) => `${key}: ${value}\r\n`);
  const socket = connect(Number(world.url.port), world.url.hostname);
  socket.on("error", () => undefined);
  socket.write(`POST ${world.url.pathname} HTTP/1.1\r\n${head.join("")}\r\n${body}`);
  return socket;
}

async function until(holds: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Not within ${ms} ms: ${holds.toString()}`);
    await pause(20);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
