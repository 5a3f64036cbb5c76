/** The account page: a person sees their own grants, and takes them back. And how long a browser remembers a person. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accountName } from "../../src/oauth/account.ts";
import { mintRefresh } from "../../src/oauth/grant.ts";
import { token } from "../../src/oauth/token.ts";
import { cost, deskOf, openGrant, place, post, CHALLENGE, EPOCH, REDIRECT, type TestDesk } from "./desk.ts";
import { authorizeUrl, consentPage, tab, type Shown, type Tab } from "./tab.ts";

const desk = deskOf();
const ACCOUNT = "/account";
const SIGN_IN = "/authorize/sign-in";
let count = 0;
/** People whom no other test knows. */
const somebody = (): string => `person ${count++}`;

async function enter(at: Tab, name: string, more: Record<string, string> = {}): Promise<Shown> {
  const begun = await at.go(ACCOUNT);
  return at.go(SIGN_IN, { ...begun.hidden, name, word: "open", ...more });
}

/** Logs `name` in at a client; the id of the grant. */
async function grantTo(name: string, at: TestDesk = desk): Promise<string> {
  const visitor = tab(at);
  const { hidden } = await consentPage(visitor, authorizeUrl(), name);
  const { to } = await visitor.go("/authorize/consent", { ...hidden, decision: "allow" });
  const [, id = ""] = (to?.searchParams.get("code") ?? "").split(".");
  await at.grants
    .get(at.grants.idFromString(id))
    .redeem({ client: "cli", resource: place.resource, redirectUri: REDIRECT, challenge: CHALLENGE, epoch: EPOCH });
  return id;
}

const grantsIn = ({ html }: Shown): string[] =>
  [...html.matchAll(/name="grant" value="(\w+)"/g)].map(([, id = ""]) => id);

