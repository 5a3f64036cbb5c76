/** No script of another page may read what is shown to a person, whichever origin asks and however. */

import { describe, expect, it } from "vitest";
import { fetchGuarded, ORIGIN } from "../oauth/login-flow.ts";

/** A page of another port of this machine: an origin that may call the endpoint. */
const OTHER = "http://localhost:9999";
const allowed = (response: Response): string | null =>
  response.headers.get("access-control-allow-origin");

describe.each(["/account", "/authorize", "/authorize/sign-in", "/authorize/consent"])(
  "%s",
  (path) => {
    it.each(["GET", "HEAD", "POST", "PUT", "OPTIONS"])(
      "is for no script of another origin: %s",
      async (method) => {
        const headers = { origin: OTHER, "access-control-request-method": "POST" };
        const form = { "content-type": "application/x-www-form-urlencoded" };
        const post =
          method === "POST" ? { headers: { ...headers, ...form }, body: "form=x" } : { headers };
        const response = await fetchGuarded(`${ORIGIN}${path}?form=x`, { method, ...post });
        expect(response.status).toBeLessThan(500);
        expect([
          allowed(response),
          response.headers.get("access-control-allow-credentials"),
        ]).toEqual([null, null]);
      },
    );
  },
);

it("what clients in browsers need is for them", async () => {
  for (const path of ["/token", "/register", "/.well-known/oauth-authorization-server"])
    expect([
      path,
      allowed(await fetchGuarded(`${ORIGIN}${path}`, { headers: { origin: OTHER } })),
    ]).toEqual([path, OTHER]);
});

it.each(["/mcp", "/token", "/.well-known/oauth-authorization-server"])(
  "a client in a browser may send what its libraries send: %s",
  async (path) => {
    const preflight = await fetchGuarded(`${ORIGIN}${path}`, {
      method: "OPTIONS",
      headers: {
        origin: OTHER,
        "access-control-request-method": "POST",
        // `@ai-sdk/mcp`; the official client with `dpop()`; a tracer; what is no name.
        "access-control-request-headers": "user-agent,dpop, sentry-trace,mcp-param-City,a b,(),,",
      },
    });
    const allowedHeaders = preflight.headers.get("access-control-allow-headers") ?? "";
    expect(allowedHeaders).toMatch(/^Accept, Authorization, Content-Type, .*Mcp-Session-Id/);
    expect(allowedHeaders).toMatch(/baggage, user-agent, dpop, sentry-trace, mcp-param-City$/);
  },
);
