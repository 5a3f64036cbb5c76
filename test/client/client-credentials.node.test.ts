/**
 * Machines: the official client with credentials of its own, no browser and no person (the client credentials
 * extension), against the app in workerd. It finds out by itself where and how to ask.
 */

import { createHash } from "node:crypto";
import {
  Client,
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
  type OAuthClientProvider,
} from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { registerSecrets } from "./secrets.node.ts";
import { serveBareApp, type TestServer } from "./servers.node.ts";

const SECRET = "the secret of a machine, long enough";
let app: TestServer;
let privateKey: Record<string, unknown>;

beforeAll(async () => {
  registerSecrets(SECRET);
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  privateKey = { ...(await crypto.subtle.exportKey("jwk", pair.privateKey)) };
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const machine = { redirect_uris: [], grant_types: ["client_credentials"] };
  const digest = createHash("sha256").update(SECRET).digest("base64url");
  const clients = [
    { ...machine, client_id: "with-secret", client_name: "Secret", client_secret_sha256: digest },
    { ...machine, client_id: "with-key", client_name: "Key", jwks: { keys: [{ kty, crv, x, y }] } },
  ];
  app = await serveBareApp({ CLIENTS: JSON.stringify(clients) });
}, 60_000);

afterAll(() => app.stop());

async function callAs(
  authProvider: OAuthClientProvider,
  mode: "auto" | "legacy",
): Promise<unknown> {
  const client = new Client(
    { name: "machine", version: "1.0.0" },
    { versionNegotiation: { mode } },
  );
  await client.connect(new StreamableHTTPClientTransport(app.url, { authProvider }));
  const { structuredContent } = await client.callTool({
    name: "add_numbers",
    arguments: { a: 2, b: 40 },
  });
  await client.close();
  return structuredContent;
}

const withSecret = (clientSecret: string): OAuthClientProvider =>
  new ClientCredentialsProvider({
    clientId: "with-secret",
    clientSecret,
    expectedIssuer: app.url.origin,
  });
const withKey = (): OAuthClientProvider =>
  new PrivateKeyJwtProvider({
    clientId: "with-key",
    privateKey,
    algorithm: "ES256",
    expectedIssuer: app.url.origin,
  });

it.each(["auto", "legacy"] as const)("a machine with a secret calls a tool (%s)", async (mode) => {
  expect(await callAs(withSecret(SECRET), mode)).toEqual({ sum: 42 });
});

it.each(["auto", "legacy"] as const)("a machine with a key calls a tool (%s)", async (mode) => {
  expect(await callAs(withKey(), mode)).toEqual({ sum: 42 });
});

it("a machine with a wrong secret does not", async () => {
  await expect(callAs(withSecret("not the secret of a machine"), "auto")).rejects.toThrow();
});
