// The doctor against a server that is spoiled one thing at a time, up to the metadata: the right step and the right
// clients must turn red.
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { serve, stopAll, type Got } from "./audited.node.ts";
import { ALL, at, examineAt, examineFault, OWN, SESSIONS } from "./examined.node.ts";
import { html, json, serveFaulty, TOKEN, type Fault } from "./faulty-server.node.ts";

afterEach(stopAll);

const redirects = (status: number, location: string) => (one: Got, response: ServerResponse) => {
  const isPost = one.method === "POST";
  response.writeHead(isPost ? status : 204, isPost ? { Location: location } : {}).end();
};
test("a right server lets every client through, with a token, without one, and open", async () => {
  expect((await examineFault()).stops).toEqual({});
  expect((await examineFault({ isOpen: true })).stops).toEqual({});
  const { url } = await serveFaulty();
  const { stops, lines } = await examineAt(url);
  expect(stops).toEqual({});
  expect(lines).toContain("Not seen: it needs a token, TOKEN=…");
});

test.each<[string, Fault, Record<string, string>]>([
  ["a 401 without a challenge", { challenge: null }, at("firstRequest", ["claude-ai"])],
  ["a challenge without metadata", { challenge: "Bearer" }, at("firstRequest", ["claude-ai"])],
  [
    "a challenge with a path",
    { challenge: 'Bearer resource_metadata="/.well-known/oauth-protected-resource"' },
    at("firstRequest", ["claude-ai"]),
  ],
  [
    "a 403",
    { refusal: 403 },
    at(
      "firstRequest",
      ALL.filter((id) => id !== "vs-code"),
    ),
  ],
  ["a page at the endpoint", { instead: { "/mcp": html(200) } }, at("firstRequest", ALL)],
  ["nothing at the endpoint", { instead: { "/mcp": html(404) } }, at("firstRequest", ALL)],
  ["an error at the endpoint", { instead: { "/mcp": html(500) } }, at("firstRequest", ALL)],
  ["only 2026-07-28, open", { isOpen: true, hasNoSessions: true }, at("firstRequest", SESSIONS)],
  ["only 2026-07-28, guarded", { hasNoSessions: true }, at("sessions", SESSIONS)],
  ["only revisions with sessions", { hasNoStateless: true }, {}],
  [
    "neither era",
    { hasNoSessions: true, hasNoStateless: true },
    { ...at("sessions", SESSIONS), sdk: "stateless" },
  ],
  ["no CORS at all", { closedToPages: "" }, at("firstRequest", ["browser"])],
  ["no CORS at the token endpoint", { closedToPages: "/token" }, at("token", ["browser"])],
  ["no CORS at registration", { closedToPages: "/register" }, at("registration", ["browser"])],
  ["a hidden session id", { exposes: "WWW-Authenticate" }, at("sessions", ["browser"])],
])("first request, eras, pages: %s", async (_, fault, stops) => {
  expect((await examineFault(fault)).stops).toEqual(stops);
});

const ELSEWHERE = { resource: "https://elsewhere.test/mcp" };

test.each<[string, Fault, Record<string, string>]>([
  ["another resource", { resource: ELSEWHERE }, at("resource", ["claude-ai", ...OWN])],
  ["no metadata", { resource: null }, at("resource", ["claude-ai", "chatgpt"])],
  ["no resource in it", { resource: { resource: 5 } }, at("resource", ["claude-ai", "chatgpt"])],
  ["no issuer in it", { resource: { authorization_servers: [] } }, at("resource", ["chatgpt"])],
  ["another issuer", { issuer: { issuer: "https://other.test" } }, at("issuer", OWN)],
  [
    "no list with S256",
    { issuer: { code_challenge_methods_supported: undefined } },
    at("issuer", ["chatgpt"]),
  ],
  [
    "a list without S256",
    { issuer: { code_challenge_methods_supported: ["plain"] } },
    at("issuer", ["chatgpt", ...OWN]),
  ],
  ["no response types", { issuer: { response_types_supported: undefined } }, at("issuer", OWN)],
  [
    "no metadata of the issuer",
    { issuer: null },
    { ...at("registration", [...ALL]), chatgpt: "issuer" },
  ],
  [
    "a page for metadata of the issuer",
    { instead: { "/.well-known/oauth-authorization-server": html(200) } },
    { ...at("registration", ["claude-ai", "vs-code"]), ...at("issuer", ["chatgpt", ...OWN]) },
  ],
  [
    "metadata without a token endpoint",
    { issuer: { token_endpoint: undefined } },
    { ...at("registration", [...ALL]), chatgpt: "issuer" },
  ],
])("metadata: %s", async (_, fault, stops) => {
  expect((await examineFault(fault)).stops).toEqual(stops);
});

test("a client whose document says that it signs is not blamed on a server that wants the signature", async () => {
  const { stops, lines } = await examineFault({
    issuer: { client_id_metadata_document_supported: true },
    isTokenForSigners: true,
  });
  expect(stops["chatgpt"]).toBeUndefined();
  expect(lines).toContain(
    "ChatGPT: not tried, as it signs its requests with a key that only it has.",
  );
  expect(stops["vs-code"]).toBe("token");
});

test("an old server is told that it does not speak the newest revision, and loses no client", async () => {
  const { stops, lines } = await examineFault({ isOpen: true, hasNoStateless: true });
  expect(stops).toEqual({});
  expect(lines).toContain(
    'note  It does not speak 2026-07-28: server/discover gets 400 application/json, "Unsupported protocol version".',
  );
});

test("a resource that is a beginning of the address is enough for some", async () => {
  const { url } = await serveFaulty();
  const { origin } = new URL(url);
  const { stops, lines } = await examineAt(
    (await serveFaulty({ resource: { resource: origin } })).url,
  );
  expect(stops, "of another server").toEqual(at("resource", ["claude-ai", ...OWN]));
  expect(lines).toContain("VS Code: ignored, as `resource` is not the address.");
});

describe("a POST that is redirected", () => {
  test.each<[number, string, readonly string[]]>([
    [302, "here", ["vs-code", ...OWN]],
    [307, "here", ["browser"]],
    [308, "to another server", ["sdk", "browser"]],
  ])("%i %s", async (status, where, clients) => {
    const target = await serveFaulty({ isOpen: true });
    const path = where === "here" ? "/moved" : target.url;
    const origin = await serve((one, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "authorization, *");
      if (one.path === "/mcp") return redirects(status, path)(one, response);
      return json(response, 200, answerTo(one));
    });
    expect((await examineAt(`${origin}/mcp`)).stops).toEqual(at("firstRequest", clients));
  });

  test("the token does not follow it to another server", async () => {
    const { url, got } = await serveFaulty();
    const origin = await serve(redirects(307, url));
    const { lines } = await examineAt(`${origin}/mcp`, { token: TOKEN });
    expect(lines).toContain("which gets no token.");
    expect(JSON.stringify(got)).not.toContain(TOKEN);
  });
});

/** An open server in few words. */
function answerTo({ body }: Got): unknown {
  const { id = 0 } = JSON.parse(body || "{}") as { id?: unknown };
  const serverInfo = { name: "few", version: "1" };
  const old = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo };
  return { jsonrpc: "2.0", id, result: { ...old, supportedVersions: ["2026-07-28"], tools: [] } };
}
