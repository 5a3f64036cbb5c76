/**
 * The ledger put together: of each entry the lines of src/ that cite it, the checks that prove it, and where none can, why
 * not and which test stands in. In the order of the texts. `make spec` makes a page of it; spec/status.txt has a line each.
 */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import {
  holdsIn,
  type Exchange,
  type Requirement,
  type Templates,
  type Vectors,
} from "./format.ts";
import { sourceUrl, type Sources } from "../../src/cli/wire-view/source-url.ts";
import { played } from "./walk.ts";

/** A place in a file; lines count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A line of src/ that obeys an entry: the first line of code behind the comment that cites it. */
export interface Citation extends Place {
  readonly code: string;
}

/** A check of an exchange, or a case of a vector. `step`: from 1; undefined of a vector. */
export interface Proof {
  readonly file: string;
  readonly id: string;
  readonly step?: number;
}

export interface EntryStatus extends Requirement {
  readonly url: string;
  /** "shown": a check proves it. "excluded": none can. "open": neither is said. */
  readonly status: "shown" | "excluded" | "open";
  /** The revisions in which it holds. */
  readonly revisions: readonly string[];
  readonly citations: readonly Citation[];
  readonly proofs: readonly Proof[];
  /** Where the test stands that stands in. */
  readonly standIn?: Place;
}

interface RevisionsFile {
  readonly revisions: readonly string[];
  readonly sources: Sources;
}

const { revisions: REVISIONS, sources: SOURCES } = readJson<RevisionsFile>("spec/revisions.json");

/** Every entry of the ledger, file after file. */
export function readStatus(): EntryStatus[] {
  const citations = readCitations();
  const proofs = readProofs();
  return readFolder<Requirement[]>("spec/requirements").flatMap(([, entries]) =>
    entries.map((entry) => toStatus(entry, citations.get(entry.id), proofs.get(entry.id))),
  );
}

function toStatus(
  entry: Requirement,
  citations: readonly Citation[] = [],
  proofs: readonly Proof[] = [],
): EntryStatus {
  const { excluded } = entry;
  const standIn = excluded?.test && findTest(excluded.test.file, excluded.test.name);
  const exclusion = excluded === undefined ? "open" : "excluded";
  return {
    ...entry,
    url: sourceUrl(SOURCES, REVISIONS, entry) ?? "",
    status: proofs.length > 0 ? "shown" : exclusion,
    revisions: REVISIONS.filter((revision) => holdsIn(revision, entry)),
    citations,
    proofs,
    ...(standIn && { standIn }),
  };
}

/** Of each entry, the lines of src/ that cite it. */
function readCitations(): Map<string, Citation[]> {
  const found = new Map<string, Citation[]>();
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  for (const name of files.filter((one) => one.endsWith(".ts")).toSorted()) {
    const file = `src/${name.replaceAll("\\", "/")}`;
    const lines = readText(file).split("\n");
    for (const [index, line] of lines.entries()) {
      const [, ids] = /\/\/ spec: ([a-z][\w.-]*(?:, [a-z][\w.-]*)*)/.exec(line) ?? [];
      if (ids === undefined) continue;
      const below = lines.findIndex((one, at) => at > index && !/^\s*(\/\/|\/?\*|$)/.test(one));
      const at = /^\s*\/\//.test(line) && below > 0 ? below : index;
      const citation = { file, line: at + 1, code: lines[at]?.trim() ?? "" };
      for (const id of ids.split(", ")) append(found, id, citation);
    }
  }
  return found;
}

/** Of each entry, the checks and cases that prove it. */
function readProofs(): Map<string, Proof[]> {
  const found = new Map<string, Proof[]>();
  const templates = Object.fromEntries(readFolder<Templates>("spec/templates"));
  for (const [name, exchanges] of readFolder<Exchange[]>("spec/exchanges"))
    for (const exchange of exchanges) {
      const file = `spec/exchanges/${name}.json`;
      const revision = REVISIONS.find((one) => holdsIn(one, exchange)) ?? "";
      const own = { ...templates["every"], ...templates[revision] };
      for (const [index, step] of played(exchange.steps, own).entries())
        for (const id of new Set(step.expect?.flatMap(({ proves = [] }) => proves)))
          append(found, id, { file, id: exchange.id, step: index + 1 });
    }
  for (const [name, { cases }] of readFolder<Vectors>("spec/vectors"))
    for (const { name: id, proves = [] } of cases)
      for (const proven of new Set(proves))
        append(found, proven, { file: `spec/vectors/${name}.json`, id });
  return found;
}

/** Where a test of that title stands, written as a literal; undefined where there is none. */
function findTest(file: string, title: string): Place | undefined {
  const lines = readText(file).split("\n");
  const quoted = ['"', "'", "`"].map((mark) => `${mark}${title}${mark}`);
  const index = lines.findIndex((line) => quoted.some((text) => line.includes(text)));
  return index < 0 ? undefined : { file, line: index + 1 };
}

/** spec/status.txt: a line for each entry, so that a citation or a proof that is lost is one line of a diff. */
export function statusLines(entries: readonly EntryStatus[]): string[] {
  return entries.map(({ id, level, since, until = "", status, proofs, citations, excluded }) => {
    const files = [...new Set(citations.map(({ file }) => file.replace(/^src\//, "")))];
    const test = excluded?.test === undefined ? "no test" : excluded.test.file;
    const how = status === "shown" ? `shown ${proofs.length}` : `${status}, ${test}`;
    return [id, level, `${since}..${until}`, how, files.join(" ") || "-"].join(" | ");
  });
}

/** How many entries of one level stand how. */
export interface Tally {
  readonly shown: number;
  readonly excluded: number;
  readonly open: number;
}

/** MUST counts MUST NOT, SHOULD counts SHOULD NOT. */
export function tally(entries: readonly EntryStatus[], level: "MUST" | "SHOULD"): Tally {
  const of = (status: EntryStatus["status"]): number =>
    entries.filter((entry) => entry.level.startsWith(level) && entry.status === status).length;
  return { shown: of("shown"), excluded: of("excluded"), open: of("open") };
}

/** "mcp", "rfc:6749": the text that an entry is from, which is more than one page only of MCP. */
export function textOf({ source }: Pick<Requirement, "source">): string {
  const [text = "", page = ""] = source.replace(/#.*$/, "").split(":");
  return text === "mcp" ? "mcp" : `${text}:${page}`;
}

/** "mcp:basic/transports": the page. */
export function pageOf({ source }: Pick<Requirement, "source">): string {
  return source.replace(/#.*$/, "");
}

/** The commit that is checked out, "-dirty" where files differ from it; undefined outside of a repository. */
export function commit(): string | undefined {
  try {
    const args = ["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"];
    return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}

export { REVISIONS };

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The files of a folder by name, without `.json`, in order. */
export function readFolder<T>(folder: string): [name: string, content: T][] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".json"));
  return names
    .toSorted()
    .map((name) => [name.replace(/\.json$/, ""), readJson<T>(`${folder}/${name}`)]);
}

function readJson<T>(path: string): T {
  return JSON.parse(readText(path)) as T;
}

function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
