// A request that is sent again until its answer is as wanted, in the second runner.
import { afterEach, expect, test } from "vitest";
import { askUntil, serveSlowly, stopAll } from "./audited.node.ts";
import type { Exchange } from "./format.ts";

// Plain JavaScript without types: named by an address, so that nothing infers them.
const { walk } = (await import(new URL("../../spec/runner/walk.mjs", import.meta.url).href)) as {
  walk: (
    exchange: Pick<Exchange, "steps">,
    how: { server: object },
  ) => Promise<{ verdict: string; kept: object }>;
};

afterEach(stopAll);

test.each([
  [true, "pass"],
  ["never", "fail"],
])("until isDone is %s: %s", async (isDone, verdict) => {
  const url = new URL(await serveSlowly());
  const server = { url, revision: "2026-07-28", templates: {}, deadline: Number.POSITIVE_INFINITY };
  const found = await walk(askUntil(isDone), { server });
  expect(found).toMatchObject({ verdict });
  expect(found.kept).not.toHaveProperty("early");
});

test("no longer than the whole audit may take", async () => {
  let asked = 0;
  const url = new URL(await serveSlowly(() => (asked += 1)));
  const server = {
    url,
    revision: "2026-07-28",
    templates: {},
    // The time is up while the second answer is on its way.
    get deadline() {
      return asked < 2 ? Number.POSITIVE_INFINITY : 0;
    },
  };
  const [{ within: _within, ...step } = {}, ...more] = askUntil("never").steps;
  expect(await walk({ steps: [step, ...more] }, { server })).toMatchObject({ verdict: "untested" });
  expect(asked).toBe(2);
});
