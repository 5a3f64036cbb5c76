/** What a handler is lent, through a call: whose it is, what its caller is told when something is wrong, and what it costs. */

import { expect, it, vi } from "vitest";
import type { Caller } from "../../src/base/caller.ts";
import { createCancellation } from "../../src/base/cancellation.ts";
import { NO_RETRY_STATE } from "../../src/protocol/outcome.ts";
import { dispatch } from "../../src/server/dispatch.ts";
import { buildServer } from "../../src/server/registry.ts";
import { PublicError } from "../../src/server/content.ts";
import type { Context } from "../../src/server/context.ts";
import { tool } from "../../src/server/zod.ts";
import type { Services } from "../../src/server/services.ts";
import type { VaultFault } from "../../src/vault/credential-cipher.ts";
import { createVault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";
import { costs } from "../world/counting.ts";
import { uniqueKey } from "../storage/counted-client.ts";
import { servicesFor, unrecordedSpan } from "./services.ts";

const person = (subject: string, client: string = "app"): Caller => ({
  issuer: "https://i.test",
  subject,
  client,
  scopes: [],
});
const [ADA, BOB] = [person("ada"), person("bob")];

/** What a handler returns as text, or "error: " and what its caller is told. */
async function play(
  caller: Caller,
  handler: (context: Context) => unknown,
  services: Services = servicesFor(),
): Promise<string> {
  const run = tool({
    name: "t",
    handler: async (_args, context) => JSON.stringify((await handler(context)) ?? null),
  });
  const outcome = await dispatch({
    server: buildServer({ info: { name: "lend", version: "1" }, tools: [run] }),
    request: {
      method: "tools/call",
      params: { name: "t" },
      target: { tool: run },
      caller,
      capabilities: {},
      clientInfo: undefined,
      progressToken: undefined,
      logLevel: undefined,
      retryState: NO_RETRY_STATE,
      span: unrecordedSpan,
    },
    sink: () => undefined,
    cancel: createCancellation(),
    services,
  });
  if (outcome.kind !== "complete") throw new Error(outcome.kind);
  const { content, isError } = outcome.result as { content: [{ text: string }]; isError?: boolean };
  return (isError === true ? "error: " : "") + content[0].text;
}

it("a handle is its caller's, whichever client they use, and a shared one anybody's", async () => {
  const handle = JSON.parse(await play(ADA, (context) => context.createStorage())) as string;
  await play(ADA, async (context) => (await context.openStorage(handle)).put("a", 1));
  expect(
    await play(person("ada", "another app"), async (context) =>
      (await context.openStorage(handle)).get("a"),
    ),
  ).toBe("1");
  const told = "error: This handle is not yours: use it exactly as it was given to you";
  expect(await play(BOB, (context) => context.openStorage(handle))).toBe(told);
  expect(await play(BOB, (context) => context.shareStorage(handle))).toBe(told);
  const shared = JSON.parse(await play(ADA, (context) => context.shareStorage(handle))) as string;
  expect(await play(BOB, async (context) => (await context.openStorage(shared)).get("a"))).toBe(
    "1",
  );
});

it("a handle that is over says so", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
  const handle = JSON.parse(await play(ADA, (context) => context.createStorage(10))) as string;
  vi.setSystemTime(1_763_700_011_000);
  expect(await play(ADA, (context) => context.openStorage(handle))).toBe(
    "error: This handle has expired: start anew",
  );
  vi.useRealTimers();
});

it("the caller's own is one in every client, and nobody else's", async () => {
  const key = uniqueKey();
  await play(ADA, (context) => context.storage.put(key, "hers"));
  expect(await play(person("ada", "another app"), (context) => context.storage.get(key))).toBe(
    '"hers"',
  );
  expect(await play(BOB, (context) => context.storage.get(key))).toBe("null");
});

it("a cached value is everybody's unless told, and a limit the caller's", async () => {
  const key = uniqueKey();
  const cache = (caller: Caller, value: string, scope?: "caller"): Promise<string> =>
    play(
      caller,
      async (context) =>
        (await context.cache(key, 60, () => Promise.resolve(value), scope && { scope })).value,
    );
  expect([await cache(ADA, "one"), await cache(BOB, "two")]).toEqual(['"one"', '"one"']);
  expect([await cache(ADA, "hers", "caller"), await cache(BOB, "his", "caller")]).toEqual([
    '"hers"',
    '"his"',
  ]);
  const use = (caller: Caller, scope?: "everyone"): Promise<string> =>
    play(
      caller,
      async (context) => (await context.rateLimit(key, 1, 60_000, scope && { scope })).isAllowed,
    );
  expect([await use(ADA), await use(ADA), await use(BOB)]).toEqual(["true", "false", "true"]);
  expect([await use(ADA, "everyone"), await use(BOB, "everyone")]).toEqual(["true", "false"]);
});

