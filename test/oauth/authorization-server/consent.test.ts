/** Consent: what a person is told, and that one request gets one decision, in the browser that began it. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { err, ok, type Result } from "../../../src/base/result.ts";
import { verifyText } from "../../../src/crypto/hmac.ts";
import { open } from "../../../src/crypto/seal.ts";
import { accountObjectName } from "../../../src/oauth/authorization-server/account-object.ts";
import { registrationEndpoint } from "../../../src/oauth/clients/register.ts";
import type { LoginHooks } from "../../../src/oauth/authorization-server/types.ts";
import {
  ageGrant,
  bindings,
  CHALLENGE,
  EPOCH,
  measureCost,
  createAuthorizationServer,
  grantStub,
  identifiers,
  REDIRECT,
  type TestAuthorizationServer,
} from "../authorization-server.ts";
import { countedNamespace } from "../../world/counting.ts";
import { authorizeUrl, openConsentPage, createBrowser, type BrowserPage } from "../browser.ts";

const desk = createAuthorizationServer();
const CONSENT = "/authorize/consent";
const SIGN_IN = "/authorize/sign-in";

function expectStale({ status, to, html }: BrowserPage): void {
  expect({ status, to }).toEqual({ status: 400, to: undefined });
  expect(html).toContain("answered before");
}

describe("the consent page", () => {
  it("names the client, who vouches for it, where the answer goes, the person, and what they allow", async () => {
    const { status, html, headers } = await openConsentPage(
      createBrowser(desk),
      authorizeUrl({ scope: "read" }),
    );
    expect(status).toBe(200);
    for (const text of [
      "“<bdi>Public</bdi>” wants to use Test",
      "client.test",
      "<bdi>ada</bdi>",
      "<li>Read</li>",
    ])
      expect(html).toContain(text);
    expect(html).not.toContain("<li>Write</li>");
    expect(html).toContain("The operator of this server");
    expect(html).not.toContain('class="note"');
    expect(headers.get("content-security-policy")).toContain(
      "form-action 'self' https:; base-uri 'none'",
    );
    expect(headers.get("x-frame-options")).toBe("DENY");
  });

  it.each([
    ["http://127.0.0.1:4711/cb", "waits at 127.0.0.1:4711 gets", "http:"],
    ["http://localhost/cb", "waits at localhost gets", "http:"],
    ["http://[::1]:4711/cb", "waits at [::1]:4711 gets", "http:"],
    ["com.example.app:/cb", "opens “com.example.app:” links gets", "com.example.app:"],
  ])("warns when the answer stays on this device: %s", async (uri, shown, scheme) => {
    const clients = [{ client_id: "cli", client_name: "Local", redirect_uris: [uri] }];
    const { html, headers } = await openConsentPage(
      createBrowser(createAuthorizationServer({ clients })),
      authorizeUrl({ redirect_uri: uri }),
    );
    expect(html).toContain("on this device");
    expect(html).toContain(shown);
    expect(headers.get("content-security-policy")).toContain(
      `form-action 'self' https: ${scheme};`,
    );
  });

  it("says when nobody vouches for a client", async () => {
    const body = JSON.stringify({ client_name: "Claude", redirect_uris: [REDIRECT] });
    const http = new Request(`${identifiers.issuer}/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const { client_id } = await (
      await registrationEndpoint(desk, http)
    ).json<{ client_id: string }>();
    const { html } = await openConsentPage(createBrowser(desk), authorizeUrl({ client_id }));
    expect(html).toContain("The app itself. Nobody checked it.");
  });
});

describe("what the app does when a person agrees", () => {
  const agree = async (
    consented: NonNullable<LoginHooks["onConsent"]>,
  ): Promise<{ shown: BrowserPage; keeping: TestAuthorizationServer }> => {
    const keeping = createAuthorizationServer({}, { hooks: { onConsent: consented } });
    const at = createBrowser(keeping);
    const { hidden } = await openConsentPage(at);
    return { shown: await at.request(CONSENT, { ...hidden, decision: "allow" }), keeping };
  };

  it("that refuses two at once by one object tells each their own reason", async () => {
    const refusal = { ok: false as const, error: "" };
    const consented = ({ subject }: { readonly subject: string }): Promise<typeof refusal> =>
      Promise.resolve(Object.assign(refusal, { error: `${subject} is suspended` }));
    const keeping = createAuthorizationServer({}, { hooks: { onConsent: consented } });
    const names = ["ada", "bob"];
    const asked = await Promise.all(
      names.map(async (name) => {
        const at = createBrowser(keeping);
        return { at, ...(await openConsentPage(at, authorizeUrl(), name)) };
      }),
    );
    const shown = await Promise.all(
      asked.map(({ at, hidden }) => at.request(CONSENT, { ...hidden, decision: "allow" })),
    );
    for (const [at, name] of names.entries())
      expect(shown[at]?.html).toContain(`${name} is suspended`);
  });

  const done = (): Promise<Result<void, string>> => Promise.resolve(ok(undefined));
  it("happens after the decision was recorded, and knows who agreed", async () => {
    const heard: unknown[] = [];
    const keeping = createAuthorizationServer(
      {},
      {
        hooks: {
          onConsent: async (...who) => {
            heard.push(...who, await last());
            return done();
          },
        },
      },
    );
    const last = async () => (await grantsOf(keeping, "hal")).at(-1)?.terms.subject;
    const at = createBrowser(keeping);
    const { hidden } = await openConsentPage(at, authorizeUrl(), "hal");
    const { to } = await at.request(CONSENT, { ...hidden, decision: "allow" });
    const grant = await verifyText(keeping.ring, "code", to?.searchParams.get("code") ?? "");
    expect(grant).toBeTypeOf("string");
    expect(heard).toEqual([
      { issuer: identifiers.issuer, subject: "hal" },
      undefined,
      grant,
      "hal",
    ]);
  });

  it("happens once, however often the form is sent", async () => {
    const consented = vi.fn<NonNullable<LoginHooks["onConsent"]>>(done);
    const at = createBrowser(createAuthorizationServer({}, { hooks: { onConsent: consented } }));
    const { hidden } = await openConsentPage(at);
    await Promise.all(
      Array.from({ length: 10 }, () => at.request(CONSENT, { ...hidden, decision: "allow" })),
    );
    await at.request(CONSENT, { ...hidden, decision: "allow" });
    expect(consented).toHaveBeenCalledOnce();
  });

  it("may fail: then there is a page that says why, and no grant", async () => {
    const { shown, keeping } = await agree(async () =>
      err("Your key cannot be kept at the moment"),
    );
    expect([shown.status, shown.to]).toEqual([400, undefined]);
    expect(shown.html).toContain("Your key cannot be kept at the moment");
    expect((await grantsOf(keeping, "ada")).at(-1)).toBeUndefined();
  });

  it("may throw: then there is a page that does not say why, and no grant", async () => {
    const { shown, keeping } = await agree(() =>
      Promise.reject(new Error("the vault's own words")),
    );
    expect([shown.status, shown.to]).toEqual([400, undefined]);
    // What was begun may still be done: the page does not say that nothing was.
    expect(shown.html).toContain("The server could not finish. The app got no access. Go back");
    expect(shown.html).not.toContain("own words");
    expect((await grantsOf(keeping, "ada")).at(-1)).toBeUndefined();
  });

  it("does not happen when they say no, nor when they go back and say yes after it", async () => {
    const consented = vi.fn<NonNullable<LoginHooks["onConsent"]>>(done);
    const at = createBrowser(createAuthorizationServer({}, { hooks: { onConsent: consented } }));
    const { hidden } = await openConsentPage(at);
    await at.request(CONSENT, { ...hidden, decision: "deny" });
    expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }));
    expect(consented).not.toHaveBeenCalled();
  });

  it("does not note a grant of a form that was answered before", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    await at.request(SIGN_IN, { ...begun.hidden, name: "ivy", word: "open", remember: "on" });
    const { hidden } = await at.request(authorizeUrl());
    await at.request(CONSENT, { ...hidden, decision: "deny" });
    await at.request(CONSENT, { ...hidden, decision: "allow" });
    // The one of the first request, which waits for a decision.
    expect(await grantsOf(desk, "ivy")).toHaveLength(1);
  });
});

describe("a decision", () => {
  it("to allow gives a code that names the grant, once, by 303", async () => {
    const at = createBrowser(desk);
    const { hidden } = await openConsentPage(at);
    const { status, to } = await at.request(CONSENT, { ...hidden, decision: "allow" });
    expect(status).toBe(303);
    expect(Object.fromEntries(to?.searchParams ?? [])).toEqual({
      code: expect.any(String) as unknown,
      state: "s 1/ä",
      iss: identifiers.issuer,
    });
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const kept = await desk.grants.get(desk.grants.idFromString(id)).status();
    expect(kept?.terms).toMatchObject({
      client: "cli",
      clientName: "Public",
      subject: "ada",
      scopes: ["read", "write"],
      resource: identifiers.resource,
      redirectUri: REDIRECT,
      challenge: CHALLENGE,
    });
    expect(await open(desk.ring, "properties", kept?.terms.properties ?? "", id)).toMatchObject({
      ok: true,
      value: { shoe: "size of ada" },
    });
    expectStale(await at.request(CONSENT, { ...hidden, decision: "deny" }));
  });

  it.each(["deny", "", "ALLOW", "allow "])(
    "that is %j is a no, and stays one",
    async (decision) => {
      const at = createBrowser(desk);
      const { hidden } = await openConsentPage(at);
      const { status, to } = await at.request(CONSENT, { ...hidden, decision });
      expect(status).toBe(303);
      expect(Object.fromEntries(to?.searchParams ?? [])).toMatchObject({
        error: "access_denied",
        state: "s 1/ä",
        iss: identifiers.issuer,
      });
      expect(to?.searchParams.has("code")).toBe(false);
      expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }));
    },
  );

  it("is made once for a request, even when its sign-in form is sent again", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const first = await at.request(SIGN_IN, { ...begun.hidden, name: "ada", word: "open" });
    expect((await at.request(CONSENT, { ...first.hidden, decision: "deny" })).status).toBe(303);
    const second = await at.request(SIGN_IN, { ...begun.hidden, name: "ada", word: "open" });
    expectStale(await at.request(CONSENT, { ...second.hidden, decision: "allow" }));
  });

  it("costs one object request, and a login up to it at most two and three rows", async () => {
    const at = createBrowser(desk);
    const { value, cost: before } = await measureCost(() =>
      openConsentPage(at, authorizeUrl(), "bea"),
    );
    expect(before).toMatchObject({ requests: 1, rows: 1 });
    const { cost: after } = await measureCost(() =>
      at.request(CONSENT, { ...value.hidden, decision: "allow" }),
    );
    expect(after).toMatchObject({ requests: 1, rows: 2 });
  });

  it("sent 40 times at once is one decision with one code, and every answer is the same, 20 rounds", async () => {
    for (let round = 0; round < 20; round++) {
      const at = createBrowser(desk);
      const { hidden } = await openConsentPage(at, authorizeUrl(), `round ${round}`);
      const all = await Promise.all(
        Array.from({ length: 40 }, () => at.request(CONSENT, { ...hidden, decision: "allow" })),
      );
      expect(new Set(all.map(({ status, to }) => `${status} ${to?.href}`)).size).toBe(1);
      expect(all[0]?.to?.searchParams.has("code")).toBe(true);
      expect(await grantsOf(desk, `round ${round}`)).toHaveLength(1);
    }
  }, 60_000);
});

/** The grants that `name` was asked about. */
async function grantsOf({ accounts }: TestAuthorizationServer, name: string) {
  const ids = await accounts.getByName(await accountObjectName(name)).grants();
  return Promise.all(ids.map(async (id) => grantStub(id).status()));
}

