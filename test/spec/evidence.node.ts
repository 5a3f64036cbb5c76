/** Runs every exchange by itself against the conformance world in workerd, and looks which lines of src/ it executes. */

import { serveChanged, type TestServer } from "../client/servers.node.ts";
import { callersOf } from "./callers.ts";
import { bundleMapped, startCoverage, type Coverage, type MappedBundle } from "./coverage.node.ts";
import { holdsIn, type Exchange, type Templates } from "./format.ts";
import { readFolder, readStatus, REVISIONS, type Place } from "./status.node.ts";
import { walk, type Host } from "./walk.ts";

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

const EXCHANGES = readFolder<Exchange[]>("spec/exchanges").flatMap(([, exchanges]) => exchanges);
const TEMPLATES: Readonly<Record<string, Templates>> = Object.fromEntries(
  readFolder<Templates>("spec/templates"),
);

/** The Durable Objects of the conformance world. */
const CLASSES = ["Hub", "Session", "Grant", "Account", "Store"];

interface World {
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
  const bundle = await bundleMapped("test/world/worker.ts", CLASSES);
  const places = new Map(
    readStatus().flatMap(({ citations }) =>
      citations.map((citation) => [placeOf(citation), citation.code] as const),
    ),
  );
  const known = new Set<string>();
  const executedBy: Executed = new Map();
  let runs = 0;
  for (const exchange of EXCHANGES) {
    if (words.length > 0 && !words.some((word) => exchange.id.includes(word))) continue;
    // A world of its own: what is made once and kept would be seen with the first exchange alone.
    const world = await startWorld(bundle, exchange.world === "guarded" ? "" : "none", places);
    try {
      for (const place of world.coverage.known) known.add(place);
      for (const revision of REVISIONS.filter((one) => holdsIn(one, exchange))) {
        runs += 1;
        const problem = await run(exchange, revision, world.server);
        if (problem !== undefined) report(`  ${exchange.id} in ${revision}: ${problem}`);
        const executed = await world.coverage.take();
        if (problem !== undefined) continue;
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

async function startWorld(
  bundle: MappedBundle,
  auth: string,
  places: ReadonlyMap<string, string>,
): Promise<World> {
  const changes = { bundle: bundle.code, inspector: true };
  const server = await serveChanged("test/world/worker.ts", { AUTH: auth }, changes);
  const [, port] = /"event":"listen-inspector","port":(\d+)/.exec(server.log()) ?? [];
  const coverage = await startCoverage(Number(port), bundle, places);
  await (await fetch(new URL("/", server.url))).text();
  return { server, coverage, atStart: await coverage.take() };
}

function placeOf({ file, line }: Place): string {
  return `${file}:${line}`;
}

/** The places that each exchange executes, in any revision. */
type Executed = Map<string, ReadonlySet<string>>;

/** Runs an exchange. Gives why it did not pass. */
async function run(
  exchange: Exchange,
  revision: string,
  server: TestServer,
): Promise<string | undefined> {
  const templates = readTemplates(revision);
  const { modes = ["plain"] } = exchange;
  const { verdict, why = "" } = await walk(exchange, {
    host: hostOf(server, revision, templates),
    templates,
    revision,
    mode: modes.includes("plain") ? "plain" : (modes[0] ?? "plain"),
  });
  return verdict === "pass" ? undefined : `${verdict}: ${why}`;
}

function hostOf({ url }: TestServer, revision: string, templates: Templates): Host {
  const host: Host = { url, fetch, elsewhere: `http://localhost:${url.port}` };
  const newest = REVISIONS.at(-1) ?? revision;
  const newestTemplates = revision === newest ? templates : readTemplates(newest);
  host.callers = callersOf(host, newest, newestTemplates, new Map());
  return host;
}

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

function readTemplates(revision: string): Templates {
  return { ...TEMPLATES["every"], ...TEMPLATES[revision] };
}
