// Every exchange of spec/ against the conformance world inside workerd: each revision, each mode, and faults planted in every good answer.
import {
  evictAllDurableObjects,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { unnoticed } from "./faults.ts";
import { exchanges, revisions, templates, world } from "./files.ts";
import { holdsIn, MODES, type Exchange, type Mode } from "./format.ts";
import { inventory } from "./inventory.ts";
import { walk, type Host } from "./walk.ts";

const worker = (exports as unknown as { default: Fetcher }).default;

const host: Host = {
  url: new URL("http://127.0.0.1/mcp"),
  fetch: async (url, init) => await worker.fetch(url.href, init),
  evict: async () => await evictAllDurableObjects({ webSockets: "hibernate" }),
  advance,
};

afterEach(() => {
  vi.useRealTimers();
});

for (const revision of revisions.filter((one) => templates[one] !== undefined)) {
  const options = { host, templates: templates[revision] ?? {}, revision };

  describe(revision, () => {
    let offered: ReadonlySet<string> = new Set();
    beforeAll(async () => {
      offered = await inventory(host, options.templates, revision);
    });

    test.each(["tools", "prompts", "resources", "templates"] as const)(
      "the world offers the %s of world.json",
      (kind) => {
        const wanted = Object.entries(world[kind]).filter(([, item]) => holdsIn(revision, item));
        expect(wanted.map(([name]) => `${kind}/${name}`).filter((name) => !offered.has(name))).toEqual([]);
      },
    );

    const runs = Object.values(exchanges)
      .flat()
      .filter((exchange) => holdsIn(revision, exchange))
      .flatMap((exchange) =>
        (exchange.modes ?? MODES).map((mode) => ({ name: `${exchange.id} (${mode})`, exchange, mode })),
      );
    const run = async ({ exchange, mode }: (typeof runs)[number]): Promise<void> => {
      const { verdict, why, seen } = await walk(exchange, { ...options, mode });
      expect({ verdict, why }).toEqual({ verdict: "pass", why: undefined });
      const blind = seen.flatMap(({ step, check, view, kept }) =>
        unnoticed(check, view, kept).map((fault) => `step ${step}, ${check.proves?.join()}: green ${fault}`),
      );
      expect(blind).toEqual([]);
    };
    // What only asks and waits may do so side by side; what listens, evicts or moves the clock wants the world for itself.
    test.concurrent.for(runs.filter((one) => !alone(one.exchange, one.mode)))("$name", run);
    test.for(runs.filter((one) => alone(one.exchange, one.mode)))("$name", run);
  });
}

function alone({ steps }: Exchange, mode: Mode): boolean {
  return (
    mode === "evicted" || mode === "all" || steps.some((step) => step.open ?? step.evict ?? step.advance ?? step.play)
  );
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
  return binding instanceof Object && /DurableObjectNamespace$/u.test(binding.constructor.name);
}
