// Which tables of this machine are made, and when nothing is done.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type * as databasesHere from "../../src/cli/databases.ts";

type Databases = typeof databasesHere;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The program in a folder whose wrangler.toml is what `change` makes of this one, without migrations. */
async function copyProgram(
  change: (config: string) => string,
): Promise<{ readonly databases: Databases; readonly state: string }> {
  const folder = mkdtempSync(join(tmpdir(), "barewire-databases-"));
  folders.push(folder);
  for (const part of ["src/cli", "tsconfig.json"])
    cpSync(part, join(folder, part), { recursive: true });
  writeFileSync(join(folder, "wrangler.toml"), change(readFileSync("wrangler.toml", "utf8")));
  const databases = (await import(join(folder, "src/cli/databases.ts"))) as Databases;
  return { databases, state: join(folder, "state") };
}

it("says nothing of tables where wrangler.toml has no database", async () => {
  const { databases, state } = await copyProgram((config) =>
    config.replaceAll(/^\[\[d1_databases\]\]$[^[]*/gm, ""),
  );
  let begun = 0;
  await databases.migrateLocal(state, () => (begun += 1));
  expect(begun).toBe(0);
});

it.each(['{"migrations":"', "", "null", "[]", '{"migrations":"a"}'])(
  "takes tables for not made where what says so is %j",
  async (text) => {
    const { databases, state } = await copyProgram((config) => config);
    mkdirSync(join(state, "v3/d1"), { recursive: true });
    writeFileSync(join(state, "v3/d1/migrated.json"), text);
    expect(databases.isMigrated(state)).toBe(false);
  },
);
