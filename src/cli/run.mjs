/**
 * What `make NAME` and `npm run NAME` do: one table for both. Settings are NAME=value, after the name or in the environment:
 * `make dev PORT=9000`, `npm run dev PORT=9000`, `PORT=9000 npm run dev`.
 * Plain JavaScript, as is what it imports: it runs on Node 20, makes ready, and starts the programs with the newer Node.
 */

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ENV, ROOT } from "./environment.mjs";
import { makeReady } from "./ready.mjs";

/** @type {(name: string, ...args: string[]) => string[]} */
const program = (name, ...args) => ["node", `src/cli/${name}.ts`, ...args];
/** What serves only development. @type {(name: string, ...args: string[]) => string[]} */
const tool = (name, ...args) => ["node", `test/tools/${name}.mjs`, ...args];
/** @type {(project: string, file: string) => string[]} */
const soak = (project, file) => {
  const settings = ["--config", "test/vitest.config.ts", "--project", project];
  return ["vitest", "run", ...settings, "--silent=false", file];
};

/**
 * `says`: what it is for. `commands`: what it runs with these settings, one after the other while they succeed. `act`: what
 * this program does itself. `isBare`: it needs neither packages nor a newer Node. `defaults`: settings that go into the
 * environment unless they are there.
 * @typedef {{
 *   readonly says: string;
 *   readonly commands?: (settings: Readonly<Record<string, string>>) => string[][];
 *   readonly act?: () => void;
 *   readonly isBare?: boolean;
 *   readonly defaults?: Readonly<Record<string, string>>;
 * }} Target
 */

