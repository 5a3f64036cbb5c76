// Whole logins at a real OpenID provider, whose own pages the browser goes through on the way.
import { afterAll, beforeAll, expect, it } from "vitest";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveBareApp, type TestServer } from "../client/servers.node.ts";
import { beginClientLogin } from "../client/oauth-client.node.ts";
import {
  launch,
  recordResponses,
  openTab,
  saveScreenshots,
  type Browser,
  type Page,
} from "./chromium.node.ts";
import {
  allowAndConnect,
  ALERT_ELEMENT,
  ALLOW_BUTTON,
  serveCallback,
  hasAllowButton,
  pressAndLoad,
  readAccount,
  SUBMIT_BUTTON,
  type CallbackServer,
} from "./chromium-user.node.ts";

interface Provider {
  readonly issuer: string;
  readonly client: { readonly id: string; readonly secret: string };
  readonly minted: readonly string[];
  open(callback: string): void;
  hold(): void;
  held(): string | undefined;
  stop(): Promise<void>;
}

let browser: Browser;
let callback: CallbackServer;
let provider: Provider;
let app: TestServer;

beforeAll(async () => {
  [browser, callback, provider] = await Promise.all([launch(), serveCallback(), serveProvider()]);
  app = await serveBareApp({
    SIGN_IN: "openid",
    OPENID_NAME: "Loopback ID",
    OPENID_ISSUER: provider.issuer,
    OPENID_CLIENT_ID: provider.client.id,
    OPENID_CLIENT_SECRET: provider.client.secret,
  });
  provider.open(new URL("/authorize/sign-in", app.url).href);
}, 90_000);

afterAll(() => {
  registerSecrets(...(provider?.minted ?? []));
  return Promise.all([browser?.close(), callback?.stop(), provider?.stop(), app?.stop()]);
});

/** Plain JavaScript without types: named by an address, so that nothing infers them. */
async function serveProvider(): Promise<Provider> {
  const { href } = new URL("../outside/openid.mjs", import.meta.url);
  return ((await import(href)) as { serveOpenId(): Promise<Provider> }).serveOpenId();
}

it.each(["auto", "legacy"] as const)("from 401 to a tool call: %s", async (mode) => {
  const visitor = await beginClientLogin(app.url, callback.url, mode);
  const page = await openTab(browser);
  const given = recordResponses(page);
  await page.goto(visitor.authorizationUrl.href);
  await saveScreenshots(page, "openid-sign-in");
  await pressAndLoad(page, SUBMIT_BUTTON);
  expect(page.url()).toContain(`${provider.issuer}/interaction/`);
  await saveScreenshots(page, "openid-provider");
  await logIn(page, "ada");
  await saveScreenshots(page, "openid-consent");
  expect(await page.textContent("main")).toContain("ada@people.example");
  const client = await allowAndConnect(page, visitor, callback);
  const result = await client.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
  expect(result.structuredContent).toEqual({ sum: 42 });
  await client.close();
  const [code = "", ...tokens] = provider.minted.slice(-3);
  expect(tokens).toHaveLength(2);
  const all = await given();
  // The code goes through the browser, in one address; what it was worth does not.
  expect(all.includes(code)).toBe(true);
  const secrets = [provider.client.secret, encodeURIComponent(provider.client.secret), ...tokens];
  expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
});

it("is the same person at the next login, and nobody else", async () => {
  for (const [login, name] of Object.entries({ grace: "Grace's first", edsger: "Edsger's" })) {
    const visitor = await beginClientLogin(app.url, callback.url, "auto", name);
    const page = await openTab(browser);
    await page.goto(visitor.authorizationUrl.href);
    await pressAndLoad(page, SUBMIT_BUTTON);
    await logIn(page, login);
    await (await allowAndConnect(page, visitor, callback)).close();
  }
  const page = await openTab(browser, "desktop");
  const account = await readAccount(page, app.url, async () => {
    await pressAndLoad(page, SUBMIT_BUTTON);
    await logIn(page, "grace");
  });
  await saveScreenshots(page, "openid-account");
  expect(account).toContain("grace@people.example");
  expect(account).toContain("Grace's first");
  expect(account).not.toContain("Edsger's");
});

it("no at the provider is no here, and may be thought over", async () => {
  const visitor = await beginClientLogin(app.url, callback.url);
  const page = await openTab(browser);
  await page.goto(visitor.authorizationUrl.href);
  await pressAndLoad(page, SUBMIT_BUTTON);
  await pressAndLoad(page, 'a[href$="/abort"]');
  await saveScreenshots(page, "openid-denied");
  expect(page.url()).toContain(app.url.origin);
  expect(await page.textContent(ALERT_ELEMENT)).toContain("did not sign you in");
  expect(app.log()).toContain('"reason":"openid.denied"');
  await pressAndLoad(page, SUBMIT_BUTTON);
  await logIn(page, "ada");
  await (await allowAndConnect(page, visitor, callback)).close();
});

