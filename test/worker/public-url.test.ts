// A server that was told its address is known by that one, whichever Host a request names.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../world/env.ts";
import { createWorker } from "../../src/worker/router.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { sealAccessToken } from "../../src/oauth/authorization-server/access-token.ts";
import { META_KEYS } from "../../src/protocol/request-meta.ts";
import { STATELESS_VERSIONS } from "../../src/protocol/versions.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const PUBLIC = "https://mcp.example.com";
const bindings: Env = {
  ...(env as unknown as Env),
  AUTH: "",
  PUBLIC_URL: `${PUBLIC}/`,
  ALLOWED_ORIGINS: "https://own.example",
};
const server = createWorker<Env>({
  server: { info: { name: "public", version: "1" } },
  ...everyPart(loginOptions),
});
const ask = (url: string, init: RequestInit = {}): Promise<Response> =>
  server.fetch(new Request(url, init), bindings);
const ring = readKeyRing(bindings.KEYS ?? "");
const version = STATELESS_VERSIONS[0] ?? "";

/** A call with a token for that resource, through that host. */
async function discover(resource: string, through: string): Promise<Response> {
  if (!ring.ok) throw new Error(ring.error);
  const caller = { issuer: PUBLIC, subject: "ada", client: "cli", scopes: [] };
  return ask(`${through}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "mcp-protocol-version": version,
      "mcp-method": "server/discover",
      authorization: `Bearer ${await sealAccessToken(ring.value, caller, resource, 9e9)}`,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "server/discover",
      params: {
        _meta: { [META_KEYS.protocolVersion]: version, [META_KEYS.clientCapabilities]: {} },
      },
    }),
  });
}

describe.each([PUBLIC, "http://127.0.0.1:8787", "http://localhost"])("asked at %s", (through) => {
  it("the issuer and its endpoints are those of the public address", async () => {
    const text = await (await ask(`${through}/.well-known/oauth-authorization-server`)).text();
    const metadata = JSON.parse(text) as Record<string, string>;
    expect(metadata["issuer"]).toBe(PUBLIC);
    for (const [name, value] of Object.entries(metadata))
      if (name.endsWith("_endpoint")) expect([name, new URL(value).origin]).toEqual([name, PUBLIC]);
    expect(text).not.toMatch(/127\.0\.0\.1|localhost/);
  });

  it("so are the resource, and where a refusal points", async () => {
    const text = await (await ask(`${through}/.well-known/oauth-protected-resource/mcp`)).text();
    expect(JSON.parse(text)).toMatchObject({
      resource: `${PUBLIC}/mcp`,
      authorization_servers: [PUBLIC],
    });
    const refused = await ask(`${through}/mcp`, { method: "POST" });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toContain(
      `resource_metadata="${PUBLIC}/.well-known/oauth-protected-resource/mcp"`,
    );
  });

  it("a token counts for the public address, and for no other", async () => {
    expect((await discover(`${PUBLIC}/mcp`, through)).status).toBe(200);
    for (const other of ["http://127.0.0.1:8787", "http://localhost", "https://mcp.example.org"])
      expect((await discover(`${other}/mcp`, through)).status).toBe(401);
  });

  it("every answer to another origin varies by it, errors and metadata too", async () => {
    const paths = [
      "/mcp",
      "/.well-known/oauth-authorization-server",
      "/.well-known/oauth-protected-resource/mcp",
      "/none",
    ];
    for (const path of paths) {
      const { headers } = await ask(through + path, { headers: { origin: "https://own.example" } });
      expect([path, headers.get("access-control-allow-origin")]).toEqual([
        path,
        "https://own.example",
      ]);
      expect([path, headers.get("vary")]).toEqual([path, "Origin"]);
    }
  });
});

it("asked by another name it is not served", async () => {
  expect(
    (await ask("https://mcp.example.com.evil/.well-known/oauth-authorization-server")).status,
  ).toBe(403);
});
