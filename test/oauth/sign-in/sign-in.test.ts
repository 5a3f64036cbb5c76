/** Signing in: the three ways that ship, with upstream services played by the test, and what a wrong attempt costs. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { apiKey } from "../../../src/oauth/sign-in/api-key.ts";
import { checkClaims, openId, type OpenIdProvider } from "../../../src/oauth/sign-in/openid.ts";
import { passphrase } from "../../../src/oauth/sign-in/passphrase.ts";
import { encodeBase64url, encodeUtf8 } from "../../../src/base/bytes.ts";
import { verifyText } from "../../../src/crypto/hmac.ts";
import { sha256Base64url, open } from "../../../src/crypto/seal.ts";
import type {
  AuthorizationServer,
  LoginHooks,
} from "../../../src/oauth/authorization-server/types.ts";
import type { GrantTerms } from "../../../src/oauth/authorization-server/grant-rows.ts";
import type { SignInMethod } from "../../../src/oauth/sign-in/types.ts";
import { createAuthorizationServer, identifiers } from "../authorization-server.ts";
import { issuerKey, signJws, type IssuerKey } from "../issuer.ts";
import {
  authorizeUrl,
  openConsentPage,
  createBrowser,
  type BrowserPage,
  type TestBrowser,
} from "../browser.ts";

const SIGN_IN = "/authorize/sign-in";
const CALLBACK = `${identifiers.issuer}${SIGN_IN}`;
afterEach(() => vi.restoreAllMocks());

function deskWith(signIn: SignInMethod, hooks?: LoginHooks): AuthorizationServer {
  const desk = createAuthorizationServer();
  return {
    ...desk,
    login: { renderPage: desk.login.renderPage, signIn, ...(hooks === undefined ? {} : { hooks }) },
  };
}

/** Lines of the audit log from now on. */
function auditLines(): { event: string; reason?: string }[] {
  const lines: { event: string; reason?: string }[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as { event: string });
  });
  return lines;
}

/** What was agreed to on the consent page that is `shown`. */
async function agree(
  desk: AuthorizationServer,
  at: TestBrowser,
  shown: BrowserPage,
): Promise<{ terms: GrantTerms; properties: unknown }> {
  const { to } = await at.request("/authorize/consent", { ...shown.hidden, decision: "allow" });
  const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
  const { terms } = (await desk.grants.get(desk.grants.idFromString(id)).status()) ?? {};
  if (terms === undefined) throw new Error("No grant");
  const properties = await open(desk.ring, "properties", terms.properties, id);
  return { terms, properties: properties.ok ? properties.value : properties.error };
}

describe("a wrong attempt", () => {
  const desk = createAuthorizationServer();
  const attempt = async (
    name: string,
    word: string,
    address: string = "192.0.2.1",
  ): Promise<BrowserPage> => {
    const at = createBrowser(desk);
    const { hidden } = await at.request(authorizeUrl());
    return at.request(SIGN_IN, { ...hidden, name, word }, { "cf-connecting-ip": address });
  };

  it("shows the form again, says why, and is heard by those who cannot see", async () => {
    const lines = auditLines();
    const { status, html, hidden } = await attempt("wrong-1", "shut");
    expect(status).toBe(403);
    expect(html).toContain(`id="message" role="alert">That is not the word</p>`);
    expect(html).toContain(`aria-describedby="message"`);
    expect(html).toContain(`aria-invalid="true"`);
    expect(hidden["form"]).toBeDefined();
    expect(html).not.toContain("shut");
    expect(lines).toEqual([
      { event: "oauth.refused", endpoint: "sign-in", reason: "sign_in.rejected" },
    ]);
  });

  it("leaves the tick where it was", async () => {
    const at = createBrowser(desk);
    const { hidden, html } = await at.request(authorizeUrl());
    expect(html).toContain('name="remember"> Keep');
    const again = await at.request(SIGN_IN, {
      ...hidden,
      name: "ticked",
      word: "shut",
      remember: "on",
    });
    expect(again.html).toContain('name="remember" checked> Keep');
    const without = await at.request(SIGN_IN, { ...again.hidden, name: "ticked", word: "shut" });
    expect(without.html).toContain('name="remember"> Keep');
  });

  it("locks out the address after five, whatever it says then, and no other address", async () => {
    for (let turn = 0; turn < 5; turn++)
      expect((await attempt("wrong-2", "shut")).html).toContain("That is not the word");
    const lines = auditLines();
    for (const word of ["shut", "open"]) {
      const { status, html } = await attempt("wrong-2", word);
      expect(status).toBe(403);
      expect(html).toContain("Try again in 15 min.");
    }
    expect(lines.map(({ reason }) => reason)).toEqual(["sign_in.locked", "sign_in.locked"]);
    expect((await attempt("wrong-2", "open", "192.0.2.2")).html).toContain("wants to use");
    expect((await attempt("someone else", "open")).html).toContain("wants to use");
  });
});

