// The limit on calls, against the platform's own limiter: three a minute for each key.
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { META } from "../../src/revision/envelope.ts";
import { SERVED_DATES } from "../../src/revision/revisions.ts";
import { tool } from "../../src/server/define.ts";

const { STRICT, ...unlimited } = env as unknown as Env & { STRICT: RateLimit };
const limited: Env = { ...unlimited, LIMITER: STRICT };
const LIMIT = 3;

let ran = 0;
/** A front door reads its bindings once, so there is one for each set of them. */
const open = (): Front =>
  front({ info: { name: "limit", version: "1" }, tools: [tool({ name: "count", handler: () => `${(ran += 1)}` })] });
const doors = new Map([limited, unlimited as Env].map((bindings) => [bindings, open()]));

/** One call by the client at `address`. */
async function callFrom(address: string, bindings: Env = limited): Promise<Response> {
  const version = SERVED_DATES[0] ?? "";
  const request = new Request("http://127.0.0.1/mcp", {
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
  const response = await doors.get(bindings)?.fetch(request, bindings);
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

test("without a limiter there is no limit", async () => {
  expect(await statuses("192.0.2.4", LIMIT + 2, unlimited as Env)).toEqual([200, 200, 200, 200, 200]);
});
