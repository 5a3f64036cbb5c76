/** What a person does in front of the pages, and where an MCP client waits for the end of it. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { registerSecrets } from "../client/secrets.node.ts";
import type { PendingClientLogin } from "../client/oauth-client.node.ts";
import type { Page } from "./chromium.node.ts";

export const ALLOW_BUTTON = 'button[value="allow"]';
export const DENY_BUTTON = 'button[value="deny"]';
/** Of the sign-in page. */
export const SUBMIT_BUTTON = "main form button";
/** What went wrong, on a page that says so. */
export const ALERT_ELEMENT = '[role="alert"]';

export interface CallbackServer {
  readonly url: string;
  /** The query with which the browser came back; call it before the browser is sent away. */
  next(): Promise<URLSearchParams>;
  stop(): Promise<void>;
}

/** Where a client waits for its answer. */
export async function serveCallback(): Promise<CallbackServer> {
  let arrived: (query: URLSearchParams) => void = () => undefined;
  const server = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? "/", "http://localhost");
    response.end("You may close this window.");
    registerSecrets(searchParams.get("code"));
    if (pathname === "/callback") arrived(searchParams);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/callback`,
    next: () => new Promise((resolve) => (arrived = resolve)),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Whether the person may say yes now. */
export async function hasAllowButton(page: Page): Promise<boolean> {
  return (await page.content()).includes('value="allow"');
}

/** Presses a button or a link, or the key Enter, and waits until the page that it leads to is there. */
export async function pressAndLoad(page: Page, selector?: string): Promise<void> {
  const loaded = page.waitForEvent("load");
  await Promise.all([
    selector === undefined ? page.keyboard.press("Enter") : page.click(selector),
    loaded,
  ]);
}

/** Types `secret` into the one field of the sign-in page, and sends it. */
export async function submitSecret(page: Page, secret: string): Promise<void> {
  await page.fill('input[type="password"]', secret);
  await pressAndLoad(page, SUBMIT_BUTTON);
}

/** Allows, and lets the client go on with what it is told. */
export async function allowAndConnect(
  page: Page,
  visitor: PendingClientLogin,
  callback: CallbackServer,
): ReturnType<PendingClientLogin["finishLogin"]> {
  const answer = callback.next();
  await pressAndLoad(page, ALLOW_BUTTON);
  return visitor.finishLogin(await answer);
}

/** What the account page says, after `signIn` where that is asked for. */
export async function readAccount(
  page: Page,
  app: URL,
  signIn: () => Promise<void>,
): Promise<string> {
  await page.goto(new URL("/account", app).href);
  if ((await page.textContent("h1")) !== "Apps with access") await signIn();
  return (await page.textContent("main")) ?? "";
}
