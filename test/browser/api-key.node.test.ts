// Whole logins with an API key of an upstream service, which is a real server on loopback. No page and no log has a key.
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveApp, type TestServer } from "../client/servers.node.ts";
import { beginClientLogin } from "../client/oauth-client.node.ts";
import {
  launch,
  recordResponses,
  openTab,
  saveScreenshots,
  type Browser,
} from "./chromium.node.ts";
import {
  allowAndConnect,
  ALERT_ELEMENT,
  DENY_BUTTON,
  submitSecret,
  serveCallback,
  hasAllowButton,
  pressAndLoad,
  readAccount,
  type CallbackServer,
} from "./chromium-user.node.ts";
import {
  KEYS,
  serveApiKeyService,
  UNKNOWN_KEY,
  type UpstreamFailure,
  type ApiKeyService,
} from "./api-key-service.node.ts";

let browser: Browser;
let callback: CallbackServer;
let upstream: ApiKeyService;
let app: TestServer;

beforeAll(async () => {
  [browser, callback, upstream] = await Promise.all([
    launch(),
    serveCallback(),
    serveApiKeyService(),
  ]);
  app = await serveApp(upstream.variables);
}, 120_000);

afterAll(() => Promise.all([browser?.close(), callback?.stop(), upstream?.stop(), app?.stop()]));

it.each(["auto", "legacy"] as const)("from 401 to a tool call: %s", async (mode) => {
  const visitor = await beginClientLogin(app.url, callback.url, mode);
  const page = await openTab(browser);
  const given = recordResponses(page);
  await page.goto(visitor.authorizationUrl.href);
  await saveScreenshots(page, "key-sign-in");
  await submitSecret(page, KEYS.first);
  await saveScreenshots(page, "key-consent");
  const client = await allowAndConnect(page, visitor, callback);
  const result = await client.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } });
  expect(result.structuredContent).toEqual({ sum: 42 });
  // Consent put the key into the vault, from where a tool uses it.
  const kept = await client.callTool({ name: "upstream_account" });
  expect(kept.structuredContent).toEqual({ service: "Loopback Weather", account: "1815" });
  await client.close();
  const all = await given();
  const parts = ["Loopback Weather account 1815", "/callback?code=", KEYS.first.slice(-12)];
  expect(parts.map((part) => all.includes(part))).toEqual([true, true, false]);
});

it("the two keys of an account are one person, and the key of another is not", async () => {
  const names = {
    first: "with the first key",
    second: "with the second key",
    other: "with another's key",
  } as const;
  for (const which of ["first", "second", "other"] as const) {
    const visitor = await beginClientLogin(app.url, callback.url, "auto", names[which]);
    const page = await openTab(browser);
    await page.goto(visitor.authorizationUrl.href);
    await submitSecret(page, KEYS[which]);
    await (await allowAndConnect(page, visitor, callback)).close();
  }
  const mine = await openTab(browser, "desktop");
  const account = await readAccount(mine, app.url, () => submitSecret(mine, KEYS.second));
  await saveScreenshots(mine, "key-account");
  expect(account).toContain("Loopback Weather account 1815");
  expect(account).toContain(names.first);
  expect(account).toContain(names.second);
  expect(account).not.toContain(names.other);
  const theirs = await openTab(browser);
  const others = await readAccount(theirs, app.url, () => submitSecret(theirs, KEYS.other));
  expect(others).toContain("Loopback Weather account 1852");
  expect(others).toContain(names.other);
  expect(others).not.toContain(names.first);
});

it("a wrong key, and what is none, say so; the right one still gets through, and may be denied", async () => {
  const visitor = await beginClientLogin(app.url, callback.url);
  const page = await openTab(browser);
  const given = recordResponses(page);
  await page.goto(visitor.authorizationUrl.href);
  await submitSecret(page, UNKNOWN_KEY);
  await saveScreenshots(page, "key-wrong");
  expect(await page.textContent(ALERT_ELEMENT)).toContain("does not accept this key");
  expect(lastReason()).toBe("api_key.refused");
  await submitSecret(page, "no key");
  expect(await page.textContent(ALERT_ELEMENT)).toContain("is no API key");
  await submitSecret(page, ` ${KEYS.other} `);
  const answer = callback.next();
  await pressAndLoad(page, DENY_BUTTON);
  expect((await answer).get("error")).toBe("access_denied");
  expect((await answer).has("code")).toBe(false);
  expect((await given()).match(/.{40}lw-live-.*/g)).toBe(null);
});

it.each<[trouble: UpstreamFailure, reason: string]>([
  ["down", "unavailable"],
  ["slow", "fetch.timeout"],
  ["page", "fetch.type"],
  ["broken", "unknown_account"],
  ["nobody", "unknown_account"],
  ["elsewhere", "fetch.redirect"],
])(
  "lets nobody in while the service is %s, and the same page works when it is well",
  async (trouble, reason) => {
    const visitor = await beginClientLogin(app.url, callback.url);
    const page = await openTab(browser);
    await page.goto(visitor.authorizationUrl.href);
    upstream.setFailure(trouble);
    await submitSecret(page, KEYS.first);
    upstream.setFailure();
    await saveScreenshots(page, `key-${trouble}`);
    expect(await hasAllowButton(page)).toBe(false);
    expect(await page.textContent(ALERT_ELEMENT)).toContain("Loopback Weather");
    expect(lastReason()).toBe(`api_key.${reason}`);
    await submitSecret(page, KEYS.first);
    await (await allowAndConnect(page, visitor, callback)).close();
  },
);

/** Why the last one was turned away, as only the operator sees. */
function lastReason(): string | undefined {
  return [...app.log().matchAll(/"reason":"([\w.]+)"/g)]
    .map(([, reason]) => reason)
    .findLast((one) => one?.startsWith("api_key."));
}
