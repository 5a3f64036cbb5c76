/** Watches one file, however an editor writes it. */

import { readFileSync, watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

/**
 * Calls `onChange` whenever the text of the file at `path` is another. Editors replace files, so its folder is watched.
 * wrangler watches its configuration too, unless it is told not to, and misses a save that follows on another.
 */
export function watchFile(path: string, onChange: () => void): FSWatcher {
  let last = readText(path);
  return watch(dirname(path), (_, name) => {
    if (name !== basename(path)) return;
    const text = readText(path);
    if (text === last || text === "") return;
    last = text;
    onChange();
  });
}

/** Empty while there is no file. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
