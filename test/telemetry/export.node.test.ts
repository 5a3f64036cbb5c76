/** Traces from a real Worker to a real OTLP receiver over HTTP: the tree of spans in both eras, and a collector that fails. */

import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { serveWorld, type TestServer } from "../client/servers.node.ts";
import { sendStateless, type JsonRpcReply, type HeaderFields } from "./client.node.ts";
import { faultIn, receive, type ReceivedSpan, type Receiver } from "./otlp-receiver.node.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "00f067aa0ba902b7";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const OTHER = "4bf92f3577b34da6a3ce929d0e0e4736";
const TOKEN = "collector-token-0123456789";

let receiver: Receiver;
let upstream: Server;
let upstreamUrl = "";
const reached: Record<string, unknown>[] = [];
let world: TestServer;
let quiet: TestServer;

beforeAll(async () => {
  receiver = await receive();
  upstream = createServer((request, response) => {
    reached.push(request.headers);
    response.writeHead(request.url?.startsWith("/gone") ? 404 : 200, {
      "content-type": "application/json",
    });
    response.end("{}");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const collector = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${TOKEN}%20x`,
  };
  world = await serveWorld(collector);
  quiet = await serveWorld({
    ...collector,
    OTEL_TRACES_SAMPLER_ARG: "0",
    OTEL_SERVICE_NAME: "quiet",
  });
}, 90_000);

afterAll(async () => {
  for (const server of [world, quiet] as (TestServer | undefined)[]) await server?.stop();
  upstream.close();
  receiver.stop();
});

afterEach(() => {
  expect(receiver.faults).toEqual([]);
  receiver.answer = undefined;
  receiver.spans.length = 0;
  receiver.requests.length = 0;
  reached.length = 0;
});

/** A tools/call of the stateless era. */
const call = (
  name: string,
  args: object = {},
  { url = world.url, ...more }: { headers?: HeaderFields; meta?: object; url?: URL } = {},
): Promise<JsonRpcReply> => sendStateless(url, "tools/call", { name, arguments: args }, more);

/** The spans by name, once `count` of them have come. */
async function spans(count: number): Promise<Record<string, ReceivedSpan>> {
  await vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThanOrEqual(count), 5_000);
  expect(receiver.spans).toHaveLength(count);
  return Object.fromEntries(receiver.spans.map((span) => [span.name, span]));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it("the receiver takes nothing that is not OTLP to the letter", () => {
  const good = {
    traceId: TRACE,
    spanId: SPAN,
    name: "a",
    kind: 2,
    startTimeUnixNano: "1763700000000000000",
    endTimeUnixNano: "1763700000000000000",
  };
  const wrap = (span: object) => ({
    resourceSpans: [
      { resource: { attributes: [] }, scopeSpans: [{ scope: { name: "x" }, spans: [span] }] },
    ],
  });
  expect(faultIn(wrap(good))).toBeUndefined();
  for (const wrong of [
    { traceId: TRACE.toUpperCase() },
    { spanId: TRACE },
    { kind: "SPAN_KIND_SERVER" },
    { startTimeUnixNano: 1_763_700_000_000_000_000 },
    { attributes: [{ key: "a", value: { intValue: 1 } }] },
    { attributes: [{ key: "a", value: "b" }] },
    { attributes: ["b", "c"].map((stringValue) => ({ key: "a", value: { stringValue } })) },
    { attributes: { a: 1 } },
    { trace_state: "a=1" },
    { status: { code: "ERROR" } },
  ])
    expect(faultIn(wrap({ ...good, ...wrong })), JSON.stringify(wrong)).toBeDefined();
  expect(faultIn(wrap({ traceId: TRACE }))).toBeDefined();
});

it("a stateless call is three spans: the request, the method in it, the tool in that", async () => {
  await call("spec_structured", { city: "Oslo" });
  const {
    "POST /mcp": http,
    "tools/call spec_structured": method,
    "run spec_structured": tool,
  } = await spans(3);
  expect(http).toMatchObject({
    kind: 2,
    error: false,
    attributes: {
      "http.request.method": "POST",
      "http.route": "/mcp",
      "url.path": "/mcp",
      "url.scheme": "http",
      "server.address": "127.0.0.1",
      "server.port": Number(world.url.port),
      "http.response.status_code": 200,
    },
  });
  expect(http?.parentSpanId).toBeUndefined();
  expect(method).toMatchObject({
    kind: 2,
    traceId: http?.traceId,
    parentSpanId: http?.spanId,
    links: [],
  });
  expect(method?.attributes).toEqual({
    "mcp.method.name": "tools/call",
    "mcp.protocol.version": "2026-07-28",
    "jsonrpc.request.id": "7",
    "gen_ai.tool.name": "spec_structured",
    "gen_ai.operation.name": "execute_tool",
    "barewire.outcome": "complete",
  });
  expect(tool).toMatchObject({ kind: 1, parentSpanId: method?.spanId });
  expect([...receiver.services]).toEqual(["barewire-world"]);
  expect(receiver.requests[0]?.["x-key"]).toBe(`${TOKEN} x`);
});

it("in a session the object's spans hang on the Worker's", async () => {
  const post = (body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(world.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...body }),
    });
  const clientInfo = { name: "t", version: "1" };
  const opened = await post({
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo },
  });
  const session = opened.headers.get("mcp-session-id") ?? "";
  const { "POST /mcp": opening, initialize } = await spans(2);
  expect(initialize).toMatchObject({ kind: 2, parentSpanId: opening?.spanId, error: false });
  // The id itself is a credential: spans name the session by a digest of it.
  const name = createHash("sha256").update(session).digest("base64url");
  expect(initialize?.attributes).toMatchObject({
    "mcp.method.name": "initialize",
    "mcp.session.id": name,
  });
  expect(JSON.stringify(receiver.spans)).not.toContain(session);
  receiver.spans.length = 0;
  const params = { name: "spec_structured", arguments: { city: "Oslo" }, _meta: {} };
  await post(
    { id: "x", method: "tools/call", params },
    { "mcp-session-id": session, traceparent: SAMPLED, tracestate: "a=1" },
  );
  const {
    "POST /mcp": http,
    "Session.handle": object,
    "tools/call spec_structured": method,
    "run spec_structured": tool,
  } = await spans(4);
  expect(http).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, traceState: "a=1" });
  expect(object).toMatchObject({ kind: 3, traceId: TRACE, parentSpanId: http?.spanId });
  expect(method).toMatchObject({ kind: 2, traceId: TRACE, parentSpanId: object?.spanId });
  expect(method?.attributes).toMatchObject({
    "mcp.session.id": name,
    "mcp.protocol.version": "2025-11-25",
    "jsonrpc.request.id": "x",
  });
  expect(tool).toMatchObject({ parentSpanId: method?.spanId });
  expect(JSON.stringify(receiver.spans)).not.toContain(session);
});

it("a context in _meta is the parent of the method, and the request is linked", async () => {
  await call(
    "spec_structured",
    { city: "Oslo" },
    {
      headers: { traceparent: SAMPLED },
      meta: { traceparent: `00-${OTHER}-${SPAN}-01`, tracestate: "v=2" },
    },
  );
  const {
    "POST /mcp": http,
    "tools/call spec_structured": method,
    "run spec_structured": tool,
  } = await spans(3);
  expect(http).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  expect(method).toMatchObject({
    traceId: OTHER,
    parentSpanId: SPAN,
    traceState: "v=2",
    links: [{ traceId: TRACE, spanId: http?.spanId }],
  });
  expect(tool).toMatchObject({ traceId: OTHER, parentSpanId: method?.spanId });
});

it("goes on to an upstream, with everything that came in, and says how that ended", async () => {
  const context = { traceparent: SAMPLED, tracestate: "a=1", baggage: "tenant=7" };
  await call(
    "spec_fetch",
    { url: `${upstreamUrl}/hidden-argument?hidden=1` },
    { headers: context },
  );
  const { GET: out, "run spec_fetch": tool } = await spans(4);
  expect(out).toMatchObject({ kind: 3, parentSpanId: tool?.spanId, error: false });
  expect(out?.attributes).toEqual({
    "http.request.method": "GET",
    "url.full": `${upstreamUrl}/REDACTED`,
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(upstreamUrl).port),
    "http.response.status_code": 200,
  });
  expect(JSON.stringify(receiver.spans)).not.toContain("hidden");
  expect(reached[0]).toMatchObject({
    traceparent: `00-${TRACE}-${out?.spanId}-01`,
    tracestate: "a=1",
    baggage: "tenant=7",
  });
  receiver.spans.length = 0;
  await call("spec_fetch", { url: `${upstreamUrl}/gone` });
  expect((await spans(4))["GET"]).toMatchObject({
    error: true,
    attributes: { "error.type": "404" },
  });
});

it("what a handler keeps is spans of its own, without keys or values", async () => {
  await call("spec_keep", { key: "hidden-key", value: "hidden-value" });
  const all = await spans(8);
  const of = (name: string) => all[name] ?? all["POST /mcp"];
  for (const name of ["Store.put", "Store.get", "Store.limit", "vault get", "cache"])
    expect(of(name), name).toMatchObject({ name, parentSpanId: all["run spec_keep"]?.spanId });
  expect(JSON.stringify(receiver.spans)).not.toMatch(/hidden/);
  // There is no database in bare workerd: the vault says so, and so does its span's parent.
  expect(all["tools/call spec_keep"]).toMatchObject({
    error: true,
    attributes: { "error.type": "tool_error" },
  });
});

it("says how a call ended", async () => {
  await call("spec_throw", { how: "error" });
  const { "tools/call spec_throw": thrown, "run spec_throw": tool } = await spans(3);
  expect(thrown).toMatchObject({ error: true, attributes: { "error.type": "tool_error" } });
  expect(tool).toMatchObject({ error: true, attributes: { "error.type": "Error" } });
  // The log line of a handler's fault names the trace.
  expect(world.log()).toContain(`"trace":"${tool?.traceId}"`);
  receiver.spans.length = 0;
  expect(await call("no_such_tool")).toMatchObject({ error: { code: -32602 } });
  const { "tools/call": refused } = await spans(2);
  expect(refused).toMatchObject({
    error: true,
    attributes: { "error.type": "-32602", "rpc.response.status_code": "-32602" },
  });
});

it("a made-up path, verb or id makes no new name", async () => {
  await fetch(new URL("/wp-admin?x=1", world.url));
  await fetch(world.url, { method: "PATCH" });
  const names = Object.keys(await spans(2));
  expect(names.toSorted()).toEqual(["GET", "PATCH /mcp"]);
  expect(JSON.stringify(receiver.spans)).not.toContain("x=1");
});

it("an unsampled parent is passed on and not recorded, and so is a share of none", async () => {
  await call(
    "spec_fetch",
    { url: `${upstreamUrl}/a` },
    { headers: { traceparent: `00-${TRACE}-${SPAN}-00`, baggage: "b=1" } },
  );
  await call("spec_fetch", { url: `${upstreamUrl}/b` }, { url: quiet.url });
  await call(
    "spec_fetch",
    { url: `${upstreamUrl}/c` },
    { meta: { traceparent: `00-${OTHER}-${SPAN}-00` }, url: quiet.url },
  );
  await pause(1_200);
  expect(receiver.spans).toEqual([]);
  expect(reached[0]).toMatchObject({ traceparent: `00-${TRACE}-${SPAN}-00`, baggage: "b=1" });
  expect(reached[1]?.["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(reached[2]?.["traceparent"]).toBe(`00-${OTHER}-${SPAN}-00`);
});

it("a client that records its own call has it recorded here, though requests are not", async () => {
  await call(
    "spec_structured",
    { city: "Oslo" },
    { meta: { traceparent: `00-${OTHER}-${SPAN}-01` }, url: quiet.url },
  );
  const { "tools/call spec_structured": method } = await spans(2);
  expect(method).toMatchObject({ traceId: OTHER, parentSpanId: SPAN, links: [] });
  expect([...receiver.services]).toContain("quiet");
});

it("requests of a moment share a batch", async () => {
  await Promise.all(Array.from({ length: 20 }, () => call("spec_structured", { city: "Oslo" })));
  await spans(60).catch(() => undefined);
  expect(receiver.spans).toHaveLength(60);
  expect(receiver.requests.length).toBeLessThan(5);
});

it.each<[string, NonNullable<Receiver["answer"]>]>([
  [
    "answers 500",
    (_, response) => {
      response.writeHead(500).end();
    },
  ],
  [
    "redirects",
    (_, response) => {
      response.writeHead(302, { location: "http://127.0.0.1:9/" }).end();
    },
  ],
  ["says nothing", () => undefined],
  [
    "hangs up",
    (request) => {
      request.destroy();
    },
  ],
  [
    "talks without end",
    (_, response) => {
      response.writeHead(200).write("x".repeat(200_000));
    },
  ],
])("a collector that %s changes nothing for who calls", async (_what, answer) => {
  receiver.answer = answer;
  const before = Date.now();
  const all = await Promise.all(
    Array.from({ length: 5 }, () => call("spec_structured", { city: "Oslo" })),
  );
  // Whoever waited for the collector would have waited for its whole five seconds.
  expect(Date.now() - before).toBeLessThan(4_000);
  for (const one of all)
    expect(one).toMatchObject({ result: { structuredContent: { city: "Oslo" } } });
  await pause(700);
});

it("a collector that fails is complained of once a minute, without a word of the key", async () => {
  await vi.waitFor(() => expect(world.log()).toContain("telemetry.failed"), 8_000);
  expect(world.log().match(/telemetry\.failed/g)?.length).toBe(1);
  expect(world.log()).not.toContain(TOKEN);
  // And afterwards it is given what comes.
  await call("spec_structured", { city: "Oslo" });
  await vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThanOrEqual(3), 8_000);
});
