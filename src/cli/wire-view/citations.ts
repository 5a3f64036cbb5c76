/** Which lines of the source obey which entries of the ledger, as its comments say it. */

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The entries that a line cites. Lines count from 1. */
export interface CitedLine {
  readonly file: string;
  readonly line: number;
  /** The first line of code behind the comment, or the one with the comment at its end. */
  readonly code: string;
  readonly ids: readonly string[];
}

/** The cited lines of the Worker's sources, the TypeScript files under src/ of the repository at `root`, file after file. */
export function readCitedLines(root: string): CitedLine[] {
  const files = globSync("src/**/*.ts", { cwd: root }).map((file) => file.replaceAll("\\", "/"));
  return files
    .filter((file) => !file.startsWith("src/cli/"))
    .toSorted()
    .flatMap((file) => citedLinesOf(file, readFileSync(join(root, file), "utf8")));
}

function citedLinesOf(file: string, text: string): CitedLine[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const [, ids] = /\/\/ spec: ([a-z][\w.-]*(?:, [a-z][\w.-]*)*)/.exec(line) ?? [];
    if (ids === undefined) return [];
    const below = lines.findIndex((one, at) => at > index && !/^\s*(\/\/|\/?\*|$)/.test(one));
    const at = /^\s*\/\//.test(line) && below > 0 ? below : index;
    return [{ file, line: at + 1, code: lines[at]?.trim() ?? "", ids: ids.split(", ") }];
  });
}
