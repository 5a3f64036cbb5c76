// The game's board in a host of MCP Apps, in a real browser: two people play in two tabs, each in another era.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  accessTokenOf,
  serveAccountService,
  type AccountService,
  type ClientMode,
} from "../client/callers.node.ts";
import { serveApp, type TestServer } from "../client/servers.node.ts";
import { serveAppHost, type AppHost, type HostCall } from "./app-host/app-host.node.ts";
import { launch, openTab, type Browser, type Frame, type Page } from "./chromium.node.ts";

let accounts: AccountService;
let server: TestServer;
let host: AppHost;
let browser: Browser;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  [accounts, host, browser] = await Promise.all([serveAccountService(), serveAppHost(), launch()]);
  server = await serveApp(accounts.variables);
  for (const name of ["ada", "bob"]) tokens[name] = await accessTokenOf(server.url, name);
}, 150_000);

afterAll(() => Promise.all([browser?.close(), host?.stop(), server?.stop(), accounts?.stop()]));

interface Seat {
  readonly page: Page;
  /** The page of the app, in the sandbox. */
  readonly app: Frame;
}

/** A tab of `name` whose host has called `tool`. */
async function sit(
  name: string,
  mode: ClientMode,
  tool: string,
  input: HostCall["input"],
  showsApps: boolean = true,
): Promise<Seat> {
  const page = await openTab(browser, "desktop", true);
  page.on("pageerror", (error) => expect.unreachable(error.message));
  const call = { server: server.url.href, token: tokens[name] ?? "", mode, showsApps, tool, input };
  await page.goto(host.addressOf(call));
  await page.waitForSelector(`#state:has-text("${showsApps ? "shown" : "text alone"}")`);
  const sandbox = page.frameLocator("main iframe");
  return { page, app: sandbox.frameLocator("iframe") };
}

/** What the other player is given. */
async function invitationOf({ page }: Seat): Promise<string> {
  const facts = (await page.textContent("#facts")) ?? "";
  return (JSON.parse(facts) as { invitation: string }).invitation;
}

/** How often the app has sent `method` to its host. */
async function asked(page: Page, method: string): Promise<number> {
  const log = await page.locator("#log li").allTextContents();
  return log.filter((one) => one === method).length;
}

/** Waits until the app says `words`. */
async function hear({ app }: Seat, words: string): Promise<void> {
  await app.locator(`[role=status]:has-text("${words}")`).waitFor();
}

/** The nine cells as a screen reader hears them. */
async function board({ app }: Seat): Promise<string> {
  const labels = await Promise.all(
    Array.from({ length: 9 }, (_, at) =>
      app.locator("[role=group] button").nth(at).getAttribute("aria-label"),
    ),
  );
  return labels.map((label) => label?.replace(/^Cell \d: (?:free)?/, "") || ".").join("");
}

async function take(seat: Seat, cell: number): Promise<void> {
  await seat.app
    .locator("[role=group] button")
    .nth(cell - 1)
    .click();
}

/** Keeps two pictures, by day and by night, when somebody wants to look. */
async function picture({ page }: Seat, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder === undefined) return;
  for (const theme of ["light", "dark"]) {
    await page.screenshot({ path: join(folder, `${name}-${theme}.png`), fullPage: true });
    await page.click("#theme");
  }
}

it("is played to its end by two people in two tabs", async () => {
  const x = await sit("ada", "auto", "game_new", {});
  const o = await sit("bob", "legacy", "game_show", { game: await invitationOf(x) });
  await hear(x, "You are X. It is your turn.");
  await hear(o, "You are O. It is the turn of X.");
  await picture(x, "game-start");
  const moves: [Seat, number][] = [
    [x, 1],
    [o, 5],
    [x, 2],
    [o, 4],
    [x, 3],
  ];
  for (const [at, [seat, cell]] of moves.entries()) {
    await seat.app.locator("p button").click();
    await hear(seat, "It is your turn.");
    await take(seat, cell);
    await hear(seat, at === 4 ? "You won." : "It is the turn of");
  }
  expect(await board(x)).toBe("XXXOO....");
  await o.app.locator("p button").click();
  await hear(o, "You are O. The winner is X.");
  expect(await board(o)).toBe("XXXOO....");
  // The model learns what the person did in the app.
  expect(await x.page.textContent("#context")).toContain(" X | X | X\n");
  await picture(x, "game-won");
});

