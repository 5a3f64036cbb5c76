/** Before the first test that needs them: the packages of this folder, which the main install does without. */

import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Vitest calls it once for each project that names this file, one after the other, and for no run without tests. */
export function setup(): void {
  if (changed("node_modules/.package-lock.json") >= changed("package-lock.json")) return;
  const args = ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"];
  execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

function changed(file: string): number {
  return statSync(folder + file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
