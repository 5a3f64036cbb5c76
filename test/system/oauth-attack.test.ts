/** What attacks on the authorization server found: each of these got through once. */

import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { apiKey } from "../../src/oauth/sign-in/api-key.ts";
import { openId } from "../../src/oauth/sign-in/openid.ts";
import { accountObjectName } from "../../src/oauth/authorization-server/account-object.ts";
import { FORM_SECONDS } from "../../src/oauth/lifetimes.ts";
import { checkRedirectUri } from "../../src/oauth/clients/redirect-uri.ts";
import type { SignInMethod } from "../../src/oauth/sign-in/types.ts";
import { tokenEndpoint } from "../../src/oauth/authorization-server/token.ts";
import {
  measureCost,
  createAuthorizationServer,
  grantStub,
  openGrant,
  identifiers,
  formRequest,
  REDIRECT,
  VERIFIER,
} from "../oauth/authorization-server.ts";
import {
  authorizeUrl,
  openConsentPage,
  createBrowser,
  type TestBrowser,
} from "../oauth/browser.ts";

const desk = createAuthorizationServer();
const [SIGN_IN, CONSENT, ACCOUNT] = ["/authorize/sign-in", "/authorize/consent", "/account"];
let people = 0;
const somebody = (): string => `attacked-${(people += 1)}`;

/** A tab where `name` is kept signed in, standing before the consent page. */
async function kept(name: string): Promise<TestBrowser> {
  const at = createBrowser(desk);
  const begun = await at.request(authorizeUrl());
  await at.request(SIGN_IN, { ...begun.hidden, name, word: "open", remember: "on" });
  return at;
}

/** Says yes before the consent page, and gives the client its token. */
async function agree(at: TestBrowser): Promise<void> {
  const { hidden } = await at.request(authorizeUrl());
  const { to } = await at.request(CONSENT, { ...hidden, decision: "allow" });
  const form = {
    grant_type: "authorization_code",
    client_id: "cli",
    code: to?.searchParams.get("code") ?? "",
  };
  const redeemed = formRequest("/token", {
    ...form,
    code_verifier: VERIFIER,
    redirect_uri: REDIRECT,
  });
  expect((await tokenEndpoint(desk, redeemed, identifiers)).status).toBe(200);
}

afterEach(() => vi.restoreAllMocks());

describe("links that others send to a person who is kept signed in", () => {
  it("do not push the person's grants off their page", { timeout: 30_000 }, async () => {
    const at = await kept(somebody());
    await agree(at);
    for (let link = 0; link < 400; link += 1) await at.request(authorizeUrl());
    expect((await at.request(ACCOUNT)).html).toContain("“<bdi>Public</bdi>”");
  });

  it("cost no object and no row", async () => {
    const at = await kept(somebody());
    const { value, cost: spent } = await measureCost(() => at.request(authorizeUrl()));
    expect(value.html).toContain("wants to use");
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
  });

  it("do not clear what was guessed wrong", async () => {
    const name = somebody();
    const at = await kept(name);
    const guess = async (): Promise<string> => {
      const thief = createBrowser(desk);
      const begun = await thief.request(authorizeUrl());
      return (await thief.request(SIGN_IN, { ...begun.hidden, name, word: "shut" })).html;
    };
    for (let turn = 0; turn < 4; turn += 1) expect(await guess()).toContain("That is not the word");
    await at.request(authorizeUrl());
    expect(await guess()).toContain("That is not the word");
    expect(await guess()).toContain("Try again in 15 min.");
  });
});

it("strangers who guess do not lock out a person who is kept signed in", async () => {
  const name = somebody();
  const at = await kept(name);
  const account = desk.accounts.getByName(await accountObjectName(name));
  for (let turn = 0; turn < 100; turn += 1)
    await account.recordSignIn({ address: `a${turn}`, hasSucceeded: false, grant: "" });
  await agree(at);
  expect((await at.request(ACCOUNT)).html).toContain("“<bdi>Public</bdi>”");
});

