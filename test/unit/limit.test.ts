// The limit on calls, against the platform's own limiter: three a minute for each key.
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { readKeyRing } from "../../src/crypto/keyring.ts";
import { mintAccess } from "../../src/oauth/access-token.ts";
import { META } from "../../src/revision/envelope.ts";
import { SERVED_DATES } from "../../src/revision/revisions.ts";
import { tool } from "../../src/server/define.ts";
import { entrance } from "../world/entrance.ts";

const { TIGHT, ...unlimited } = env as unknown as Env & { TIGHT: RateLimit };
const limited: Env = { ...unlimited, LIMITER: TIGHT };
const LIMIT = 3;

let ran = 0;
/** A front door reads its bindings once, so there is one for each set of them. */
const open = (): Front =>
  front(
    { info: { name: "limit", version: "1" }, tools: [tool({ name: "count", handler: () => `${(ran += 1)}` })] },
    () => entrance,
  );
const doors = new Map([limited, unlimited as Env].map((bindings) => [bindings, open()]));

function callOf(address: string): Request {
  const version = SERVED_DATES[0] ?? "";
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
      params: { name: "count", _meta: { [META.protocolVersion]: version, [META.clientCapabilities]: {} } },
    }),
  });
}

/** One call by the client at `address`. */
async function callFrom(address: string, bindings: Env = limited): Promise<Response> {
  const response = await doors.get(bindings)?.fetch(callOf(address), bindings);
  if (response === undefined) throw new Error("No door for these bindings");
  return response;
}

async function statuses(address: string, count: number, bindings: Env = limited): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await callFrom(address, bindings)).status);
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

test("who is known is limited as themselves: neither by whom they share an address with, nor by changing it", async () => {
  const known = { ...limited, AUTH: "" };
  const door = open();
  const ring = readKeyRing(known.KEYS ?? "");
  if (!ring.ok) throw new Error(ring.error);
  const call = async (subject: string, client: string, address: string): Promise<number> => {
    const caller = { issuer: "http://127.0.0.1", subject, client, scopes: [] };
    const token = await mintAccess(ring.value, caller, "http://127.0.0.1/mcp", 9e9);
    const request = callOf(address);
    request.headers.set("authorization", `Bearer ${token}`);
    return (await door.fetch(request, known)).status;
  };
  const seen: number[] = [];
  for (let index = 0; index <= LIMIT; index += 1) seen.push(await call("ada", "cli", `198.51.100.${index}`));
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
  expect(await statuses("192.0.2.4", LIMIT + 2, unlimited as Env)).toEqual([200, 200, 200, 200, 200]);
});

test("the authorization server limits addresses, whatever they ask for", async () => {
  const bindings = { ...(unlimited as Env), AUTH: "", AUTH_LIMITER: TIGHT };
  const door = open();
  const ask = async (address: string, method: string, path: string): Promise<Response> =>
    door.fetch(new Request(`http://localhost${path}`, { method, headers: { "cf-connecting-ip": address } }), bindings);
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
  expect(await refused.json()).toMatchObject({ error: "slow_down" });
  expect((await ask("192.0.2.10", "GET", "/authorize")).status).toBe(400);
  expect((await ask("192.0.2.9", "GET", "/.well-known/oauth-authorization-server")).status).toBe(200);
});
