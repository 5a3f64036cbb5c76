/**
 * The default sign-in, the owner's passphrase: whole logins, from a real client's 401 to its tool call, with a person at
 * a real browser in between. The app runs in bare workerd, and what it printed is searched for secrets when it stops.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PASSPHRASE, serveBareApp, type TestServer } from "../client/servers.node.ts";
import { beginClientLogin, type PendingClientLogin } from "../client/oauth-client.node.ts";
import { launch, openTab, saveScreenshots, type Browser, type Page } from "./chromium.node.ts";
import {
  allowAndConnect,
  ALLOW_BUTTON,
  DENY_BUTTON,
  submitSecret,
  serveCallback,
  hasAllowButton,
  pressAndLoad,
  readAccount,
  type CallbackServer,
} from "./chromium-user.node.ts";

let browser: Browser;
let callback: CallbackServer;
let app: TestServer;

beforeAll(async () => {
  [browser, callback, app] = await Promise.all([launch(), serveCallback(), serveBareApp()]);
}, 90_000);

afterAll(() => Promise.all([browser?.close(), callback?.stop(), app?.stop()]));

describe("owner passphrase", () => {
  it("from 401 to a tool call", async () => {
    const visitor = await beginClientLogin(app.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor, "passphrase");
    await saveScreenshots(page, "consent-phone");
    expect(await page.textContent("main")).toContain("Test visitor");
    expect(await page.textContent("main")).toContain("127.0.0.1");
    const client = await allowAndConnect(page, visitor, callback);
    const result = await client.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
    expect(result.structuredContent).toEqual({ sum: 42 });
    await client.close();
  });

  it("works from the keyboard alone", async () => {
    const visitor = await beginClientLogin(app.url, callback.url);
    const page = await openTab(browser, "desktop");
    await page.goto(visitor.authorizationUrl.href);
    // The first field has the focus by itself, a moment after the page is there.
    await page.waitForSelector('input[type="password"]:focus');
    await page.keyboard.type(PASSPHRASE);
    await pressAndLoad(page);
    await saveScreenshots(page, "consent-desktop");
    const answer = callback.next();
    await reach(page, "allow");
    await pressAndLoad(page);
    expect((await answer).get("code")).toBeTruthy();
  });

  it("denies", async () => {
    const visitor = await beginClientLogin(app.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor);
    const answer = callback.next();
    await pressAndLoad(page, DENY_BUTTON);
    expect((await answer).get("error")).toBe("access_denied");
    await expect(visitor.finishLogin(await answer)).rejects.toThrow();
    // Going back and thinking again is too late: the form was used.
    await page.goBack();
    await pressAndLoad(page, ALLOW_BUTTON);
    await saveScreenshots(page, "used-form");
    expect(await page.textContent("h1")).toBeTruthy();
    expect(page.url()).toMatch(/\/authorize\/consent$/);
  });

  it("says that a wrong passphrase is wrong, and lets no one try for ever", async () => {
    const visitor = await beginClientLogin(app.url, callback.url);
    const page = await openTab(browser);
    await page.goto(visitor.authorizationUrl.href);
    await saveScreenshots(page, "sign-in-phone");
    for (let attempt = 0; attempt < 6; attempt++) {
      await submitSecret(page, `wrong ${attempt}`);
      if (attempt === 0) await saveScreenshots(page, "wrong-passphrase");
    }
    await submitSecret(page, PASSPHRASE);
    await saveScreenshots(page, "locked");
    expect(await hasAllowButton(page)).toBe(false);
  });
});

describe("the way back", () => {
  let own: TestServer;
  beforeAll(async () => {
    own = await serveBareApp();
  }, 60_000);
  afterAll(() => own?.stop());

  it("gives no second code to who presses Back and Allow again", async () => {
    const visitor = await beginClientLogin(own.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor);
    const client = await allowAndConnect(page, visitor, callback);
    await page.goBack();
    await pressAndLoad(page, ALLOW_BUTTON);
    expect(page.url()).toMatch(/\/authorize\/consent$/);
    expect(await page.textContent("h1")).toBeTruthy();
    // And what was agreed to the first time goes on.
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    await client.close();
  });

  it("explains a form that is no longer good", async () => {
    const visitor = await beginClientLogin(own.url, callback.url);
    const page = await openTab(browser);
    await page.goto(visitor.authorizationUrl.href);
    // The same server with another key, as after a long absence: the form cannot be opened any more.
    const port = own.url.port;
    await own.stop();
    own = await serveBareApp(
      { KEYS: `later:${Buffer.alloc(32, "another key altogether").toString("base64")}` },
      port,
    );
    await submitSecret(page, PASSPHRASE);
    await saveScreenshots(page, "expired");
    expect(await hasAllowButton(page)).toBe(false);
    expect(await page.textContent("h1")).toBeTruthy();
  });

  it("shows who has access, and takes it back", async () => {
    const visitor = await beginClientLogin(own.url, callback.url, "legacy");
    const page = await openTab(browser);
    await signIn(page, visitor);
    const client = await allowAndConnect(page, visitor, callback);
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    const before = await readAccount(page, own.url, () => submitSecret(page, PASSPHRASE));
    await saveScreenshots(page, "account");
    expect(before).toContain("Test visitor");
    await pressAndLoad(page, 'button[name="grant"]');
    await saveScreenshots(page, "account-after");
    expect(await page.textContent('[role="status"]')).toContain("“Test visitor” can no longer use");
    expect(await page.content()).not.toContain('name="grant"');
    await expect(client.listTools()).rejects.toThrow();
  });
});

/** Signs in with the passphrase, and stands before the consent page. */
async function signIn(page: Page, visitor: PendingClientLogin, shot?: string): Promise<void> {
  await page.goto(visitor.authorizationUrl.href);
  if (shot !== undefined) await saveScreenshots(page, shot);
  await submitSecret(page, PASSPHRASE);
}

/** Tabs until the button for `decision` has the focus. */
async function reach(page: Page, decision: string): Promise<void> {
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    if ((await page.getAttribute(":focus", "value")) === decision) return;
  }
  throw new Error(`Tab never reaches "${decision}"`);
}