it("somebody else can sign in at a provider that remembers the first", async () => {
  const visitor = await beginClientLogin(app.url, callback.url, "auto", "Shared desk");
  const page = await openTab(browser);
  await page.goto(visitor.authorizationUrl.href);
  await pressAndLoad(page, SUBMIT_BUTTON);
  await logIn(page, "ada");
  expect(await page.textContent("main")).toContain("ada@people.example");
  await pressAndLoad(page, 'button[value="switch"]');
  await pressAndLoad(page, SUBMIT_BUTTON);
  // The provider knows ada in this browser, and asks all the same.
  await logIn(page, "barbara");
  expect(await page.textContent("main")).toContain("barbara@people.example");
  await (await allowAndConnect(page, visitor, callback)).close();
});

it("Back leads to the question, which is answered once, and never to the provider's answer again", async () => {
  const visitor = await beginClientLogin(app.url, callback.url);
  const page = await openTab(browser);
  await page.goto(visitor.authorizationUrl.href);
  await pressAndLoad(page, SUBMIT_BUTTON);
  await logIn(page, "ada");
  const client = await allowAndConnect(page, visitor, callback);
  const codes = provider.minted.length;
  await page.goBack();
  expect(await page.textContent("main")).toContain("ada@people.example");
  await pressAndLoad(page, ALLOW_BUTTON);
  await saveScreenshots(page, "openid-back");
  expect(new URL(page.url()).origin).toBe(app.url.origin);
  expect(await hasAllowButton(page)).toBe(false);
  expect(provider.minted).toHaveLength(codes);
  expect((await client.listTools()).tools).not.toEqual([]);
  await client.close();
});

it("an answer that another browser asked for is refused, even in the middle of a login, and is still good in its own", async () => {
  const theirs = await beginClientLogin(app.url, callback.url);
  const attacker = await openTab(browser);
  await attacker.goto(theirs.authorizationUrl.href);
  await pressAndLoad(attacker, SUBMIT_BUTTON);
  provider.hold();
  await logIn(attacker, "mallory");
  const planted = provider.held() ?? "";
  expect(planted).toMatch(/[?&]code=.*state=/);

  const mine = await beginClientLogin(app.url, callback.url);
  const victim = await openTab(browser);
  for (const start of [false, true]) {
    if (start) {
      await victim.goto(mine.authorizationUrl.href);
      await pressAndLoad(victim, SUBMIT_BUTTON);
    }
    await victim.goto(planted);
    await saveScreenshots(victim, "openid-planted");
    expect(await hasAllowButton(victim)).toBe(false);
    expect(await victim.textContent("main")).not.toContain("mallory");
    expect(reasons().at(-1)).toBe("sign_in.state");
  }
  const tampered = new URL(planted);
  tampered.searchParams.set("state", "made-up-by-the-attacker");
  await attacker.goto(tampered.href);
  expect(reasons().at(-1)).toBe("sign_in.state");

  await attacker.goto(planted);
  expect(await attacker.textContent("main")).toContain("mallory@people.example");
  await (await allowAndConnect(attacker, theirs, callback)).close();
});

it("an answer works once, and one that says it is another provider's not at all", async () => {
  const visitor = await beginClientLogin(app.url, callback.url);
  const page = await openTab(browser);
  await page.goto(visitor.authorizationUrl.href);
  await pressAndLoad(page, SUBMIT_BUTTON);
  provider.hold();
  await logIn(page, "ada");
  const answer = provider.held() ?? "";
  const mixedUp = new URL(answer);
  mixedUp.searchParams.set("iss", "https://other.example");
  await page.goto(mixedUp.href);
  expect(await hasAllowButton(page)).toBe(false);
  expect(reasons().at(-1)).toBe("openid.iss");
  await page.goto(answer);
  expect(await hasAllowButton(page)).toBe(false);
  expect(reasons().at(-1)).toBe("sign_in.state");
});

it("says that the provider cannot be reached, when it cannot", async () => {
  const gone = await serveProvider();
  await gone.stop();
  const other = await serveBareApp({
    SIGN_IN: "openid",
    OPENID_NAME: "Nowhere ID",
    OPENID_ISSUER: gone.issuer,
    OPENID_CLIENT_ID: "barewire",
    OPENID_CLIENT_SECRET: "never used, never seen",
  });
  try {
    const page = await openTab(browser);
    await page.goto((await beginClientLogin(other.url, callback.url)).authorizationUrl.href);
    await pressAndLoad(page, SUBMIT_BUTTON);
    await saveScreenshots(page, "openid-gone");
    expect(await page.textContent(ALERT_ELEMENT)).toContain("Nowhere ID cannot be reached");
  } finally {
    await other.stop();
  }
});

/** Fills in the provider's own pages: who it is, that this server may know, and that another's session there may end. */
async function logIn(page: Page, login: string): Promise<void> {
  await page.fill('input[name="login"]', login);
  await page.fill('input[name="password"]', "any will do");
  await pressAndLoad(page, 'button[type="submit"]');
  // An answer that is held shows a page of the provider without a button.
  while (page.url().startsWith(provider.issuer) && (await page.content()).includes('type="submit"'))
    await pressAndLoad(page, 'button[type="submit"]');
}

/** Why this server turned people away, as only the operator sees. */
function reasons(): (string | undefined)[] {
  return [...app.log().matchAll(/"reason":"([\w.]+)"/g)]
    .map(([, reason]) => reason)
    .filter((one) => one !== "token.absent");
}
