// What becomes of a fault, for exchanges that see it and exchanges that do not.
import { expect, it } from "vitest";
import type { Exchange } from "./format.ts";
import type { Run } from "./mutant-runs.node.ts";
import { tryRuns, type RunWithFault } from "./mutants.node.ts";

const runOf = (id: string, proves: readonly string[]): Run => ({
  exchange: { id } as Exchange,
  proves,
  revision: "2026-07-28",
  ms: 1,
  executed: new Set(),
});
const answering =
  (verdicts: Readonly<Record<string, "pass" | "fail" | "setup">>): RunWithFault =>
  async ({ exchange, proves }) => {
    const verdict = verdicts[exchange.id] ?? "pass";
    const found = verdict === "setup" ? "untested" : verdict;
    return { verdict, findings: [{ step: 1, proves: [...proves], verdict: found }] };
  };
const search = {
  ids: ["a.one", "a.two"],
  wanted: new Set(["a.one", "a.two"]),
  own: [runOf("first", ["a.one"]), runOf("second", ["a.two"])],
  others: [runOf("third", ["b.one"])],
};

it("a fault is caught where a check of an entry cited there is red, and each such entry is looked for", async () => {
  const found = await tryRuns(answering({ first: "fail", second: "fail" }), search);
  expect(found.outcome).toBe("caught");
  expect(Object.keys(found.caughtBy)).toEqual(["a.one", "a.two"]);
});

it("a set-up that fails, or another check, is elsewhere", async () => {
  expect((await tryRuns(answering({ first: "setup" }), search)).outcome).toBe("elsewhere");
  expect((await tryRuns(answering({ third: "fail" }), search)).outcome).toBe("elsewhere");
});

it("a fault survives exchanges that look at nothing of it", async () => {
  expect(await tryRuns(answering({}), search)).toEqual({ outcome: "survived", caughtBy: {} });
});

it("what fails beside other runs, but not alone, is no catch", async () => {
  let asked = 0;
  const once: RunWithFault = async (run) => {
    if (run.exchange.id !== "third") return await answering({})(run);
    asked += 1;
    return await answering(asked === 1 ? { third: "fail" } : {})(run);
  };
  expect((await tryRuns(once, search)).outcome).toBe("survived");
  expect(asked).toBe(2);
});
