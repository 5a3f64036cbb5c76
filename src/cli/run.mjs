/**
 * Runs what `make NAME` and `npm run NAME` do, by the table in targets.mjs. Settings are NAME=value, after the name or in the environment:
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
import { commandsOf, TARGETS } from "./targets.mjs";

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
  if (target.act === "print") return printTargets();
  if (target.act === "remove") return removeAll();
  if (target.isBare !== true) makeReady(ROOT);
  const env = { ...target.defaults, ...ENV, ...given };
  for (const [command = "", ...args] of commandsOf(name, { ...process.env, ...given })) {
    process.exitCode = await runInFront(command, args, env);
    if (process.exitCode !== 0) return;
  }
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
