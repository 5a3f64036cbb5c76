/** Watches one file, however an editor writes it. */

import { readFileSync, watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

/**
 * Calls `onChange` whenever the text of the file at `path` is another, and when the file is back that was gone. Editors
 * replace files, so its folder is watched, and a file that is gone is no change: it may be so for a moment only.
 * wrangler watches its configuration too, unless it is told not to, and misses a save that follows on another.
 */
export function watchFile(path: string, onChange: () => void): FSWatcher {
  let last = readFileIfAny(path);
  return watch(dirname(path), (_, name) => {
    if (name !== basename(path)) return;
    const text = readFileIfAny(path);
    if (text === last) return;
    last = text;
    if (text !== "") onChange();
  });
}

/** The text of a file; empty while there is none, or none that can be read. */
export function readFileIfAny(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
