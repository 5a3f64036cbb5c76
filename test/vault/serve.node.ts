/** `wrangler dev` in a folder of its own, for tests of the vault on a real database, and that database. */

import { spawn } from "node:child_process";
import { cpSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { DATABASES_FOLDER } from "../client/databases.node.ts";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
const WRANGLER = `${ROOT}node_modules/wrangler/bin/wrangler.js`;
const ENV = {
  ...process.env,
  CI: "1",
  NO_COLOR: "1",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

export interface DevServer {
  readonly origin: string;
  log(): string;
  stop(): Promise<void>;
}

/** What wrangler.toml calls the vault's database: the local copy is found by it. */
export const VAULT_ID: string =
  /^binding = "VAULT"$[^[]*^database_id = "(.*)"$/m.exec(
    readFileSync(join(ROOT, "wrangler.toml"), "utf8"),
  )?.[1] ?? "";

/** Gives `folder` the local databases of wrangler.toml, with their tables. */
export function copyDatabases(folder: string): void {
  cpSync(DATABASES_FOLDER, stateIn(folder), { recursive: true });
}

/** The vault's database in `folder`, past the server that may have it open too. Throws where there is none. */
export function openVault(folder: string): DatabaseSync {
  for (const path of globSync(join(stateIn(folder), "v3/d1/*/*.sqlite"))) {
    const database = new DatabaseSync(path);
    const table = database
      .prepare("SELECT name FROM sqlite_master WHERE name = 'credentials'")
      .get();
    if (table !== undefined) return database;
    database.close();
  }
  throw new Error(`No vault in ${folder}`);
}

/** Where wrangler keeps local state unless it is told. */
function stateIn(folder: string): string {
  return join(folder, ".wrangler/state");
}

/** The Worker that `folder`/wrangler.toml describes. */
export async function startDevServer(folder: string, port: number = 0): Promise<DevServer> {
  const args = ["dev", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  // Where the Worker is deployed is none of the tests'.
  args.push("--infer-origin-from-routes", "false");
  const child = spawn(
    process.execPath,
    [WRANGLER, ...args, "--show-interactive-dev-session", "false"],
    {
      cwd: folder,
      env: { ...ENV, WRANGLER_LOG_PATH: `${folder}/log` },
      // A process group of its own, so that workerd ends with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  process.once("exit", end);
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let printed = "";
  const origin = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      const ready = /Ready on (http:\/\/[\d.]+:\d+)/.exec((printed += chunk.toString()));
      if (ready?.[1] !== undefined) resolve(ready[1]);
    };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", read);
    child.once("exit", () => reject(new Error(`It ended:\n${printed}`)));
    setTimeout(() => reject(new Error(`Not ready after a minute:\n${printed}`)), 60_000).unref();
  });
  return {
    origin,
    log: () => printed,
    stop() {
      process.off("exit", end);
      end();
      return closed;
    },
  };
}
