/**
 * A collector that is down for a whole run, and comes back: nobody is answered otherwise, and every span either arrives or
 * is told as lost. Of what there is no room for meanwhile, `attack.node.test.ts` has the bound.
 */

import { createServer as createHttp, type Server as HttpServer } from "node:http";
import { createServer as createTcp, type AddressInfo, type Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { serveChanged } from "../client/servers.node.ts";
import { sendStateless } from "./client.node.ts";

/** Of a stateless call: the request, the method in it, the tool in that. */
const SPANS = 3;
const OSLO = { name: "spec_structured", arguments: { city: "Oslo" } };
const CALLS = 400;

/** Complains every half second instead of every minute, so that a test hears all of it. */
function impatient(bundle: string): string {
  const changed = bundle.replace("REPORT_INTERVAL_MS = 6e4", "REPORT_INTERVAL_MS = 500");
  expect(changed).not.toBe(bundle);
  return changed;
}

/** Something that is no collector, on a port of loopback. */
interface Down {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** A port where nobody listens. */
async function refusing(): Promise<Down> {
  const silent = await accepting();
  await silent.stop();
  return { port: silent.port, stop: () => Promise.resolve() };
}

/** Takes every connection and never says a word. */
async function accepting(): Promise<Down> {
  const open = new Set<Socket>();
  const server = createTcp((socket) => {
    open.add(socket);
    socket.on("error", () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Sent {
  readonly resourceSpans: { readonly scopeSpans: { readonly spans: unknown[] }[] }[];
}

/** A collector on `port` that counts. */
async function collect(port: number, take: (spans: number) => void): Promise<HttpServer> {
  const server = createHttp((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(body) as Sent;
      for (const { scopeSpans } of resourceSpans)
        for (const { spans } of scopeSpans) take(spans.length);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

it.each<[what: string, down: () => Promise<Down>, reason: string]>([
  ["refuses every connection", refusing, "fetch.failed"],
  ["accepts every connection and never answers", accepting, "fetch.timeout"],
])(
  "a collector that %s: calls are answered, and what is dropped is counted to the last span",
  async (_what, down, reason) => {
    const { port, stop } = await down();
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    const world = await serveChanged(
      "test/world/worker.ts",
      { AUTH: "none", ...endpoint },
      { alter: impatient },
    );
    let collector: HttpServer | undefined;
    let arrived = 0;
    let calls = 0;
    const call = async (): Promise<void> => {
      calls += 1;
      expect(await sendStateless(world.url, "tools/call", OSLO)).toMatchObject({
        result: { structuredContent: { city: "Oslo" } },
      });
    };
    const lost = (): number => {
      const lines = world.log().matchAll(/"event":"telemetry\.failed".*"dropped":(\d+)/g);
      return [...lines].reduce((sum, [, dropped]) => sum + Number(dropped), 0);
    };
    try {
      for (let sent = 0; sent < CALLS; sent += 50)
        await Promise.all(Array.from({ length: 50 }, call));
      await vi.waitFor(() => expect(world.log()).toContain(`"reason":"${reason}"`), {
        timeout: 10_000,
        interval: 50,
      });
      expect(lost()).toBeGreaterThan(0);
      await stop();
      collector = await collect(port, (spans) => (arrived += spans));
      // What was lost last is told with what comes next.
      await vi.waitFor(
        async () => {
          await call();
          await new Promise((resolve) => setTimeout(resolve, 1_200));
          expect(arrived + lost()).toBe(calls * SPANS);
        },
        { timeout: 20_000, interval: 100 },
      );
      expect(arrived).toBeGreaterThanOrEqual(SPANS);
    } finally {
      await stop();
      collector?.closeAllConnections();
      collector?.close();
      await world.stop();
    }
  },
  60_000,
);
