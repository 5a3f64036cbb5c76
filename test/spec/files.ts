/**
 * The files of spec/, bundled by the test runner, so that workerd can read them too.
 * Taken as text and parsed here: as modules, a `__proto__` member or a line separator in them would not survive.
 */

import type { Sources } from "../../src/cli/wire-view/source-url.ts";
import type { Exchange, JsonObject, Requirement, Templates, Vectors, World } from "./format.ts";

type Raw = { query: "?raw"; eager: true; import: "default" };
type Texts = { [path: string]: string };
type Revisions = {
  revisions: string[];
  sources: Sources;
};

declare global {
  interface ImportMeta {
    glob: (pattern: string, options: Raw) => Texts;
  }
}

const top = import.meta.glob("../../spec/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});
const ledger = import.meta.glob("../../spec/requirements/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});
const walks = import.meta.glob("../../spec/exchanges/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});
const tables = import.meta.glob("../../spec/vectors/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});
const shapes = import.meta.glob("../../spec/schema/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});
const requests = import.meta.glob("../../spec/templates/*.json", {
  query: "?raw",
  eager: true,
  import: "default",
});

/** By file name, without folder and `.json`. */
export const requirements: { [file: string]: Requirement[] } = parsed(ledger);
export const exchanges: { [file: string]: Exchange[] } = parsed(walks);
export const vectors: { [file: string]: Vectors } = parsed(tables);
export const schemas: { [file: string]: JsonObject } = parsed(shapes);
/** By revision: its own, and those of every revision. */
export const templates: { [revision: string]: Templates } = withEvery(parsed(requests));

const { revisions: revisionsFile, world: worldFile } = parsed<unknown>(top) as {
  revisions: Revisions;
  world: World;
};
export const revisions: readonly string[] = revisionsFile.revisions;
export const sources: Revisions["sources"] = revisionsFile.sources;
export const world: World = worldFile;

function parsed<T>(texts: Texts): { [file: string]: T } {
  const named = Object.entries(texts).map(
    ([path, text]) => [fileName(path), JSON.parse(text) as T] as const,
  );
  return Object.fromEntries(named);
}

function withEvery({ every = {}, ...byRevision }: { [file: string]: Templates }): {
  [revision: string]: Templates;
} {
  return Object.fromEntries(
    Object.entries(byRevision).map(([revision, own]) => [revision, { ...every, ...own }]),
  );
}

/** The part of a path after the last slash, without `.json`. */
function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.json$/u, "");
}