describe("hooks", () => {
  it("may turn a person away, and hear who it was", async () => {
    const heard: unknown[] = [];
    const hooks: LoginHooks = { onSignIn: (...who) => Promise.resolve(heard.push(who) === 0) };
    const desk = deskWith(createAuthorizationServer().login.signIn, hooks);
    const { status, html } = await openConsentPage(createBrowser(desk), authorizeUrl(), "mallory");
    expect(status).toBe(403);
    expect(html).toContain("You are not expected here.");
    expect(heard).toEqual([["mallory", { shoe: "size of mallory" }]]);
  });
});

/** As `make passphrase` would store it, with fewer rounds. */
async function stored(text: string): Promise<string> {
  const salt = encodeUtf8("sixteen bytes of");
  const key = await crypto.subtle.importKey("raw", encodeUtf8(text), "PBKDF2", false, [
    "deriveBits",
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: 1_000 },
    key,
    256,
  );
  return `pbkdf2-sha256:1000:${encodeBase64url(salt)}:${encodeBase64url(new Uint8Array(bits))}`;
}

describe("a person of whom too much is said", () => {
  const signInWith = (given: object): SignInMethod => ({
    ...createAuthorizationServer().login.signIn,
    submit: () =>
      Promise.resolve({ kind: "authenticated", subject: "ada", properties: {}, ...given }),
  });
  const arrive = async (given: object): Promise<BrowserPage> => {
    const at = createBrowser(deskWith(signInWith(given)));
    const { hidden } = await at.request(authorizeUrl());
    return at.request(SIGN_IN, { ...hidden, name: "ada", word: "open" });
  };
  const large = (bytes: number): object => ({ text: "\u00E4".repeat(bytes / 2) });

  it.each<[string, object]>([
    ["2800 bytes of subject, name and properties", { properties: large(2_800) }],
    ["6000 bytes of credential", { credential: large(6_000) }],
  ])("is told so where it is more than %s", async (most, given) => {
    const lines = auditLines();
    const { status, html } = await arrive(given);
    expect(status).toBe(400);
    expect(html).toContain(`at most ${most.split(" ")[0] ?? ""}. Tell whoever runs the server`);
    expect(lines).toMatchObject([{ reason: "sign_in.large" }]);
  });

  it("comes to the consent page, and back to a client, with as much as can be kept", async () => {
    const desk = deskWith(signInWith({ properties: large(2_700), credential: large(5_900) }));
    const at = createBrowser(desk);
    const { terms } = await agree(desk, at, await openConsentPage(at));
    expect(terms.subject).toBe("ada");
  });
});

describe("the passphrase", () => {
  it("lets the owner in, and nobody else", async () => {
    const desk = deskWith(passphrase(await stored("korrekt pferd")));
    for (const wrong of ["", "korrekt pferd ", "Korrekt pferd", "x".repeat(5_000)]) {
      const at = createBrowser(desk);
      const { hidden } = await at.request(authorizeUrl());
      const address = { "cf-connecting-ip": `198.51.100.${wrong.length % 250}` };
      expect((await at.request(SIGN_IN, { ...hidden, passphrase: wrong }, address)).html).toContain(
        "That is not the passphrase",
      );
    }
    const at = createBrowser(desk);
    const { hidden, html } = await at.request(authorizeUrl());
    expect(html).toMatch(/<input[^>]*type="password"[^>]*autocomplete="current-password"/);
    const { terms, properties } = await agree(
      desk,
      at,
      await at.request(SIGN_IN, { ...hidden, passphrase: "korrekt pferd" }),
    );
    expect({ subject: terms.subject, properties }).toEqual({ subject: "owner", properties: {} });
  });
});