describe("a form that is sent again, as by a double click", () => {
  const redeem = async (code: string) => {
    const id = (await verifyText(desk.ring, "code", code)) ?? "";
    const { resource } = identifiers;
    return grantStub(id).redeem({
      client: "cli",
      resource,
      redirectUri: REDIRECT,
      challenge: CHALLENGE,
      requestId: "redeemed",
      epoch: EPOCH,
    });
  };
  const allowed = async (name: string = "ada") => {
    const at = createBrowser(desk);
    const { hidden } = await openConsentPage(at, authorizeUrl(), name);
    const again = (decision: string = "allow"): Promise<BrowserPage> =>
      at.request(CONSENT, { ...hidden, decision });
    const first = await again();
    return { at, hidden, first, again, code: first.to?.searchParams.get("code") ?? "" };
  };

  it("gets the same redirect with the same code, which stays single use, and is written and logged once", async () => {
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => {
      lines.push(line);
    });
    const { first, again, code } = await allowed();
    const { value: second, cost } = await measureCost(() => again());
    expect([second.status, second.to?.href]).toEqual([303, first.to?.href]);
    expect(cost.rows).toBe(0);
    log.mockRestore();
    expect(lines.filter((line) => line.includes("oauth.granted"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("oauth.refused"))).toEqual([]);
    expect(await redeem(code)).toMatchObject({ kind: "granted" });
    expect(await redeem(code)).toMatchObject({ kind: "refused", reason: "code.replayed" });
    expectStale(await again());
  });

  it("says that access was given, and gives no code, once the client has picked it up", async () => {
    const { again, code } = await allowed();
    await redeem(code);
    const { status, to, html } = await again();
    expect([status, to]).toEqual([200, undefined]);
    expect(html).toContain("Access was given");
    expect(html).not.toContain("did not work");
    expectStale(await again("deny"));
  });

  it("gets nothing more once the code is too old, or access was taken back", async () => {
    const late = await allowed();
    await ageGrant((await verifyText(desk.ring, "code", late.code)) ?? "", 301);
    expectStale(await late.again());
    const revoked = await allowed();
    await grantStub((await verifyText(desk.ring, "code", revoked.code)) ?? "").revoke();
    expectStale(await revoked.again());
  });

  it("gets nothing from another browser, nor for another person who signed in for the same request", async () => {
    const { hidden, again } = await allowed();
    const other = createBrowser(desk);
    await other.request(authorizeUrl());
    expectStale(await other.request(CONSENT, { ...hidden, decision: "allow" }));
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const [ada, bob] = [
      await at.request(SIGN_IN, { ...begun.hidden, name: "ada", word: "open" }),
      await at.request(SIGN_IN, { ...begun.hidden, name: "bob", word: "open" }),
    ];
    expect((await at.request(CONSENT, { ...ada.hidden, decision: "allow" })).status).toBe(303);
    expectStale(await at.request(CONSENT, { ...bob.hidden, decision: "allow" }));
    expect((await again()).status).toBe(303);
  });

  it("waits for nobody and gives no code where the app does something first, which may yet fail", async () => {
    let finish = (_: Result<void, string>): void => {};
    const consented = vi.fn<NonNullable<LoginHooks["onConsent"]>>(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const at = createBrowser(createAuthorizationServer({}, { hooks: { onConsent: consented } }));
    const { hidden } = await openConsentPage(at);
    const first = at.request(CONSENT, { ...hidden, decision: "allow" });
    await vi.waitFor(() => expect(consented).toHaveBeenCalled());
    expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }));
    finish(err("Your key cannot be kept at the moment"));
    expect((await first).status).toBe(400);
    expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }));
    expect(consented).toHaveBeenCalledOnce();
  });

  it("is noted at the account before its code is sent, though the first one never got that far", async () => {
    const accounts = countedNamespace(bindings.ACCOUNT);
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    await at.request(SIGN_IN, { ...begun.hidden, name: "joy", word: "open", remember: "on" });
    const { hidden } = await at.request(authorizeUrl());
    // The isolate of the first dies when the grant is open and the account knows nothing of it.
    const dying = new Proxy(accounts, {
      get(target, name) {
        if (name === "getByName") throw new Error("The isolate died");
        return Reflect.get(target, name) as unknown;
      },
    });
    const broken = createBrowser(createAuthorizationServer({}, { accounts: dying }), at.cookies);
    await expect(broken.request(CONSENT, { ...hidden, decision: "allow" })).rejects.toThrow(
      "The isolate died",
    );
    const before = (await grantsOf(desk, "joy")).length;
    const { to } = await at.request(CONSENT, { ...hidden, decision: "allow" });
    expect(to?.searchParams.has("code")).toBe(true);
    expect(await grantsOf(desk, "joy")).toHaveLength(before + 1);
  });

  it("with a no is the same no, which is logged once", async () => {
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => {
      lines.push(line);
    });
    const { again, first } = await (async () => {
      const at = createBrowser(desk);
      const { hidden } = await openConsentPage(at);
      const deny = (): Promise<BrowserPage> => at.request(CONSENT, { ...hidden, decision: "deny" });
      return { again: deny, first: await deny() };
    })();
    const second = await again();
    log.mockRestore();
    expect([second.status, second.to?.href]).toEqual([303, first.to?.href]);
    expect(second.to?.searchParams.get("error")).toBe("access_denied");
    expect(lines.filter((line) => line.includes("oauth.denied"))).toHaveLength(1);
  });
});

