// The reasons that are committed, the figures of make mutants, and what the report shows of them.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, it } from "vitest";
import {
  judgeFaults,
  judgementLines,
  readReasons,
  staleReasons,
  type FaultName,
} from "./mutant-figures.node.ts";
import { citedPlaces, type Outcome, type PlantedFault } from "./mutants.node.ts";
import { faultList, faultSentence } from "./report-faults.node.ts";
import { readStatus } from "./status.node.ts";

const places = citedPlaces(readStatus());

it("nearly every line that cites a shown entry can be given a fault: only types cannot", () => {
  const without = places.filter(({ mutations }) => mutations.length === 0);
  expect(places.length).toBeGreaterThan(200);
  expect(without.length).toBeLessThan(places.length / 20);
});

it("each reason in survivors.json has its shape", () => {
  const schema = JSON.parse(
    readFileSync(new URL("survivors.schema.json", import.meta.url), "utf8"),
  ) as object;
  const ajv = new Ajv2020({ strict: false });
  ajv.validate(schema, readReasons());
  expect(ajv.errors ?? []).toEqual([]);
  expect(ajv.validate(schema, [{ reason: "Of nothing at all." }])).toBe(false);
});

it("a reason for a fault that cannot be planted is stale", () => {
  const faults = places
    .slice(0, 1)
    .flatMap(({ file, ids: [cites = ""], mutations }) =>
      mutations.slice(0, 1).map(({ fault }) => ({ file, cites, fault })),
    );
  const reason = "For a test.";
  expect(staleReasons([{ reason, faults }], places)).toEqual([]);
  expect(
    staleReasons([{ reason, faults: faults.map((one) => ({ ...one, fault: "gone" })) }], places),
  ).toHaveLength(1);
});

const planted = (
  fault: string,
  outcome: Outcome,
  caughtBy: Record<string, string> = {},
): PlantedFault => ({
  file: "src/a.ts",
  line: 1,
  ids: ["a.one", "a.two"],
  fault,
  outcome,
  caughtBy,
});
const faults = [
  planted("one", "caught", { "a.one": "first, step 1" }),
  planted("two", "survived"),
  planted("three", "elsewhere"),
  planted("four", "invalid"),
];
const named = (fault: string): FaultName => ({ file: "src/a.ts", cites: "a.one", fault });

it("what survives needs a reason, and an entry that no fault turns red is named", () => {
  const bare = judgeFaults(faults, {}, []);
  expect(bare.figures.outcomes).toEqual({ caught: 1, elsewhere: 1, survived: 1, invalid: 1 });
  expect(bare.unexplained).toEqual(["src/a.ts (a.one): two"]);
  expect(bare.neverRed).toEqual(["a.two"]);
  expect(judgementLines(bare).join("\n")).toContain("1 survive without a reason:");
  const reasons = [{ reason: "For a test.", faults: [named("two")] }];
  expect(judgeFaults(faults, {}, reasons)).toMatchObject({ unexplained: [], refuted: [] });
});

it("a reason for what is caught is refuted", () => {
  const reasons = [{ reason: "For a test.", faults: [named("one"), named("three")] }];
  expect(judgeFaults(faults, {}, reasons).refuted).toEqual([
    "src/a.ts (a.one): one",
    "src/a.ts (a.one): three",
  ]);
});

it("the report has the faults of each entry, and nothing where none was planted", () => {
  const { figures } = judgeFaults(faults, {}, []);
  const served = { "a.two": { planted: 3, unnoticed: 0 } };
  const report = { commit: "<b>", figures, faults: [planted("a < b", "survived")], served };
  expect(faultList("a.two", report)).toContain("survived: src/a.ts:1 <code>a &lt; b</code>");
  expect(faultList("a.two", report)).toContain("3 things taken out");
  expect(faultList("b.one", report)).toBe("");
  expect(faultSentence(report)).toContain("commit &lt;b&gt;: 4 in lines");
  expect(faultSentence(undefined)).toBe("");
});
