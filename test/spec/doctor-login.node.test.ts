// The doctor against a server that is spoiled one thing at a time, from registration to the first call.
import type { ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { stopAll, type Got } from "./audited.node.ts";
import { ALL, at, examineFault, OWN, SESSIONS } from "./examined.node.ts";
import { html, json, type Fault } from "./faulty-server.node.ts";

afterEach(stopAll);

const says = (status: number, value: unknown) => (_: Got, response: ServerResponse) =>
  json(response, status, value);
const sendsBack = (query: string) => (one: Got, response: ServerResponse) => {
  const { searchParams: asked } = new URL(one.path, "http://fake.test");
  const state = query.includes("state=") ? "" : `&state=${asked.get("state")}`;
  const location = `${asked.get("redirect_uri")}?${query}${state}`;
  response.writeHead(302, { Location: location }).end();
};

const documents = { client_id_metadata_document_supported: true };

test.each<[string, Fault, Record<string, string>]>([
  [
    "a refusal",
    { instead: { "/oauth/register": says(400, { error: "invalid_client_metadata" }) } },
    at("registration", ALL),
  ],
  [
    "a refusal, but documents are accepted",
    {
      issuer: { ...documents, token_endpoint_auth_methods_supported: ["none"] },
      instead: { "/oauth/register": says(400, {}) },
    },
    at("registration", OWN),
  ],
  [
    "no endpoint, and documents without the method none",
    { issuer: { ...documents, registration_endpoint: undefined } },
    at("registration", ["claude-ai", ...OWN]),
  ],
  [
    "public clients alone",
    {
      instead: {
        "/oauth/register": (one, response) =>
          one.body.includes("client_secret_post")
            ? json(response, 400, { error: "invalid_client_metadata" })
            : json(response, 201, { ...(JSON.parse(one.body) as object), client_id: "c" }),
      },
    },
    at("registration", ["claude-ai"]),
  ],
  [
    "an answer without redirect_uris",
    { instead: { "/oauth/register": says(201, { client_id: "c" }) } },
    at("registration", OWN),
  ],
  [
    "an answer with another redirect URI",
    {
      instead: {
        "/oauth/register": says(201, { client_id: "c", redirect_uris: ["https://x.test/"] }),
      },
    },
    at("registration", ALL),
  ],
  ["a page", { instead: { "/oauth/register": html(200) } }, at("registration", ALL)],
])("registration: %s", async (_, fault, stops) => {
  expect((await examineFault(fault)).stops).toEqual(stops);
});

test("a token endpoint over http ends who sends no code there, whatever it answers", async () => {
  const issuer = { token_endpoint: "http://tokens.test/token" };
  const { stops, lines } = await examineFault({ issuer });
  expect(stops).toEqual(at("token", ALL));
  expect(lines).toContain(
    "STOP  mcp-remote, TypeScript client 2, a browser client: The token endpoint is http://tokens.test/token, and it sends no code over http.",
  );
});

test.each<[string, string, Fault["instead"]]>([
  ["a page with 400", "authorization", { "/oauth/authorize": html(400) }],
  ["JSON", "authorization", { "/oauth/authorize": says(200, {}) }],
  ["an error", "authorization", { "/oauth/authorize": sendsBack("error=invalid_scope") }],
  ["another state", "authorization", { "/oauth/authorize": sendsBack("code=12345678&state=no") }],
  ["a page", "token", { "/oauth/token": html(200) }],
  ["an error of the server", "token", { "/oauth/token": says(500, { error: "server_error" }) }],
  ["no endpoint", "token", { "/oauth/token": html(404) }],
  [
    "a client that is not known",
    "token",
    { "/oauth/token": says(401, { error: "invalid_client" }) },
  ],
  ["a token for everybody", "token", { "/oauth/token": says(200, { access_token: "12345678" }) }],
])("%s in step %s ends every client", async (_, step, instead) => {
  expect((await examineFault({ ...(instead && { instead }) })).stops).toEqual(at(step, ALL));
});

test.each<[string, Fault, Record<string, string>]>([
  [
    "a version that nobody knows",
    { methods: { initialize: { protocolVersion: "1" } } },
    at("sessions", SESSIONS),
  ],
  [
    "a server without a name",
    { methods: { initialize: { serverInfo: {} } } },
    at("sessions", ["mcp-remote", "browser"]),
  ],
  [
    "a notification that fails",
    { methods: { "notifications/initialized": 500 } },
    at("sessions", SESSIONS),
  ],
  [
    "a list that is none",
    { methods: { "tools/list": { tools: 5 } } },
    { ...at("sessions", SESSIONS), sdk: "stateless" },
  ],
  [
    "a dot in a name",
    { tools: [{ name: "a.b", inputSchema: { type: "object" } }] },
    at("tools", ["claude-ai"]),
  ],
  [
    "a name of 65 signs",
    { tools: [{ name: "a".repeat(65), inputSchema: { type: "object" } }] },
    at("tools", ["claude-ai"]),
  ],
  [
    "a schema without a type",
    { tools: [{ name: "a", inputSchema: {} }] },
    at("tools", ["sdk", "browser"]),
  ],
  ["tools that are none", { tools: [null, 5] }, at("tools", ["claude-ai", "sdk", "browser"])],
])("first call, tools: %s", async (_, fault, stops) => {
  expect((await examineFault(fault)).stops).toEqual(stops);
});
