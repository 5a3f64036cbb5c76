/**
 * Every exchange of spec/ as a test, against the conformance world inside workerd: each revision, each mode, and faults
 * planted in every good answer. The test files share the modes among them, so that they run side by side.
 */

import {
  evictAllDurableObjects,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { unnoticed } from "./faults.ts";
import { exchanges, revisions, templates, world } from "./files.ts";
import { holdsIn, type Mode } from "./format.ts";
import { inventory } from "./inventory.ts";
import { walk, type Host } from "./walk.ts";

const { default: open, guarded } = exports as unknown as { default: Fetcher; guarded: Fetcher };

const host: Host = {
  url: new URL("http://127.0.0.1/mcp"),
  fetch: async (url, init) => await open.fetch(url.href, init),
  evict: async () => await evictAllDurableObjects({ webSockets: "hibernate" }),
  advance,
  elsewhere: "http://localhost",
};

/** The same world behind its sign-in. */
const guardedHost: Host = { ...host, fetch: async (url, init) => await guarded.fetch(url.href, init), callers };

/** Whoever was let in before, with their token and its age. */
const known = new Map<string, { token: string; since: number }>();

/** A person becomes a caller as any other does: by the pages. Anew after a while, because tokens are short-lived. */
async function callers(name: string): Promise<[string, string][]> {
  const before = known.get(name);
  const now = performance.now();
  if (before !== undefined && now - before.since < 300_000) return [["Authorization", `Bearer ${before.token}`]];
  const revision = revisions.at(-1) ?? "";
  const login = { id: "login", about: "how a caller comes in", since: revision, steps: [{ play: "@grant" }] };
  const options = {
    host: guardedHost,
    templates: templates[revision] ?? {},
    revision,
    mode: "plain",
    person: name,
  } as const;
  const { kept, why } = await walk(login, options);
  const token = kept.get("token");
  if (typeof token !== "string") throw new Error(`${name} cannot log in: ${why}`);
  known.set(name, { token, since: now });
  return [["Authorization", `Bearer ${token}`]];
}

const TIMEOUT = { timeout: 60_000 };

afterEach(() => {
  vi.useRealTimers();
});

/** Declares a test for each exchange, revision and mode. */
export function suite(modes: readonly Mode[]): void {
  const all = Object.values(exchanges).flat();
  for (const revision of revisions.filter((one) => all.some((exchange) => holdsIn(one, exchange)))) {
    describe(revision, () => revisionSuite(revision, modes));
  }
}

function revisionSuite(revision: string, modes: readonly Mode[]): void {
  const options = { templates: templates[revision] ?? {}, revision };
  const runs = Object.values(exchanges)
    .flat()
    .filter((exchange) => holdsIn(revision, exchange))
    .flatMap((exchange) => {
      const own = modes.filter((mode) => exchange.modes?.includes(mode) !== false);
      return own.map((mode) => ({ name: `${exchange.id} (${mode})`, exchange, mode }));
    });
  const run = async ({ exchange, mode }: (typeof runs)[number]): Promise<void> => {
    const { verdict, why, seen } = await walk(exchange, {
      ...options,
      host: exchange.world === "guarded" ? guardedHost : host,
      mode,
    });
    expect({ verdict, why }).toEqual({ verdict: "pass", why: undefined });
    const blind = seen.flatMap(({ step, check, view, kept }) =>
      unnoticed(check, view, kept).map((fault) => `step ${step}, ${check.proves?.join()}: green ${fault}`),
    );
    expect(blind).toEqual([]);
  };
  // One at a time: they share the hub, the clock and what is evicted.
  test.for(runs)("$name", { ...TIMEOUT }, run);
}

/** Declares the tests of the world itself: it offers what spec/world.json says. */
export function worldSuite(): void {
  for (const revision of revisions.filter((one) => templates[one] !== undefined)) {
    test(`the world offers in ${revision} what world.json lists`, async () => {
      const offered = await inventory(host, templates[revision] ?? {}, revision);
      const wanted = (["tools", "prompts", "resources", "templates"] as const).flatMap((kind) =>
        Object.entries(world[kind]).flatMap(([name, item]) => (holdsIn(revision, item) ? [`${kind}/${name}`] : [])),
      );
      expect(wanted.filter((name) => !offered.has(name))).toEqual([]);
    });
  }
}

/** Short spells pass for real. Longer ones move the clock and ring the alarms that fall due; timers of running requests stay. */
async function advance(ms: number): Promise<boolean> {
  if (ms <= 1_000) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return true;
  }
  const due = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"], now: due });
  for (const binding of Object.values(env) as unknown[]) {
    if (!isNamespace(binding)) continue;
    for (const id of await listDurableObjectIds(binding)) {
      const stub = binding.get(id);
      const alarm = await runInDurableObject(stub, async (_, state) => await state.storage.getAlarm());
      if (alarm !== null && alarm <= due) await runDurableObjectAlarm(stub);
    }
  }
  return true;
}

function isNamespace(binding: unknown): binding is DurableObjectNamespace {
  // Service bindings answer to every name, so only the constructor tells.
  return binding instanceof Object && binding.constructor.name.endsWith("DurableObjectNamespace");
}
