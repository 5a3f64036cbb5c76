/** "Not you?" on the consent page: somebody else signs in for the same request, and whoever was signed in is signed out. */

import { describe, expect, it } from "vitest";
import { accountObjectName } from "../../../src/oauth/authorization-server/account-object.ts";
import { verifyText } from "../../../src/crypto/hmac.ts";
import type { SignInContext } from "../../../src/oauth/sign-in/types.ts";
import {
  CHALLENGE,
  measureCost,
  createAuthorizationServer,
  REDIRECT,
} from "../authorization-server.ts";
import { authorizeUrl, createBrowser, type BrowserPage, type TestBrowser } from "../browser.ts";

const CONSENT = "/authorize/consent";
const SIGN_IN = "/authorize/sign-in";
/** As sign-ins are asked. */
const visits: SignInContext[] = [];
const base = createAuthorizationServer();
const { signIn } = base.login;
const desk = {
  ...base,
  login: {
    ...base.login,
    signIn: {
      ...signIn,
      submit: (...asked: Parameters<typeof signIn.submit>) => {
        visits.push(asked[0]);
        return signIn.submit(...asked);
      },
    },
  },
};
let count = 0;
const somebody = (): string => `not you ${count++}`;

/** A browser where `name` is kept signed in, before the consent page. */
async function remembered(name: string): Promise<{ at: TestBrowser; shown: BrowserPage }> {
  const at = createBrowser(desk);
  const begun = await at.request(authorizeUrl());
  await at.request(SIGN_IN, { ...begun.hidden, name, word: "open", remember: "on" });
  const shown = await at.request(authorizeUrl());
  expect(shown.html).toContain(`<bdi>${name}</bdi>`);
  return { at, shown };
}

const isSignIn = ({ html }: BrowserPage): boolean => html.includes("Sign in to the test world");

