/** The tools that ask upstreams: the real client in both eras, real HTTP on loopback, and everything that can go wrong there. */

import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  Client,
  ClientCredentialsProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveApp, type TestServer } from "../client/servers.node.ts";
import {
  callTool,
  connectClient,
  CLIENT_MODES,
  accessTokenOf,
  type ToolCallResult,
  type ClientMode,
} from "../client/callers.node.ts";
import { serveUpstreams, type UpstreamFault, type Upstreams } from "./upstreams.node.ts";

const SECRET = "the secret of a robot, long enough";

let upstreams: Upstreams;
let app: TestServer;
let keyed: TestServer;
const clients = {} as Record<ClientMode, Client>;
const open: Client[] = [];

beforeAll(async () => {
  upstreams = await serveUpstreams();
  const variables = {
    WIKIPEDIA_URL: upstreams.url,
    WEATHER_URL: upstreams.url,
    WEATHER_PLACES_URL: upstreams.url,
    PUBLIC_URL: "https://mcp.example.com",
  };
  // One after the other: wrangler starts faster alone.
  app = await serveApp({ AUTH: "none", ...variables });
  registerSecrets(SECRET);
  const client_secret_sha256 = createHash("sha256").update(SECRET).digest("base64url");
  const robot = {
    client_id: "robot",
    client_name: "Robot",
    grant_types: ["client_credentials"],
    client_secret_sha256,
  };
  keyed = await serveApp({
    SIGN_IN: "api-key",
    UPSTREAM_NAME: "Accounts",
    UPSTREAM_URL: `${upstreams.url}/me`,
    CLIENTS: JSON.stringify([{ ...robot, redirect_uris: [] }]),
  });
  for (const mode of CLIENT_MODES) clients[mode] = await connectClient(app.url, mode);
  open.push(...Object.values(clients));
}, 120_000);

afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  for (const server of [app, keyed] as (TestServer | undefined)[]) await server?.stop();
  upstreams.stop();
});

afterEach(() => {
  upstreams.fault = "none";
  upstreams.requests.length = 0;
});

describe.each(CLIENT_MODES)("in the %s era", (mode) => {
  const call = (name: string, args?: Record<string, unknown>): Promise<ToolCallResult> =>
    callTool(clients[mode], name, args);

  it("search_wikipedia finds, sums up and offers more, which read_result reads", async () => {
    const found = await call("search_wikipedia", { query: "otter" });
    expect(found.facts).toMatchObject({
      title: "Otter",
      summary: "Otters are carnivorous mammals.",
      url: "https://en.wikipedia.org/wiki/Otter",
      others: [{ number: 2, title: "Sea otter" }],
    });
    expect(upstreams.requests[0]?.agent).toBe("barewire/0.1 (https://mcp.example.com)");
    expect((await call("read_result", { number: 2 })).facts).toMatchObject({ title: "Sea otter" });
    expect(await call("read_result", { number: 3 })).toMatchObject({
      failed: true,
      text: "There is no number 3: the last search has 2",
    });
  });

  it("read_articles works through a list, with a request for each title, whatever one of them lacks", async () => {
    const { text } = await call("read_articles", { titles: ["Otter", "Nobody", "Sea_otter"] });
    expect(text.split("\n")).toEqual([
      "Otter: Otters are carnivorous mammals.",
      'Nobody: Wikipedia has no summary of "Nobody": read_result reads others',
      "Sea_otter: The sea otter is a marine mammal.",
    ]);
    expect(upstreams.requests).toHaveLength(3);
  });

  it("search_wikipedia sends what it is given, whatever it is", async () => {
    expect((await call("search_wikipedia", { query: "c/c++" })).facts).toMatchObject({
      title: "C/C++",
    });
    expect(upstreams.requests.map(({ path }) => path)).toEqual([
      "/w/rest.php/v1/search/page?limit=5&q=c%2Fc%2B%2B",
      "/api/rest_v1/page/summary/C%2FC%2B%2B",
    ]);
  });

  it("says what was not found", async () => {
    expect(await call("search_wikipedia", { query: "xyzzy" })).toMatchObject({
      failed: true,
      text: 'Wikipedia has nothing about "xyzzy": try other words',
    });
    expect(await call("search_wikipedia", { query: "gone" })).toMatchObject({
      failed: true,
      text: 'Wikipedia has no summary of "Gone": read_result reads others',
    });
    expect(await call("get_weather", { place: "Nowhere" })).toMatchObject({
      failed: true,
      text: 'No town is called "Nowhere": try its name in English',
    });
    expect(await call("get_weather", { place: "Atlantis" })).toMatchObject({
      failed: true,
      text: "The weather service sent something that we cannot read: try again later",
    });
  });

  it("answers every argument that its schema takes, half a letter and the largest number too", async () => {
    const half = await call("get_weather", { place: "\ud800" });
    expect(half.text).not.toContain("Internal error");
    const halfWord = await call("search_wikipedia", { query: "\ud800" });
    expect(halfWord.text).not.toContain("Internal error");
    expect(await call("add_numbers", { a: 1e308, b: 1e308 })).toMatchObject({
      failed: true,
      text: "The sum is too large",
    });
    expect(app.log()).not.toMatch(/handler\.failed|output_invalid/);
  });

  it("get_weather asks once and tells the age", async () => {
    // Each era its own town, so that neither is given what the other loaded.
    const town = mode === "auto" ? "Oslo" : "Tromsø";
    const first = await call("get_weather", { place: town });
    expect(first.facts).toEqual({
      place: `${town}, Norway`,
      celsius: -3.5,
      windMetersPerSecond: 4,
      sky: "snow",
      minutesOld: 0,
      stale: false,
    });
    expect(first.text).toBe(`${town}, Norway: -3.5 °C, snow, wind 4 m/s (just now)`);
    await Promise.all(
      Array.from({ length: 10 }, () => call("get_weather", { place: ` ${town.toUpperCase()}` })),
    );
    expect(upstreams.requests.map(({ path }) => path)).toEqual([
      `/v1/search?count=1&format=json&name=${encodeURIComponent(town)}`,
      expect.stringContaining("wind_speed_unit=ms"),
    ]);
  });

  it("whoami says who asks", async () => {
    expect((await call("whoami")).facts).toEqual({
      subject: "anonymous",
      issuer: "none",
      client: "none",
      scopes: [],
      app: "caller",
      signedIn: "not at all",
    });
  });
});