describe("the account page", () => {
  it("asks a stranger to sign in, and brings them back", async () => {
    const at = tab(desk);
    const begun = await at.go(ACCOUNT);
    expect(begun.html).toContain("See which apps have access to Test");
    expect(begun.html).not.toContain("asks for access");
    const entered = await enter(at, somebody());
    expect({ status: entered.status, to: entered.to?.href }).toEqual({ status: 303, to: `${place.issuer}${ACCOUNT}` });
    expect((await at.go(ACCOUNT)).html).toContain("No app has access");
  });

  it("lists the person's live grants and nobody else's", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const ids = [await grantTo(ada), await grantTo(ada)];
    await grantTo(eve);
    const undecided = tab(desk);
    const unredeemed = await consentPage(undecided, authorizeUrl(), ada);
    await undecided.go("/authorize/consent", { ...unredeemed.hidden, decision: "allow" });
    await consentPage(undecided, authorizeUrl(), ada);
    const at = tab(desk);
    await enter(at, ada);
    const shown = await at.go(ACCOUNT);
    expect(grantsIn(shown)).toEqual(ids);
    expect(shown.html).toContain("“<bdi>Public</bdi>”");
    expect(shown.html).toContain("At client.test, since ");
    expect(shown.html).toContain("scopes: read, write");
    expect(shown.headers.get("content-security-policy")).toContain("form-action 'self';");
  });

  it("takes a grant back, and ends what lives by it", async () => {
    const name = somebody();
    const [first, second] = [await grantTo(name), await grantTo(name)];
    const at = tab(desk);
    await enter(at, name);
    const { hidden } = await at.go(ACCOUNT);
    expect((await at.go(ACCOUNT, { ...hidden, grant: first })).status).toBe(303);
    const shown = await at.go(ACCOUNT);
    expect(grantsIn(shown)).toEqual([second]);
    // One app is taken back by its own button.
    expect(shown.html).not.toContain('name="all"');
    expect(desk.closed).toContain(first);
    expect(desk.closed).not.toContain(second);
  });

  it("takes back nothing that is another's, unknown, or no id", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const id = await grantTo(ada);
    const loose = await openGrant(desk, { subject: ada });
    const at = tab(desk);
    await enter(at, eve);
    const { hidden } = await at.go(ACCOUNT);
    for (const grant of [id, loose.id, "ff".repeat(32), "nonsense", `${id} `, "<b>"])
      expect((await at.go(ACCOUNT, { ...hidden, grant })).status).toBe(303);
    const { live } = (await desk.grants.get(desk.grants.idFromString(id)).status()) ?? {};
    expect({ live, closed: desk.closed.includes(id) }).toEqual({ live: true, closed: false });
  });

  it("refuses forms of other browsers, other sites, other pages, and of nobody", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const at = tab(desk);
    await enter(at, name);
    const { hidden } = await at.go(ACCOUNT);
    const other = tab(desk);
    await enter(other, somebody());
    const twin = tab(desk);
    await enter(twin, name);
    const consent = await consentPage(at, authorizeUrl(), name);
    const tries = [
      other.go(ACCOUNT, { ...hidden, grant: id }),
      twin.go(ACCOUNT, { ...hidden, grant: id }),
      tab(desk).go(ACCOUNT, { ...hidden, grant: id }),
      at.go(ACCOUNT, { ...hidden, grant: id }, { origin: "https://evil.test" }),
      at.go(ACCOUNT, { ...consent.hidden, grant: id }),
      at.go(ACCOUNT, { grant: id }),
      at.go(ACCOUNT, { ...hidden }),
    ];
    expect((await Promise.all(tries)).map(({ status }) => status)).toEqual(tries.map(() => 400));
    expect(grantsIn(await at.go(ACCOUNT))).toEqual([id]);
  });

  it("refuses the form of whoever was signed in before on the same browser", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const id = await grantTo(ada);
    const at = tab(desk);
    await enter(at, ada, { remember: "on" });
    const { hidden } = await at.go(ACCOUNT);
    const begun = await at.go(authorizeUrl({ prompt: "login" }));
    await at.go(SIGN_IN, { ...begun.hidden, name: eve, word: "open", remember: "on" });
    expect((await at.go(ACCOUNT)).html).toContain(`signed in as <b><bdi>${eve}</bdi></b>`);
    expect((await at.go(ACCOUNT, { ...hidden, grant: id })).status).toBe(400);
    expect(desk.closed).not.toContain(id);
  });

  it("signs out, and a form from before does nothing more", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const at = tab(desk);
    await enter(at, name, { remember: "on" });
    const { hidden } = await at.go(ACCOUNT);
    const { status } = await at.go(ACCOUNT, { ...hidden, leave: "1" });
    expect(status).toBe(303);
    expect((await at.go(ACCOUNT)).html).toContain("Sign in to the test world");
    expect((await at.go(ACCOUNT, { ...hidden, grant: id })).status).toBe(400);
    expect((await at.go(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("forgets grants that are over, and keeps those that a person has yet to decide on", async () => {
    const name = somebody();
    const at = tab(desk);
    const waiting = await consentPage(at, authorizeUrl(), name);
    await enter(at, name);
    await at.go(ACCOUNT);
    await at.go("/authorize/consent", { ...waiting.hidden, decision: "allow" });
    for (let more = 0; more < 25; more++) await consentPage(tab(desk), authorizeUrl(), name);
    await at.go(ACCOUNT);
    const account = desk.accounts.getByName(await accountName(name));
    expect((await account.grants()).length).toBe(21);
  });
});

describe("a new passphrase", () => {
  const changed = { ...desk.entrance, signIn: { ...desk.entrance.signIn, epoch: "new passphrase" } };
  const later = deskOf({}, { entrance: changed });

  it("ends what people agreed to before", async () => {
    const name = somebody();
    const id = await grantTo(name);
    const refresh_token = await mintRefresh(desk.ring, id, 1);
    const refresh = (at: TestDesk): Promise<Response> =>
      token(at, post("/token", { grant_type: "refresh_token", client_id: "cli", refresh_token }), place);
    const at = tab(later);
    await enter(at, name);
    expect(grantsIn(await at.go(ACCOUNT))).toEqual([]);
    const refused = await refresh(later);
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_grant" }]);
    expect(later.closed).toContain(id);
    // It is over, also where the change has not been seen yet.
    expect((await refresh(desk)).status).toBe(400);
  });

  it("ends the forms of whoever signed in by the old one", async () => {
    const jar = new Map<string, string>();
    const { hidden } = await consentPage(tab(desk, jar), authorizeUrl(), somebody());
    expect((await tab(later, jar).go("/authorize/consent", { ...hidden, decision: "allow" })).status).toBe(400);
    expect((await tab(desk, jar).go("/authorize/consent", { ...hidden, decision: "allow" })).status).toBe(303);
  });
});

describe("a browser", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => vi.useRealTimers());
  const pass = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1000);

  it("remembers nobody unless asked to", async () => {
    const at = tab(desk);
    expect((await consentPage(at, authorizeUrl(), somebody())).html).toContain("wants to use");
    expect((await at.go(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("remembers a person who asked for it for 30 days, and asks for consent all the same", async () => {
    const [at, name] = [tab(desk), somebody()];
    const begun = await at.go(authorizeUrl());
    const entered = await at.go(SIGN_IN, { ...begun.hidden, name, word: "open", remember: "on" });
    // Both must outlive the browser: the person is sealed to the browser's id.
    expect(entered.headers.getSetCookie().map((line) => line.replace(/=[^;]*/, ""))).toEqual(
      ["", "-person"].map((name) => `__Host-barewire${name}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000`),
    );
    expect(entered.headers.getSetCookie().join(" ")).not.toContain(name);
    pass(29 * 86_400);
    const { html, hidden } = await at.go(authorizeUrl());
    expect(html).toContain(`signed in as <b><bdi>${name}</bdi></b>`);
    expect((await at.go("/authorize/consent", { ...hidden, decision: "allow" })).to?.searchParams.has("code")).toBe(
      true,
    );
    expect((await at.go(authorizeUrl({ prompt: "login" }))).html).toContain("Sign in to the test world");
    pass(86_400);
    expect((await at.go(authorizeUrl())).html).toContain("Sign in to the test world");
  });

  it("that remembers a person makes the server keep nothing, however many do", async () => {
    const name = somebody();
    const counted = deskOf();
    await enter(tab(counted), name, { remember: "on" });
    const account = counted.accounts.getByName(await accountName(name));
    const before = await account.grants();
    for (let more = 0; more < 10; more++) {
      const { cost: spent } = await cost(() => enter(tab(counted), name, { remember: "on" }));
      expect(spent.rows).toBe(0);
    }
    expect(await account.grants()).toEqual(before);
  });

  it("remembers who came to their account for 15 minutes", async () => {
    const at = tab(desk);
    const entered = await enter(at, somebody());
    expect(entered.headers.getSetCookie().at(-1)).not.toContain("Max-Age");
    pass(899);
    expect((await at.go(ACCOUNT)).html).toContain("No app has access");
    pass(1);
    expect((await at.go(ACCOUNT)).html).toContain("Sign in to the test world");
  });

  it("forgets a person when the sign-in says that things have changed, or the key is gone", async () => {
    const at = tab(desk);
    await enter(at, somebody(), { remember: "on" });
    const changed = { ...desk.entrance, signIn: { ...desk.entrance.signIn, epoch: "new passphrase" } };
    expect((await tab({ ...desk, entrance: changed }, new Map(at.jar)).go(ACCOUNT)).html).toContain("Sign in to");
    expect((await at.go(ACCOUNT)).html).toContain("No app has access");
  });

  it("is not one of another server's or another person's making", async () => {
    const at = tab(desk);
    await enter(at, somebody(), { remember: "on" });
    const [id = "", person = ""] = ["", "-person"].map((suffix) => at.jar.get(`__Host-barewire${suffix}`));
    const account = (one: string, other: string): Promise<Shown> =>
      tab(
        desk,
        new Map([
          ["__Host-barewire", one],
          ["__Host-barewire-person", other],
        ]),
      ).go(ACCOUNT);
    expect((await account(id, person)).html).toContain("No app has access");
    for (const bad of [person.slice(0, -1), `${person}A`, person.replace(/^\w+/, "b"), id, ""])
      expect((await account(id, bad)).html).toContain("Sign in to");
    for (const bad of [`${id.slice(0, -1)}.`, "A".repeat(22), ""])
      expect((await account(bad, person)).html).toContain("Sign in to");
    for (const bad of ["A".repeat(21), "A".repeat(23)])
      expect((await tab(desk, new Map([["__Host-barewire", bad]])).go(ACCOUNT)).headers.getSetCookie()).toHaveLength(1);
    expect((await tab(desk, new Map([["__Host-barewire", id]])).go(ACCOUNT)).headers.getSetCookie()).toEqual([]);
    // A sealed form is no cookie, though the same key sealed both.
    const { hidden } = await at.go(ACCOUNT);
    expect((await account(id, hidden["form"] ?? "")).html).toContain("Sign in to");
  });
});
