/**
 * Starting and ending other programs: used by every tool here.
 * A started server gets a process group of its own, so that ending it ends workerd and esbuild with it.
 */

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The tools of node_modules first, a current Node among them; and nothing told to anyone. */
export const ENV = {
  ...process.env,
  PATH: join(ROOT, "node_modules", ".bin") + delimiter + process.env.PATH,
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

/**
 * Settings that say where a deployment is, who vouches for its callers, who watches it and who reads its log, each with the
 * value that it has on this machine whatever wrangler.toml says. IDENTITY makes one server of all names and ports of loopback.
 */
export const LOCAL_SETTINGS = {
  PUBLIC_URL: "",
  IDENTITY: "http://localhost:8787",
  JURISDICTION: "",
  LOCATION_HINT: "",
  AUTH_ISSUER: "",
  OTEL_EXPORTER_OTLP_ENDPOINT: "",
  // The log writes stacks as text, which wrangler maps to lines of the source.
  DEV: "1",
};

const CONFIGURED = readFileSync(join(ROOT, "wrangler.toml"), "utf8");

const SECTIONS = CONFIGURED.split(/^(?=\[)/m);
const DATABASE_SECTIONS = SECTIONS.filter((section) => section.startsWith("[[d1_databases]]"));

/** The databases of wrangler.toml, by binding. */
export const DATABASES = DATABASE_SECTIONS.map((section) => valueIn(section, "binding"));

/** The names of all settings under [vars] in wrangler.toml: a deployment's own, which tests do without. */
export const VARIABLES = SECTIONS.filter((section) => section.startsWith("[vars]")).flatMap((section) =>
  [...section.matchAll(/^(\w+)\s*=/gm)].map(([, name]) => name),
);

function valueIn(section, name) {
  return new RegExp(`^${name}\\s*=\\s*"([^"]*)"`, "m").exec(section)?.[1];
}

/** Makes the tables of every database where they are missing: on this machine, or with "--remote" on the account. */
export async function migrate(...flags) {
  if (flags.includes("--remote") && /^database_id = "0{8}-/m.test(CONFIGURED))
    throw new Error('wrangler.toml does not name your databases yet: README, "Deploy", says how to make them');
  const apply = (database) => run("wrangler", ["d1", "migrations", "apply", database, ...flags], { quiet: true });
  // One after the other: both write the same local state.
  for (const database of DATABASES) {
    const { code, output } = await apply(database);
    if (code !== 0) throw new Error(`The tables of ${database} could not be made:\n${output}`);
  }
}

/**
 * Makes the tables on this machine, in the state that wrangler keeps in the folder `state`; says so with `begin` first. It
 * takes seconds, so nothing is done when the same migrations of the same databases were applied to what still lies there.
 */
export async function migrateHere(state, begin) {
  if (isMigrated(state)) return;
  begin();
  await migrate("--local", "--persist-to", state);
  const folder = databaseFolder(state);
  mkdirSync(folder, { recursive: true });
  const done = { migrations: hashMigrations(), files: databaseFiles(folder) };
  writeFileSync(join(folder, STAMP), JSON.stringify(done));
}

/** Lies with the databases, so that it goes when they go. */
const STAMP = "migrated.json";
const databaseFolder = (state) => join(state, "v3", "d1");

/** Whether the tables that are wanted now were made in the state that lies in the folder `state`. */
export function isMigrated(state) {
  const folder = databaseFolder(state);
  const stamp = join(folder, STAMP);
  if (!existsSync(stamp)) return false;
  const done = JSON.parse(readFileSync(stamp, "utf8"));
  const files = databaseFiles(folder);
  return done.migrations === hashMigrations() && done.files.every((file) => files.includes(file));
}

function databaseFiles(folder) {
  return readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".sqlite"));
}

/** Of the databases as they are configured, and of each file in their folders of migrations. */
function hashMigrations() {
  const hash = createHash("sha256");
  for (const section of DATABASE_SECTIONS) {
    const folder = join(ROOT, valueIn(section, "migrations_dir") ?? "migrations");
    const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
    hash.update(JSON.stringify([section, files, files.map((file) => readFileSync(join(folder, file), "utf8"))]));
  }
  return hash.digest("hex");
}

/** A key ring of one fresh key, as the Worker reads it. */
export function freshKeys(id = "dev") {
  return `${id}:${randomBytes(32).toString("base64")}`;
}

/** What runs now, each in a process group of its own. Nothing outlives the tool that started it. */
const live = new Set();
process.on("exit", () => live.forEach((child) => signalTree(child, "SIGTERM")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

function start(command, args, onOutput, env = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...ENV, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  live.add(child);
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => onOutput(String(chunk)));
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      onOutput(String(error));
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
  void ended.then(() => live.delete(child));
  return { child, ended };
}

function signalTree(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}

/**
 * Runs a program to its end and returns its exit code and output; shows the output too unless `quiet`. `heard` is told
 * the output so far whenever there is more; `env` holds variables beside this process's own.
 */
export async function run(command, args, { quiet = false, timeoutMs = 900_000, heard = () => {}, env } = {}) {
  let output = "";
  const onOutput = (text) => {
    output += text;
    heard(output);
    if (!quiet) process.stdout.write(text);
  };
  const { child, ended } = start(command, args, onOutput, env);
  const timer = setTimeout(() => {
    output += `\nStopped after ${timeoutMs / 1000} s\n`;
    signalTree(child, "SIGTERM");
  }, timeoutMs);
  const code = await ended;
  clearTimeout(timer);
  return { code, output };
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts `wrangler dev` and waits until it answers. Returns its origin, its output so far, and how to end it. */
export async function startWorker(args, { port, readyMs = 60_000 }) {
  const wrangler = ["dev", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0", ...args];
  let output = "";
  let running = true;
  const { child, ended } = start("wrangler", wrangler, (text) => (output += text));
  void ended.then(() => (running = false));
  const origin = `http://127.0.0.1:${port}`;
  const stop = () => {
    signalTree(child, "SIGTERM");
    // An open stream can hold wrangler back; nothing of it is worth waiting for.
    const timer = setTimeout(() => signalTree(child, "SIGKILL"), 2000);
    return ended.finally(() => clearTimeout(timer));
  };
  const until = Date.now() + readyMs;
  while (!(await answers(origin))) {
    if (!running || Date.now() > until) {
      await stop();
      throw new Error(`The Worker did not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { origin, stop, log: () => output };
}

async function answers(origin) {
  try {
    await fetch(origin, { signal: AbortSignal.timeout(2000) });
    return true;
  } catch {
    return false;
  }
}
