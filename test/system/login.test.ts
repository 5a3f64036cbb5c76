/** Whole logins at the guarded world: what they cost, who gets in with what they give, and what ends with them. */

import { describe, expect, it, vi } from "vitest";
import { GrantObject } from "../../src/oauth/authorization-server/grant-object.ts";
import { hub } from "../hub/hub.ts";
import { measureCost } from "../oauth/authorization-server.ts";
import {
  fetchGuarded,
  authorizeUrl,
  submitDecision,
  ENDPOINT,
  logIn,
  ORIGIN,
  redeemCode,
  registerClient,
  signIn,
  tokenRequest,
} from "../oauth/login-flow.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

const statelessCall = (token?: string): Promise<Response> =>
  fetchGuarded(ENDPOINT, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/list",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: META } }),
  });

const sessionRequest = (
  token: string,
  method: string,
  body: object | undefined,
  session?: string,
): Promise<Response> =>
  fetchGuarded(ENDPOINT, {
    method,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
      authorization: `Bearer ${token}`,
      ...(session === undefined ? {} : { "mcp-session-id": session }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function openSession(token: string): Promise<string> {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  };
  const body = { jsonrpc: "2.0", id: 1, method: "initialize", params };
  const response = await sessionRequest(token, "POST", body);
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

const ping = { jsonrpc: "2.0", id: 2, method: "ping" };

describe("budgets", () => {
  it("registering costs no object and no row", async () => {
    expect((await measureCost(() => registerClient())).cost).toEqual({
      requests: 0,
      rows: 0,
      objectsCreated: 0,
    });
  });

  it("a login costs 3 object requests and 4 rows", async () => {
    const clientId = await registerClient();
    const { value, cost: spent } = await measureCost(() => logIn("ada", clientId));
    expect(value.access_token).toBeTruthy();
    expect(spent).toMatchObject({ requests: 3, rows: 4 });
  });

  it("a bearer check costs nothing", async () => {
    const { access_token } = await logIn("ada");
    const { value, cost: spent } = await measureCost(
      async () => (await statelessCall(access_token)).status,
    );
    expect(value).toBe(200);
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
  });

  it("nor does turning away who has no token, or a made-up one", async () => {
    const { cost: spent } = await measureCost(async () => {
      expect((await statelessCall()).status).toBe(401);
      expect((await statelessCall("made.up")).status).toBe(401);
      const form = {
        grant_type: "refresh_token",
        client_id: "nobody",
        refresh_token: "test.aa.1.x",
      };
      expect((await tokenRequest(form)).status).toBeGreaterThanOrEqual(400);
    });
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
  });
});

describe("every MCP route asks who comes", () => {
  const challenges = (response: Response): string => response.headers.get("www-authenticate") ?? "";

  it.each(["GET", "POST", "DELETE", "PUT"])("%s of both eras", async (method) => {
    for (const version of ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", undefined]) {
      const headers = new Headers({
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
      });
      if (version !== undefined) headers.set("mcp-protocol-version", version);
      const response = await fetchGuarded(ENDPOINT, {
        method,
        headers,
        ...(method === "POST" ? { body: "{}" } : {}),
      });
      expect(response.status, `${method} ${version}`).toBe(401);
      expect(challenges(response)).toContain(
        `resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/mcp"`,
      );
    }
  });

  it("but a preflight, which carries no credentials, passes", async () => {
    const headers = { origin: ORIGIN, "access-control-request-method": "POST" };
    expect((await fetchGuarded(ENDPOINT, { method: "OPTIONS", headers })).status).toBe(204);
  });
});

describe("people are kept apart", () => {
  it("a session is its caller's alone", async () => {
    const [ada, bob] = await Promise.all([logIn("ada"), logIn("bob")]);
    const session = await openSession(ada.access_token);
    expect((await sessionRequest(ada.access_token, "POST", ping, session)).status).toBe(200);
    expect((await sessionRequest(bob.access_token, "POST", ping, session)).status).toBe(404);
    expect((await sessionRequest(bob.access_token, "GET", undefined, session)).status).toBe(404);
    expect((await sessionRequest(bob.access_token, "DELETE", undefined, session)).status).toBe(404);
    expect((await sessionRequest(ada.access_token, "POST", ping, session)).status).toBe(200);
  });

  it("another client of the same person is another caller", async () => {
    const [one, other] = await Promise.all([logIn("ada"), logIn("ada")]);
    const session = await openSession(one.access_token);
    expect((await sessionRequest(other.access_token, "POST", ping, session)).status).toBe(404);
  });

  it("a refreshed token is the same caller", async () => {
    const ada = await logIn("ada");
    const session = await openSession(ada.access_token);
    const form = {
      grant_type: "refresh_token",
      client_id: ada.clientId,
      refresh_token: ada.refresh_token,
    };
    const next = await (await tokenRequest(form)).json<{ access_token: string }>();
    expect((await sessionRequest(next.access_token, "POST", ping, session)).status).toBe(200);
  });
});

describe("revocation", () => {
  it("ends the token's sessions and streams at once", async () => {
    const ada = await logIn("ada");
    const session = await openSession(ada.access_token);
    const stream = await sessionRequest(ada.access_token, "GET", undefined, session);
    expect(stream.status).toBe(200);
    const body = new URLSearchParams({ token: ada.refresh_token, client_id: ada.clientId });
    expect((await fetchGuarded(`${ORIGIN}/revoke`, { method: "POST", body })).status).toBe(200);
    // The stream ends by itself; a hang would be this test's timeout.
    await stream.text();
    expect((await statelessCall(ada.access_token)).status).toBe(401);
    const form = {
      grant_type: "refresh_token",
      client_id: ada.clientId,
      refresh_token: ada.refresh_token,
    };
    expect(await (await tokenRequest(form)).json()).toMatchObject({ error: "invalid_grant" });
  });

  it("follows from a code that is used twice", async () => {
    const clientId = await registerClient();
    const code =
      (await submitDecision(await signIn(authorizeUrl(clientId), "ada"), "allow")).get("code") ??
      "";
    const tokens = await redeemCode(clientId, code);
    await expect(redeemCode(clientId, code)).rejects.toThrow("invalid_grant");
    const form = {
      grant_type: "refresh_token",
      client_id: clientId,
      refresh_token: tokens.refresh_token,
    };
    expect(await (await tokenRequest(form)).json()).toMatchObject({ error: "invalid_grant" });
  });
});

it("nothing stands at the address of OpenID Connect, which would have to be complete", async () => {
  for (const path of ["", "/mcp"]) {
    const answer = await fetchGuarded(`${ORIGIN}/.well-known/openid-configuration${path}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([404, "application/json"]);
    expect(await answer.text()).not.toContain("issuer");
  }
});

it("metadata that caches keep is another one for each origin, and for none", async () => {
  for (const path of [
    "oauth-authorization-server",
    "oauth-protected-resource",
    "oauth-protected-resource/mcp",
  ])
    for (const origin of [undefined, "http://localhost:6274"]) {
      const headers = origin === undefined ? {} : { origin };
      const answer = await fetchGuarded(`${ORIGIN}/.well-known/${path}`, { headers });
      const [cache, vary, allowed] = ["cache-control", "vary", "access-control-allow-origin"].map(
        (name) => answer.headers.get(name),
      );
      expect([path, cache, vary, allowed]).toEqual([
        path,
        "public, max-age=300",
        "Origin",
        origin ?? null,
      ]);
    }
});

it("a token whose grant was revoked elsewhere gets a challenge where the grant is looked at, so that its client signs in again", async () => {
  const { access_token: token, refresh_token } = await logIn("ada");
  const [, grant = ""] = refresh_token.split(".");
  // As another isolate does it: this one has not heard of it.
  await hub.revoke(grant);
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    },
  };
  const listen = await fetchGuarded(ENDPOINT, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "subscriptions/listen",
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "subscriptions/listen",
      params: { _meta: META, notifications: { toolsListChanged: true } },
    }),
  });
  for (const response of [await sessionRequest(token, "POST", initialize), listen]) {
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer error="invalid_token".*resource_metadata="http:\/\/localhost\/.well-known/,
    );
    await response.text();
  }
});

describe("a grant whose object is reset while it is asked", () => {
  /** The next requests of `method` reset the object of their grant. */
  function resetOnce(method: "redeem" | "refresh", times: number = 1): void {
    const prototype = GrantObject.prototype as unknown as Record<
      string,
      (request: unknown) => unknown
    >;
    const original = prototype[method];
    let left = times;
    vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...args) {
      left -= 1;
      if (left >= 0) (this as { ctx: DurableObjectState }).ctx.abort("reset");
      return original?.apply(this, args);
    });
  }

  it("gives a refresh its tokens all the same", async () => {
    const { refresh_token, clientId } = await logIn("ada");
    resetOnce("refresh");
    const form = { grant_type: "refresh_token", refresh_token, client_id: clientId };
    expect((await tokenRequest(form)).status).toBe(200);
    vi.restoreAllMocks();
  });

  it("is asked again by a client that is told to, for a code as for a refresh", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const clientId = await registerClient();
    const decided = await submitDecision(await signIn(authorizeUrl(clientId), "ada"), "allow");
    const code = decided.get("code") ?? "";
    resetOnce("redeem");
    await expect(redeemCode(clientId, code)).rejects.toThrow("temporarily_unavailable");
    const { refresh_token } = await redeemCode(clientId, code);
    resetOnce("refresh", 4);
    const form = { grant_type: "refresh_token", refresh_token, client_id: clientId };
    const response = await tokenRequest(form);
    expect([response.status, response.headers.get("cache-control")]).toEqual([503, "no-store"]);
    expect(await response.json()).toMatchObject({ error: "temporarily_unavailable" });
    expect((await tokenRequest(form)).status).toBe(200);
    expect(log.mock.calls.flat().join()).toContain("oauth.object_away");
    vi.restoreAllMocks();
  });
});
