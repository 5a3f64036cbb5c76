/** Makes the tables of the databases that wrangler.toml names, on this machine or on a Cloudflare account. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./environment.mjs";
import { runProgram } from "./process.ts";
import { replaceFile } from "./replace-file.ts";
import { DATABASES, HAS_DATABASE_IDS } from "./wrangler-config.ts";

/**
 * Makes the tables of every database where they are missing. `flags` go to wrangler: "--local", or "--remote" for those
 * on the account.
 * @throws when wrangler fails, or when wrangler.toml names no databases of an account.
 */
export async function migrate(...flags: readonly string[]): Promise<void> {
  if (flags.includes("--remote") && !HAS_DATABASE_IDS)
    throw new Error(
      'wrangler.toml does not name your databases yet: README, "Deploy", says how to make them',
    );
  // One after the other: both write the same local state.
  for (const { binding } of DATABASES) {
    const args = ["d1", "migrations", "apply", binding, ...flags];
    const { code, output } = await runProgram("wrangler", args, { isQuiet: true });
    if (code !== 0) throw new Error(`The tables of ${binding} could not be made:\n${output}`);
  }
}

/**
 * Makes the tables on this machine, in the state that wrangler keeps in the folder `state`; calls `onBegin` first. It takes
 * seconds, so nothing is done when the same migrations of the same databases were applied to what still lies there.
 * @throws when wrangler fails.
 */
export async function migrateLocal(state: string, onBegin: () => void): Promise<void> {
  if (DATABASES.length === 0 || isMigrated(state)) return;
  onBegin();
  await migrate("--local", "--persist-to", state);
  const folder = databaseFolder(state);
  mkdirSync(folder, { recursive: true });
  const stamp: Stamp = { migrations: hashMigrations(), files: databaseFiles(folder) };
  replaceFile(join(folder, STAMP), JSON.stringify(stamp));
}

/** What was applied, and to which files. */
interface Stamp {
  readonly migrations: string;
  readonly files: readonly string[];
}

/** Lies with the databases, so that it goes when they go. */
const STAMP = "migrated.json";

/** Whether the tables that are wanted now were made in the state that lies in the folder `state`. */
export function isMigrated(state: string): boolean {
  const folder = databaseFolder(state);
  const stamp = readStamp(join(folder, STAMP));
  if (stamp === undefined) return false;
  const files = databaseFiles(folder);
  return stamp.migrations === hashMigrations() && stamp.files.every((file) => files.includes(file));
}

/** Undefined where there is none, or half a file: the tables are then made again, which changes none that is there. */
function readStamp(path: string): Stamp | undefined {
  try {
    const { migrations, files } = JSON.parse(readFileSync(path, "utf8")) as Stamp;
    return Array.isArray(files) ? { migrations, files } : undefined;
  } catch {
    return undefined;
  }
}

function databaseFolder(state: string): string {
  return join(state, "v3", "d1");
}

function databaseFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".sqlite"),
  );
}

/** Of the databases as they are configured, and of each file in their folders of migrations. */
function hashMigrations(): string {
  const hash = createHash("sha256");
  for (const { section, migrations } of DATABASES) {
    const folder = join(ROOT, migrations);
    const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
    hash.update(
      JSON.stringify([
        section,
        files,
        files.map((file) => readFileSync(join(folder, file), "utf8")),
      ]),
    );
  }
  return hash.digest("hex");
}
