// The server card over HTTP: for everybody, never other than what the server says of itself, and without a secret.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { serverCard, type CardDetails } from "../../../src/extensions/server-card/feature.ts";
import type { Implementation } from "../../../src/protocol/request-meta.ts";
import { createWorker } from "../../../src/worker/router.ts";
import { loginOptions } from "../../world/login-options.ts";
import type { Env } from "../../world/env.ts";
import { everyPart } from "../../world/parts.ts";

const CARD = "/mcp/server-card";
const ALIAS = "/.well-known/mcp/server-card.json";
const CATALOG = "/.well-known/ai-catalog.json";
const FOREIGN = { origin: "https://elsewhere.example" };
const details: CardDetails = { description: "Text" };

interface Card {
  readonly name: string;
  readonly title?: string;
  readonly version: string;
  readonly remotes: readonly { readonly url: string; readonly supportedProtocolVersions: object }[];
}

interface Catalog {
  readonly entries: readonly { readonly identifier: string; readonly url: string }[];
}

interface Discovered {
  readonly result: {
    readonly supportedVersions: readonly string[];
    readonly _meta: Readonly<Record<string, Implementation>>;
  };
}

type Get = (path: string, init?: RequestInit) => Promise<Response>;

function serve(
  given: CardDetails = details,
  settings: Partial<Env> = {},
  info: Implementation = { name: "own", title: "My own", version: "1.2.3" },
): Get {
  const { auth, features } = everyPart(loginOptions);
  const { fetch } = createWorker<Env>({
    server: { info },
    auth,
    features: [...features, serverCard(given)],
  });
  return async (path, init = {}) =>
    fetch(new Request(path.startsWith("/") ? `http://127.0.0.1${path}` : path, init), {
      ...(env as unknown as Env),
      ...settings,
    });
}

const read = async (get: Get, path: string = CARD): Promise<Card> => (await get(path)).json();

it("says what server/discover says, whatever the server is", async () => {
  const infos = [
    { name: "own", version: "1" },
    { name: "own.server_2", title: "Größe", version: "2.0.0-alpha" },
  ];
  for (const info of infos) {
    const get = serve(details, { AUTH: "none" }, info);
    const card = await read(get);
    const reply = await get("/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "server/discover",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "server/discover",
        params: {
          _meta: {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
          },
        },
      }),
    });
    const { result } = await reply.json<Discovered>();
    const said = result._meta["io.modelcontextprotocol/serverInfo"];
    const [, name] = card.name.split("/");
    expect({ name, title: card.title, version: card.version }).toEqual({
      title: undefined,
      ...said,
    });
    expect(card.remotes).toEqual([
      {
        type: "streamable-http",
        url: "http://127.0.0.1/mcp",
        supportedProtocolVersions: result.supportedVersions,
      },
    ]);
    expect(result.supportedVersions).toHaveLength(4);
  }
});

it("lies below the endpoint, and where scanners look, for callers without a token", async () => {
  const get = serve(details, { AUTH: "" });
  const texts = await Promise.all([CARD, ALIAS].map(async (path) => (await get(path)).text()));
  expect(texts[0]).toBe(texts[1]);
  expect((await get(`${CARD}/`)).status).toBe(404);
  expect((await get("/mcp", { method: "POST" })).status).toBe(401);
});

it("is named for its host, or for its owner", async () => {
  const at = async (url: string, given: CardDetails = details): Promise<string[]> => {
    const get = serve(given, { PUBLIC_URL: new URL(url).origin });
    const { name } = await read(get, url + CARD);
    const { entries } = await (await get(url + CATALOG)).json<Catalog>();
    return [name, ...entries.flatMap((entry) => [entry.identifier, entry.url])];
  };
  expect(await at("https://mcp.example.com")).toEqual([
    "com.example.mcp/own",
    "urn:air:mcp.example.com:mcp:own",
    "https://mcp.example.com/mcp/server-card",
  ]);
  expect(await at("https://mcp.example.com", { ...details, namespace: "io.github.ada" })).toEqual([
    "io.github.ada/own",
    "urn:air:ada.github.io:mcp:own",
    "https://mcp.example.com/mcp/server-card",
  ]);
  const names = await Promise.all(
    [serve(), serve(details, {}, { name: "Ada's server", version: "1" })].map(
      async (get) => (await read(get, `http://[::1]${CARD}`)).name,
    ),
  );
  for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
});