const FAULTS: [UpstreamFault, RegExp][] = [
  ["hangs", /took too long/],
  ["hangs up", /cannot be reached/],
  ["huge", /sent too much/],
  ["a page", /sent something else than JSON/],
  ["broken JSON", /something that we cannot read/],
  ["another shape", /something that we cannot read/],
  ["redirect", /sent us elsewhere/],
  [401, /does not let us in \(401\): tell whoever runs/],
  [404, /nothing about/],
  [429, /wait a minute/],
  [500, /has a problem \(500\)/],
];
it.each(FAULTS)(
  "an upstream that answers with %s is a sentence, in both eras, and leaves what was kept",
  async (fault, says) => {
    await callTool(clients.auto, "search_wikipedia", { query: "otter" });
    upstreams.fault = fault;
    const all = await Promise.all(
      CLIENT_MODES.map((mode) =>
        callTool(clients[mode], "search_wikipedia", { query: `otter ${String(fault)}` }),
      ),
    );
    for (const { failed, text } of all) {
      expect(failed).toBe(true);
      expect(text).toMatch(says);
      expect(text).not.toMatch(/10\.0\.0\.1|fetch\.|\n/);
    }
    upstreams.fault = "none";
    expect((await callTool(clients.auto, "read_result", { number: 2 })).facts).toMatchObject({
      title: "Sea otter",
    });
  },
  20_000,
);

it("weather that cannot be had is not kept as an answer", async () => {
  upstreams.fault = 500;
  const place = "oslo ";
  expect(await callTool(clients.auto, "get_weather", { place: `${place}x` })).toMatchObject({
    failed: true,
  });
  upstreams.fault = "none";
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(await callTool(clients.auto, "get_weather", { place: `${place}x` })).toMatchObject({
    text: expect.stringContaining("No town") as string,
  });
});

describe("with a credential", () => {
  it.each(CLIENT_MODES)(
    "the caller's own key is used, in the %s era, and told to nobody",
    async (mode) => {
      const [ada, bob] = await Promise.all(
        ["ada", "bob"].map(async (name) =>
          connectClient(keyed.url, mode, await accessTokenOf(keyed.url, name)),
        ),
      );
      if (ada === undefined || bob === undefined) throw new Error("Nobody came");
      open.push(ada, bob);
      const mine = await callTool(ada, "upstream_account");
      expect(mine.facts).toEqual({ service: "Accounts", account: "ada" });
      expect((await callTool(bob, "upstream_account")).facts).toEqual({
        service: "Accounts",
        account: "bob",
      });
      expect(upstreams.requests.at(-1)?.key).toBe("Bearer key-of-bob");
      const told = [mine, await callTool(ada, "whoami")];
      expect(told[1]?.facts).toMatchObject({ issuer: keyed.url.origin, signedIn: "api-key" });
      for (const fault of [500, "redirect", "hangs up", "broken JSON", 401] as const) {
        upstreams.fault = fault;
        told.push(await callTool(ada, "upstream_account"));
        expect(told.at(-1)?.failed).toBe(true);
      }
      expect(told.at(-1)?.text).toBe(
        "Accounts does not let us in (401): sign in again, with another key",
      );
      expect(JSON.stringify(told)).not.toMatch(/key-of/);
    },
    30_000,
  );

  it("who has none is told, and has searched for nothing", async () => {
    const authProvider = new ClientCredentialsProvider({
      clientId: "robot",
      clientSecret: SECRET,
      expectedIssuer: keyed.url.origin,
    });
    const robot = new Client({ name: "robot", version: "1" });
    await robot.connect(new StreamableHTTPClientTransport(keyed.url, { authProvider }));
    open.push(robot);
    expect(await callTool(robot, "upstream_account")).toMatchObject({
      failed: true,
      text: "Your key for Accounts is not kept: sign in again",
    });
    expect(await callTool(robot, "read_result", { number: 1 })).toMatchObject({
      failed: true,
      text: "There was no search yet: use search_wikipedia first",
    });
    expect((await callTool(robot, "whoami")).facts).toMatchObject({
      signedIn: "as an app, without a person",
    });
  });

  it("a server that people enter otherwise does not offer it", async () => {
    const { tools } = await clients.auto.listTools();
    expect(tools.map(({ name }) => name)).not.toContain("upstream_account");
  });
});
