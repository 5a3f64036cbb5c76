/**
 * What strangers do to traces, and what collectors do: words that must not become names, contexts that are none,
 * bursts, and answers that take too long. What was recorded is what arrives, or it is told as lost.
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { readTraceContext } from "../../src/base/trace-context.ts";
import { serveChanged, serveWorld, type TestServer } from "../client/servers.node.ts";
import { sendStateless, openSession } from "./client.node.ts";
import { receive, type Receiver } from "./otlp-receiver.node.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "00f067aa0ba902b7";
const OTHER = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const UNSAMPLED = `00-${TRACE}-${SPAN}-00`;
/** Of a stateless call: the request, the method in it, the tool in that. */
const SPANS = 3;
const OSLO = { name: "spec_structured", arguments: { city: "Oslo" } };

/** The world, whose patience with a collector outlasts every test: what is asked is how much, and never how soon. */
const servePatientWorld = (variables: Readonly<Record<string, string>>): Promise<TestServer> =>
  serveChanged("test/world/worker.ts", { AUTH: "none", ...variables }, { alter: lengthenPatience });

function lengthenPatience(bundle: string): string {
  const limit = /(EXPORT_LIMITS = \{[^}]*)\}/;
  if (!limit.test(bundle)) throw new Error("The limits of an export are written otherwise");
  return bundle.replace(limit, "$1, timeoutMs: 600000 }");
}

let receiver: Receiver;
let upstream: Server;
let upstreamUrl = "";
const reached: Record<string, unknown>[] = [];
let world: TestServer;
let quiet: TestServer;
let off: TestServer;

