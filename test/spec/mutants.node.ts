/**
 * Plants faults into the lines of src/ that cite a shown entry of the ledger, one at a time, and runs exchanges against the
 * server with the fault until one is red: first those that prove an entry cited there, then others that execute the place.
 * An outcome: "caught" when a check that names an entry cited there fails, "elsewhere" when only another check or the set-up
 * fails, "survived" when all is green, "invalid" when no server starts with it.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import { placeOf } from "./evidence.node.ts";
import {
  bundleWith,
  firstLines,
  runOnce,
  StartError,
  worldsOf,
  type Run,
} from "./mutant-runs.node.ts";
import { applyMutation, mutationsAt, type Mutation } from "./mutations.node.ts";
import type { EntryStatus } from "./status.node.ts";
import type { Report } from "./walk.ts";

/** A place in src/ with the shown entries that it cites. */
export interface CitedPlace {
  readonly file: string;
  readonly line: number;
  readonly ids: readonly string[];
  readonly mutations: readonly Mutation[];
}

export type Outcome = "caught" | "elsewhere" | "survived" | "invalid";

export interface PlantedFault {
  readonly file: string;
  readonly line: number;
  readonly ids: readonly string[];
  readonly fault: string;
  readonly outcome: Outcome;
  /** By entry cited there: where its own check failed, of those that were looked for. */
  readonly caughtBy: Readonly<Record<string, string>>;
  /** Of what was caught elsewhere: the first thing that failed. Of what is invalid: why. */
  readonly why?: string;
}

/** Runs an exchange against the server with a fault. */
export type RunWithFault = (run: Run) => Promise<Pick<Report, "verdict" | "why" | "findings">>;

/** The places that entries cite which an exchange proves, with the faults that can be planted there. */
export function citedPlaces(entries: readonly EntryStatus[]): CitedPlace[] {
  const places = new Map<string, { file: string; line: number; ids: string[] }>();
  for (const { id, citations, proofs } of entries) {
    if (!proofs.some(({ file }) => file.startsWith("spec/exchanges/"))) continue;
    for (const { file, line } of citations) {
      const place = places.get(`${file}:${line}`) ?? { file, line, ids: [] };
      places.set(`${file}:${line}`, place);
      if (!place.ids.includes(id)) place.ids.push(id);
    }
  }
  return [...places.values()].map((place) => ({
    ...place,
    mutations: mutationsAt(readFileSync(join(ROOT, place.file), "utf8"), place.line),
  }));
}

/**
 * Plants each fault of a place. `runs` are what passes without a fault, `near` the entries that its file cites. An entry
 * whose own check has failed once is not looked for again: with each fault at least one entry of the place, and each that
 * no fault has turned red so far.
 */
export async function plantAt(
  place: CitedPlace,
  runs: readonly Run[],
  near: readonly string[],
): Promise<PlantedFault[]> {
  const { file, line, ids } = place;
  const source = readFileSync(join(ROOT, file), "utf8");
  const wanted = new Set(ids);
  const own = ordered(runs.filter((one) => provesOne(one, ids)));
  const ownExchanges = new Set(own.map(({ exchange }) => exchange));
  const executing = runs.filter(
    ({ exchange, executed }) => !ownExchanges.has(exchange) && executed.has(placeOf(place)),
  );
  const planted: PlantedFault[] = [];
  for (const mutation of place.mutations) {
    const changed = { file, text: applyMutation(source, mutation) };
    const others = likelyFirst(executing, source.slice(mutation.start, mutation.end), near);
    const found = await startAndTry(changed, (run, runAlone) =>
      tryRuns(run, runAlone, { ids, wanted, own, others }),
    );
    for (const id of Object.keys(found.caughtBy)) wanted.delete(id);
    planted.push({ file, line, ids, fault: mutation.fault, ...found });
  }
  return planted;
}

/** So many runs that merely execute the place are enough: hundreds execute the middle of the server. */
const MOST_OTHERS = 100;

/** Texts and numbers by which an exchange can be known that has to do with some code; 200 stands in nearly all. */
const TELLING = /"[^"\\]{4,}"|\b(?!200\b)\d{3,}\b/g;

/** One run of each exchange: first those with a text of the faulty code in them, then those that prove an entry of `near`. */
function likelyFirst(runs: readonly Run[], code: string, near: readonly string[]): Run[] {
  const texts = [...code.matchAll(TELLING)].map(([text]) => text);
  const rank = (run: Run): number => {
    if (texts.some((text) => JSON.stringify(run.exchange).includes(text))) return 0;
    return provesOne(run, near) ? 1 : 2;
  };
  return ordered(firstOfEach(runs))
    .toSorted((one, other) => rank(one) - rank(other))
    .slice(0, MOST_OTHERS);
}

