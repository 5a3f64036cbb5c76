/**
 * Debian's Chromium, driven headless with scripts switched off, where nobody asks for them: pages must work without.
 * Pictures of what a person sees are kept in the folder that SCREENSHOTS names.
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import { chromiumPath } from "../tools/chromium.node.ts";

/** As much of playwright-core as is used here; the package is installed with test/outside, not with the project. */
export interface Page {
  goto(url: string): Promise<unknown>;
  goBack(): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  fill(selector: string, value: string): Promise<void>;
  click(selector: string): Promise<void>;
  content(): Promise<string>;
  url(): string;
  textContent(selector: string): Promise<string | null>;
  getAttribute(selector: string, name: string): Promise<string | null>;
  emulateMedia(options: { colorScheme: "light" | "dark" }): Promise<void>;
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  waitForEvent(event: "load"): Promise<unknown>;
  locator(selector: string): Found;
  frameLocator(selector: string): Frame;
  setDefaultTimeout(ms: number): void;
  on(event: "response", heard: (response: Answer) => unknown): void;
  on(event: "pageerror", heard: (error: Error) => unknown): void;
}
/** A page within a page. */
export interface Frame {
  frameLocator(selector: string): Frame;
  locator(selector: string): Found;
}
/** Whatever matches a selector at the moment of asking. */
interface Found {
  nth(index: number): Found;
  waitFor(): Promise<void>;
  click(): Promise<void>;
  press(key: string): Promise<void>;
  /** What an expression gives in the page of the element. */
  evaluate(expression: string): Promise<string>;
  count(): Promise<number>;
  textContent(): Promise<string | null>;
  getAttribute(name: string): Promise<string | null>;
  boundingBox(): Promise<Box | null>;
  allTextContents(): Promise<string[]>;
}
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
interface Answer {
  url(): string;
  allHeaders(): Promise<Readonly<Record<string, string>>>;
  text(): Promise<string>;
}
interface Context {
  newPage(): Promise<Page>;
}
export interface Browser {
  newContext(options: object): Promise<Context>;
  close(): Promise<void>;
}

/** How long a page may take, or a button that is looked for. */
const PATIENCE_MS = 40_000;

export async function launch(): Promise<Browser> {
  const load = createRequire(new URL("../outside/package.json", import.meta.url));
  const { chromium } = load("playwright-core") as {
    chromium: { launch(options: object): Promise<Browser> };
  };
  const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  const offline = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  // Nobody is asked for fonts and the like but this machine.
  offline.push("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
  return chromium.launch({
    executablePath: chromiumPath(),
    headless: true,
    args: [...quiet, ...offline],
  });
}

export type Device = "phone" | "desktop";

/**
 * A fresh tab: a phone's, or a desktop's in the dark. Nothing is remembered from another tab. `hasScript`: for a page that is
 * for developers alone.
 */
export async function openTab(
  browser: Browser,
  device: Device = "phone",
  hasScript: boolean = false,
): Promise<Page> {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
  const desktop = { viewport: { width: 1280, height: 800 }, colorScheme: "dark" };
  const context = await browser.newContext({
    javaScriptEnabled: hasScript,
    ...(device === "phone" ? phone : desktop),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** Everything that this tab is given from now on: addresses, header fields, cookies and pages, in one text. */
export function recordResponses(page: Page): () => Promise<string> {
  const heard: Promise<string>[] = [];
  const write = async (answer: Answer): Promise<string> => {
    const fields = JSON.stringify(await answer.allHeaders());
    // A redirect has no body to read.
    const body = await answer.text().catch(() => "");
    return `${answer.url()}\n${fields}\n${body}`;
  };
  page.on("response", (answer) => heard.push(write(answer)));
  return async () => (await Promise.all(heard)).join("\n");
}

/** Keeps two pictures, by day and by night, when somebody wants to look. */
export async function saveScreenshots(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder === undefined) return;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: true });
  }
}