it("an account page with many logins that came to nothing asks each grant once, buries what it forgets, and forgets in one request", async () => {
  const name = somebody();
  const at = await kept(name);
  const account = desk.accounts.getByName(await accountObjectName(name));
  for (let login = 0; login < 60; login += 1)
    await account.recordSignIn({
      address: "",
      hasSucceeded: true,
      grant: desk.grants.newUniqueId().toString(),
    });
  const { cost: spent } = await measureCost(() => at.request(ACCOUNT));
  // All but the newest twenty are spent, so that none is opened later unseen: once, and then no more.
  expect(spent.requests).toBeLessThanOrEqual(1 + 61 + 41 + 1);
  const { cost: again } = await measureCost(() => at.request(ACCOUNT));
  expect(again.requests).toBeLessThanOrEqual(1 + 21);
  expect((await account.grants()).length).toBeLessThanOrEqual(20);
});

describe("a person who is kept signed in", () => {
  const provider = { name: "Id", issuer: "https://id.test", clientId: "us", clientSecret: "s" };
  const service = { name: "Keys", url: "https://keys.test/me", account: "id" };
  const replaced: readonly (readonly [string, SignInMethod, SignInMethod])[] = [
    ["an issuer", openId(provider), openId({ ...provider, issuer: "https://other.test" })],
    ["a service", apiKey(service), apiKey({ ...service, url: "https://other.test/me" })],
    ["a service, by an issuer", apiKey(service), openId(provider)],
    [
      "an issuer, by a service of the same URL",
      openId(provider),
      apiKey({ ...service, url: provider.issuer }),
    ],
  ];
  it.each(replaced)(
    "is forgotten with the sign-in that vouched for them: %s",
    async (_what, before, after) => {
      const known: SignInMethod = {
        ...before,
        fields: [],
        submit: () => Promise.resolve({ kind: "authenticated", subject: "ada", properties: {} }),
      };
      const at = createBrowser(
        createAuthorizationServer({}, { login: { ...desk.login, signIn: known } }),
      );
      const begun = await at.request(ACCOUNT);
      await at.request(SIGN_IN, { ...begun.hidden, remember: "on" });
      expect((await at.request(ACCOUNT)).html).toContain("You are signed in");
      const later = createAuthorizationServer({}, { login: { ...desk.login, signIn: after } });
      expect((await createBrowser(later, at.cookies).request(ACCOUNT)).html).not.toContain(
        "You are signed in",
      );
    },
  );

  it("who signs out leaves no page behind that still says yes for them", async () => {
    const at = await kept(somebody());
    const { hidden } = await at.request(authorizeUrl());
    const account = await at.request(ACCOUNT);
    await at.request(ACCOUNT, { ...account.hidden, leave: "1" });
    expect((await at.request(CONSENT, { ...hidden, decision: "allow" })).status).toBe(400);
  });
});

it("an answered grant is remembered for longer than any form that names it, by whichever clock", async () => {
  const { id } = await openGrant(desk);
  const alarm = await runInDurableObject(grantStub(id), (_, { storage }) => storage.getAlarm());
  expect(alarm).toBeGreaterThan(Date.now() + (FORM_SECONDS + 30) * 1000);
});

it.each([
  "applescript://com.apple.scripteditor?action=new",
  "res://a/b",
  "facetime://a",
  "hcp://a/b",
  "rlogin://host",
])("a scheme that the system gives a meaning is no client's: %s", (uri) =>
  expect(checkRedirectUri(uri).ok).toBe(false),
);

it("a person who signs in by the form still finds the grant, with three object requests in all", async () => {
  const name = somebody();
  const at = createBrowser(desk);
  const { cost: spent } = await measureCost(async () => {
    const { hidden } = await openConsentPage(at, authorizeUrl(), name);
    return at.request(CONSENT, { ...hidden, decision: "allow" });
  });
  expect(spent.requests).toBe(2);
  expect(await desk.accounts.getByName(await accountObjectName(name)).grants()).toHaveLength(1);
});