type Found = Pick<PlantedFault, "outcome" | "caughtBy" | "why">;

async function startAndTry(
  changed: { file: string; text: string },
  attempt: (run: RunWithFault, runAlone: RunWithFault) => Promise<Found>,
): Promise<Found> {
  let bundle: string;
  try {
    bundle = await bundleWith(changed);
  } catch (error) {
    return { outcome: "invalid", caughtBy: {}, why: firstLines(error) };
  }
  const worlds = worldsOf(bundle);
  const runAlone: RunWithFault = async (run) => {
    const own = worldsOf(bundle);
    try {
      return await runOnce(own, run);
    } finally {
      await own.stop();
    }
  };
  try {
    return await attempt((run) => runOnce(worlds, run), runAlone);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { outcome: "invalid", caughtBy: {}, why: error.message };
  } finally {
    await worlds.stop();
  }
}

interface Search {
  /** The entries that the place cites. */
  readonly ids: readonly string[];
  /** Those of them whose own check is looked for whatever else is red. */
  readonly wanted: ReadonlySet<string>;
  /** The runs that prove one of them, and others that execute the place. */
  readonly own: readonly Run[];
  readonly others: readonly Run[];
}

/**
 * Runs until all that is looked for is red, or there are no more runs. What is red beside or behind other runs counts only if
 * it is red in a world of its own as well: `runAlone`.
 */
export async function tryRuns(
  run: RunWithFault,
  runAlone: RunWithFault,
  { ids, wanted, own, others }: Search,
): Promise<Found> {
  const caughtBy: Record<string, string> = {};
  let elsewhere: string | undefined;
  for (const one of own) {
    const isCaught = Object.keys(caughtBy).length > 0;
    const missing = [...wanted].filter((id) => caughtBy[id] === undefined);
    if (isCaught && missing.length === 0) break;
    if (!provesOne(one, isCaught ? missing : ids)) continue;
    if ((await run(one)).verdict === "pass") continue;
    const report = await runAlone(one);
    for (const { verdict, proves, step } of report.findings)
      for (const id of verdict === "fail" ? proves.filter((each) => ids.includes(each)) : [])
        caughtBy[id] ??= `${nameOf(one)}, step ${step}`;
    elsewhere ??= problemOf(one, report);
  }
  if (Object.keys(caughtBy).length > 0) return { outcome: "caught", caughtBy };
  elsewhere ??= await firstProblem(run, runAlone, others);
  return elsewhere === undefined
    ? { outcome: "survived", caughtBy }
    : { outcome: "elsewhere", caughtBy, why: elsewhere };
}

/** So many runs at a time: they wait more than they work. */
const BATCH = 8;

/** The first problem that any of the runs meets. */
async function firstProblem(
  run: RunWithFault,
  runAlone: RunWithFault,
  runs: readonly Run[],
): Promise<string | undefined> {
  for (let at = 0; at < runs.length; at += BATCH) {
    const batch = runs.slice(at, at + BATCH);
    const reports = await Promise.all(batch.map(run));
    for (const one of batch.filter((_, index) => reports[index]?.verdict !== "pass")) {
      const problem = problemOf(one, await runAlone(one));
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function nameOf({ exchange, revision }: Run): string {
  return `${exchange.id} in ${revision}`;
}

function problemOf(
  run: Run,
  { verdict, why = "" }: Awaited<ReturnType<RunWithFault>>,
): string | undefined {
  return verdict === "pass" ? undefined : `${nameOf(run)}: ${verdict}, ${why}`;
}

function provesOne({ proves }: Run, ids: readonly string[]): boolean {
  return proves.some((id) => ids.includes(id));
}

/** Of each exchange the first revision first, and what is quick before what is slow. */
function ordered(runs: readonly Run[]): Run[] {
  const first = new Set(firstOfEach(runs));
  return runs.toSorted(
    (one, other) => Number(first.has(other)) - Number(first.has(one)) || one.ms - other.ms,
  );
}

function firstOfEach(runs: readonly Run[]): Run[] {
  const seen = new Set<string>();
  return runs.filter(({ exchange }) => !seen.has(exchange.id) && seen.add(exchange.id));
}
