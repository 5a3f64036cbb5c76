/**
 * The default sign-in, the owner's passphrase: whole logins, from a real client's 401 to its tool call, with a person at
 * a real browser in between. The app runs in bare workerd, and what it printed is searched for secrets when it stops.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PASSPHRASE, serveBareApp, type Running } from "../client/servers.node.ts";
import { visit, type Visitor } from "../client/visitor.node.ts";
import { launch, openTab, picture, type Browser, type Page } from "./chromium.node.ts";
import {
  agree,
  ALLOW,
  DENY,
  enter,
  listenForCallback,
  mayAllow,
  press,
  readAccount,
  type Callback,
} from "./person.node.ts";

let browser: Browser;
let callback: Callback;
let app: Running;

beforeAll(async () => {
  [browser, callback, app] = await Promise.all([launch(), listenForCallback(), serveBareApp()]);
}, 90_000);

afterAll(() => Promise.all([browser?.close(), callback?.stop(), app?.stop()]));

describe("owner passphrase", () => {
  it("from 401 to a tool call", async () => {
    const visitor = await visit(app.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor, "passphrase");
    await picture(page, "consent-phone");
    expect(await page.textContent("main")).toContain("Test visitor");
    expect(await page.textContent("main")).toContain("127.0.0.1");
    const client = await agree(page, visitor, callback);
    const result = await client.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
    expect(result.structuredContent).toEqual({ sum: 42 });
    await client.close();
  });

  it("works from the keyboard alone", async () => {
    const visitor = await visit(app.url, callback.url);
    const page = await openTab(browser, "desktop");
    await page.goto(visitor.asked.href);
    // The first field has the focus by itself, a moment after the page is there.
    await page.waitForSelector('input[type="password"]:focus');
    await page.keyboard.type(PASSPHRASE);
    await press(page);
    await picture(page, "consent-desktop");
    const answer = callback.next();
    await reach(page, "allow");
    await press(page);
    expect((await answer).get("code")).toBeTruthy();
  });

  it("denies", async () => {
    const visitor = await visit(app.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor);
    const answer = callback.next();
    await press(page, DENY);
    expect((await answer).get("error")).toBe("access_denied");
    await expect(visitor.finish(await answer)).rejects.toThrow();
    // Going back and thinking again is too late: the form was used.
    await page.goBack();
    await press(page, ALLOW);
    await picture(page, "used-form");
    expect(await page.textContent("h1")).toBeTruthy();
    expect(page.url()).toMatch(/\/authorize\/consent$/);
  });

  it("says that a wrong passphrase is wrong, and lets no one try for ever", async () => {
    const visitor = await visit(app.url, callback.url);
    const page = await openTab(browser);
    await page.goto(visitor.asked.href);
    await picture(page, "sign-in-phone");
    for (let attempt = 0; attempt < 6; attempt++) {
      await enter(page, `wrong ${attempt}`);
      if (attempt === 0) await picture(page, "wrong-passphrase");
    }
    await enter(page, PASSPHRASE);
    await picture(page, "locked");
    expect(await mayAllow(page)).toBe(false);
  });
});

describe("the way back", () => {
  let own: Running;
  beforeAll(async () => {
    own = await serveBareApp();
  }, 60_000);
  afterAll(() => own?.stop());

  it("gives no second code to who presses Back and Allow again", async () => {
    const visitor = await visit(own.url, callback.url);
    const page = await openTab(browser);
    await signIn(page, visitor);
    const client = await agree(page, visitor, callback);
    await page.goBack();
    await press(page, ALLOW);
    expect(page.url()).toMatch(/\/authorize\/consent$/);
    expect(await page.textContent("h1")).toBeTruthy();
    // And what was agreed to the first time goes on.
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    await client.close();
  });

  it("explains a form that is no longer good", async () => {
    const visitor = await visit(own.url, callback.url);
    const page = await openTab(browser);
    await page.goto(visitor.asked.href);
    // The same server with another key, as after a long absence: the form cannot be opened any more.
    const port = own.url.port;
    await own.stop();
    own = await serveBareApp({ KEYS: `later:${Buffer.alloc(32, "another key altogether").toString("base64")}` }, port);
    await enter(page, PASSPHRASE);
    await picture(page, "expired");
    expect(await mayAllow(page)).toBe(false);
    expect(await page.textContent("h1")).toBeTruthy();
  });

  it("shows who has access, and takes it back", async () => {
    const visitor = await visit(own.url, callback.url, "legacy");
    const page = await openTab(browser);
    await signIn(page, visitor);
    const client = await agree(page, visitor, callback);
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    const before = await readAccount(page, own.url, () => enter(page, PASSPHRASE));
    await picture(page, "account");
    expect(before).toContain("Test visitor");
    await press(page, 'button[name="grant"]');
    await picture(page, "account-after");
    expect(await page.textContent('[role="status"]')).toContain("“Test visitor” can no longer use");
    expect(await page.content()).not.toContain('name="grant"');
    await expect(client.listTools()).rejects.toThrow();
  });
});

/** Signs in with the passphrase, and stands before the consent page. */
async function signIn(page: Page, visitor: Visitor, shot?: string): Promise<void> {
  await page.goto(visitor.asked.href);
  if (shot !== undefined) await picture(page, shot);
  await enter(page, PASSPHRASE);
}

/** Tabs until the button for `decision` has the focus. */
async function reach(page: Page, decision: string): Promise<void> {
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    if ((await page.getAttribute(":focus", "value")) === decision) return;
  }
  throw new Error(`Tab never reaches "${decision}"`);
}