describe("a passphrase that is not hashed", () => {
  it.each(["korrekt pferd", "", "pbkdf2-sha256:100001:c2FsdA:AAAA"])(
    "stops the server, and is not shown: %j",
    (plain) => {
      const setting = (): unknown => passphrase(plain);
      expect(setting).toThrow(/^Configuration: PASSPHRASE must be what make passphrase prints/);
      if (plain !== "") expect(setting).not.toThrow(plain);
    },
  );
});

describe("an API key", () => {
  const URL_OF_ACCOUNT = "https://api.upstream.test/v1/me";
  const desk = deskWith(apiKey({ name: "Upstream", url: URL_OF_ACCOUNT, account: "data.id" }));
  const paste = async (
    key: string,
    answer: (sent: Headers) => Response,
    at: TestBrowser = createBrowser(desk),
  ): Promise<BrowserPage> => {
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) =>
      String(input) === URL_OF_ACCOUNT
        ? Promise.resolve(answer(new Headers(init?.headers)))
        : Promise.reject(new TypeError("unreachable")),
    );
    const { hidden } = await at.request(authorizeUrl());
    return at.request(SIGN_IN, { ...hidden, key });
  };
  const account = (id: unknown): Response => Response.json({ data: { id } });

  it("is shown to the service as a bearer token, and makes one stable person of many keys", async () => {
    const subjects: string[] = [];
    for (const key of ["first-key-123", "other-key-456"]) {
      const at = createBrowser(desk);
      const sent: (string | null)[] = [];
      const shown = await paste(
        key,
        (headers) => {
          sent.push(headers.get("authorization"));
          return account(17);
        },
        at,
      );
      expect(sent).toEqual([`Bearer ${key}`]);
      expect(shown.html).toContain("Upstream account 17");
      expect(shown.html).not.toContain(key);
      const { terms, properties } = await agree(desk, at, shown);
      expect(properties).toEqual({});
      expect(JSON.stringify(terms)).not.toContain(key);
      subjects.push(terms.subject);
    }
    expect(subjects).toEqual([
      subjects[0],
      await sha256Base64url(JSON.stringify([URL_OF_ACCOUNT, 17])),
    ]);
  });

  it.each<[string, string, string, () => Response]>([
    ["what is no key", "api_key.malformed", "short", () => account(1)],
    ["a line break in the middle", "api_key.malformed", "first-key\r\nx-evil: 1", () => account(1)],
    ["letters beyond ASCII", "api_key.malformed", "schlüssel-123", () => account(1)],
    [
      "a key that the service refuses",
      "api_key.refused",
      "first-key-123",
      () => new Response(null, { status: 401 }),
    ],
    [
      "a key without rights",
      "api_key.refused",
      "first-key-123",
      () => new Response(null, { status: 403 }),
    ],
    [
      "a redirect",
      "api_key.fetch.redirect",
      "first-key-123",
      () => Response.redirect("https://evil.test"),
    ],
    [
      "a page",
      "api_key.fetch.type",
      "first-key-123",
      () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    ],
    [
      "a failing service",
      "api_key.unavailable",
      "first-key-123",
      () => new Response("{}", { status: 500 }),
    ],
    ...[408, 429].map((status): [string, string, string, () => Response] => [
      `a service that answers ${status}`,
      "api_key.unavailable",
      "first-key-123",
      () => new Response("{}", { status }),
    ]),
    [
      "an account without an id",
      "api_key.unknown_account",
      "first-key-123",
      () => Response.json({ id: 1 }),
    ],
    ["an empty id", "api_key.unknown_account", "first-key-123", () => account("")],
    ["an id that is an object", "api_key.unknown_account", "first-key-123", () => account({})],
    [
      "a number that two accounts would share",
      "api_key.unknown_account",
      "first-key-123",
      () => Response.json({ data: { id: 2 ** 53 } }),
    ],
    [
      "an id of the prototype",
      "api_key.unknown_account",
      "first-key-123",
      () => Response.json({ data: [] }),
    ],
  ])("is refused for %s", async (_, reason, key, answer) => {
    const lines = auditLines();
    const { status, html } = await paste(key, answer);
    expect(status).toBe(403);
    expect(html).toContain('role="alert"');
    expect(html).not.toContain(key);
    expect(lines.map((line) => line.reason)).toEqual([reason]);
  });
});

