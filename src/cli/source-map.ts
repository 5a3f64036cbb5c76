/** Positions in a bundle as positions in the sources: for people who read what a Worker under development says. */

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { basename, dirname, relative, resolve } from "node:path";
import { ROOT } from "./environment.mjs";

/**
 * What turns "worker.js:97:33980" into "src/app/tools/whoami.ts:10:10" wherever a text has it. `bundle`: the path of the
 * bundle; its map lies beside it, and is read when the first position is met.
 */
export function sourceMapper(bundle: string): (text: string) => string {
  const name = basename(bundle).replaceAll(".", "\\.");
  // V8 writes whole URLs, workerd only the name.
  const position = new RegExp(`(?:file://)?[^\\s("']*\\b${name}:(\\d+):(\\d+)`, "g");
  let map: SourceMap | undefined;
  return (text) =>
    text.replaceAll(position, (whole: string, line: string, column: string) => {
      map ??= readMap(`${bundle}.map`);
      const found = map?.findEntry(Number(line) - 1, Number(column) - 1);
      if (found === undefined || !("originalSource" in found)) return whole;
      const path = relative(ROOT, resolve(dirname(bundle), found.originalSource));
      return `${path}:${found.originalLine + 1}:${found.originalColumn + 1}`;
    });
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload);
  } catch {
    // A bundle without a map is read as it is.
    return undefined;
  }
}