beforeAll(async () => {
  receiver = await receive();
  upstream = createServer((request, response) => {
    reached.push(request.headers);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  world = await servePatientWorld(collector);
  quiet = await servePatientWorld({ ...collector, OTEL_TRACES_SAMPLER_ARG: "0" });
  off = await serveWorld();
}, 90_000);

afterAll(async () => {
  for (const server of [world, quiet, off] as (TestServer | undefined)[]) await server?.stop();
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

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const arrived = (count: number, ms: number = 5_000): Promise<void> =>
  vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThanOrEqual(count), {
    timeout: ms,
    interval: 50,
  });

it.each<[string, unknown]>([
  ["an object that cannot become text", { toString: 1 }],
  ["a list of one good value", [SAMPLED]],
  ["a number", 7],
  ["nothing", null],
])("a traceparent in _meta that is %s is ignored in both eras", async (_what, traceparent) => {
  const session = await openSession(world.url);
  for (const answer of [
    await sendStateless(world.url, "tools/call", OSLO, {
      meta: { traceparent, tracestate: "a=1" },
    }),
    await sendStateless(off.url, "tools/call", OSLO, { meta: { traceparent } }),
    await session.call(OSLO.name, OSLO.arguments, {}, { traceparent }),
  ])
    expect(answer).toMatchObject({ result: { structuredContent: { city: "Oslo" } } });
  await arrived(9);
  expect(receiver.spans.map(({ traceId }) => traceId)).not.toContain(TRACE);
});

it("a value that is nearly baggage costs no more than its length", () => {
  // In the square of its length this would be minutes, far beyond the test's time-out.
  for (let time = 0; time < 1_000; time += 1)
    expect(readTraceContext(() => `${"=".repeat(8_190)}ü`).baggage).toBeUndefined();
});

it("a stranger's words make no names, and no long attributes", async () => {
  const word = "stranger".repeat(100);
  await sendStateless(
    world.url,
    "resources/read",
    { uri: "test://static-text", name: word },
    { header: "test://static-text" },
  );
  const prompt = {
    ref: { type: "ref/prompt", name: "spec_stack" },
    argument: { name: "language", value: "" },
  };
  await sendStateless(
    world.url,
    "completion/complete",
    { ...prompt, name: word },
    { header: undefined },
  );
  await sendStateless(world.url, "tools/call", { name: word, arguments: {} });
  await arrived(SPANS + SPANS + 2);
  expect(receiver.spans.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "run resources/read",
      "run completion/complete",
      "resources/read",
      "tools/call",
    ]),
  );
  expect(JSON.stringify(receiver.spans)).not.toContain("stranger");
  receiver.spans.length = 0;
  await fetch(new URL(`/${"p".repeat(9_000)}`, world.url));
  await arrived(1);
  expect(receiver.spans[0]?.attributes["url.path"]).toHaveLength(256);
});

it("baggage comes from the headers or from _meta, with or without a trace there", async () => {
  const call = { name: "spec_fetch", arguments: { url: upstreamUrl } };
  const headers = { traceparent: SAMPLED, baggage: "from=header" };
  for (const server of [world, off]) {
    await sendStateless(server.url, "tools/call", call, {
      headers,
      meta: { baggage: "from=meta" },
    });
    await sendStateless(server.url, "tools/call", call, {
      headers,
      meta: { traceparent: `00-${OTHER}-${SPAN}-01` },
    });
  }
  expect(reached.map(({ baggage }) => baggage)).toEqual([
    "from=meta",
    "from=header",
    "from=meta",
    "from=header",
  ]);
  expect(reached.map(({ traceparent }) => String(traceparent).slice(3, 35))).toEqual([
    TRACE,
    OTHER,
    TRACE,
    OTHER,
  ]);
  await arrived(8);
});

it("without a collector, contexts go on as they came", async () => {
  const call = { name: "spec_fetch", arguments: { url: upstreamUrl } };
  const headers = { traceparent: SAMPLED, tracestate: "a=1", baggage: "b=2" };
  await sendStateless(off.url, "tools/call", call, { headers });
  const session = await openSession(off.url);
  await session.call(call.name, call.arguments, headers);
  await sendStateless(off.url, "tools/call", call);
  expect(reached[0]).toMatchObject(headers);
  expect(reached[1]).toMatchObject(headers);
  expect(reached[2]?.["traceparent"]).toBeUndefined();
});

it("a session keeps to what was decided outside", async () => {
  const call = ["spec_fetch", { url: upstreamUrl }] as const;
  const [recorded, silent] = [await openSession(world.url), await openSession(quiet.url)];
  await arrived(2);
  receiver.spans.length = 0;
  await recorded.call(...call, { traceparent: UNSAMPLED, tracestate: "a=1" });
  await silent.call(...call);
  await pause(1_200);
  expect(receiver.spans).toEqual([]);
  expect(reached[0]).toMatchObject({ traceparent: UNSAMPLED, tracestate: "a=1" });
  expect(reached[1]?.["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  // The client records its own call: that is recorded here too, and so is its upstream.
  await silent.call(...call, {}, { traceparent: `00-${OTHER}-${SPAN}-01` });
  await arrived(3);
  const [method] = receiver.spans.filter(({ parentSpanId }) => parentSpanId === SPAN);
  const [out] = receiver.spans.filter(({ name }) => name === "GET");
  expect(method).toMatchObject({ name: "tools/call spec_fetch", traceId: OTHER, links: [] });
  expect(reached[2]?.["traceparent"]).toBe(`00-${OTHER}-${out?.spanId}-01`);
});

it("a call that went on as a stream is recorded from end to end, in both eras", async () => {
  const slow = { name: "spec_slow", arguments: { ms: 1_600 } };
  const session = await openSession(world.url);
  await arrived(2);
  receiver.spans.length = 0;
  // One after the other: what the Worker sends for itself would take the object's spans along.
  await session.call(slow.name, slow.arguments);
  await arrived(4);
  await sendStateless(world.url, "tools/call", slow);
  await arrived(7);
  for (const { name, startTimeUnixNano, endTimeUnixNano } of receiver.spans) {
    const took = Number((BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1_000_000n);
    if (/spec_slow/.test(name)) expect(took, name).toBeGreaterThanOrEqual(1_550);
  }
  expect(receiver.spans.filter(({ name }) => name === "run spec_slow")).toHaveLength(2);
});

it("a fault of ours has one trace id in the answer's log line and in its span", async () => {
  await sendStateless(
    world.url,
    "tools/call",
    { name: "spec_throw", arguments: { how: "error" } },
    { headers: { traceparent: SAMPLED } },
  );
  await arrived(SPANS);
  expect(world.log()).toMatch(new RegExp(`"handler\\.failed".*"trace":"${TRACE}"`));
});

it("of a burst nothing is lost, and few requests carry it", async () => {
  const calls = 1_500;
  for (let sent = 0; sent < calls; sent += 100)
    await Promise.all(
      Array.from({ length: 100 }, () => sendStateless(world.url, "tools/call", OSLO)),
    );
  await arrived(calls * SPANS, 10_000);
  expect(receiver.spans).toHaveLength(calls * SPANS);
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(calls * SPANS);
  expect(receiver.requests.length).toBeLessThan(calls / 10);
  expect(world.log()).not.toContain("telemetry.failed");
}, 60_000);

it("a collector that is slow is asked once at a time, and gets everything", async () => {
  let [open, most] = [0, 0];
  const held: (() => void)[] = [];
  receiver.answer = (request, response) => {
    most = Math.max(most, (open += 1));
    request.resume();
    held.push(() => {
      open -= 1;
      return response.writeHead(503).end();
    });
  };
  for (let round = 0; round < 12; round += 1) {
    await Promise.all(
      Array.from({ length: 60 }, () =>
        sendStateless(quiet.url, "tools/call", OSLO, { headers: { traceparent: SAMPLED } }),
      ),
    );
    await pause(150);
  }
  expect(most).toBe(1);
  receiver.answer = undefined;
  for (const answer of held) answer();
  // What was on its way is lost, and said to be; what waited arrives, though nobody calls any more.
  await vi.waitFor(() => expect(quiet.log()).toContain("telemetry.failed"), 8_000);
  const [, lost] = /"reason":"status\.503","dropped":(\d+)/.exec(quiet.log()) ?? [];
  await arrived(12 * 60 * SPANS - Number(lost), 10_000);
  expect(receiver.spans).toHaveLength(12 * 60 * SPANS - Number(lost));
}, 60_000);

it("what there is no room for is counted and told, and so is what a collector rejects", async () => {
  const own = await servePatientWorld({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  try {
    let release = (): void => undefined;
    receiver.answer = (request, response) => {
      request.resume();
      release = () => response.writeHead(500).end();
    };
    const calls = 1_700;
    for (let sent = 0; sent < calls; sent += 100)
      await Promise.all(
        Array.from({ length: 100 }, () => sendStateless(own.url, "tools/call", OSLO)),
      );
    receiver.answer = undefined;
    release();
    await vi.waitFor(() => expect(own.log()).toContain("telemetry.failed"), 8_000);
    await sendStateless(own.url, "tools/call", OSLO);
    const [, dropped] = /"event":"telemetry\.failed".*"dropped":(\d+)/.exec(own.log()) ?? [];
    expect(Number(dropped)).toBeGreaterThan(512);
    // All that was not told as lost; of the last call, what there was room for by then.
    const kept = calls * SPANS - Number(dropped);
    await arrived(kept + 1, 10_000);
    expect(receiver.spans.length).toBeLessThanOrEqual(kept + SPANS);
  } finally {
    await own.stop();
  }
  const other = await serveWorld({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  try {
    receiver.answer = (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ partialSuccess: { rejectedSpans: "2", errorMessage: "too old" } }),
      );
    };
    await sendStateless(other.url, "tools/call", OSLO);
    await vi.waitFor(() => expect(other.log()).toMatch(/"reason":"rejected","dropped":2\}/), 8_000);
    expect(other.log()).not.toContain("too old");
  } finally {
    await other.stop();
  }
}, 90_000);

it("what a session answers by itself is a method too, and one that does not exist is none", async () => {
  const session = await openSession(world.url);
  await arrived(2);
  receiver.spans.length = 0;
  await session.request("ping");
  await session.request("logging/setLevel", { level: "loud" });
  await session.request("stranger/method");
  await arrived(8);
  await pause(600);
  const methods = receiver.spans.filter(({ kind, name }) => kind === 2 && name !== "POST /mcp");
  expect(
    methods.map(({ name, error, attributes }) => [name, error, attributes["error.type"]]),
  ).toEqual([
    ["ping", false, undefined],
    ["logging/setLevel", true, "-32602"],
  ]);
  expect(JSON.stringify(receiver.spans)).not.toContain("stranger");
});

it("a collector that says nothing keeps no session waiting", async () => {
  receiver.answer = (request) => {
    request.resume();
  };
  const session = await openSession(world.url);
  // The collector is asked, and never answers: who waited for it would wait for longer than this test may take.
  await vi.waitFor(() => expect(receiver.requests).not.toEqual([]), 8_000);
  for (let time = 0; time < 3; time += 1)
    expect(await session.call(OSLO.name, OSLO.arguments)).toMatchObject({
      result: { structuredContent: { city: "Oslo" } },
    });
});