const PROVIDER: OpenIdProvider = {
  name: "Example ID",
  issuer: "https://id.test",
  clientId: "barewire",
  clientSecret: "s p:ecial",
};

/** The provider: what it was asked, and what it says; members of `changes` go over what is right. */
interface Play {
  readonly metadata?: object;
  readonly claims?: Record<string, unknown>;
  readonly header?: object;
  readonly key?: IssuerKey;
  readonly token?: Response;
}

describe("OpenID Connect", async () => {
  const key = await issuerKey("ES256");
  const desk = deskWith(openId(PROVIDER));

  /** Answers as the provider; `asked` is the authorization request it saw. Returns the token requests it got. */
  function play(asked: () => URL, changes: Play = {}): Request[] {
    const requests: Request[] = [];
    const { issuer } = PROVIDER;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (pathname === "/.well-known/openid-configuration")
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/authorize?tenant=1`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          ...changes.metadata,
        });
      if (pathname === "/keys") return Response.json({ keys: [key.jwk] });
      requests.push(request);
      const time = Math.floor(Date.now() / 1000);
      const nonce = asked().searchParams.get("nonce");
      const claims = {
        iss: issuer,
        aud: "barewire",
        sub: "u-1",
        iat: time,
        exp: time + 60,
        nonce,
        ...changes.claims,
      };
      return (
        changes.token ??
        Response.json({ id_token: await signJws(changes.key ?? key, claims, changes.header) })
      );
    });
    return requests;
  }

  async function leave(at: TestBrowser): Promise<URL> {
    play(() => new URL(PROVIDER.issuer));
    const { hidden, html, headers } = await at.request(authorizeUrl());
    expect(html).toContain("Sign in with Example ID");
    expect(html).toContain("Public");
    expect(headers.get("content-security-policy")).toContain("form-action 'self' https:;");
    const { status, to } = await at.request(SIGN_IN, hidden);
    expect(status).toBe(303);
    if (to === undefined) throw new Error("Not sent away");
    return to;
  }

  const back = (away: URL, changes: Record<string, string> = {}): URL => {
    const url = new URL(CALLBACK);
    const answer = {
      code: "upstream-code",
      state: away.searchParams.get("state") ?? "",
      ...changes,
    };
    for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value);
    return url;
  };

  it.each<[string, object, string]>([
    ["that says nothing of it", {}, "login"],
    ["that has none to choose from", { prompt_values_supported: ["none", "login"] }, "login"],
    [
      "that lets people choose",
      { prompt_values_supported: ["login", "select_account"] },
      "select_account",
    ],
  ])(
    "has a provider %s ask again when somebody else is to sign in",
    async (_, metadata, prompt) => {
      const at = createBrowser(desk);
      play(() => new URL(PROVIDER.issuer), { metadata });
      const { hidden } = await at.request(authorizeUrl({ prompt: "login" }));
      expect((await at.request(SIGN_IN, hidden)).to?.searchParams.get("prompt")).toBe(prompt);
    },
  );

  it("has Google ask which account, as Google wants it", async () => {
    const google = { ...PROVIDER, issuer: "https://accounts.google.com" };
    vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
      Response.json({
        issuer: google.issuer,
        authorization_endpoint: `${google.issuer}/auth`,
        token_endpoint: "t",
        jwks_uri: "j",
      }),
    );
    const visit = { identifiers, callback: CALLBACK, state: "s" };
    for (const again of [true, false]) {
      const step = await openId(google).submit({ ...visit, forcesSignIn: again }, new Map());
      const asked =
        step.kind === "redirect" ? new URL(step.url).searchParams.get("prompt") : "nothing";
      expect(asked).toBe(again ? "select_account" : null);
    }
  });

  it("asks with PKCE, nonce and state, redeems once, and knows the person by issuer and subject", async () => {
    const at = createBrowser(desk);
    const away = await leave(at);
    const {
      state,
      nonce,
      code_challenge: challenge = "",
      ...asked
    } = Object.fromEntries(away.searchParams);
    expect(asked).toEqual({
      tenant: "1",
      response_type: "code",
      client_id: "barewire",
      redirect_uri: CALLBACK,
      scope: "openid email",
      code_challenge_method: "S256",
    });
    expect([state, nonce, challenge].map((text) => text?.length)).toEqual([22, 22, 43]);
    const requests = play(() => away, { claims: { email: "ada@id.test", email_verified: true } });
    const shown = await at.request(back(away));
    expect(shown.html).toContain("ada@id.test");
    const [request] = requests;
    expect(request?.headers.get("authorization")).toBe(`Basic ${btoa("barewire:s%20p%3Aecial")}`);
    const form = Object.fromEntries(new URLSearchParams(await request?.text()));
    expect(form).toMatchObject({
      grant_type: "authorization_code",
      code: "upstream-code",
      redirect_uri: CALLBACK,
    });
    expect(await sha256Base64url(form["code_verifier"] ?? "")).toBe(challenge);
    expect(form).not.toHaveProperty("client_secret");
    const { terms, properties } = await agree(desk, at, shown);
    expect(terms.subject).toBe(await sha256Base64url(JSON.stringify([PROVIDER.issuer, "u-1"])));
    expect(properties).toEqual({ sub: "u-1", email: "ada@id.test" });
    // The way back works once.
    expect((await at.request(back(away))).status).toBe(400);
    expect(requests).toHaveLength(1);
  });

  it("does not take an address that was not verified, and sends the secret in the form where asked to", async () => {
    const at = createBrowser(desk);
    const away = await leave(at);
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
    const requests = play(() => away, {
      metadata,
      claims: { email: "ada@id.test", email_verified: false },
    });
    const shown = await at.request(back(away));
    const form = Object.fromEntries(new URLSearchParams(await requests[0]?.text()));
    expect(form).toMatchObject({ client_id: "barewire", client_secret: "s p:ecial" });
    expect(requests[0]?.headers.has("authorization")).toBe(false);
    expect((await agree(desk, at, shown)).properties).toEqual({ sub: "u-1" });
  });

  it("takes null for a member that the provider left out", async () => {
    const metadata = {
      token_endpoint_auth_methods_supported: null,
      authorization_response_iss_parameter_supported: null,
      userinfo_endpoint: null,
    };
    const at = createBrowser(desk);
    const away = await leave(at);
    play(() => away, {
      metadata,
      claims: { azp: null, email: null, email_verified: null, nbf: null },
    });
    const shown = await at.request(back(away));
    expect(shown.status).toBe(200);
    expect((await agree(desk, at, shown)).properties).toEqual({ sub: "u-1" });
  });

  it("lets two logins be away at once", async () => {
    const at = createBrowser(desk);
    const [first, second] = [await leave(at), await leave(at)];
    for (const away of [first, second]) {
      play(() => away);
      expect((await at.request(back(away))).html).toContain("wants to use");
    }
  });

  it.each<[string, (at: TestBrowser, away: URL) => Promise<BrowserPage>]>([
    ["in another browser", (_, away) => createBrowser(desk).request(back(away))],
    [
      "in another browser that is away itself",
      async (_, away) => {
        const other = createBrowser(desk);
        await leave(other);
        return other.request(back(away));
      },
    ],
    [
      "in another browser that was given the cookie of the first",
      async (at, away) => {
        const cookie = `__Host-barewire-${away.searchParams.get("state")}`;
        const other = createBrowser(desk);
        await other.request(authorizeUrl());
        other.cookies.set(cookie, at.cookies.get(cookie) ?? "");
        return other.request(back(away));
      },
    ],
    [
      "with another cookie's memory",
      async (at, away) => {
        const other = await leave(at);
        const [mine, theirs] = [away, other].map(
          (url) => `__Host-barewire-${url.searchParams.get("state")}`,
        );
        at.cookies.set(mine ?? "", at.cookies.get(theirs ?? "") ?? "");
        return at.request(back(away));
      },
    ],
    ["without a state", (at, away) => at.request(back(away, { state: "" }))],
    [
      "with a made-up state",
      (at, away) => at.request(back(away, { state: "AAAAAAAAAAAAAAAAAAAAAA" })),
    ],
    [
      "with two states",
      (at, away) => {
        const url = back(away);
        url.searchParams.append("state", "x");
        return at.request(url);
      },
    ],
  ])("refuses whoever comes back %s", async (_, come) => {
    const at = createBrowser(desk);
    const away = await leave(at);
    const { status, to, html } = await come(at, away);
    expect({ status, to }).toEqual({ status: 400, to: undefined });
    expect(html).toContain("answered before");
  });

  const past = Math.floor(Date.now() / 1000) - 3_600;
  it.each<[string, string, Play, Record<string, string>?]>([
    ["a no", "denied", {}, { error: "access_denied" }],
    ["no code", "denied", {}, { code: "" }],
    ["a provider in trouble", "unavailable", {}, { error: "server_error" }],
    ["one that is for now", "unavailable", {}, { error: "temporarily_unavailable" }],
    ["a token endpoint that fails", "unavailable", { token: new Response("x", { status: 503 }) }],
    ["one that asks to wait", "unavailable", { token: new Response("{}", { status: 429 }) }],
    ["another issuer in the answer", "iss", {}, { iss: "https://evil.test" }],
    [
      "no issuer where one was promised",
      "iss",
      { metadata: { authorization_response_iss_parameter_supported: true } },
    ],
    ["metadata of another issuer", "discovery", { metadata: { issuer: "https://evil.test" } }],
    ["metadata with a slash too many", "discovery", { metadata: { issuer: "https://id.test/" } }],
    ["metadata without keys", "discovery", { metadata: { jwks_uri: undefined } }],
    [
      "a refused code",
      "token",
      { token: Response.json({ error: "invalid_grant" }, { status: 400 }) },
    ],
    ["no ID token", "token", { token: Response.json({ access_token: "x" }) }],
    ["a token that is none", "token", { token: Response.json({ id_token: "x.y.z" }) }],
    ["an unsigned token", "token", { header: { alg: "none" } }],
    ["a token under HMAC", "token", { header: { alg: "HS256" } }],
    ["a stranger's signature", "signature", { key: await issuerKey("ES256") }],
    // It may have come since the keys were fetched, which was a moment ago.
    ["an unknown key", "unreachable", { header: { kid: "other" } }],
    ["another algorithm's name", "signature", { header: { alg: "ES384" } }],
    ["another issuer", "issuer", { claims: { iss: "https://evil.test" } }],
    ["another audience", "audience", { claims: { aud: "someone" } }],
    ["no audience", "audience", { claims: { aud: undefined } }],
    [
      "many audiences and no party",
      "authorized_party",
      { claims: { aud: ["barewire", "someone"] } },
    ],
    ["another party", "authorized_party", { claims: { azp: "someone" } }],
    ["an old token", "expired", { claims: { exp: past } }],
    ["a token without an end", "expired", { claims: { exp: undefined } }],
    ["an end in words", "expired", { claims: { exp: "2999-01-01" } }],
    ["a token of tomorrow", "issued_at", { claims: { iat: past + 90_000 } }],
    ["another login's nonce", "nonce", { claims: { nonce: "other" } }],
    ["no nonce", "nonce", { claims: { nonce: undefined } }],
    ["nobody", "subject", { claims: { sub: "" } }],
    ["a person that is a number", "subject", { claims: { sub: 7 } }],
  ])("refuses %s", async (_, reason, changes, answer = {}) => {
    const at = createBrowser(desk);
    const away = await leave(at);
    play(() => away, changes);
    const lines = auditLines();
    const { status, html } = await at.request(back(away, answer));
    expect(status).toBe(403);
    expect(html).toContain('role="alert"');
    expect(html.includes("cannot be reached")).toBe(
      ["unavailable", "unreachable", "discovery"].includes(reason),
    );
    expect(lines.map((line) => line.reason)).toEqual([`openid.${reason}`]);
  });

  it("tells people when the provider cannot be reached", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("unreachable"));
    const at = createBrowser(desk);
    const { hidden } = await at.request(authorizeUrl());
    const { status, html } = await at.request(SIGN_IN, hidden);
    expect(status).toBe(403);
    expect(html).toContain("Example ID cannot be reached");
  });

  it("checks claims to the second, a minute apart", () => {
    const claims = {
      iss: "https://id.test",
      aud: ["barewire"],
      azp: "barewire",
      sub: "u",
      nonce: "n",
      iat: 1_060,
      exp: 940.001,
    };
    expect(checkClaims(claims, PROVIDER, "n", 1_000_000)).toBeUndefined();
    expect(checkClaims({ ...claims, exp: 940 }, PROVIDER, "n", 1_000_000)).toBe("expired");
    expect(checkClaims({ ...claims, iat: 1_061 }, PROVIDER, "n", 1_000_000)).toBe("issued_at");
  });
});