/** @type {Readonly<Record<string, Target>>} */
export const TARGETS = {
  help: { says: "Prints this list.", act: printTargets },
  dev: {
    says: "Serves the app on http://localhost:8787/mcp (PORT=8787, AUTH=none to ask nobody, URL= of a tunnel), on this machine only.",
    commands: ({ PORT = "8787", AUTH = "", URL = "" }) => [
      program("dev", "--port", PORT, "--auth", AUTH, "--url", URL),
    ],
  },
  token: {
    says: 'Prints a bearer token for curl, of the server that dev started (PORT=8787, URL= of a tunnel, FIELDS="name=ada&…" of its form).',
    commands: ({ PORT = "8787", URL = `http://localhost:${PORT}` }) => [program("token", URL)],
  },
  passphrase: {
    says: "Makes a passphrase for a deployed server, and the secret that knows it.",
    isBare: true,
    commands: () => [["node", "src/cli/passphrase.mjs"]],
  },
  check: {
    says: "Runs what takes seconds: format, lint, types, size, rules. For while you work.",
    commands: () => [tool("check", "--quick")],
  },
  test: {
    says: "Runs every check: format, lint, types, project rules, unit tests, fixtures, size, conformance.",
    commands: () => [tool("check")],
  },
  world: {
    says: "Serves the conformance world on http://127.0.0.1:8790/mcp (PORT=8790, SESSION_PROTOCOL_VERSION=one date to pin, AUTH=builtin).",
    commands: ({ PORT = "8790", SESSION_PROTOCOL_VERSION = "", AUTH = "" }) => [
      program(
        "dev",
        "--world",
        "--port",
        PORT,
        "--revision",
        SESSION_PROTOCOL_VERSION,
        "--auth",
        AUTH,
      ),
    ],
  },
  conformance: {
    says: "Runs the lanes of the official suite against the conformance world.",
    commands: () => [tool("conformance")],
  },
  spec: {
    says: "Writes what is shown of every text into dist/spec/ (index.html, report.json), and spec/status.txt anew.",
    commands: () => [tool("spec-report")],
  },
  evidence: {
    says: "Runs every exchange in a world of its own (5 minutes), and says which cited lines of src/ it executes.",
    commands: () => [tool("spec-evidence")],
  },
  soak: {
    says: "Soaks sessions in workerd, and a server among hostile peers, for SOAK_SECONDS=60 each; SOAK_SEED=n repeats a run.",
    defaults: { SOAK_SECONDS: "60" },
    commands: () => [
      soak("workerd", "test/transport/session/soak"),
      soak("node", "test/client/hostile"),
    ],
  },
  size: {
    says: "Prints the gzipped bundle and the lines of src/, and what a million of everything costs; fails over the budgets of bytes.",
    commands: () => [tool("size")],
  },
  parts: {
    says: "Prints what a Worker weighs without each of its parts: lines of src/, and bytes of the bundle, gzipped.",
    commands: () => [tool("parts")],
  },
  bench: {
    says: "Measures the Worker beside a bare one in the same workerd: requests per second, p50, p99, CPU.",
    commands: () => [["node", "test/bench/run.mjs"]],
  },
  audit: {
    says: "Runs the fixtures of spec/ against any server: URL=https://… (TOKEN= and TOKEN2= of two callers, ONLY=word, REVISION=date, SECONDS=1800, JSON=file, JUNIT=file, CHOICES=world).",
    // The tokens stay in the environment: a command line is seen by everybody on the machine.
    commands: ({ URL = "", ...settings }) => [
      [
        "node",
        "spec/runner/audit.mjs",
        URL,
        ...["REVISION", "ONLY", "SECONDS", "JSON", "JUNIT", "CHOICES"].flatMap((name) => {
          const value = settings[name];
          return value === undefined ? [] : [`--${name.toLowerCase()}`, value];
        }),
      ],
    ],
  },
  format: { says: "Formats all files in place.", commands: () => [["oxfmt"]] },
  migrate: {
    says: "Makes the tables of the databases on your Cloudflare account (dev makes the local ones).",
    commands: () => [program("migrate", "--remote")],
  },
  deploy: {
    says: 'Makes the tables and deploys to your Cloudflare account; README, "Deploy", says what comes first.',
    commands: () => [program("migrate", "--remote"), ["wrangler", "deploy"]],
  },
  "rotate-keys": {
    says: "Puts a new key first and seals every credential anew: local, or URL=https://… with KEYS set (RESUME=1 goes on).",
    commands: ({ PORT = "8787", URL = `http://localhost:${PORT}`, RESUME = "" }) => [
      program("rotate-keys", "--url", URL, "--resume", RESUME),
    ],
  },
  clean: {
    says: "Removes what was installed, built and stored locally; keeps .dev.vars.",
    act: removeAll,
  },
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await runTarget(...process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * Runs target `name` with settings such as "PORT=9000"; this program ends as its last command did.
 * @param {string} name
 * @param {string[]} words
 */
async function runTarget(name = "help", ...words) {
  const target = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  if (target === undefined) throw new Error(`There is no ${name}: make help says what there is`);
  const given = readSettings(words);
  if (target.act !== undefined) {
    target.act();
    return;
  }
  if (target.isBare !== true) makeReady(ROOT);
  const env = { ...target.defaults, ...ENV, ...given };
  for (const [command = "", ...args] of commandsOf(name, { ...process.env, ...given })) {
    process.exitCode = await runInFront(command, args, env);
    if (process.exitCode !== 0) return;
  }
}

/**
 * The commands of target `name`. An empty setting is as good as none.
 * @param {string} name
 * @param {Readonly<Record<string, string | undefined>>} settings
 * @returns {string[][]}
 */
export function commandsOf(name, settings) {
  /** @type {Record<string, string>} */
  const filled = {};
  for (const [key, value] of Object.entries(settings)) if (value) filled[key] = value;
  return TARGETS[name]?.commands?.(filled) ?? [];
}

/**
 * @param {string[]} words
 * @returns {Record<string, string>}
 * @throws at what is no setting: it was meant to be one, and would do nothing.
 */
function readSettings(words) {
  const wrong = words.find((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word));
  if (wrong !== undefined)
    throw new Error(`Cannot read "${wrong}": settings are NAME=value, such as PORT=9000`);
  /** @type {Record<string, string>} */
  const settings = {};
  for (const word of words) {
    const [name = "", value = ""] = word.split(/=(.*)/s);
    settings[name] = value;
  }
  return settings;
}

/**
 * Runs a command on this terminal to its end. Resolves to its exit code.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
function runInFront(command, args, env) {
  const child = spawn(command, args, { cwd: ROOT, env, stdio: "inherit" });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.removeAllListeners(signal);
    // A terminal sends its interrupt to the command as well; what others send comes to this program alone.
    process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Error(`Cannot run ${command}: ${error.message}`)));
    child.on("close", (code, signal) =>
      resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]),
    );
  });
}

function printTargets() {
  console.log("make NAME or npm run NAME, with settings behind it: make dev PORT=9000\n");
  for (const [name, { says }] of Object.entries(TARGETS))
    console.log(`  ${name.padEnd(12)} ${says}`);
}

function removeAll() {
  for (const path of [
    "node_modules",
    "test/node/node_modules",
    "test/outside/node_modules",
    ".wrangler",
    "dist",
  ])
    rmSync(join(ROOT, path), { recursive: true, force: true });
}
