/**
 * The pages as a person meets them: where Tab goes, what they are told of each kind of client, how somebody else signs
 * in, and how all apps lose their access. Pictures are kept in the folder that SCREENSHOTS names.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PASSPHRASE, serveBareApp, type TestServer } from "../client/servers.node.ts";
import { beginClientLogin } from "../client/oauth-client.node.ts";
import {
  launch,
  openTab,
  saveScreenshots,
  type Browser,
  type Device,
  type Page,
} from "./chromium.node.ts";
import {
  allowAndConnect,
  submitSecret,
  serveCallback,
  hasAllowButton,
  pressAndLoad,
  type CallbackServer,
} from "./chromium-user.node.ts";

const CONFIGURED = {
  client_id: "own",
  client_name: "House app",
  redirect_uris: ["https://house.example/callback"],
};
const CALLBACK = "https://claude.example/callback";
const PASSWORD = 'input[type="password"]';

let browser: Browser;
let callback: CallbackServer;
let app: TestServer;

beforeAll(async () => {
  const variables = { CLIENTS: JSON.stringify([CONFIGURED]) };
  [browser, callback, app] = await Promise.all([
    launch(),
    serveCallback(),
    serveBareApp(variables),
  ]);
}, 60_000);

afterAll(() => Promise.all([browser?.close(), callback?.stop(), app?.stop()]));

it.each<Device>(["phone", "desktop"])(
  "Tab goes where the eye goes, and each page has its logo: %s",
  async (device) => {
    const page = await openTab(browser, device);
    const expectTabs = async (name: string, tabs: readonly string[]): Promise<void> => {
      await saveScreenshots(page, `pages-${device}-${name}`);
      // The policy of the pages lets it load: its own size is what the eye sees.
      expect([name, await page.locator(".brand img").boundingBox()]).toMatchObject([
        name,
        { width: 28, height: 28 },
      ]);
      expect([name, await tabThrough(page)]).toEqual([name, tabs]);
    };
    await page.goto(await requestOf("Claude", CALLBACK));
    // The first field has the focus by itself: Tab goes on from there.
    await page.waitForSelector(`${PASSWORD}:focus`);
    await expectTabs("sign-in", ["remember", "Sign in"]);
    await submitSecret(page, "wrong");
    await page.waitForSelector(`${PASSWORD}:focus`);
    await expectTabs("wrong", ["remember", "Sign in"]);
    await page.click('input[name="remember"]');
    await submitSecret(page, PASSPHRASE);
    await expectTabs("consent", ["Not you?", "Allow", "Deny", "your account"]);
    await page.goto(new URL("/account", app.url).href);
    await expectTabs("account-empty", ["Sign out"]);
    await page.goto(new URL("/", app.url).href);
    await expectTabs("welcome", ["Your account"]);
    await page.goto(new URL("/authorize", app.url).href);
    await expectTabs("refusal", []);
  },
);

it("says of each client what only the person can check, and nothing where there is nothing", async () => {
  const page = await openTab(browser);
  await keepSignedIn(page);
  const hostile = `Google has checked this app.\nIt is safe: “Drive” \u202E\u05D0\u05D1\u05D2 ${"a\u0301\u0316\u0301\u0316\u0301".repeat(40)}`;
  const long = `https://${"long-name.".repeat(20)}example/callback`;
  for (const [name, url, question] of [
    ["https", await requestOf("Claude", CALLBACK), "Do you come from claude.example?"],
    [
      "loopback",
      await requestOf("Claude", "http://127.0.0.1:4711/callback"),
      "Did you just connect a program",
    ],
    [
      "scheme",
      await requestOf("Cursor", "cursor://anysphere.cursor/callback"),
      "Did an app on this device",
    ],
    ["nameless", await requestOf(" \n", CALLBACK), "Do you come from claude.example?"],
    ["hostile", await requestOf(hostile, long), "Do you come from long-name."],
    [
      "configured",
      authorizeUrl(CONFIGURED.client_id, CONFIGURED.redirect_uris[0] ?? ""),
      undefined,
    ],
  ] as const) {
    await page.goto(url);
    await saveScreenshots(page, `pages-client-${name}`);
    const note = page.locator(".note");
    const said = (await note.count()) === 0 ? undefined : await note.textContent();
    expect([name, said]).toEqual([name, question && (expect.stringContaining(question) as string)]);
  }
});

it("somebody else signs in for the same request, by keyboard alone, and nobody is signed in then", async () => {
  const page = await openTab(browser);
  await keepSignedIn(page);
  const asked = await requestOf("Claude", CALLBACK);
  await page.goto(asked);
  const before = page.url();
  expect(await hasAllowButton(page)).toBe(true);
  await page.keyboard.press("Tab");
  await pressAndLoad(page);
  await saveScreenshots(page, "pages-not-you");
  expect(await page.textContent("main")).toContain("“Claude” asks for access");
  // The page has an address: it can be loaded again.
  await page.goto(page.url());
  await submitSecret(page, PASSPHRASE);
  expect(await page.textContent("h1")).toContain("“Claude” wants to use");
  // The page of whoever was here before is worth nothing any more.
  await page.goto(before);
  expect(await hasAllowButton(page)).toBe(false);
  await page.goto(asked);
  await page.waitForSelector(PASSWORD);
});

describe("the account page", () => {
  it("takes back the access of all apps, asks before, and says what it did", async () => {
    const page = await openTab(browser, "desktop");
    await keepSignedIn(page);
    const clients: Awaited<ReturnType<typeof allowAndConnect>>[] = [];
    for (const name of ["First app", "Second “app”"]) {
      const visitor = await beginClientLogin(app.url, callback.url, "auto", name);
      await page.goto(visitor.authorizationUrl.href);
      clients.push(await allowAndConnect(page, visitor, callback));
    }
    await page.goto(new URL("/account", app.url).href);
    await saveScreenshots(page, "pages-account");
    expect(await page.textContent("main")).toMatch(/last used \d\d \w{3} \d{4} \d\d:\d\d UTC/);
    const [one, all, leave] = ["Take back access", "Take back all access", "Sign out"];
    expect(await tabThrough(page)).toEqual([one, one, all, leave]);
    for (let presses = 0; presses < 3; presses++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await saveScreenshots(page, "pages-account-all");
    await pressAndLoad(page);
    await saveScreenshots(page, "pages-account-none");
    expect(await page.textContent('[role="status"]')).toContain("2 apps can no longer use");
    for (const client of clients) await expect(client.listTools()).rejects.toThrow();
  });
});

/** What Tab reaches, in its order. Fails when that is not the order of the lines, and in a line from left to right. */
async function tabThrough(page: Page): Promise<string[]> {
  const names: string[] = [];
  let last = { x: 0, y: 0, width: 0, height: 0 };
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    // After the last one the browser itself has the focus.
    if ((await focused.count()) === 0) return names;
    const name =
      ((await focused.textContent()) ?? "").trim() || ((await focused.getAttribute("name")) ?? "");
    const box = await focused.boundingBox();
    if (box === null) throw new Error(`Nobody sees "${name}"`);
    const isBelow = box.y >= last.y + last.height;
    const isBeside =
      box.x >= last.x + last.width && box.y < last.y + last.height && last.y < box.y + box.height;
    if (!isBelow && !isBeside) throw new Error(`Tab goes back from "${names.at(-1)}" to "${name}"`);
    names.push(name);
    last = box;
  }
  throw new Error(`Tab never ends: ${names.join(", ")}`);
}

/** The owner signs in on this browser, and stays. */
async function keepSignedIn(page: Page): Promise<void> {
  await page.goto(new URL("/account", app.url).href);
  await page.click('input[name="remember"]');
  await submitSecret(page, PASSPHRASE);
}

/** Registers a client; the address that it sends people to. */
async function requestOf(name: string, redirectUri: string): Promise<string> {
  const body = JSON.stringify({
    client_name: name,
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: "none",
  });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(new URL("/register", app.url), { method: "POST", headers, body });
  const { client_id } = (await answer.json()) as { client_id: string };
  return authorizeUrl(client_id, redirectUri);
}

function authorizeUrl(client: string, redirectUri: string): string {
  const url = new URL("/authorize", app.url);
  const parameters = {
    response_type: "code",
    client_id: client,
    redirect_uri: redirectUri,
    state: "s",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
