// The limit on calls, against the platform's own limiter: three a minute for each key.
import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import type { Env } from "../world/env.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { signText } from "../../src/crypto/hmac.ts";
import { signRefreshToken } from "../../src/oauth/authorization-server/grant-reference.ts";
import { sealAccessToken } from "../../src/oauth/authorization-server/access-token.ts";
import { META_KEYS } from "../../src/protocol/request-meta.ts";
import { STATELESS_VERSIONS } from "../../src/protocol/versions.ts";
import { tool } from "../../src/server/zod.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const { TIGHT, ...unlimited } = env as unknown as Env & { TIGHT: RateLimit };
const limited: Env = { ...unlimited, LIMITER: TIGHT };
const LIMIT = 3;

// The local limiter counts by the minute of the clock: a test that crosses one would be let through.
beforeEach(async () => {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 10_000) await new Promise((resolve) => setTimeout(resolve, left));
});

let ran = 0;
/** A Worker reads its bindings once, so there is one for each set of them. */
const open = (): WorkerHandlers<Env> =>
  createWorker<Env>({
    server: {
      info: { name: "limit", version: "1" },
      tools: [tool({ name: "count", handler: () => `${(ran += 1)}` })],
    },
    ...everyPart(loginOptions),
  });
const doors = new Map([limited, unlimited as Env].map((bindings) => [bindings, open()]));

function callOf(address: string): Request {
  const version = STATELESS_VERSIONS[0] ?? "";
  return new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "cf-connecting-ip": address,
      "mcp-protocol-version": version,
      "mcp-method": "tools/call",
      "mcp-name": "count",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: "c1",
      method: "tools/call",
      params: {
        name: "count",
        _meta: { [META_KEYS.protocolVersion]: version, [META_KEYS.clientCapabilities]: {} },
      },
    }),
  });
}

/** One call by the client at `address`. */
async function callFrom(address: string, bindings: Env = limited): Promise<Response> {
  const response = await doors.get(bindings)?.fetch(callOf(address), bindings);
  if (response === undefined) throw new Error("No door for these bindings");
  return response;
}

async function statuses(
  address: string,
  count: number,
  bindings: Env = limited,
): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1)
    seen.push((await callFrom(address, bindings)).status);
  return seen;
}

test("calls beyond the limit are refused", async () => {
  ran = 0;
  expect(await statuses("192.0.2.1", LIMIT)).toEqual([200, 200, 200]);
  const refused = await callFrom("192.0.2.1");
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("content-type")).toBe("application/json");
  expect(await refused.json()).toEqual({
    jsonrpc: "2.0",
    id: "c1",
    error: { code: 429, message: expect.stringMatching(/^Too many requests/) as unknown },
  });
  expect(ran, "the tool ran").toBe(LIMIT);
});

test("another client still has its own calls", async () => {
  expect(await statuses("192.0.2.2", LIMIT + 1)).toEqual([200, 200, 200, 429]);
  expect(await statuses("192.0.2.3", 1)).toEqual([200]);
});

/** A POST of `body` by the client at `address`, in `session` if it has one. */
async function postFrom(address: string, body: unknown, session?: string): Promise<Response> {
  const headers = { "content-type": "application/json", "cf-connecting-ip": address };
  const named = session === undefined ? headers : { ...headers, "mcp-session-id": session };
  const request = new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: named,
    body: JSON.stringify(body),
  });
  const response = await doors.get(limited)?.fetch(request, limited);
  if (response === undefined) throw new Error("No door for these bindings");
  return response;
}

/** A session of the revision that has batches; opening it counts as one. */
async function openFrom(address: string): Promise<string> {
  const params = {
    protocolVersion: "2025-03-26",
    capabilities: {},
    clientInfo: { name: "limit", version: "1" },
  };
  const opened = await postFrom(address, { jsonrpc: "2.0", id: 0, method: "initialize", params });
  return opened.headers.get("mcp-session-id") ?? "";
}

const pings = (count: number): object[] =>
  Array.from({ length: count }, (_, id) => ({ jsonrpc: "2.0", id, method: "ping" }));

test("a batch counts as many as its messages", async () => {
  const session = await openFrom("192.0.2.20");
  expect(await (await postFrom("192.0.2.20", pings(LIMIT - 1), session)).json()).toHaveLength(
    LIMIT - 1,
  );
  expect((await postFrom("192.0.2.20", pings(1), session)).status).toBe(429);
});

test("a batch beyond the limit is refused whole, and the refusal says how much it counts", async () => {
  const session = await openFrom("192.0.2.21");
  const refused = await postFrom("192.0.2.21", pings(LIMIT), session);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("60");
  const { error, ...rest } = await refused.json<{ error: { message: string } }>();
  expect(rest).toEqual({ jsonrpc: "2.0" });
  expect(error.message).toMatch(/^Too many requests: a batch counts as 3/);
});