it("is played by keyboard, and a cell that cannot be taken asks nobody", async () => {
  const { page, app } = await sit("ada", "auto", "game_new", {});
  await app.locator("[role=group] button").nth(4).press("Enter");
  await hear({ page, app }, "It is the turn of O.");
  expect(await board({ page, app })).toBe("....X....");
  // The focus stays where it was, and nothing that looks free can be taken out of turn.
  expect(await app.locator("[role=group] button:focus").getAttribute("aria-label")).toBe(
    "Cell 5: X",
  );
  const free = app.locator("[role=group] button").nth(0);
  expect(await free.getAttribute("aria-disabled")).toBe("true");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await app.locator("p button").press("Enter");
  await expect.poll(() => asked(page, "tools/call")).toBe(2);
});

it("keeps the handshake of the text: initialize first, sizes as they are, an answer to ping and teardown", async () => {
  const { page } = await sit("ada", "auto", "game_new", {});
  const log = await page.locator("#log li").allTextContents();
  expect(log.slice(0, 3)).toEqual([
    "ui/notifications/sandbox-proxy-ready",
    "ui/initialize",
    "ui/notifications/initialized",
  ]);
  await expect.poll(() => asked(page, "ui/notifications/size-changed")).toBeGreaterThan(0);
  const frame = page.locator("main iframe");
  await expect.poll(async () => (await frame.boundingBox())?.height).toBeGreaterThan(200);
  expect((await frame.boundingBox())?.height).toBeLessThan(400);
  await page.click("#ping");
  await page.waitForSelector('#state:has-text("pong")');
  await page.click("#teardown");
  await page.waitForSelector('#state:has-text("torn down")');
});

it("follows the host from light to dark", async () => {
  const { page, app } = await sit("ada", "auto", "game_new", {});
  const style = "getComputedStyle(document.body)";
  const colors = (): Promise<string> =>
    app.locator("body").evaluate(`${style}.color + " on " + ${style}.backgroundColor`);
  expect(await colors()).toBe("rgb(20, 20, 19) on rgb(255, 255, 255)");
  await page.click("#theme");
  await expect.poll(colors).toBe("rgb(250, 249, 245) on rgb(31, 30, 29)");
  // Of a host that says nothing of styles.
  await page.click("#plain");
  await expect.poll(colors).toBe("rgb(255, 255, 255) on rgb(18, 18, 18)");
});

it("what a result says is text, no other window is heard, and a refusal is shown and spoils nothing", async () => {
  const { page, app } = await sit("ada", "auto", "game_new", {});
  await page.click("#hostile");
  await hear({ page, app }, "<img src=x onerror=alert(1)>");
  expect(await app.locator("img").count()).toBe(0);
  await page.click("#forge");
  await page.click("#ping");
  await page.waitForSelector('#state:has-text("pong")');
  expect(await app.locator("[role=status]").textContent()).not.toContain("forged");
  expect(await board({ page, app })).toBe(".........");
  await app.locator("p button").click();
  await hear({ page, app }, "It is your turn.");
  const lost = await sit("bob", "legacy", "game_show", { game: "no-handle" });
  await expect.poll(() => lost.app.locator("[role=status]").textContent()).toContain("handle");
  expect(await lost.app.locator("[role=group] [aria-disabled=true]").count()).toBe(9);
});

it("is an HTML document that needs nothing from anywhere", async () => {
  const { app } = await sit("ada", "legacy", "game_new", {});
  const html = app.locator("html");
  expect(await html.evaluate("document.compatMode")).toBe("CSS1Compat");
  expect(await html.evaluate("document.title")).toBe("Tic-tac-toe");
  expect(await app.locator("[src], link, iframe").count()).toBe(0);
});

it.each(["auto", "legacy"] as const)(
  "%s: a host that shows no apps has the tool without its page, and plays in text",
  async (mode) => {
    const { page } = await sit("ada", mode, "game_new", {}, false);
    expect(await page.textContent("#text")).toContain("You are X. It is your turn.");
    expect(await page.locator("iframe").count()).toBe(0);
  },
);
