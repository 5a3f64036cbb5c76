/** The account page: a person sees their own grants, and takes them back. And how long a browser remembers a person. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accountObjectName } from "../../../src/oauth/authorization-server/account-object.ts";
import { signRefreshToken } from "../../../src/oauth/authorization-server/grant-reference.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import {
  ageGrant,
  measureCost,
  createAuthorizationServer,
  openGrant,
  identifiers,
  formRequest,
  CHALLENGE,
  EPOCH,
  REDIRECT,
  type TestAuthorizationServer,
} from "../authorization-server.ts";
import {
  authorizeUrl,
  openConsentPage,
  createBrowser,
  type BrowserPage,
  type TestBrowser,
} from "../browser.ts";

const desk = createAuthorizationServer();
const ACCOUNT = "/account";
const SIGN_IN = "/authorize/sign-in";
let count = 0;
/** People whom no other test knows. */
const somebody = (): string => `person ${count++}`;

async function enter(
  at: TestBrowser,
  name: string,
  more: Record<string, string> = {},
): Promise<BrowserPage> {
  const begun = await at.request(ACCOUNT);
  return at.request(SIGN_IN, { ...begun.hidden, name, word: "open", ...more });
}

/** Logs `name` in at a client; the id of the grant. */
async function grantTo(name: string, at: TestAuthorizationServer = desk): Promise<string> {
  const visitor = createBrowser(at);
  const { hidden } = await openConsentPage(visitor, authorizeUrl(), name);
  const { to } = await visitor.request("/authorize/consent", { ...hidden, decision: "allow" });
  const [, id = ""] = (to?.searchParams.get("code") ?? "").split(".");
  await at.grants.get(at.grants.idFromString(id)).redeem({
    client: "cli",
    resource: identifiers.resource,
    redirectUri: REDIRECT,
    challenge: CHALLENGE,
    requestId: "redeemed",
    epoch: EPOCH,
  });
  return id;
}

const grantsIn = ({ html }: BrowserPage): string[] =>
  [...html.matchAll(/name="grant" value="(\w+)"/g)].map(([, id = ""]) => id);