test("what is no message counts as one", async () => {
  const sent = [5, { method: "ping" }, [], [1, 2]];
  const seen: number[] = [];
  for (const body of sent) seen.push((await postFrom("192.0.2.22", body)).status);
  expect(seen).toEqual([400, 400, 400, 429]);
});

test("what is no JSON, and what is too large, counts as one", async () => {
  const seen: number[] = [];
  for (const body of ["{", `"${"x".repeat(5_000_000)}"`, "[", "{"]) {
    const request = new Request(callOf("192.0.2.23"), { method: "POST", body });
    seen.push((await doors.get(limited)?.fetch(request, limited))?.status ?? 0);
  }
  expect(seen).toEqual([400, 413, 400, 429]);
});

/** GET or DELETE of the session by the client at `address`. A stream is left at once. */
async function askFrom(
  address: string,
  method: string,
  session: string,
): Promise<Response | undefined> {
  const headers = {
    "cf-connecting-ip": address,
    "mcp-session-id": session,
    "mcp-protocol-version": "2025-03-26",
  };
  const response = await doors
    .get(limited)
    ?.fetch(new Request("http://127.0.0.1/mcp", { method, headers }), limited);
  if (response?.status === 200) await response.body?.cancel();
  return response;
}

test("GET and DELETE of a session count as a message each, beside those that are posted", async () => {
  const session = await openFrom("192.0.2.24");
  const seen: (number | undefined)[] = [];
  for (let round = 0; round < LIMIT; round += 1)
    seen.push((await askFrom("192.0.2.24", "GET", session))?.status);
  expect(seen).toEqual([200, 200, 429]);
  const refused = await askFrom("192.0.2.24", "DELETE", session);
  expect([refused?.status, refused?.headers.get("retry-after")]).toEqual([429, "60"]);
  expect(await refused?.json()).toMatchObject({ error: { code: 429 } });
  // It was not ended: another address may use it, and end it.
  expect((await postFrom("192.0.2.25", pings(1), session)).status).toBe(200);
  expect((await askFrom("192.0.2.25", "DELETE", session))?.status).toBe(204);
  expect((await postFrom("192.0.2.25", pings(1), session)).status).toBe(404);
  expect((await askFrom("192.0.2.25", "DELETE", session))?.status).toBe(429);
});

test("who is known is limited as themselves: neither by whom they share an address with, nor by changing it", async () => {
  const known = { ...limited, AUTH: "" };
  const door = open();
  const ring = readKeyRing(known.KEYS ?? "");
  if (!ring.ok) throw new Error(ring.error);
  const call = async (subject: string, client: string, address: string): Promise<number> => {
    const caller = { issuer: "http://127.0.0.1", subject, client, scopes: [] };
    const token = await sealAccessToken(ring.value, caller, "http://127.0.0.1/mcp", 9e9);
    const request = callOf(address);
    request.headers.set("authorization", `Bearer ${token}`);
    return (await door.fetch(request, known)).status;
  };
  const seen: number[] = [];
  for (let index = 0; index <= LIMIT; index += 1)
    seen.push(await call("ada", "cli", `198.51.100.${index}`));
  expect(seen).toEqual([200, 200, 200, 429]);
  // At the very same address.
  expect(await call("bob", "cli", "198.51.100.0")).toBe(200);
  expect(await call("ada", "web", "198.51.100.0")).toBe(200);
  expect(await call("ada", "cli", "198.51.100.99")).toBe(429);
});

test("the addresses of one IPv6 network are one stranger", async () => {
  const seen: number[] = [];
  for (let index = 1; index <= LIMIT + 1; index += 1)
    seen.push((await callFrom(`2001:db8::${index}:0:0:${index}`)).status);
  expect(seen).toEqual([200, 200, 200, 429]);
  expect((await callFrom("2001:db8:0:1::1")).status).toBe(200);
});

test("without a limiter there is no limit", async () => {
  expect(await statuses("192.0.2.4", LIMIT + 2, unlimited as Env)).toEqual([
    200, 200, 200, 200, 200,
  ]);
});

