/**
 * Every exchange of spec/ as a test, against the conformance world inside workerd: each revision, each mode, and faults
 * planted in every good answer. Each mode has a test file of its own, so that they run side by side.
 */

import {
  evictAllDurableObjects,
  listDurableObjectIds,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { callersOf } from "./callers.ts";
import { underWay } from "../world/counting.ts";
import { emptyStorage, namespaces } from "../world/empty-storage.ts";
import { unnoticed } from "./faults.ts";
import { exchanges, revisions, templates, world } from "./files.ts";
import { holdsIn, type Mode } from "./format.ts";
import { inventory } from "./inventory.ts";
import { needsOf, played, walk, type Host } from "./walk.ts";

const { default: open, guarded } = exports as unknown as { default: Fetcher; guarded: Fetcher };

const host: Host = {
  url: new URL("http://127.0.0.1/mcp"),
  fetch: async (url, init) => await open.fetch(url.href, init),
  evict: async () => await evictAllDurableObjects({ webSockets: "hibernate" }),
  advance,
  elsewhere: "http://localhost",
};

/** The token of whoever was let in before, in this exchange. */
const known = new Map<string, string>();
const newest = revisions.at(-1) ?? "";

/** The same world behind its sign-in. */
const guardedHost: Host = {
  ...host,
  fetch: async (url, init) => await guarded.fetch(url.href, init),
};
guardedHost.callers = callersOf(guardedHost, newest, templates[newest] ?? {}, known);

/** Milliseconds in which the platform unloads no object, with a margin. */
const SHORT_MS = 5_000;
let startedAt = 0;

const TIMEOUT = { timeout: 60_000 };

/** Declares a test for each exchange and revision, in one mode. */
export function suite(mode: Mode): void {
  startEachAnew();
  const all = Object.values(exchanges).flat();
  for (const revision of revisions.filter((one) =>
    all.some((exchange) => holdsIn(one, exchange)),
  )) {
    describe(revision, () => revisionSuite(revision, mode));
  }
}

function revisionSuite(revision: string, mode: Mode): void {
  const options = { templates: templates[revision] ?? {}, revision, mode };
  const runs = Object.values(exchanges)
    .flat()
    .filter((exchange) => holdsIn(revision, exchange) && exchange.modes?.includes(mode) !== false)
    .map((exchange) => ({ name: `${exchange.id} (${mode})`, exchange }));
  const run = async ({ exchange }: (typeof runs)[number]): Promise<void> => {
    if (played(exchange.steps, options.templates).some((step) => step.advance !== undefined))
      await noteObjects();
    const { verdict, why, seen } = await walk(exchange, {
      ...options,
      host: exchange.world === "guarded" ? guardedHost : host,
    });
    expect({ verdict, why }).toEqual({ verdict: "pass", why: undefined });
    const blind = seen.flatMap(({ step, check, view, kept }) =>
      unnoticed(check, view, kept).map(
        (fault) => `step ${step}, ${check.proves?.join()}: green ${fault}`,
      ),
    );
    expect(blind).toEqual([]);
  };
  // One at a time: they share the hub, the clock and what is evicted.
  test.for(runs)("$name", { ...TIMEOUT }, run);
}

/** Declares the tests of the world itself, beside a {@link suite}: it offers what spec/world.json says. */
export function worldSuite(): void {
  for (const revision of revisions.filter((one) => templates[one] !== undefined)) {
    test(`the world offers in ${revision} what world.json lists, and declares what exchanges need`, async () => {
      const offered = await inventory(host, templates[revision] ?? {}, revision);
      const wanted = (["tools", "prompts", "resources", "templates"] as const).flatMap((kind) =>
        Object.entries(world[kind]).flatMap(([name, item]) =>
          holdsIn(revision, item) ? [`${kind}/${name}`] : [],
        ),
      );
      const needed = Object.values(exchanges)
        .flat()
        .filter((exchange) => holdsIn(revision, exchange))
        .flatMap((exchange) => needsOf(exchange, templates[revision] ?? {}))
        .filter((need) => !/^(?:clients|choices)\//u.test(need));
      expect([...wanted, ...needed].filter((name) => !offered.has(name))).toEqual([]);
    });
  }
}

/**
 * Each exchange finds an empty world, the clock as it is, and nobody let in. What earlier ones left behind would be
 * evicted, woken and announced to by the later ones, which makes the run five times as long.
 * To be called in each test file: files of one worker share this module, which is evaluated in the first of them alone.
 */
function startEachAnew(): void {
  beforeEach(() => {
    startedAt = Date.now();
  });
  afterEach(async () => {
    vi.useRealTimers();
    known.clear();
    await Promise.all(underWay);
    // To load everything that may have been unloaded takes time.
    await (Date.now() - startedAt < SHORT_MS ? reset() : emptyStorage());
  });
}

/** The objects of earlier exchanges, by namespace: they are empty, and never forgotten. There are thousands. */
const left = new Map<DurableObjectNamespace, ReadonlySet<string>>();

/** A namespace of at most so many objects holds named ones, such as the hub's, which exchanges use again. */
const SHARED = 16;

/** Notes what there is before an exchange that lets time pass. */
async function noteObjects(): Promise<void> {
  left.clear();
  for (const [, namespace] of namespaces()) {
    const ids = await listDurableObjectIds(namespace);
    if (ids.length > SHARED) left.set(namespace, new Set(ids.map(String)));
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
  for (const [, namespace] of namespaces()) {
    const ids = await listDurableObjectIds(namespace);
    for (const id of ids.filter((one) => left.get(namespace)?.has(String(one)) !== true)) {
      const stub = namespace.get(id);
      const alarm = await runInDurableObject(
        stub,
        async (_, state) => await state.storage.getAlarm(),
      );
      if (alarm !== null && alarm <= due) await runDurableObjectAlarm(stub);
    }
  }
  return true;
}