it("keys and callers cannot be made to look like each other", async () => {
  const odd = person('x","y');
  await play(odd, (context) =>
    context.cache("k", 60, () => Promise.resolve("odd"), { scope: "caller" }),
  );
  const plain = await play(
    person("x"),
    async (context) =>
      (await context.cache('y"],"k', 60, () => Promise.resolve("plain"), { scope: "caller" }))
        .value,
  );
  expect(plain).toBe('"plain"');
});

it("what a loader may tell, everybody who waited is told, and nothing else", async () => {
  const key = uniqueKey();
  const load = (error: Error) => async (): Promise<never> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw error;
  };
  const both = (error: Error): Promise<string[]> =>
    Promise.all(
      [ADA, BOB].map((caller) =>
        play(caller, (context) => context.cache(key + error.message, 60, load(error))),
      ),
    );
  expect(new Set(await both(new PublicError("No such town")))).toEqual(
    new Set(["error: No such town"]),
  );
  for (const told of await both(new Error("password is hunter2")))
    expect(told).toMatch(/^error: Internal error \(trace [0-9a-f]{32}\)$/);
});

it.each<[VaultFault["reason"], RegExp]>([
  ["revoked", /has ended there: sign in again/],
  ["upstream", /^error: tracker did not renew your access: try again/],
  ["unavailable", /store of credentials cannot be reached/],
  ["key.missing", /cannot be opened here \(key\.missing\)/],
  ["changed", /cannot be opened here \(changed\)/],
  ["moved", /cannot be opened here \(moved\)/],
  ["truncated", /cannot be opened here \(truncated\)/],
  ["format.unknown", /cannot be opened here \(format\.unknown\)/],
])(
  "a credential that is %s is a sentence for the caller, and the rest is for the log",
  async (reason, says) => {
    const lines: string[] = [];
    vi.spyOn(console, "error").mockImplementation((line: string) => {
      lines.push(line);
    });
    const vault = {
      ...createVault(undefined, ringOf("a")),
      get: () =>
        Promise.resolve({ ok: false as const, error: { reason, message: 'under key "2026-03"' } }),
    };
    const told = await play(
      ADA,
      (context) => context.vault.get("tracker", "key"),
      servicesFor(undefined, { vault }),
    );
    expect(told).toMatch(says);
    expect(told).toContain(reason === "unavailable" ? "error" : "tracker");
    expect(told).not.toContain("2026-03");
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      { event: "vault.failed", reason, service: "tracker", message: 'under key "2026-03"' },
    ]);
    vi.restoreAllMocks();
  },
);

it("the vault is the caller's own: another owner cannot be named", async () => {
  const owners: string[] = [];
  const vault = {
    ...createVault(undefined, ringOf("a")),
    delete: ({ owner }: { owner: string }) => {
      owners.push(owner);
      return Promise.resolve({ ok: true as const, value: false });
    },
  };
  await play(
    ADA,
    (context) => context.vault.delete("tracker", "key"),
    servicesFor(undefined, { vault }),
  );
  await play(
    person("ada", "another app"),
    (context) => context.vault.delete("tracker", "key"),
    servicesFor(undefined, { vault }),
  );
  expect(owners).toEqual(['["https://i.test","ada"]', '["https://i.test","ada"]']);
});

it("a call that keeps nothing touches nothing, and neither does looking", async () => {
  const before = { ...costs };
  let touched = 0;
  const counted = new Proxy(createVault(undefined, ringOf("a")), {
    get: (...of) => {
      touched += 1;
      return Reflect.get(...of) as unknown;
    },
  });
  expect(await play(ADA, () => "done", servicesFor(undefined, { vault: counted }))).toBe('"done"');
  expect(
    await play(
      ADA,
      (context) => typeof context.storage.get + typeof context.vault.get,
      servicesFor(undefined, { vault: counted }),
    ),
  ).toBe('"functionfunction"');
  expect({ ...costs, objectsCreated: 0 }).toEqual({ ...before, objectsCreated: 0 });
  expect(touched).toBe(0);
});
