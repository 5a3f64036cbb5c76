/** The resource server's side as pure functions: resources, parameters, challenges, metadata. */

import { describe, expect, it, vi } from "vitest";
import type { Caller } from "../../../src/base/caller.ts";
import { err, ok } from "../../../src/base/result.ts";
import { createSettings } from "../../../src/base/settings.ts";
import { readAuthorizationSettings } from "../../../src/oauth/authorization-server/feature.ts";
import { readKeyRing } from "../../../src/crypto/key-ring.ts";
import { verifyText, signText } from "../../../src/crypto/hmac.ts";
import { open, seal } from "../../../src/crypto/seal.ts";
import { insufficientScope, authenticate } from "../../../src/oauth/resource-server/bearer.ts";
import { resourceMetadataResponse } from "../../../src/oauth/resource-server/metadata.ts";
import { serverMetadataResponse } from "../../../src/oauth/authorization-server/metadata.ts";
import { MAX_PARAMS_BYTES, readForm, readParams } from "../../../src/oauth/params.ts";
import { withCors } from "../../../src/wire/origin.ts";
import type { ServerIdentifiers } from "../../../src/base/identifiers.ts";
import { checkResource } from "../../../src/oauth/identifiers.ts";

const place: ServerIdentifiers = {
  issuer: "https://mcp.example.com",
  resource: "https://mcp.example.com/mcp",
  audience: "https://mcp.example.com/mcp",
};

describe("checkResource", () => {
  it.each([
    undefined,
    "https://mcp.example.com/mcp",
    "HTTPS://MCP.Example.com/mcp",
    "https://mcp.example.com:443/mcp",
    "https://mcp.example.com",
    "https://mcp.example.com/",
  ])("takes %s for this server", (value) => {
    expect(checkResource(value, place).ok).toBe(true);
  });

  it.each([
    "https://mcp.example.com/other",
    "https://mcp.example.com/mcp/",
    "https://mcp.example.com/MCP",
    "https://mcp.example.com/mcp?x=1",
    "https://mcp.example.com/mcp#",
    "https://mcp.example.com/mcp#part",
    "http://mcp.example.com/mcp",
    "https://mcp.example.com:8443/mcp",
    "https://mcp.example.com.evil.com/mcp",
    "https://user@mcp.example.com/mcp",
    "mcp.example.com",
    "/mcp",
    "not a URL",
  ])("refuses %s", (value) => {
    expect(checkResource(value, place)).toMatchObject({
      ok: false,
      error: { error: "invalid_target" },
    });
  });
});

