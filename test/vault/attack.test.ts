/** Attacks on the vault's races and bounds: slow holders of a lease, failing upstreams, values that could not be read back. */

import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { uniqueCredential, makeTables, credentialRow, tamper, vault } from "./database.ts";

const NOW = 1_763_700_000_000;
const LAPSED = 35_001;
const upstream = { tokenUrl: "https://up.test/token", clientId: "c" };
const TOKEN = { kind: "oauth", access_token: "at-1", refresh_token: "rt-1", expires: NOW - 1 };

/** One entry for each request that the upstream got: how to answer it. */
let waiting: ((answer: Response) => void)[] = [];

beforeAll(makeTables);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  waiting = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(
    () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
  );
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const asked = (count: number): Promise<void> =>
  vi.waitFor(() => expect(waiting.length).toBeGreaterThanOrEqual(count), { timeout: 5_000 });
const fresher = (name: string): Response =>
  Response.json({ access_token: `at-${name}`, refresh_token: `rt-${name}`, expires_in: 3_600 });
const no = (): Response => Response.json({ error: "invalid_grant" }, { status: 400 });

async function token(id: CredentialId): Promise<string | undefined> {
  const got = await vault.token(id, upstream);
  return got.ok ? got.value?.reveal() : got.error.reason;
}

/** Two holders at once: the first was so slow that its lease lapsed, and does not know. */
async function slowAndNext(): Promise<{
  id: CredentialId;
  slow: Promise<unknown>;
  next: Promise<unknown>;
}> {
  const id = uniqueCredential("mail");
  await vault.put(id, TOKEN);
  const slow = token(id);
  await asked(1);
  vi.setSystemTime(NOW + LAPSED);
  const next = token(id);
  await asked(2);
  return { id, slow, next };
}

it("a no to a holder whose lease lapsed does not end what the next holder renewed", async () => {
  const { id, slow, next } = await slowAndNext();
  waiting[0]?.(no());
  // Time for the no to arrive before the yes.
  await pause(300);
  waiting[1]?.(fresher("next"));
  expect([await next, await slow, await token(id)]).toEqual(["at-next", "at-next", "at-next"]);
  expect((await credentialRow(id))?.["is_revoked"]).toBe(0);
});

it("a holder whose lease lapsed does not give back the lease of the next", async () => {
  const { id, slow, next } = await slowAndNext();
  waiting[0]?.(Response.json({}, { status: 500 }));
  expect(await slow).toBe("upstream");
  const third = token(id);
  await pause(300);
  expect(waiting).toHaveLength(2);
  waiting[1]?.(fresher("next"));
  expect([await next, await third]).toEqual(["at-next", "at-next"]);
});

it("a holder whose lease lapsed does not overwrite what the next one got", async () => {
  const { id, slow, next } = await slowAndNext();
  waiting[1]?.(fresher("next"));
  expect(await next).toBe("at-next");
  waiting[0]?.(fresher("slow"));
  expect([await slow, await token(id)]).toEqual(["at-next", "at-next"]);
});

it("an upstream that fails is not asked by everybody who waited", async () => {
  const id = uniqueCredential("mail");
  await vault.put(id, TOKEN);
  vi.mocked(fetch).mockImplementation(async () => {
    waiting.push(() => undefined);
    await pause(60);
    return Response.json({}, { status: 503 });
  });
  const all = await Promise.all(Array.from({ length: 20 }, () => token(id)));
  expect(new Set(all)).toEqual(new Set(["upstream"]));
  console.info(`asked ${waiting.length} times`);
  expect(waiting.length).toBeLessThanOrEqual(2);
});

it("takes no value that it could not give back", async () => {
  const id = uniqueCredential();
  let deep: JsonValue = 1;
  for (let level = 0; level < 70; level++) deep = { deep };
  const put = await vault.put(id, deep as JsonObject).catch((error: unknown) => error);
  if (!(put instanceof RangeError)) expect(await vault.get(id)).toMatchObject({ ok: true });
});

it("renews again, some day, what an upstream gave without an end", async () => {
  const id = uniqueCredential("mail");
  await vault.put(id, TOKEN);
  const first = token(id);
  await asked(1);
  waiting[0]?.(Response.json({ access_token: "at-2" }));
  expect(await first).toBe("at-2");
  vi.setSystemTime(NOW + 30 * 86_400_000);
  const second = token(id);
  await pause(200);
  waiting[1]?.(fresher("3"));
  expect(await second).toBe("at-3");
});

it("rewraps a page of the largest credentials", async () => {
  const big = { kind: "key", key: "k".repeat(65_000) };
  const ids = Array.from({ length: 100 }, () => uniqueCredential("big"));
  for (const id of ids) await vault.put(id, big);
  const { vaultWithKeys: vaultOf } = await import("./database.ts");
  vi.useRealTimers();
  const at = Date.now();
  let next: string | undefined = "";
  let sum = 0;
  while (next !== undefined) {
    const page: Awaited<ReturnType<typeof vault.reseal>> = await vaultOf("b", "a").reseal(
      next,
      100,
    );
    if (!page.ok) throw new Error(page.error.message);
    ({ next } = page.value);
    sum += page.value.resealed;
  }
  console.info(`${sum} in ${Date.now() - at} ms`);
  await tamper(ids[0] ?? uniqueCredential(), { lease_until_ms: 0 });
  expect(await vaultOf("b").get(ids[99] ?? uniqueCredential())).toMatchObject({ ok: true });
}, 60_000);
