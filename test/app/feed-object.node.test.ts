/** The long-lived upstream: an object of the app in bare workerd, and a WebSocket server that speaks, falls silent and breaks. */

import type { Client } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { serveBareApp, type TestServer } from "../client/servers.node.ts";
import {
  callTool,
  connectClient,
  CLIENT_MODES,
  type ToolCallResult,
  type ClientMode,
} from "../client/callers.node.ts";
import { serveFeed, type FeedServer } from "./upstreams.node.ts";

const IDLE_MS = 3_000;
const DOWN = "The feed cannot be reached: try again in a minute";

let feed: FeedServer;
let app: TestServer;
const clients = {} as Record<ClientMode, Client>;

beforeAll(async () => {
  feed = await serveFeed();
  app = await serveBareApp({
    AUTH: "none",
    FEED_URL: feed.url,
    FEED_IDLE_SECONDS: String(IDLE_MS / 1000),
  });
  for (const mode of CLIENT_MODES) clients[mode] = await connectClient(app.url, mode);
}, 90_000);

afterAll(async () => {
  await Promise.all(Object.values(clients).map((one) => one.close()));
  await app?.stop();
  feed?.stop();
});

beforeEach(() => {
  feed.opened = 0;
  feed.farewells = 0;
});

/** Nobody asks: each test leaves an object that holds nothing. */
afterEach(async () => {
  feed.mood = "welcome";
  await dropped();
}, 15_000);

const latest = (limit?: number, mode: ClientMode = "auto"): Promise<ToolCallResult> =>
  callTool(clients[mode], "feed_latest", limit === undefined ? {} : { limit });
const dropped = (): Promise<void> =>
  vi.waitFor(() => expect(feed.open.size).toBe(0), { timeout: 12_000, interval: 50 });
const opened = (count: number): Promise<void> =>
  vi.waitFor(() => expect(feed.opened).toBe(count), 5_000);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const post = (text: string): string =>
  JSON.stringify({
    did: "did:plc:a",
    kind: "commit",
    commit: { operation: "create", record: { text } },
  });

describe.each(CLIENT_MODES)("in the %s era", (mode) => {
  it("all who ask share one connection, and get the newest of what is short enough and text", async () => {
    const asked = Promise.all(Array.from({ length: 6 }, () => latest(2, mode)));
    await opened(1);
    feed.send(post("first"));
    for (const { facts } of await asked) expect(facts).toEqual({ live: true, messages: ["first"] });
    for (let at = 1; at <= 25; at += 1) feed.send(post(`post ${at}`));
    feed.send("plain words");
    feed.send(Buffer.from([1, 2, 3]));
    feed.send("x".repeat(20_001));
    await vi.waitFor(async () => expect((await latest(1, mode)).text).toBe("- plain words"), 5_000);
    expect((await latest(3, mode)).text).toBe("- plain words\n- post 25\n- post 24");
    const { facts } = await latest(20, mode);
    expect(facts["messages"]).toHaveLength(20);
    expect((facts["messages"] as string[]).at(-1)).toBe("post 7");
    expect(feed.opened).toBe(1);
  }, 60_000);
});

it("says so when nothing has come", async () => {
  const before = performance.now();
  const text = "Connected; nothing has come yet.";
  expect(await latest()).toEqual({ failed: false, facts: { live: true, messages: [] }, text });
  expect(performance.now() - before).toBeLessThan(6_000);
});

it.each(["politely", "rudely"] as const)(
  "a connection that ends %s is opened again by the next call",
  async (how) => {
    await first("before");
    feed.end(how);
    await dropped();
    expect((await latest()).facts).toEqual({ live: true, messages: ["before"] });
    expect(feed.opened).toBe(2);
  },
  20_000,
);

it("a connection that is lost is opened again when nobody calls", async () => {
  await first("before");
  // The alarm comes three seconds after the first call; then the last call is less than that ago.
  await sleep(IDLE_MS * 0.4);
  await latest();
  feed.end("rudely");
  await opened(2);
}, 60_000);

it("is dropped when nobody asks, with what it had, and opened by the next call", async () => {
  await first("old");
  const before = performance.now();
  await dropped();
  expect(feed.farewells).toBe(1);
  expect(performance.now() - before).toBeGreaterThan(IDLE_MS - 500);
  const next = latest();
  await opened(2);
  feed.send("new");
  expect((await next).facts).toEqual({ live: true, messages: ["new"] });
}, 60_000);

it("that is down is a sentence, also beside what came before", async () => {
  await first("before");
  feed.mood = "refuses";
  feed.end("rudely");
  await dropped();
  const told = await latest();
  expect(told).toMatchObject({ failed: false, facts: { live: false, messages: ["before"] } });
  expect(told.text).toBe("- before\nThe feed cannot be reached at the moment: these came before.");
  await sleep(IDLE_MS + 1_500);
  expect(await latest()).toMatchObject({ failed: true, text: DOWN });
  feed.mood = "welcome";
  await first("after");
}, 30_000);

it("that does not answer is given up", async () => {
  feed.mood = "hangs";
  const before = performance.now();
  expect(await latest(1, "legacy")).toMatchObject({ failed: true, text: DOWN });
  expect(performance.now() - before).toBeLessThan(10_000);
}, 60_000);

it("is held where the setting of its idle time is empty", async () => {
  const other = await serveFeed();
  const bare = await serveBareApp({ AUTH: "none", FEED_URL: other.url, FEED_IDLE_SECONDS: "" });
  const client = await connectClient(bare.url, "auto");
  try {
    await callTool(client, "feed_latest", {});
    await sleep(1_000);
    expect([other.opened, other.open.size]).toEqual([1, 1]);
  } finally {
    await client.close();
    await bare.stop();
    other.stop();
  }
}, 60_000);

/** Connects, and has one message come. */
async function first(message: string): Promise<void> {
  const { opened: before } = feed;
  const told = latest();
  await opened(before + 1);
  feed.send(message);
  expect((await told).facts).toEqual({ live: true, messages: [message] });
}
