/** Writes files that hold secrets, or that another program may read half. */

import { existsSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Puts `text` into the file at `path`, which only its owner may read then, whoever could read what was there. Of a link it
 * is the file that the link leads to. Renamed into place: who stops in the middle, or reads meanwhile, finds the old file or
 * the new one.
 */
export function replaceFile(path: string, text: string): void {
  const file = existsSync(path) ? realpathSync(path) : path;
  const fresh = `${file}.${process.pid}.new`;
  // The mode is that of a new file alone.
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
  renameSync(fresh, file);
}
