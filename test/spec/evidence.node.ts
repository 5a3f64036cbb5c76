/** Runs every exchange by itself against the conformance world in workerd, and looks which lines of src/ it executes. */

import { serveChanged, type TestServer } from "../client/servers.node.ts";
import { bundleMapped, startCoverage, type Coverage, type MappedBundle } from "./coverage.node.ts";
import { authOf, EXCHANGES, runExchange } from "./exchange-run.node.ts";
import { holdsIn } from "./format.ts";
import { readStatus, REVISIONS, type Place } from "./status.node.ts";

export interface Evidence {
  /** How often an exchange was run: once in each revision. */
  readonly runs: number;
  /** Entries that are shown and that lines cite at which a breakpoint can be set. */
  readonly entries: number;
  /** Entries of which no proof executes a cited line. */
  readonly neverExecuted: readonly { readonly id: string; readonly cited: readonly string[] }[];
  /** Proofs that execute no cited line of their entry, where another does. */
  readonly passedBy: readonly { readonly id: string; readonly exchange: string }[];
}

const ENTRY = "test/world/clocked-worker.ts";

/** The Durable Objects of the conformance world. */
export const CLASSES: readonly string[] = [
  "Hub",
  "Session",
  "Grant",
  "Account",
  "Store",
  "Task",
  "RunningTasks",
];

/** A conformance world that is watched. */
export interface WatchedWorld {
  readonly server: TestServer;
  readonly coverage: Coverage;
  /** What is executed once: with whatever comes first, for all that come after it. */
  readonly atStart: ReadonlySet<string>;
}

/** Runs the exchanges whose id holds one of `words`, or all. `report` is told what could not be run. */
export async function collectEvidence(
  words: readonly string[],
  report: (text: string) => void,
): Promise<Evidence> {
  const bundle = await bundleMapped(ENTRY, CLASSES);
  const places = citedLines();
  const known = new Set<string>();
  const executedBy: Executed = new Map();
  let runs = 0;
  for (const exchange of EXCHANGES) {
    if (words.length > 0 && !words.some((word) => exchange.id.includes(word))) continue;
    // A world of its own: what is made once and kept would be seen with the first exchange alone.
    const world = await startWorld(bundle, authOf(exchange), places);
    try {
      for (const place of world.coverage.known) known.add(place);
      for (const revision of REVISIONS.filter((one) => holdsIn(one, exchange))) {
        runs += 1;
        const { verdict, why = "" } = await runExchange(exchange, revision, world.server);
        if (verdict !== "pass") report(`  ${exchange.id} in ${revision}: ${verdict}: ${why}`);
        const executed = await world.coverage.take();
        if (verdict !== "pass") continue;
        const before = executedBy.get(exchange.id) ?? world.atStart;
        executedBy.set(exchange.id, new Set([...before, ...executed]));
      }
    } finally {
      world.coverage.close();
      await world.server.stop();
    }
  }
  return { runs, ...judge(executedBy, known) };
}

/** Starts the world of a bundle. `places`: such as "src/a.ts:12", with the text of the line. */
export async function startWorld(
  bundle: MappedBundle,
  auth: string,
  places: ReadonlyMap<string, string>,
): Promise<WatchedWorld> {
  const changes = { bundle: bundle.code, inspector: true };
  const server = await serveChanged(ENTRY, { AUTH: auth }, changes);
  const [, port] = /"event":"listen-inspector","port":(\d+)/.exec(server.log()) ?? [];
  const coverage = await startCoverage(Number(port), bundle, places);
  await (await fetch(new URL("/", server.url))).text();
  return { server, coverage, atStart: await coverage.take() };
}

/** Every line that cites an entry, such as "src/a.ts:12", with its text. */
export function citedLines(): ReadonlyMap<string, string> {
  return new Map(
    readStatus().flatMap(({ citations }) =>
      citations.map((citation) => [placeOf(citation), citation.code] as const),
    ),
  );
}

/** The name of a place. */
export function placeOf({ file, line }: Place): string {
  return `${file}:${line}`;
}

/** The places that each exchange executes, in any revision. */
type Executed = Map<string, ReadonlySet<string>>;

/** What was executed, held against what is cited. */
function judge(executedBy: Executed, known: ReadonlySet<string>): Omit<Evidence, "runs"> {
  const neverExecuted: { id: string; cited: string[] }[] = [];
  const passedBy: { id: string; exchange: string }[] = [];
  let entries = 0;
  for (const { id, citations, proofs } of readStatus()) {
    const cited = citations.map(placeOf).filter((place) => known.has(place));
    const ran = [...new Set(proofs.map((proof) => proof.id))].filter((one) => executedBy.has(one));
    if (cited.length === 0 || ran.length === 0) continue;
    entries += 1;
    const passing = ran.filter((one) => !cited.some((place) => executedBy.get(one)?.has(place)));
    if (passing.length === ran.length) neverExecuted.push({ id, cited });
    else passedBy.push(...passing.map((exchange) => ({ id, exchange })));
  }
  return { entries, neverExecuted, passedBy };
}
