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

const tryIn = (verdicts: Parameters<typeof answering>[0]): ReturnType<typeof tryRuns> =>
  tryRuns(answering(verdicts), answering(verdicts), search);

it("a fault is caught where a check of an entry cited there is red, and each such entry is looked for", async () => {
  const found = await tryIn({ first: "fail", second: "fail" });
  expect(found.outcome).toBe("caught");
  expect(Object.keys(found.caughtBy)).toEqual(["a.one", "a.two"]);
});

it("a set-up that fails, or another check, is elsewhere", async () => {
  expect((await tryIn({ first: "setup" })).outcome).toBe("elsewhere");
  expect((await tryIn({ third: "fail" })).outcome).toBe("elsewhere");
});

it("a fault survives exchanges that look at nothing of it", async () => {
  expect(await tryIn({})).toEqual({ outcome: "survived", caughtBy: {} });
});

it("what fails beside other runs, but not in a world of its own, is no catch", async () => {
  const beside = answering({ first: "fail", third: "fail" });
  expect(await tryRuns(beside, answering({}), search)).toEqual({
    outcome: "survived",
    caughtBy: {},
  });
});
