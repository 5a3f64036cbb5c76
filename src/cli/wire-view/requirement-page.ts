/** Where an entry of the ledger can be read: in the report of `make spec`, where there is one, else in its source. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceUrl, type SourceOf, type Sources } from "./source-url.ts";

/** The report, from the top of the repository. */
export const REPORT = "dist/spec/index.html";

interface LedgerEntry extends SourceOf {
  readonly id: string;
}

/** The address of the entry `id` of the repository at `root`; undefined where it has none. */
export function requirementUrl(root: string, id: string): string | undefined {
  if (existsSync(join(root, REPORT))) return `/wire/report#${encodeURIComponent(id)}`;
  const folder = join(root, "spec", "requirements");
  // A fork may have no ledger.
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const entry = files
    .flatMap((name) => readJson<LedgerEntry[]>(join(folder, name)))
    .find((one) => one.id === id);
  const { sources, revisions } = readJson<{ sources: Sources; revisions: string[] }>(
    join(root, "spec", "revisions.json"),
  );
  return entry === undefined ? undefined : sourceUrl(sources, revisions, entry);
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
