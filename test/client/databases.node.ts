/**
 * Local databases with their tables, made once before the tests that copy them: to make them takes two wranglers, which is
 * longer than most of these tests. They are made anew when a migration, wrangler.toml or a package changes.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DATABASES } from "../../src/cli/wrangler-config.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SETTINGS = join(root, "wrangler.toml");

/** The folder that holds them, as `--persist-to` takes it. */
export const DATABASES_FOLDER: string = join(
  root,
  "node_modules",
  ".cache",
  `databases-${fingerprint()}`,
);

/** Vitest calls it once for each project that names this file, one after the other. */
export async function setup(): Promise<void> {
  if (existsSync(DATABASES_FOLDER)) return;
  mkdirSync(dirname(DATABASES_FOLDER), { recursive: true });
  // Elsewhere first, so that a run that was stopped leaves nothing half made.
  const scratch = mkdtempSync(`${DATABASES_FOLDER}-`);
  const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" };
  const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
  for (const { binding } of DATABASES) {
    const args = [
      "d1",
      "migrations",
      "apply",
      binding,
      "--local",
      "--persist-to",
      scratch,
      "--config",
      SETTINGS,
    ];
    await promisify(execFile)(process.execPath, [wrangler, ...args], { env });
  }
  renameSync(scratch, DATABASES_FOLDER);
}

function fingerprint(): string {
  const folders = readFileSync(SETTINGS, "utf8").matchAll(/^migrations_dir = "(.*)"$/gm);
  const migrations = [...folders].flatMap(([, folder = ""]) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
  );
  const hash = createHash("sha256");
  for (const file of [SETTINGS, join(root, "package-lock.json"), ...migrations])
    hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}
