/** Errors as a person sees them in a browser, and as every other client goes on getting them. */

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { errorPage } from "../../src/app/error-page.ts";
import { site } from "../../src/app/site.ts";
import type { Env } from "../world/env.ts";
import { createWorker } from "../../src/worker/router.ts";
import type { SiteHandler } from "../../src/worker/runtime.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
const full: RateLimit = { limit: () => Promise.resolve({ success: false }) };

let logged: string[] = [];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    logged.push(line);
  });
});
afterEach(() => vi.restoreAllMocks());

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly settings?: Partial<Env>;
  readonly body?: string;
}

const TITLE = "Tom & <b>Jerry</b>";
const throwing: SiteHandler = (http, about) => {
  if (new URL(http.url).pathname === "/throws") throw new Error("the password is hunter2");
  return site(http, about);
};
const pages = { errorPage, site: throwing };

async function answer({ path, settings = {}, ...init }: Asked, accept?: string): Promise<Response> {
  const { fetch } = createWorker<Env>({
    server: { info: { name: "own", title: TITLE, version: "1" } },
    ...everyPart(loginOptions),
    ...pages,
  });
  const headers = {
    "content-type": "application/json",
    ...(accept === undefined ? {} : { accept }),
  };
  return fetch(new Request(`http://127.0.0.1${path}`, { ...init, headers }), {
    ...(env as unknown as Env),
    ...settings,
  });
}

const OWN = { AUTH: "" };
const PAGES: readonly (readonly [status: number, asked: Asked, title: string])[] = [
  [404, { path: "/nowhere" }, "Nothing is here"],
  [404, { path: "/nowhere", settings: OWN }, "Nothing is here"],
  [404, { path: "/%3Cscript%3E" }, "Nothing is here"],
  [400, { path: "/mcp" }, "This address is for apps"],
  [401, { path: "/mcp", settings: OWN }, "This address is for apps"],
  [405, { path: "/token", settings: OWN }, "This address is for apps"],
  [405, { path: "/register", settings: OWN }, "This address is for apps"],
  [429, { path: "/account", settings: { ...OWN, AUTH_LIMITER: full } }, "Too many requests"],
  [429, { path: "/authorize?x", settings: { ...OWN, AUTH_LIMITER: full } }, "Too many requests"],
  [500, { path: "/throws" }, "Something went wrong here"],
  [500, { path: "/throws", settings: OWN }, "Something went wrong here"],
];

it.each(PAGES)("%i: a person who opens %j gets a page", async (status, asked, title) => {
  const response = await answer(asked, BROWSER);
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await response.text();
  expect(html).toContain(`<h1>${title}</h1>`);
  expect(html).toContain(`<title>${title} · Tom &#38; &#60;b&#62;Jerry&#60;/b&#62;</title>`);
  // Framed, scripted, sniffed and kept by nobody; its one style is its own.
  const { headers } = response;
  const policy = headers.get("content-security-policy") ?? "";
  expect(policy).toMatch(
    /^default-src 'none'; img-src 'self'; style-src 'nonce-[\w-]{22}'; form-action 'none'; base-uri 'none'/,
  );
  expect(policy).toContain("frame-ancestors 'none'");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("cache-control")).toContain("no-store");
  expect(headers.get("vary")).toContain("Accept");
  const nonce = /'nonce-([\w-]+)'/.exec(policy)?.[1];
  expect([...html.matchAll(/<style nonce="([^"]*)">/g)].map(([, one]) => one)).toEqual([nonce]);
  expect(html).not.toMatch(/<script|\sstyle=|\son\w+=|src=(?!"\/favicon\.ico")|<b>Jerry|hunter2/);
});

it.each(PAGES)("%i: whoever else asks for %j gets what they always got", async (_status, asked) => {
  const plain = createWorker<Env>({
    server: { info: { name: "own", title: TITLE, version: "1" } },
    ...everyPart(loginOptions),
    site: pages.site,
  });
  for (const accept of [undefined, "*/*", "application/json", "text/html;q=0, */*", "text/*"]) {
    const response = await answer(asked, accept);
    const headers = {
      "content-type": "application/json",
      ...(accept === undefined ? {} : { accept }),
    };
    const before = await plain.fetch(new Request(`http://127.0.0.1${asked.path}`, { headers }), {
      ...(env as unknown as Env),
      ...asked.settings,
    });
    expect(response.status).toBe(before.status);
    expect([...response.headers]).toEqual([...before.headers]);
    const withoutId = (text: string): string => text.replace(/[0-9a-f]{32}/, "…");
    expect(withoutId(await response.text())).toBe(withoutId(await before.text()));
  }
});

it("what the error said in its header fields stays", async () => {
  const [unknown, wrong, limited] = await Promise.all([
    answer({ path: "/mcp", settings: OWN }, BROWSER),
    answer({ path: "/token", settings: OWN }, BROWSER),
    answer({ path: "/account", settings: { ...OWN, AUTH_LIMITER: full } }, BROWSER),
  ]);
  expect(unknown?.headers.get("www-authenticate")).toContain("resource_metadata");
  expect(wrong?.headers.get("allow")).toBe("POST");
  expect(limited?.headers.get("retry-after")).toBe("60");
});

it("the page of a fault has the number that stands in the log", async () => {
  const html = await (await answer({ path: "/throws" }, BROWSER)).text();
  const { trace } = JSON.parse(logged[0] ?? "") as { trace: string };
  expect(trace).toMatch(/^[0-9a-f]{32}$/);
  expect(html).toContain(`<code>${trace}</code>`);
});

it("a server that cannot start has a page too", async () => {
  const response = await answer({ path: "/", settings: { KEYS: "none" } }, BROWSER);
  expect(response.status).toBe(500);
  const html = await response.text();
  expect(html).toContain("<h1>Something went wrong here</h1>");
  expect(html).not.toContain("KEYS");
});

it("HEAD is GET without the page", async () => {
  const [head, get] = await Promise.all(
    ["HEAD", "GET"].map((method) => answer({ path: "/nowhere", method }, BROWSER)),
  );
  expect(head?.status).toBe(404);
  expect(head?.headers.get("content-type")).toBe(get?.headers.get("content-type"));
  expect(await head?.text()).toBe("");
});

it.each(["POST", "DELETE", "PUT"])("%s never gets a page, whatever it takes", async (method) => {
  for (const path of ["/mcp", "/nowhere", "/throws"]) {
    const body = method === "DELETE" ? {} : { body: "{" };
    const response = await answer(
      { path, method, ...body },
      `${BROWSER}, application/json, text/event-stream`,
    );
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.get("content-type")).toBe("application/json");
  }
});

it("a page that is one already stays as it is", async () => {
  const response = await answer({ path: "/authorize", settings: OWN }, BROWSER);
  expect(response.status).toBe(400);
  const html = await response.text();
  expect(html).toContain("That did not work");
  expect(html.match(/<html/g)).toHaveLength(1);
});
