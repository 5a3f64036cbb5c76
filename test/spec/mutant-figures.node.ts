/**
 * The figures of `make mutants`, and what is wrong with them: a fault that survives without a reason in survivors.json, and a
 * reason that no longer holds.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import type { ServedFaults } from "./mutant-runs.node.ts";
import type { CitedPlace, Outcome, PlantedFault } from "./mutants.node.ts";

/** Where a fault is planted, in words that stay the same while other lines change. `cites`: the first entry cited there. */
export interface FaultName {
  readonly file: string;
  readonly cites: string;
  readonly fault: string;
}

/** Why these faults survive. */
export interface Reason {
  readonly reason: string;
  readonly faults: readonly FaultName[];
}

/** The reasons that are committed. */
export function readReasons(): Reason[] {
  return JSON.parse(readFileSync(join(ROOT, "test/spec/survivors.json"), "utf8")) as Reason[];
}

/** What the reasons name and cannot be planted. */
export function staleReasons(reasons: readonly Reason[], places: readonly CitedPlace[]): string[] {
  const names = new Set(
    places.flatMap(({ file, ids: [cites = ""], mutations }) =>
      mutations.map(({ fault }) => keyOf({ file, cites, fault })),
    ),
  );
  return reasons.flatMap(({ faults }) => faults.map(keyOf).filter((key) => !names.has(key)));
}

function keyOf({ file, cites, fault }: FaultName): string {
  return `${file} (${cites}): ${fault}`;
}

export interface Figures {
  readonly planted: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Entries at whose lines a fault was planted, and how many of them saw their own check red. */
  readonly entries: number;
  readonly ownRed: number;
  /** Entries with a fault in the answers that prove them, how many such faults, and how many no check noticed. */
  readonly answers: {
    readonly entries: number;
    readonly planted: number;
    readonly unnoticed: number;
  };
}

export interface Judgement {
  readonly figures: Figures;
  /** Survivors that no reason explains. */
  readonly unexplained: readonly string[];
  /** Entries whose own check no fault turned red: what they cite makes something else fail first, or is not all of it. */
  readonly neverRed: readonly string[];
  /** Reasons for what was caught. */
  readonly refuted: readonly string[];
}

/** Counts what was planted, and holds it against the reasons. */
export function judgeFaults(
  faults: readonly PlantedFault[],
  served: Readonly<Record<string, ServedFaults>>,
  reasons: readonly Reason[],
): Judgement {
  const count = (outcome: Outcome): number =>
    faults.filter((fault) => fault.outcome === outcome).length;
  const ids = new Set(faults.flatMap((fault) => fault.ids));
  const red = new Set(faults.flatMap(({ caughtBy }) => Object.keys(caughtBy)));
  const explained = new Set(reasons.flatMap((one) => one.faults).map(keyOf));
  const nameOf = ({ file, ids: [cites = ""], fault }: PlantedFault): string =>
    keyOf({ file, cites, fault });
  const survivors = faults.filter(({ outcome }) => outcome === "survived").map(nameOf);
  const others = faults.filter(({ outcome }) => outcome !== "survived").map(nameOf);
  const answers = Object.values(served);
  return {
    figures: {
      planted: faults.length,
      outcomes: {
        caught: count("caught"),
        elsewhere: count("elsewhere"),
        survived: survivors.length,
        invalid: count("invalid"),
      },
      entries: ids.size,
      ownRed: red.size,
      answers: {
        entries: answers.length,
        planted: answers.reduce((sum, one) => sum + one.planted, 0),
        unnoticed: answers.reduce((sum, one) => sum + one.unnoticed, 0),
      },
    },
    unexplained: survivors.filter((name) => !explained.has(name)),
    neverRed: [...ids].filter((id) => !red.has(id)),
    refuted: others.filter((name) => explained.has(name)),
  };
}

/** The figures and what is wrong, for people. */
export function judgementLines({ figures, ...wrong }: Judgement): string[] {
  const { planted, outcomes, entries, ownRed, answers } = figures;
  const explained = outcomes.survived - wrong.unexplained.length;
  const list = (about: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${names.length} ${about}`, ...names.map((name) => `  ${name}`)];
  return [
    "",
    `${planted} faults planted in lines of src/ that cite an entry`,
    `  ${outcomes.caught} caught by a check of an entry cited there`,
    `  ${outcomes.elsewhere} caught elsewhere: by another check, or because the set-up fails`,
    `  ${outcomes.survived} survived, ${explained} of them with a reason in test/spec/survivors.json`,
    `  ${outcomes.invalid} invalid: no server starts with it`,
    `${entries} entries cited there: of ${ownRed} a fault turns their own check red`,
    `${answers.planted} things taken out of the good answers that prove ${answers.entries} entries: ${answers.unnoticed} not noticed`,
    ...list("entries whose own check no fault turned red:", wrong.neverRed),
    ...list("survive without a reason:", wrong.unexplained),
    ...list("reasons for what is caught: take them out of test/spec/survivors.json", wrong.refuted),
  ];
}
