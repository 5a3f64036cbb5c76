/**
 * What the doctor says of the TypeScript client 2, beside that client itself: against each faulty server it must come as far
 * as the doctor says, and no farther. So a habit in the table that the client no longer has turns this red.
 */

import {
  Client,
  StreamableHTTPClientTransport,
  type OAuthClientInformationMixed,
  type OAuthClientProvider,
} from "@modelcontextprotocol/client";
import { afterEach, expect, test } from "vitest";
import { stopAll } from "./audited.node.ts";
import { CLIENTS, examineAt } from "./examined.node.ts";
import { html, json, serveFaulty, type Fault } from "./faulty-server.node.ts";

afterEach(stopAll);

/** How far the client itself comes: to the page to sign in at, to the list of tools, or to an exception. */
async function connect(url: string): Promise<"signs in" | "lists tools" | "stops"> {
  let known: OAuthClientInformationMixed | undefined;
  let isAtPage = false;
  const provider: OAuthClientProvider = {
    redirectUrl: "http://localhost:6274/oauth/callback",
    clientMetadata: {
      redirect_uris: ["http://localhost:6274/oauth/callback"],
      client_name: "MCP Inspector",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
    clientInformation: () => known,
    saveClientInformation: (information) => {
      known = information;
    },
    tokens: () => undefined,
    saveTokens: () => undefined,
    redirectToAuthorization: () => {
      isAtPage = true;
    },
    saveCodeVerifier: () => undefined,
    codeVerifier: () => "",
  };
  const client = new Client(
    { name: "real", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  try {
    await client.connect(
      new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
    );
    await client.listTools();
    return "lists tools";
  } catch {
    return isAtPage ? "signs in" : "stops";
  } finally {
    await client.close();
  }
}

const AFTER_SIGN_IN = ["authorization", "token"];
const sdk = CLIENTS.filter(({ id }) => id === "sdk");

test.each<[string, Fault]>([
  ["a right server", {}],
  ["an open one", { isOpen: true }],
  ["an open one of revisions with sessions", { isOpen: true, hasNoStateless: true }],
  ["an open one of the newest revision", { isOpen: true, hasNoSessions: true }],
  ["no challenge", { challenge: null }],
  ["a challenge with a path", { challenge: 'Bearer resource_metadata="/x"' }],
  ["a 403", { refusal: 403 }],
  ["a page", { instead: { "/mcp": html(200) } }],
  ["nothing", { instead: { "/mcp": html(404) } }],
  ["another resource", { resource: { resource: "https://elsewhere.test/mcp" } }],
  ["no resource metadata", { resource: null }],
  ["another issuer", { issuer: { issuer: "https://other.test" } }],
  ["no list of PKCE", { issuer: { code_challenge_methods_supported: undefined } }],
  ["PKCE without S256", { issuer: { code_challenge_methods_supported: ["plain"] } }],
  ["no response types", { issuer: { response_types_supported: undefined } }],
  ["no metadata of the issuer", { issuer: null }],
  ["no token endpoint", { issuer: { token_endpoint: undefined } }],
  ["a page for it", { instead: { "/.well-known/oauth-authorization-server": html(200) } }],
  ["no registration endpoint", { issuer: { registration_endpoint: undefined } }],
  ["a refusal", { instead: { "/oauth/register": (_, to) => json(to, 400, { error: "x" }) } }],
  [
    "a short answer",
    { instead: { "/oauth/register": (_, to) => json(to, 201, { client_id: "c" }) } },
  ],
  ["a schema without a type", { isOpen: true, tools: [{ name: "a", inputSchema: {} }] }],
  ["a list that is none", { isOpen: true, methods: { "tools/list": { tools: 5 } } }],
  ["a dot in a name", { isOpen: true, tools: [{ name: "a.b", inputSchema: { type: "object" } }] }],
])("the client itself, at %s", async (_, fault) => {
  const { url } = await serveFaulty(fault);
  const { stops } = await examineAt(url, { clients: sdk });
  const step = stops["sdk"];
  const signsIn = fault.isOpen === true ? "lists tools" : "signs in";
  const expected = step === undefined || AFTER_SIGN_IN.includes(step) ? signsIn : "stops";
  expect(await connect(url), step ?? "no step").toBe(expected);
});
