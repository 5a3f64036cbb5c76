/** The authorization endpoint: what it sends where, and what never leaves a page. */

import { describe, expect, it } from "vitest";
import { parseAuthorizationRequest } from "../../../src/oauth/authorization-server/authorization-request.ts";
import { findClient } from "../../../src/oauth/clients/find.ts";
import { handleOAuth } from "../../../src/oauth/authorization-server/routes.ts";
import {
  CHALLENGE,
  measureCost,
  createAuthorizationServer,
  identifiers,
  REDIRECT,
} from "../authorization-server.ts";
import { authorizeUrl, createBrowser } from "../browser.ts";

const desk = createAuthorizationServer();
const go = (url: URL) => createBrowser(desk).request(url);
const twice = (name: string, value: string): URL => {
  const url = authorizeUrl();
  url.searchParams.append(name, value);
  return url;
};

describe("an unknown client or redirect URI", () => {
  it.each<[string, URL]>([
    ["no client", authorizeUrl({ client_id: undefined })],
    ["an empty client", authorizeUrl({ client_id: "" })],
    ["an unknown client", authorizeUrl({ client_id: "nobody" })],
    [
      "a made-up sealed client",
      authorizeUrl({ client_id: "a.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
    ],
    ["another redirect URI", authorizeUrl({ redirect_uri: "https://evil.test/callback" })],
    ["a longer redirect URI", authorizeUrl({ redirect_uri: `${REDIRECT}/more` })],
    [
      "a redirect URI with a query",
      authorizeUrl({ redirect_uri: `${REDIRECT}?next=https://evil.test` }),
    ],
    ["a redirect URI in other case", authorizeUrl({ redirect_uri: REDIRECT.toUpperCase() })],
    [
      "a redirect URI with user info",
      authorizeUrl({ redirect_uri: "https://client.test@evil.test/callback" }),
    ],
    ["a script", authorizeUrl({ redirect_uri: "javascript:alert(1)" })],
    ["a relative one", authorizeUrl({ redirect_uri: "//evil.test" })],
    ["a line break", authorizeUrl({ redirect_uri: `${REDIRECT}\r\nset-cookie: a=b` })],
    ["the client twice", twice("client_id", "cli")],
    ["the redirect URI twice", twice("redirect_uri", REDIRECT)],
    ["another redirect URI behind the good one", twice("redirect_uri", "https://evil.test/")],
    ["the second one empty", twice("redirect_uri", "")],
  ])("is told on a page: %s", async (_, url) => {
    const { status, to, html, headers } = await go(url);
    expect({ status, to }).toEqual({ status: 400, to: undefined });
    expect(html).toContain("That did not work");
    expect(html).not.toMatch(/http-equiv|evil/i);
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  });

  it("costs no object and no row", async () => {
    expect((await measureCost(() => go(authorizeUrl({ client_id: "nobody" })))).cost).toEqual({
      requests: 0,
      rows: 0,
      objectsCreated: 0,
    });
  });
});

describe("any other fault", () => {
  it.each<[string, string, URL]>([
    ["no response type", "invalid_request", authorizeUrl({ response_type: undefined })],
    [
      "a token for an answer",
      "unsupported_response_type",
      authorizeUrl({ response_type: "token" }),
    ],
    [
      "a code and a token",
      "unsupported_response_type",
      authorizeUrl({ response_type: "code token" }),
    ],
    ["a code in capitals", "unsupported_response_type", authorizeUrl({ response_type: "CODE" })],
    ["fragment mode", "invalid_request", authorizeUrl({ response_mode: "fragment" })],
    ["form mode", "invalid_request", authorizeUrl({ response_mode: "form_post" })],
    [
      "no PKCE",
      "invalid_request",
      authorizeUrl({ code_challenge: undefined, code_challenge_method: undefined }),
    ],
    ["no challenge", "invalid_request", authorizeUrl({ code_challenge: undefined })],
    [
      "no method, which means plain",
      "invalid_request",
      authorizeUrl({ code_challenge_method: undefined }),
    ],
    ["plain", "invalid_request", authorizeUrl({ code_challenge_method: "plain" })],
    ["s256", "invalid_request", authorizeUrl({ code_challenge_method: "s256" })],
    ["a short challenge", "invalid_request", authorizeUrl({ code_challenge: CHALLENGE.slice(1) })],
    ["a long challenge", "invalid_request", authorizeUrl({ code_challenge: `${CHALLENGE}A` })],
    [
      "a padded challenge",
      "invalid_request",
      authorizeUrl({ code_challenge: `${CHALLENGE.slice(1)}=` }),
    ],
    [
      "base64 of the other kind",
      "invalid_request",
      authorizeUrl({ code_challenge: `${CHALLENGE.slice(1)}+` }),
    ],
    ["a request object", "invalid_request", authorizeUrl({ request: "eyJhbGciOiJub25lIn0.e30." })],
    [
      "a request URI",
      "invalid_request",
      authorizeUrl({ request_uri: "https://evil.test/request" }),
    ],
    ["a foreign resource", "invalid_target", authorizeUrl({ resource: "https://other.test/mcp" })],
    ["a second resource", "invalid_target", twice("resource", "https://other.test/mcp")],
    ["our origin beside our endpoint", "invalid_target", twice("resource", identifiers.issuer)],
    [
      "a scope beyond the operator's word",
      "invalid_scope",
      authorizeUrl({ client_id: "reader", scope: "write" }),
    ],
    [
      "a client that has no codes",
      "unauthorized_client",
      authorizeUrl({ client_id: "coder", redirect_uri: REDIRECT }),
    ],
    ["prompt=none", "interaction_required", authorizeUrl({ prompt: "none" })],
    ["a giant state", "invalid_request", authorizeUrl({ state: "x".repeat(2_500) })],
    ["a giant state in many bytes", "invalid_request", authorizeUrl({ state: "語".repeat(834) })],
    ["too much of everything", "invalid_request", authorizeUrl({ extra: "x".repeat(16_384) })],
    ...[
      "response_type",
      "response_mode",
      "state",
      "scope",
      "code_challenge",
      "code_challenge_method",
      "prompt",
      "extra",
    ].map((name): [string, string, URL] => {
      const url = authorizeUrl({ [name]: "code" });
      url.searchParams.append(name, "code");
      return [`${name} twice`, "invalid_request", url];
    }),
  ])("goes back to the client: %s", async (_, error, url) => {
    const coder = {
      client_id: "coder",
      client_name: "C",
      redirect_uris: [REDIRECT],
      grant_types: ["client_credentials"],
    };
    const reader = {
      client_id: "reader",
      client_name: "R",
      redirect_uris: [REDIRECT],
      scope: "read",
    };
    const other = createAuthorizationServer({ clients: [...desk.settings.clients, coder, reader] });
    const { status, to, html } = await createBrowser(other).request(url);
    expect({ status, html, error: to?.searchParams.get("error") }).toEqual({
      status: 302,
      html: "",
      error,
    });
    expect(`${to?.origin}${to?.pathname}`).toBe(REDIRECT);
    expect(to?.searchParams.get("state")).toBe(url.searchParams.get("state"));
    expect(to?.searchParams.getAll("iss")).toEqual([identifiers.issuer]);
    expect(to?.searchParams.get("error_description")).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(to?.searchParams.has("code")).toBe(false);
  });

  it("keeps the query of the redirect URI, and leaves out a state that was not sent", async () => {
    const uri = `${REDIRECT}?tenant=a%20b`;
    const clients = [{ client_id: "cli", client_name: "C", redirect_uris: [uri] }];
    const url = authorizeUrl({ redirect_uri: uri, state: undefined, response_type: "token" });
    const { headers } = await createBrowser(createAuthorizationServer({ clients })).request(url);
    expect(headers.get("location")).toMatch(
      /^https:\/\/client\.test\/callback\?tenant=a%20b&error=[^?]*$/,
    );
    expect(headers.get("location")).not.toContain("state");
  });
});

describe("a good request", () => {
  it("shows the sign-in page to a new browser, and stores nothing", async () => {
    const { value, cost: spent } = await measureCost(() => go(authorizeUrl()));
    expect(value.status).toBe(200);
    expect(value.html).toContain("Sign in to the test world");
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    const [cookie] = value.headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-barewire\.[\w-]{22}=1; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  it("may leave out a redirect URI when there is only one, a resource, and a state", async () => {
    const { status } = await go(
      authorizeUrl({ redirect_uri: undefined, resource: undefined, state: undefined }),
    );
    expect(status).toBe(200);
  });

  it.each(["HEAD", "PUT", "DELETE"])("does not come by %s", async (method) => {
    const response = await handleOAuth(
      desk,
      new Request(authorizeUrl(), { method }),
      identifiers,
      authorizeUrl(),
    );
    expect(response?.status).toBe(405);
  });

  it.each([
    [undefined, undefined, ["read", "write"]],
    ["offline_access", undefined, ["read", "write"]],
    ["read offline_access", undefined, ["read"]],
    ["write read", undefined, ["read", "write"]],
    ["read admin", undefined, ["read"]],
    ["read read", undefined, ["read"]],
    [undefined, "read", ["read"]],
    ["read write", "read", ["read"]],
    ["write", "read", undefined],
    ["READ", undefined, ["read", "write"]],
    ["__proto__", undefined, ["read", "write"]],
  ])("narrows scope %s of a client with %s to %s", async (scope, own, granted) => {
    const limits = own === undefined ? {} : { scope: own };
    const clients = [{ client_id: "cli", client_name: "C", redirect_uris: [REDIRECT], ...limits }];
    const other = createAuthorizationServer({ clients });
    const client = await findClient(other, "cli");
    if (!client.ok) throw new Error("No client");
    const { search } = authorizeUrl({ scope });
    const ask = parseAuthorizationRequest(
      search.slice(1),
      client.value,
      REDIRECT,
      identifiers,
      other.settings,
    );
    expect(ask.ok ? ask.value.scopes : undefined).toEqual(granted);
  });
});

describe("pages", () => {
  const nasty = `</title><script>alert(1)</script>"'<img src=x onerror=alert(1)>`;

  it("escape whatever a client calls itself", async () => {
    const clients = [{ client_id: "cli", client_name: nasty, redirect_uris: [REDIRECT] }];
    const { html } = await createBrowser(
      createAuthorizationServer({ clients, serverName: nasty }),
    ).request(authorizeUrl({ state: nasty }));
    expect(html).not.toMatch(/<script|<img src=x|onerror=alert\(1\)>/);
    expect(html).toContain("&#60;script&#62;");
    expect(html.match(/<title>[^<]*<\/title>/g)).toHaveLength(1);
  });

  it("are framed, scripted, cached and sniffed by nobody", async () => {
    const { headers, html } = await go(authorizeUrl());
    const policy = headers.get("content-security-policy") ?? "";
    const [, nonce = "-"] = /style-src 'nonce-([\w-]{22})'/.exec(policy) ?? [];
    expect(policy.replace(nonce, "N")).toBe(
      "default-src 'none'; img-src 'self'; style-src 'nonce-N'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(html).toContain(`<style nonce="${nonce}">`);
    expect(html).not.toMatch(/<script|\son\w+=|style="|https?:\/\//);
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cache-control": "no-store",
      "content-type": "text/html; charset=utf-8",
    });
    expect((await go(authorizeUrl())).headers.get("content-security-policy")).not.toBe(policy);
  });
});
