// The wire view of `make dev` as a developer uses it: in a real browser, by keyboard, beside a real login and real calls.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { callTool, connectClient } from "../client/callers.node.ts";
import { copyRepository, type Terminal } from "../cli/dev.node.ts";
import { login } from "../../src/cli/login.ts";
import { launch, openTab, saveScreenshots, type Browser, type Page } from "./chromium.node.ts";
import { freePort } from "../tools/worker.node.ts";

const copy = copyRepository();
/** Markup that would run, were it taken for markup. */
const HOSTILE = "<img src=x onerror=document.title='run'>";
const SHOWN = "#list > li:not([hidden]) > .row";
let browser: Browser;
let terminal: Terminal;
let server = "";
let token = "";
let page: Page;
/** As the terminal prints it, with its key. */
let address = "";

beforeAll(async () => {
  const port = await freePort();
  server = `http://127.0.0.1:${port}`;
  terminal = copy.dev(`PORT=${port}`);
  const [opened, printed] = await Promise.all([launch(), terminal.until(/^Served at .*\n/)]);
  browser = opened;
  const key = /\/wire(#\w+)\n/.exec(printed)?.[1] ?? "";
  address = `${server}/wire${key}`;
  const vars = readFileSync(join(copy.folder, ".dev.vars"), "utf8");
  const passphrase = /# passphrase: (\S+)/.exec(vars)?.[1] ?? "";
  token = (await login(server, { passphrase })).access_token;
  for (const mode of ["auto", "legacy"] as const) {
    const client = await connectClient(new URL(`${server}/mcp`), mode, token);
    await callTool(client, "add_numbers", { a: 2, b: 40 });
    await client.close();
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 5, method: HOSTILE });
  const headers = { "content-type": "application/json" };
  await fetch(`${server}/mcp`, { method: "POST", headers, body });
  page = await openTab(browser, "desktop", true);
  await page.goto(address);
  await page.waitForSelector("#live.on");
}, 150_000);

afterAll(() => Promise.all([browser?.close(), terminal?.stop()]));

/** What the lines say that a person sees, newest first. */
const shownLines = (): Promise<string[]> => page.locator(SHOWN).allTextContents();
const focusedLine = (): Promise<string | null> => page.locator(".row:focus").textContent();

/** Types into the filter in place of what is there, and goes to the first line that is left. */
async function filterFor(words: string): Promise<void> {
  await page.keyboard.press("/");
  await page.fill("#filter", words);
  await page.keyboard.press("Escape");
}

it("lists what came, newest first, in both eras", async () => {
  await saveScreenshots(page, "wire-list");
  const lines = await shownLines();
  const at = (words: string): number => lines.findIndex((line) => line.includes(words));
  const order = ["tools/call add_numbers #1", "tools/call add_numbers #0", "/token", "/register"];
  expect(order.map(at)).toEqual(order.map(at).toSorted((one, other) => one - other));
  expect(order.map(at)).not.toContain(-1);
  expect(lines[at("add_numbers #1")]).toContain("sessions");
  expect(lines[at("add_numbers #0")]).toContain("stateless");
  expect(lines.some((line) => /object.*Session \w{8} {2}woke up/.test(line))).toBe(true);
});

it("hostile text is text", async () => {
  await filterFor("onerror");
  expect(await shownLines()).toEqual([expect.stringContaining(HOSTILE)]);
  await page.keyboard.press("Enter");
  expect((await page.locator("#list .detail pre").allTextContents()).join()).toContain(HOSTILE);
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.textContent("title")).toBe("Wire view");
  await page.keyboard.press("Enter");
  expect(await page.locator(".detail").count()).toBe(0);
});