it("has what its author says of it, and refuses what no card may have", async () => {
  const given: CardDetails = {
    description: "d".repeat(100),
    websiteUrl: "https://example.com",
    repository: { url: "https://github.com/ada/own", source: "github" },
    icons: [{ src: "https://example.com/icon.png" }],
  };
  expect(await read(serve(given))).toMatchObject(given);
  const refusal = "A server card has a description of at most 100 characters";
  for (const wrong of [
    { description: "" },
    { description: "d".repeat(101) },
    { description: "d", namespace: "com/example" },
    { description: "d", namespace: "" },
  ])
    expect(() => serverCard(wrong)).toThrow(refusal);
  expect(() => serverCard({ description: "😀".repeat(100) })).not.toThrow();
});

it("is read by scripts of any site, which may not read anything else", async () => {
  const get = serve();
  for (const path of [CARD, ALIAS, CATALOG]) {
    const { status, headers } = await get(path, { headers: FOREIGN });
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    const asked = { ...FOREIGN, "access-control-request-method": "GET" };
    const preflight = await get(path, { method: "OPTIONS", headers: asked });
    expect([preflight.ok, preflight.headers.get("access-control-allow-origin")]).toEqual([
      true,
      "*",
    ]);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/If-None-Match.*, \*$/);
    expect(await preflight.text()).toBe("");
  }
  // A site that is allowed elsewhere gets no other answer, which a cache could give to others.
  const local = await get(CARD, { headers: { origin: "http://localhost:5173" } });
  expect(local.headers.get("access-control-allow-origin")).toBe("*");
  expect(local.headers.get("vary")).toBeNull();
  for (const path of ["/mcp", "/health", "/.well-known/oauth-protected-resource/mcp"])
    expect([path, (await get(path, { headers: FOREIGN })).status]).toEqual([path, 403]);
  // A rebound browser asks under another Host.
  expect((await get(`http://rebound.example${CARD}`)).status).toBe(403);
});

it("is revalidated, and read only", async () => {
  const get = serve();
  const first = await get(CARD);
  const etag = first.headers.get("etag") ?? "";
  expect(etag).toMatch(/^"[\w-]{43}"$/);
  const ask = async (known: string): Promise<[number, string]> => {
    const answer = await get(CARD, { headers: { "if-none-match": known } });
    return [answer.status, await answer.text()];
  };
  for (const known of [etag, `W/${etag}`, `"a", ${etag}`, "*"])
    expect(await ask(known)).toEqual([304, ""]);
  expect((await ask('"a"'))[0]).toBe(200);
  expect((await ask((await get(CATALOG)).headers.get("etag") ?? ""))[0]).toBe(200);
  const other = await serve({ description: "Other" })(CARD);
  expect(other.headers.get("etag")).not.toBe(etag);
  const head = await get(CARD, { method: "HEAD" });
  expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, etag, ""]);
  const post = await get(CARD, { method: "POST", body: "{}" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
});

it("nothing of the settings is in the card or the catalog", async () => {
  const { KEYS = "" } = env as unknown as Env;
  const get = serve(details, {
    IDENTITY: "https://inner.example",
    ALLOWED_ORIGINS: "https://a.example",
  });
  for (const path of [CARD, CATALOG]) {
    const text = await (await get(path)).text();
    for (const secret of [KEYS, KEYS.split(":")[1], "inner.example", "a.example"])
      expect(text).not.toContain(secret);
    const members = Object.keys(JSON.parse(text) as object).toSorted();
    expect(members).toEqual(
      path === CARD
        ? ["$schema", "description", "name", "remotes", "title", "version"]
        : ["entries", "specVersion"],
    );
  }
});

it("an address that asks too often is told to wait, and keeps its messages to the endpoint", async () => {
  const keys: string[] = [];
  const LIMITER: RateLimit = {
    limit: async ({ key }: { key: string }) => {
      keys.push(key);
      return { success: keys.length <= 2 };
    },
  };
  const get = serve(details, { LIMITER });
  const headers = { "cf-connecting-ip": "192.0.2.7" };
  const statuses: number[] = [];
  for (let time = 0; time < 3; time += 1) statuses.push((await get(CARD, { headers })).status);
  expect([statuses, keys]).toEqual([
    [200, 200, 429],
    ["card 192.0.2.7", "card 192.0.2.7", "card 192.0.2.7"],
  ]);
});
