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

it("a client in a browser may send what the official client sends", async () => {
  const preflight = await fetchGuarded(`${ORIGIN}/token`, {
    method: "OPTIONS",
    headers: { origin: OTHER, "access-control-request-method": "POST" },
  });
  const names = preflight.headers.get("access-control-allow-headers")?.toLowerCase().split(", ");
  // With `dpop()` it proves a key to every server: RFC 9449 section 5 has one that knows nothing of it pass it over.
  expect(names).toEqual(
    expect.arrayContaining(["accept", "content-type", "authorization", "dpop"]),
  );
});