describe("readParams", () => {
  it("treats a parameter without a value as absent", () => {
    const params = readParams("a=&b=1&a=2");
    expect(params.ok && [...params.value]).toEqual([
      ["b", "1"],
      ["a", "2"],
    ]);
  });

  it.each([
    ["a=1&a=2", "invalid_request"],
    ["a=1&a=1", "invalid_request"],
    ["%61=1&a=2", "invalid_request"],
    ["resource=x&resource=y", "invalid_target"],
    ["resource=x&resource=x&resource=X", "invalid_target"],
  ])("refuses %s", (text, error) => {
    expect(readParams(text)).toMatchObject({
      ok: false,
      error: { error, reason: "params.repeated" },
    });
  });

  it("lets resource say the same twice", () => {
    expect(readParams("resource=x&resource=x").ok).toBe(true);
  });

  it("refuses what is too large", () => {
    expect(readParams(`a=${"x".repeat(MAX_PARAMS_BYTES)}`)).toMatchObject({
      ok: false,
      error: { reason: "params.large" },
    });
  });

  it.each([
    ["application/json", "a=1", "params.type"],
    ["application/x-www-form-urlencoded, text/plain", "a=1", "params.type"],
    ["application/x-www-form-urlencoded", `a=${"x".repeat(MAX_PARAMS_BYTES)}`, "params.large"],
  ])("reads forms only: %s", async (type, body, reason) => {
    const http = new Request("https://x/", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect(await readForm(http)).toMatchObject({ ok: false, error: { reason } });
  });
});

describe("readCaller", () => {
  const ada: Caller = { issuer: "x", subject: "ada", client: "c", scopes: [] };
  const verify = vi.fn((token: string) =>
    Promise.resolve(token === "good" ? ok(ada) : err("token.forged")),
  );
  const ask = (authorization?: string, url = "https://mcp.example.com/mcp") =>
    authenticate(
      new Request(url, { headers: authorization === undefined ? {} : { authorization } }),
      place,
      verify,
      ["a", "b"],
    );

  it.each(["Bearer good", "bearer good", "BEARER   good", "Bearer good "])(
    "knows who sends %j",
    async (header) => {
      expect(await ask(header)).toEqual(ok(ada));
    },
  );

  /** The answer to whoever is refused, and its challenge. */
  const refusal = async (
    header?: string,
  ): Promise<{ status: number; challenge: string; cache: string | null }> => {
    const refused = await ask(header);
    if (refused.ok) throw new Error("let in");
    const { status, headers } = refused.error;
    return {
      status,
      challenge: headers.get("www-authenticate") ?? "",
      cache: headers.get("cache-control"),
    };
  };
  const METADATA =
    'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"';

  it.each(["issuer.metadata", "issuer.introspection", "issuer.keys"])(
    "where the issuer cannot be asked (%s), a token is neither good nor bad: 503, and no challenge",
    async (reason) => {
      const http = new Request("https://mcp.example.com/mcp", {
        headers: { authorization: "Bearer good" },
      });
      const refused = await authenticate(http, place, async () => err(reason), []);
      if (refused.ok) throw new Error("let in");
      const { status, headers } = refused.error;
      expect([status, headers.get("retry-after"), headers.get("www-authenticate")]).toEqual([
        503,
        "5",
        null,
      ]);
    },
  );

  it.each(["issuer.metadata_unusable", "issuer.introspection_unusable", "issuer.keys_unusable"])(
    "where that ends by an operator's hand alone (%s), it is a 500, and nobody is asked to come again",
    async (reason) => {
      const http = new Request("https://mcp.example.com/mcp", {
        headers: { authorization: "Bearer good" },
      });
      const refused = await authenticate(http, place, async () => err(reason), []);
      if (refused.ok) throw new Error("let in");
      const { status, headers } = refused.error;
      expect([status, headers.get("retry-after"), headers.get("www-authenticate")]).toEqual([
        500,
        null,
        null,
      ]);
    },
  );

  const invalid = [
    "Bearer bad",
    'Bearer "good"',
    "Bearer goöd",
    "Bearer good,good",
    "Bearer good=x",
    "Bearer =",
  ];
  it.each(invalid)("refuses %j with a challenge that says so", async (header) => {
    const { status, challenge, cache } = await refusal(header);
    expect([status, cache]).toEqual([401, "no-store"]);
    expect(challenge).toMatch(/^Bearer /);
    expect(challenge).toContain('error="invalid_token"');
    expect(challenge).toContain(METADATA);
  });

  it.each([
    "Bearer",
    "bearer  ",
    "Bearer good good",
    "Bearer good, Bearer good",
    "Bearer good , x",
    "Bearer a b c",
  ])("answers 400 to %j, which is no request for anything", async (header) => {
    verify.mockClear();
    const { status, challenge, cache } = await refusal(header);
    expect([status, cache]).toEqual([400, "no-store"]);
    expect(challenge).toMatch(/^Bearer error="invalid_request", /);
    expect(challenge).toContain(METADATA);
    expect(verify).not.toHaveBeenCalled();
  });

  it.each([
    undefined,
    "",
    " ",
    "Basic good",
    "Bearergood",
    "good",
    "DPoP good",
    "Basic Bearer good",
  ])("names no error where no token was sent, but the scopes: %j", async (header) => {
    const { status, challenge } = await refusal(header);
    expect(status).toBe(401);
    expect(challenge).not.toContain("error");
    expect(challenge).toContain('scope="a b"');
    expect(challenge).toContain(METADATA);
  });

  it("looks at no token in the query", async () => {
    verify.mockClear();
    expect((await ask(undefined, "https://mcp.example.com/mcp?access_token=good")).ok).toBe(false);
    expect(verify).not.toHaveBeenCalled();
  });

  it("names all scopes that a call takes", () => {
    const response = insufficientScope(place, ["x", "y"]);
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
    expect(response.headers.get("www-authenticate")).toContain('scope="x y"');
  });
});

describe("metadata", () => {
  const oauth = readAuthorizationSettings(createSettings({}));
  const resource = { name: "x", scopes: ["read"] };
  const settings = { ...oauth, serverName: "x", scopes: { read: { description: "Read" } } };

  const said = (response: Response | undefined): Promise<string> =>
    response?.text() ?? Promise.resolve("nothing");
  const RESOURCE = "/.well-known/oauth-protected-resource";

  it("keeps offline_access out of what the resource needs", async () => {
    const document = JSON.parse(
      await said(resourceMetadataResponse(`${RESOURCE}/mcp`, place, place.issuer, resource)),
    ) as unknown;
    expect(document).toMatchObject({
      scopes_supported: ["read"],
      authorization_servers: [place.issuer],
    });
    const server = JSON.parse(await said(serverMetadataResponse(place, settings))) as unknown;
    expect(server).toMatchObject({ scopes_supported: ["read", "offline_access"] });
  });

  it("names the resource that the path names, and no other", async () => {
    const at = (path: string): Promise<string> =>
      said(resourceMetadataResponse(path, place, "https://issuer.example", resource));
    expect(await at(RESOURCE)).toContain(`"resource":"${place.issuer}"`);
    expect(await at(`${RESOURCE}/mcp`)).toContain(`"resource":"${place.resource}"`);
    for (const path of [
      "/",
      "/mcp",
      `${RESOURCE}/`,
      `${RESOURCE}/mcp/`,
      `${RESOURCE}/other`,
      `${RESOURCE}mcp`,
    ])
      expect(await at(path)).toBe("nothing");
  });

  it("is kept apart by the origin that asks for it", () => {
    const both = [
      resourceMetadataResponse(RESOURCE, place, place.issuer, resource),
      serverMetadataResponse(place, settings),
    ];
    for (const response of both) {
      expect(response?.headers.get("cache-control")).toBe("public, max-age=300");
      expect(response?.headers.get("vary")).toBe("Origin");
      expect(response && withCors(response, "https://app.example").headers.get("vary")).toBe(
        "Origin",
      );
    }
    const other = new Response("", { headers: { vary: "Accept" } });
    expect(withCors(other, "https://app.example").headers.get("vary")).toBe("Accept, Origin");
  });

  it("offers client credentials only where a client may use them", async () => {
    const machine = {
      client_id: "m",
      client_name: "m",
      redirect_uris: [],
      grant_types: ["client_credentials"],
    };
    expect(await said(serverMetadataResponse(place, settings))).not.toContain("client_credentials");
    expect(
      await said(serverMetadataResponse(place, { ...settings, clients: [machine] })),
    ).toContain("client_credentials");
  });
});

describe("signed text", () => {
  const ring = (text: string) => {
    const read = readKeyRing(text);
    if (!read.ok) throw new Error(read.error);
    return read.value;
  };
  const A = `a:${btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, i) => i)))}`;
  const B = `b:${btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, i) => 99 - i)))}`;

  it("is the same each time, and read back", async () => {
    const signed = await signText(ring(A), "p", "x.1");
    expect(await signText(ring(A), "p", "x.1")).toBe(signed);
    expect(await verifyText(ring(A), "p", signed)).toBe("x.1");
    expect(await verifyText(ring(`${B},${A}`), "p", signed)).toBe("x.1");
  });

  it("is not read for another purpose, under another key, or changed anywhere", async () => {
    const signed = await signText(ring(A), "p", "x.1");
    expect(await verifyText(ring(A), "q", signed)).toBeUndefined();
    expect(await verifyText(ring(B), "p", signed)).toBeUndefined();
    for (let at = 0; at < signed.length; at++) {
      const other = signed[at] === "A" ? "B" : "A";
      const changed = signed.slice(0, at) + other + signed.slice(at + 1);
      expect(await verifyText(ring(A), "p", changed), `position ${at}`).toBeUndefined();
      expect(await verifyText(ring(A), "p", signed.slice(0, at)), `first ${at}`).toBeUndefined();
    }
    expect(await verifyText(ring(A), "p", `${signed}A`)).toBeUndefined();
  });

  it("never shares a key with sealing", async () => {
    const sealed = await seal(ring(A), "p", "x");
    expect(await verifyText(ring(A), "p", sealed)).toBeUndefined();
    expect((await open(ring(A), "p", await signText(ring(A), "p", "x"))).ok).toBe(false);
  });
});
