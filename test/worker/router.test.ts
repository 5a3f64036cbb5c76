/** Errors of every kind can be read by a browser client, exceptions too: whoever may read an answer may read why there is none. */

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Env } from "../world/env.ts";
import { createWorker } from "../../src/worker/router.ts";
import type { SiteHandler } from "../../src/worker/runtime.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const LOCAL = "http://localhost:5173";
const LISTED = "https://inspector.example";
const settings = { ...(env as unknown as Env), ALLOWED_ORIGINS: LISTED };
const full: RateLimit = { limit: () => Promise.resolve({ success: false }) };
const site: SiteHandler = ({ url }) => {
  if (url.endsWith("/throws")) throw new Error("the password is hunter2");
  return undefined;
};

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly settings?: Partial<Env>;
}

async function answer(
  { path = "/mcp", settings: more = {}, ...init }: Asked,
  origin?: string,
): Promise<Response> {
  const { fetch } = createWorker<Env>({
    server: { info: { name: "own", version: "1" } },
    ...everyPart(loginOptions),
    site,
  });
  const headers = { ...init.headers, ...(origin === undefined ? {} : { origin }) };
  return fetch(new Request(`http://127.0.0.1${path}`, { ...init, headers }), {
    ...settings,
    ...more,
  });
}

const JSON_TYPES = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};
const post = (body: string, more: Partial<Asked> = {}): Asked => ({
  method: "POST",
  headers: JSON_TYPES,
  body,
  ...more,
});

it("a Host or an Origin that is refused leaves a line in the log, once a minute", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.useFakeTimers({ toFake: ["Date"] });
  for (const origin of ["https://claude.ai", "https://claude.ai", "https://chatgpt.com"])
    expect((await answer({ path: "/health" }, origin)).status).toBe(403);
  const refusals = (): unknown[] =>
    warned.mock.calls.flat().filter((line) => String(line).includes("request.refused"));
  expect(refusals()).toEqual([
    expect.stringContaining("https://claude.ai"),
    expect.stringContaining("https://chatgpt.com"),
  ]);
  vi.setSystemTime(Date.now() + 61_000);
  await answer({ path: "/health" }, "https://chatgpt.com");
  expect(refusals()).toHaveLength(3);
  vi.useRealTimers();
});

/** One of each status. */
const ERRORS: readonly (readonly [status: number, asked: Asked])[] = [
  [400, post("{")],
  [400, {}],
  [401, { settings: { AUTH: "" } }],
  [404, { path: "/nowhere" }],
  [405, { method: "PUT" }],
  [405, { path: "/token", settings: { AUTH: "" } }],
  [406, post("{}", { headers: { ...JSON_TYPES, accept: "text/plain" } })],
  [413, post("[]", { settings: { MAX_BODY_BYTES: "1" } })],
  [415, post("{}", { headers: { ...JSON_TYPES, "content-type": "text/plain" } })],
  [429, post("{}", { settings: { LIMITER: full } })],
  [429, { settings: { LIMITER: full } }],
  [429, { method: "DELETE", settings: { LIMITER: full } }],
  [429, { path: "/token", method: "POST", settings: { AUTH: "", AUTH_LIMITER: full } }],
  [500, { path: "/throws" }],
  [
    500,
    post("{}", { settings: { LIMITER: { limit: () => Promise.reject(new Error("hunter2")) } } }),
  ],
];

it.each(
  ERRORS.flatMap(([status, asked]) =>
    [LOCAL, LISTED].map((origin) => [status, asked, origin] as const),
  ),
)("%i to %j can be read from %s", async (status, asked, origin) => {
  const response = await answer(asked, origin);
  expect(response.status).toBe(status);
  expect(response.headers.get("access-control-allow-origin")).toBe(origin);
  expect(response.headers.get("access-control-expose-headers")).toMatch(
    /Mcp-Session-Id.*WWW-Authenticate/,
  );
  expect(response.headers.get("vary")).toBe("Origin");
  expect(await response.text()).not.toContain("hunter2");
});

it.each(ERRORS)("%i to %j is for nobody elsewhere", async (_status, asked) => {
  const response = await answer(asked, "https://evil.example");
  expect(response.status).toBe(403);
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
  expect((await answer(asked)).headers.get("access-control-allow-origin")).toBeNull();
});

it("a server that cannot start says so to this machine's browsers, and to no others", async () => {
  const broken = { path: "/", settings: { KEYS: "none" } };
  const local = await answer(broken, LOCAL);
  expect(local.status).toBe(500);
  expect(local.headers.get("access-control-allow-origin")).toBe(LOCAL);
  expect(local.headers.get("vary")).toBe("Origin");
  for (const origin of [LISTED, "https://evil.example"]) {
    const response = await answer(broken, origin);
    expect(response.status).toBe(500);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  }
});

it("an exception of a page is for people, as the page is", async () => {
  const AUTH_LIMITER = { limit: () => Promise.reject(new Error("hunter2")) };
  const response = await answer(
    { path: "/authorize", settings: { AUTH: "", AUTH_LIMITER } },
    LOCAL,
  );
  expect(response.status).toBe(500);
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
});

it("what caches may keep is kept for each origin by itself, whoever came first", async () => {
  const path = "/.well-known/oauth-protected-resource";
  const asked = { path, settings: { AUTH: "" } };
  for (const origin of [undefined, LOCAL]) {
    const { headers } = await answer(asked, origin);
    expect(headers.get("cache-control")).toContain("public");
    expect(headers.get("vary")).toBe("Origin");
    expect(headers.get("access-control-allow-origin")).toBe(origin ?? null);
  }
});

it.each(["oauth-protected-resource", "oauth-protected-resource/mcp", "oauth-authorization-server"])(
  "%s is only read",
  async (name) => {
    const asked = { path: `/.well-known/${name}`, settings: { AUTH: "" } };
    for (const method of ["GET", "HEAD"])
      expect((await answer({ ...asked, method })).status).toBe(200);
    for (const method of ["POST", "PUT", "DELETE"]) {
      const { status, headers } = await answer({ ...asked, method });
      expect([status, headers.get("allow"), headers.get("cache-control")]).toEqual([
        405,
        "GET, HEAD",
        null,
      ]);
    }
  },
);