describe("the account page", () => {
  it("asks a stranger to sign in, and brings them back", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(ACCOUNT);
    expect(begun.html).toContain("See which apps have access");
    expect(begun.html).not.toContain("asks for access");
    const entered = await enter(at, somebody());
    expect({ status: entered.status, to: entered.to?.href }).toEqual({
      status: 303,
      to: `${identifiers.issuer}${ACCOUNT}`,
    });
    expect((await at.request(ACCOUNT)).html).toContain("No app has access");
  });

  it("lists access that its client has not come for yet, and takes it back", async () => {
    const ada = somebody();
    const visitor = createBrowser(desk);
    const { hidden } = await openConsentPage(visitor, authorizeUrl(), ada);
    const { to } = await visitor.request("/authorize/consent", { ...hidden, decision: "allow" });
    const [, id = ""] = (to?.searchParams.get("code") ?? "").split(".");
    const at = createBrowser(desk);
    await enter(at, ada);
    const page = await at.request(ACCOUNT);
    expect(grantsIn(page)).toEqual([id]);
    await at.request(ACCOUNT, { ...page.hidden, grant: id });
    expect(grantsIn(await at.request(ACCOUNT))).toEqual([]);
    const redeemed = await desk.grants.get(desk.grants.idFromString(id)).redeem({
      client: "cli",
      resource: identifiers.resource,
      redirectUri: REDIRECT,
      challenge: CHALLENGE,
      requestId: "redeemed",
      epoch: EPOCH,
    });
    expect(redeemed).toEqual({ kind: "refused", reason: "grant.ended" });
  });

  it("lists the person's live grants and nobody else's", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const ids = [await grantTo(ada), await grantTo(ada)];
    await grantTo(eve);
    const undecided = createBrowser(desk);
    const unredeemed = await openConsentPage(undecided, authorizeUrl(), ada);
    const decision = { ...unredeemed.hidden, decision: "allow" };
    const { to } = await undecided.request("/authorize/consent", decision);
    const [, late = ""] = (to?.searchParams.get("code") ?? "").split(".");
    await ageGrant(late, 301);
    await openConsentPage(undecided, authorizeUrl(), ada);
    const at = createBrowser(desk);
    await enter(at, ada);
    const shown = await at.request(ACCOUNT);
    expect(grantsIn(shown)).toEqual(ids);
    expect(shown.html).toContain("“<bdi>Public</bdi>”");
    expect(shown.html).toContain("At client.test, since ");
    expect(shown.html).toContain("scopes: read, write");
    expect(shown.headers.get("content-security-policy")).toContain("form-action 'self';");
  });

  it("takes a grant back, and ends what lives by it", async () => {
    const name = somebody();
    const [first, second] = [await grantTo(name), await grantTo(name)];
    const at = createBrowser(desk);
    await enter(at, name);
    const { hidden } = await at.request(ACCOUNT);
    expect((await at.request(ACCOUNT, { ...hidden, grant: first })).status).toBe(303);
    const shown = await at.request(ACCOUNT);
    expect(grantsIn(shown)).toEqual([second]);
    // One app is taken back by its own button.
    expect(shown.html).not.toContain('name="all"');
    expect(desk.closedGrants).toContain(first);
    expect(desk.closedGrants).not.toContain(second);
  });

  it("takes back nothing that is another's, unknown, or no id", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const id = await grantTo(ada);
    const loose = await openGrant(desk, { subject: ada });
    const at = createBrowser(desk);
    await enter(at, eve);
    const { hidden } = await at.request(ACCOUNT);
    for (const grant of [id, loose.id, "ff".repeat(32), "nonsense", `${id} `, "<b>"])
      expect((await at.request(ACCOUNT, { ...hidden, grant })).status).toBe(303);
    const { isActive } = (await desk.grants.get(desk.grants.idFromString(id)).status()) ?? {};
    expect({ isActive, closed: desk.closedGrants.includes(id) }).toEqual({
      isActive: true,
      closed: false,
    });
  });

  it("refuses forms of other browsers, other sites, other pages, and of nobody", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const at = createBrowser(desk);
    await enter(at, name);
    const { hidden } = await at.request(ACCOUNT);
    const other = createBrowser(desk);
    await enter(other, somebody());
    const twin = createBrowser(desk);
    await enter(twin, name);
    const consent = await openConsentPage(at, authorizeUrl(), name);
    const tries = [
      other.request(ACCOUNT, { ...hidden, grant: id }),
      twin.request(ACCOUNT, { ...hidden, grant: id }),
      createBrowser(desk).request(ACCOUNT, { ...hidden, grant: id }),
      at.request(ACCOUNT, { ...hidden, grant: id }, { origin: "https://evil.test" }),
      at.request(ACCOUNT, { ...consent.hidden, grant: id }),
      at.request(ACCOUNT, { grant: id }),
      at.request(ACCOUNT, { ...hidden }),
    ];
    expect((await Promise.all(tries)).map(({ status }) => status)).toEqual(tries.map(() => 400));
    expect(grantsIn(await at.request(ACCOUNT))).toEqual([id]);
  });

  it("refuses the form of whoever was signed in before on the same browser", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const id = await grantTo(ada);
    const at = createBrowser(desk);
    await enter(at, ada, { remember: "on" });
    const { hidden } = await at.request(ACCOUNT);
    const begun = await at.request(authorizeUrl({ prompt: "login" }));
    await at.request(SIGN_IN, { ...begun.hidden, name: eve, word: "open", remember: "on" });
    expect((await at.request(ACCOUNT)).html).toContain(`signed in as <b><bdi>${eve}</bdi></b>`);
    expect((await at.request(ACCOUNT, { ...hidden, grant: id })).status).toBe(400);
    expect(desk.closedGrants).not.toContain(id);
  });

  it("signs out, and a form from before does nothing more", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const at = createBrowser(desk);
    await enter(at, name, { remember: "on" });
    const { hidden } = await at.request(ACCOUNT);
    const { status } = await at.request(ACCOUNT, { ...hidden, leave: "1" });
    expect(status).toBe(303);
    expect((await at.request(ACCOUNT)).html).toContain("Sign in to the test world");
    expect((await at.request(ACCOUNT, { ...hidden, grant: id })).status).toBe(400);
    expect((await at.request(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("forgets grants that are over, and keeps those that a person has yet to decide on", async () => {
    const name = somebody();
    const at = createBrowser(desk);
    const waiting = await openConsentPage(at, authorizeUrl(), name);
    await enter(at, name);
    await at.request(ACCOUNT);
    await at.request("/authorize/consent", { ...waiting.hidden, decision: "allow" });
    for (let more = 0; more < 25; more++)
      await openConsentPage(createBrowser(desk), authorizeUrl(), name);
    await at.request(ACCOUNT);
    const account = desk.accounts.getByName(await accountObjectName(name));
    expect((await account.grants()).length).toBe(21);
  });
});

describe("a new passphrase", () => {
  const changed = { ...desk.login, signIn: { ...desk.login.signIn, epoch: "new passphrase" } };
  const later = createAuthorizationServer({}, { login: changed });

  it("ends what people agreed to before", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const refresh_token = await signRefreshToken(desk.ring, id, 1);
    const refresh = (at: TestAuthorizationServer): Promise<Response> =>
      tokenEndpoint(
        at,
        formRequest("/token", { grant_type: "refresh_token", client_id: "cli", refresh_token }),
        identifiers,
      );
    const at = createBrowser(later);
    await enter(at, name);
    expect(grantsIn(await at.request(ACCOUNT))).toEqual([]);
    const refused = await refresh(later);
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_grant" }]);
    expect(later.closedGrants).toContain(id);
    // It is over, also where the change has not been seen yet.
    expect((await refresh(desk)).status).toBe(400);
  });

  it("ends the forms of whoever signed in by the old one", async () => {
    const jar = new Map<string, string>();
    const { hidden } = await openConsentPage(createBrowser(desk, jar), authorizeUrl(), somebody());
    expect(
      (
        await createBrowser(later, jar).request("/authorize/consent", {
          ...hidden,
          decision: "allow",
        })
      ).status,
    ).toBe(400);
    expect(
      (
        await createBrowser(desk, jar).request("/authorize/consent", {
          ...hidden,
          decision: "allow",
        })
      ).status,
    ).toBe(303);
  });
});

describe("a browser", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => vi.useRealTimers());
  const pass = (seconds: number): void => {
    vi.setSystemTime(Date.now() + seconds * 1000);
  };

  it("remembers nobody unless asked to", async () => {
    const at = createBrowser(desk);
    expect((await openConsentPage(at, authorizeUrl(), somebody())).html).toContain("wants to use");
    expect((await at.request(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("remembers a person who asked for it for 30 days, and asks for consent all the same", async () => {
    const [at, name] = [createBrowser(desk), somebody()];
    const begun = await at.request(authorizeUrl());
    const entered = await at.request(SIGN_IN, {
      ...begun.hidden,
      name,
      word: "open",
      remember: "on",
    });
    // Both must outlive the browser: the person is sealed to the browser's id.
    expect(entered.headers.getSetCookie().map((line) => line.replace(/=[^;]*/, ""))).toEqual(
      ["", "-person"].map(
        (name) => `__Host-barewire${name}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000`,
      ),
    );
    expect(entered.headers.getSetCookie().join(" ")).not.toContain(name);
    pass(29 * 86_400);
    const { html, hidden } = await at.request(authorizeUrl());
    expect(html).toContain(`signed in as <b><bdi>${name}</bdi></b>`);
    expect(
      (
        await at.request("/authorize/consent", { ...hidden, decision: "allow" })
      ).to?.searchParams.has("code"),
    ).toBe(true);
    expect((await at.request(authorizeUrl({ prompt: "login" }))).html).toContain(
      "Sign in to the test world",
    );
    pass(86_400);
    expect((await at.request(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("that remembers a person makes the server keep nothing, however many do", async () => {
    const name = somebody();
    const counted = createAuthorizationServer();
    await enter(createBrowser(counted), name, { remember: "on" });
    const account = counted.accounts.getByName(await accountObjectName(name));
    const before = await account.grants();
    for (let more = 0; more < 10; more++) {
      const { cost: spent } = await measureCost(() =>
        enter(createBrowser(counted), name, { remember: "on" }),
      );
      expect(spent.rows).toBe(0);
    }
    expect(await account.grants()).toEqual(before);
  });

  it("remembers who came to their account for 15 minutes", async () => {
    const at = createBrowser(desk);
    const entered = await enter(at, somebody());
    expect(entered.headers.getSetCookie().at(-1)).not.toContain("Max-Age");
    pass(899);
    expect((await at.request(ACCOUNT)).html).toContain("No app has access");
    pass(1);
    expect((await at.request(ACCOUNT)).html).toContain("Sign in to the test world");
  });

  it("forgets a person when the sign-in says that things have changed, or the key is gone", async () => {
    const at = createBrowser(desk);
    await enter(at, somebody(), { remember: "on" });
    const changed = { ...desk.login, signIn: { ...desk.login.signIn, epoch: "new passphrase" } };
    expect(
      (await createBrowser({ ...desk, login: changed }, new Map(at.cookies)).request(ACCOUNT)).html,
    ).toContain("Sign in to");
    expect((await at.request(ACCOUNT)).html).toContain("No app has access");
  });

  it("is not one of another server's or another person's making", async () => {
    const at = createBrowser(desk);
    await enter(at, somebody(), { remember: "on" });
    const [id = "", person = ""] = ["", "-person"].map((suffix) =>
      at.cookies.get(`__Host-barewire${suffix}`),
    );
    const account = (one: string, other: string): Promise<BrowserPage> =>
      createBrowser(
        desk,
        new Map([
          ["__Host-barewire", one],
          ["__Host-barewire-person", other],
        ]),
      ).request(ACCOUNT);
    expect((await account(id, person)).html).toContain("No app has access");
    for (const bad of [person.slice(0, -1), `${person}A`, person.replace(/^\w+/, "b"), id, ""])
      expect((await account(id, bad)).html).toContain("Sign in to");
    for (const bad of [`${id.slice(0, -1)}.`, "A".repeat(22), ""])
      expect((await account(bad, person)).html).toContain("Sign in to");
    for (const bad of ["A".repeat(21), "A".repeat(23)])
      expect(
        (
          await createBrowser(desk, new Map([["__Host-barewire", bad]])).request(ACCOUNT)
        ).headers.getSetCookie(),
      ).toHaveLength(1);
    expect(
      (
        await createBrowser(desk, new Map([["__Host-barewire", id]])).request(ACCOUNT)
      ).headers.getSetCookie(),
    ).toEqual([]);
    // A sealed form is no cookie, though the same key sealed both.
    const { hidden } = await at.request(ACCOUNT);
    expect((await account(id, hidden["form"] ?? "")).html).toContain("Sign in to");
  });
});