it("by keyboard: filter, walk, open, and copy as a command", async () => {
  await filterFor("post add_numbers");
  expect(await shownLines()).toHaveLength(2);
  expect(await focusedLine()).toContain("add_numbers #1");
  await page.keyboard.press("j");
  expect(await focusedLine()).toContain("add_numbers #0");
  await page.keyboard.press("j");
  expect(await focusedLine()).toContain("add_numbers #0");
  await page.keyboard.press("k");
  expect(await focusedLine()).toContain("add_numbers #1");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await page.getAttribute(".row:focus", "aria-expanded")).toBe("true");
  expect(await page.locator(".ids a").allTextContents()).toContain("tools.structured.text");
  expect(await page.getAttribute(".ids a", "href")).toMatch(/^\/wire\/requirement\?id=/);
  await page.keyboard.press("c");
  await page.waitForSelector(".curl");
  expect(await page.textContent(".curl")).toMatch(/^TOKEN="\$\(make -s token PORT=\d+\)"\ncurl /);
  await saveScreenshots(page, "wire-open");
});

it("sends again: asks for the secret, keeps it nowhere, and the new line comes by itself", async () => {
  await filterFor("post add_numbers #0");
  await page.keyboard.press("r");
  await page.waitForSelector("input[name=TOKEN]:focus");
  await saveScreenshots(page, "wire-replay");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`.said.good`);
  expect(await page.textContent(".said")).toContain("Sent again: 200");
  await page.waitForSelector(`${SHOWN} >> nth=1`);
  expect(await shownLines()).toHaveLength(2);
  expect(await page.content()).not.toContain(token.slice(-20));
});

it("a request that comes while the page is open appears, and clearing leaves what comes next", async () => {
  await page.fill("#filter", "");
  await page.click("#clear");
  expect(await shownLines()).toEqual([]);
  expect(await page.textContent("#empty")).toContain("Cleared.");
  await fetch(`${server}/something-new`);
  await page.waitForSelector('.row:has-text("/something-new"):has-text("404")');
  expect(await shownLines()).toHaveLength(1);
});

it("without the key it says where that is, takes it in the open tab, and keeps it when loaded again", async () => {
  const tab = await openTab(browser, "desktop", true);
  await tab.goto(`${server}/wire`);
  await tab.waitForSelector('#live.off:has-text("in its terminal")');
  expect(await tab.textContent("#live")).toContain(`${server}/wire#KEY`);
  expect(await tab.locator("#list > li").count()).toBe(0);
  // Only the fragment is another: nothing is loaded.
  await tab.goto(address);
  await tab.waitForSelector("#live.on");
  expect(tab.url()).toBe(`${server}/wire`);
  await tab.goto(`${server}/`);
  await tab.goto(`${server}/wire`);
  await tab.waitForSelector("#live.on");
  await tab.goto(`${server}/wire#${"0".repeat(32)}`);
  await tab.goto(`${server}/`);
  await tab.goto(`${server}/wire`);
  await tab.waitForSelector('#live.off:has-text("in its terminal")');
  // What another tab has, this one has not.
  expect(await page.textContent("#live")).toBe("live");
});

it("a number that was taken out is shown among the rest", async () => {
  const headers = { "content-type": "application/json" };
  const body = '{"jsonrpc":"2.0","id":6,"method":"a-number","params":{"password":1234}}';
  await fetch(`${server}/mcp`, { method: "POST", headers, body });
  await page.waitForSelector('.row:has-text("a-number")');
  await filterFor("a-number");
  await page.keyboard.press("Enter");
  const texts = await page.locator("#list .detail pre").allTextContents();
  expect(texts.join()).toContain('    "password": "[redacted:PASSWORD]"\n');
});

it("kinds can be hidden, and a phone shows the same", async () => {
  const phone = await openTab(browser, "phone", true);
  await phone.goto(address);
  await phone.waitForSelector("#live.on");
  await saveScreenshots(phone, "wire-phone");
  expect(await phone.locator("li.object:not([hidden])").count()).toBeGreaterThan(0);
  await phone.click("#object");
  expect(await phone.locator("li.object:not([hidden])").count()).toBe(0);
  expect(await phone.locator("li.exchange:not([hidden])").count()).toBeGreaterThan(0);
  // No line is wider than the screen.
  const box = await phone.locator("#list").boundingBox();
  expect(box?.width).toBeLessThanOrEqual(390);
});