test("the authorization server limits addresses, whatever they ask for", async () => {
  const bindings = { ...(unlimited as Env), AUTH: "", AUTH_LIMITER: TIGHT };
  const door = open();
  const ask = async (address: string, method: string, path: string): Promise<Response> =>
    door.fetch(
      new Request(`http://localhost${path}`, { method, headers: { "cf-connecting-ip": address } }),
      bindings,
    );
  const paths = ["POST /register", "POST /token", "GET /authorize", "POST /revoke", "GET /account"];
  const seen: number[] = [];
  for (const asked of paths) {
    const [method = "", path = ""] = asked.split(" ");
    seen.push((await ask("192.0.2.9", method, path)).status);
  }
  expect(seen.slice(LIMIT)).toEqual([429, 429]);
  expect(seen.slice(0, LIMIT)).not.toContain(429);
  const refused = await ask("192.0.2.9", "POST", "/token");
  expect(refused.headers.get("retry-after")).toBe("60");
  expect(await refused.json()).toMatchObject({ error: "temporarily_unavailable" });
  expect((await ask("192.0.2.10", "GET", "/authorize")).status).toBe(400);
  expect((await ask("192.0.2.9", "GET", "/.well-known/oauth-authorization-server")).status).toBe(
    200,
  );
});

test("behind the address of many, each code and refresh token that was issued here has a share of its own", async () => {
  const bindings = { ...(unlimited as Env), AUTH: "", AUTH_LIMITER: TIGHT };
  const door = open();
  const ring = readKeyRing(bindings.KEYS ?? "");
  if (!ring.ok) throw new Error(ring.error);
  const send = async (parameters: Record<string, string>): Promise<number> => {
    const headers = { "cf-connecting-ip": "192.0.2.70" };
    const body = new URLSearchParams(parameters);
    const request = new Request("http://localhost/token", { method: "POST", headers, body });
    return (await door.fetch(request, bindings)).status;
  };
  const made = { grant_type: "refresh_token", refresh_token: "made-up", code: "made-up" };
  for (let index = 0; index < LIMIT; index += 1) expect(await send(made)).toBe(401);
  expect(await send(made)).toBe(429);
  const refresh = await signRefreshToken(ring.value, "a".repeat(64), 1);
  const code = await signText(ring.value, "code", "b".repeat(64));
  const asked = { grant_type: "authorization_code", code };
  for (const shown of [{ grant_type: "refresh_token", refresh_token: refresh }, asked]) {
    const seen: number[] = [];
    for (let index = 0; index <= LIMIT; index += 1) seen.push(await send(shown));
    expect(seen).toEqual([401, 401, 401, 429]);
  }
  expect(await send(made)).toBe(429);
  // What lies beside another grant type gives no share.
  const other = await signRefreshToken(ring.value, "c".repeat(64), 1);
  expect(await send({ grant_type: "client_credentials", refresh_token: other })).toBe(429);
  // One that never sends its form waits for a moment.
  const headers = {
    "cf-connecting-ip": "192.0.2.70",
    "content-type": "application/x-www-form-urlencoded",
  };
  const { readable, writable } = new TransformStream<Uint8Array>();
  const slow = new Request("http://localhost/token", { method: "POST", headers, body: readable });
  expect((await door.fetch(slow, bindings)).status).toBe(429);
  await writable.abort().catch(() => undefined);
});

test("requests about tasks are limited by themselves, each method apart", async () => {
  const door = open();
  const send = async (method: string): Promise<number> => {
    const version = STATELESS_VERSIONS[0] ?? "";
    const request = callOf("192.0.2.80");
    const headers = new Headers(request.headers);
    headers.set("mcp-method", method);
    headers.set("mcp-name", "x");
    const _meta = { [META_KEYS.protocolVersion]: version, [META_KEYS.clientCapabilities]: {} };
    const params = { taskId: "x", name: "x", _meta };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    return (await door.fetch(new Request(request.url, { method: "POST", headers, body }), limited))
      .status;
  };
  for (const method of ["tools/call", "tasks/get", "tasks/update"]) {
    const seen: number[] = [];
    for (let index = 0; index <= LIMIT; index += 1) seen.push(await send(method));
    expect([method, seen.at(-1), seen.slice(0, LIMIT).includes(429)]).toEqual([method, 429, false]);
  }
});

test("a GET that comes back for the streams of a batch counts as one a stream", async () => {
  const bindings = limited;
  const { fetch } = open();
  const resume = (address: string, eventId: string): Promise<Response> =>
    fetch(
      new Request("http://127.0.0.1/mcp", {
        headers: {
          accept: "text/event-stream",
          "cf-connecting-ip": address,
          "last-event-id": eventId,
          "mcp-session-id": "0".repeat(64),
        },
      }),
      bindings,
    );
  expect((await resume("192.0.2.50", "1-0.2-0.3-0")).status).toBe(404);
  expect((await resume("192.0.2.50", "1-0")).status).toBe(429);
  expect((await resume("192.0.2.51", "1-0.2-0.3-0.4-0")).status).toBe(429);
});