describe("not you", () => {
  it("leads to the sign-in page of the same request, and what comes of it is the other person's", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const { at, shown } = await remembered(ada);
    const asked = await at.request(CONSENT, { ...shown.hidden, decision: "switch" });
    expect([asked.status, isSignIn(asked)]).toEqual([200, true]);
    expect(asked.html).toContain("“<bdi>Public</bdi>” asks for access");
    const consent = await at.request(SIGN_IN, { ...asked.hidden, name: eve, word: "open" });
    expect(consent.html).toContain(`<bdi>${eve}</bdi>`);
    const { to } = await at.request(CONSENT, { ...consent.hidden, decision: "allow" });
    expect(to?.searchParams.get("state")).toBe("s 1/ä");
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const { terms } = (await desk.grants.get(desk.grants.idFromString(id)).status()) ?? {};
    expect(terms).toMatchObject({
      subject: eve,
      client: "cli",
      redirectUri: REDIRECT,
      challenge: CHALLENGE,
    });
    const knows = async (name: string): Promise<boolean> =>
      (await desk.accounts.getByName(await accountObjectName(name)).grants()).includes(id);
    expect([await knows(ada), await knows(eve)]).toEqual([false, true]);
  });

  it("gives the first person no hand in what the second agrees to", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    // Signing in notes the grant in ada's account, before anybody decides.
    const shown = await at.request(SIGN_IN, { ...begun.hidden, name: ada, word: "open" });
    const asked = await at.request(CONSENT, { ...shown.hidden, decision: "switch" });
    const consent = await at.request(SIGN_IN, { ...asked.hidden, name: eve, word: "open" });
    const { to } = await at.request(CONSENT, { ...consent.hidden, decision: "allow" });
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const adas = (await remembered(ada)).at;
    const account = await adas.request("/account");
    expect(await desk.accounts.getByName(await accountObjectName(ada)).grants()).toContain(id);
    expect(account.html).toContain("No app has access");
    for (const form of [{ all: "1" }, { grant: id }])
      await adas.request("/account", { ...account.hidden, ...form });
    expect((await desk.grants.get(desk.grants.idFromString(id)).status())?.terms.subject).toBe(eve);
    expect(base.closedGrants).not.toContain(id);
  });

  it("leaves nobody signed in, and makes the other pages of this browser worthless", async () => {
    const { at, shown } = await remembered(somebody());
    const other = await at.request(authorizeUrl());
    const account = await at.request("/account");
    await at.request(CONSENT, { ...shown.hidden, decision: "switch" });
    expect([...at.cookies.keys()]).toEqual([expect.stringMatching(/^__Host-barewire\.[\w-]{22}$/)]);
    expect(isSignIn(await at.request(authorizeUrl()))).toBe(true);
    expect(isSignIn(await at.request("/account"))).toBe(true);
    for (const { hidden } of [shown, other])
      for (const decision of ["allow", "deny", "switch"])
        expect((await at.request(CONSENT, { ...hidden, decision })).status).toBe(400);
    expect((await at.request("/account", { ...account.hidden, all: "1" })).status).toBe(400);
  });

  it("decides nothing, keeps nothing, and may be pressed again by whoever comes next", async () => {
    const { at, shown } = await remembered(somebody());
    const { value, cost: spent } = await measureCost(() =>
      at.request(CONSENT, { ...shown.hidden, decision: "switch" }),
    );
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    const second = await at.request(SIGN_IN, {
      ...value.hidden,
      name: somebody(),
      word: "open",
      remember: "on",
    });
    const again = await at.request(CONSENT, { ...second.hidden, decision: "switch" });
    expect(isSignIn(again)).toBe(true);
    const third = await at.request(SIGN_IN, { ...again.hidden, name: somebody(), word: "open" });
    expect(
      (await at.request(CONSENT, { ...third.hidden, decision: "allow" })).to?.searchParams.has(
        "code",
      ),
    ).toBe(true);
    // One request, one decision, whoever made it.
    const late = await at.request(SIGN_IN, { ...again.hidden, name: somebody(), word: "open" });
    expect((await at.request(CONSENT, { ...late.hidden, decision: "allow" })).status).toBe(400);
  });

  it("signs nobody out for other sites, other browsers, other forms and links", async () => {
    const name = somebody();
    const { at, shown } = await remembered(name);
    const form = { ...shown.hidden, decision: "switch" };
    const account = await at.request("/account");
    const refused = [
      await at.request(CONSENT, form, { origin: "https://evil.test" }),
      await at.request(CONSENT, form, { origin: "null" }),
      await at.request(CONSENT, { decision: "switch" }),
      await at.request(CONSENT, { ...account.hidden, decision: "switch" }),
      await createBrowser(desk).request(CONSENT, form),
    ];
    expect(refused.map(({ status, headers }) => [status, ...headers.getSetCookie()])).toEqual(
      refused.map(() => [400]),
    );
    await at.request(`${CONSENT}?${new URLSearchParams(form).toString()}`);
    expect((await at.request(authorizeUrl())).html).toContain(`<bdi>${name}</bdi>`);
  });

  it("has an address that shows its page again, in this browser alone", async () => {
    const { at, shown } = await remembered(somebody());
    const jar = new Map(at.cookies);
    const asked = await at.request(CONSENT, { ...shown.hidden, decision: "switch" });
    const url = `${SIGN_IN}?${new URLSearchParams(asked.hidden).toString()}`;
    expect(isSignIn(await at.request(url))).toBe(true);
    for (const other of [createBrowser(desk), createBrowser(desk, jar)])
      expect((await other.request(url)).status).toBe(400);
    // What is sealed as a consent, or as nothing, is no errand.
    for (const bad of [shown.hidden["form"] ?? "", "x", ""])
      expect(
        (await at.request(`${SIGN_IN}?${new URLSearchParams({ form: bad }).toString()}`)).status,
      ).toBe(400);
  });

  it("tells the sign-in that an upstream provider must not take whom it remembers", async () => {
    const { at, shown } = await remembered(somebody());
    const asked = await at.request(CONSENT, { ...shown.hidden, decision: "switch" });
    const wrong = await at.request(SIGN_IN, { ...asked.hidden, name: somebody(), word: "shut" });
    await at.request(SIGN_IN, { ...wrong.hidden, name: somebody(), word: "open" });
    const login = await at.request(authorizeUrl({ prompt: "login" }));
    await at.request(SIGN_IN, { ...login.hidden, name: somebody(), word: "open" });
    expect(visits.slice(-4).map(({ forcesSignIn: again }) => again)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it("is there for whoever stands before the page, just signed in or kept so", async () => {
    const at = createBrowser(desk);
    const begun = await at.request(authorizeUrl());
    const { html, headers } = await at.request(SIGN_IN, {
      ...begun.hidden,
      name: somebody(),
      word: "open",
    });
    expect(html).toContain('<button class="link" name="decision" value="switch">Not you?</button>');
    expect(headers.get("content-security-policy")).toContain("form-action 'self'");
  });
});