describe("a form", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => vi.useRealTimers());

  it.each([SIGN_IN, CONSENT])("at %s counts only from the browser that began", async (path) => {
    const mine = createBrowser(desk);
    const begun = await mine.request(authorizeUrl());
    const filled = { ...begun.hidden, name: "ada", word: "open", decision: "allow" };
    const form =
      path === SIGN_IN
        ? filled
        : { ...(await mine.request(SIGN_IN, filled)).hidden, decision: "allow" };
    const other = createBrowser(desk);
    await other.request(authorizeUrl());
    expectStale(await other.request(path, form));
    expectStale(await createBrowser(desk).request(path, form));
    const [name = ""] = mine.cookies.keys();
    expect(name).toMatch(/^__Host-barewire\.[\w-]{22}$/);
    for (const cookie of [
      `__Host-barewire.${"A".repeat(22)}=1`,
      `${name.slice(7)}=1`,
      `${name}x=1`,
      `x${name}=1`,
    ])
      expectStale(await mine.request(path, form, { cookie }));
    expect([200, 303]).toContain((await mine.request(path, form)).status);
  });

  it.each([
    "https://evil.test",
    "null",
    "http://mcp.test",
    "https://mcp.test.evil.test",
    "https://mcp.test:8443",
  ])("from the origin %s is refused", async (origin) => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const filled = { ...begun.hidden, name: "ada", word: "open" };
    expectStale(await at.request(SIGN_IN, filled, { origin }));
    const { hidden } = await at.request(SIGN_IN, filled);
    expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }, { origin }));
  });

  it("that was tampered with, cut, emptied or taken from another page is refused", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const consent = await at.request(SIGN_IN, { ...begun.hidden, name: "ada", word: "open" });
    const { form = "" } = consent.hidden;
    const flipped = form.slice(0, -9) + (form.at(-9) === "A" ? "B" : "A") + form.slice(-8);
    for (const bad of [
      flipped,
      form.slice(0, -1),
      form.slice(1),
      `${form}A`,
      "",
      begun.hidden["form"] ?? "",
      "<b>",
    ])
      expectStale(await at.request(CONSENT, { form: bad, decision: "allow" }));
    expectStale(await at.request(SIGN_IN, { form, name: "ada", word: "open" }));
    expectStale(await at.request(CONSENT, { decision: "allow" }));
    expectStale(
      await at.request(CONSENT, { form, decision: "allow" }, { "content-type": "text/plain" }),
    );
    expect((await at.request(CONSENT, { form, decision: "allow" })).status).toBe(303);
  });

  it("cannot be given other contents by more fields", async () => {
    const at = createBrowser(desk);
    const { hidden } = await openConsentPage(at, authorizeUrl({ scope: "read" }));
    const more = {
      scope: "read write",
      redirect_uri: "https://evil.test",
      client_id: "web",
      subject: "eve",
      state: "x",
    };
    const { to } = await at.request(CONSENT, { ...hidden, ...more, decision: "allow" });
    expect(`${to?.origin}${to?.pathname} ${to?.searchParams.get("state")}`).toBe(
      `${REDIRECT} s 1/ä`,
    );
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const status = await desk.grants.get(desk.grants.idFromString(id)).status();
    expect(status?.terms).toMatchObject({ client: "cli", subject: "ada", scopes: ["read"] });
  });

  it("is good for 15 minutes from the request, however the time was spent", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const filled = { ...begun.hidden, name: "ada", word: "open" };
    vi.setSystemTime(Date.now() + 600_000);
    const wrong = await at.request(SIGN_IN, { ...filled, word: "shut" });
    const { hidden } = await at.request(SIGN_IN, { ...wrong.hidden, name: "ada", word: "open" });
    expect(hidden["form"]).toBeDefined();
    vi.setSystemTime(Date.now() + 300_000);
    expectStale(await at.request(CONSENT, { ...hidden, decision: "allow" }));
    expectStale(await at.request(SIGN_IN, filled));
    expectStale(await at.request(SIGN_IN, { ...wrong.hidden, name: "ada", word: "open" }));
  });
});
