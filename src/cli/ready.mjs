/**
 * What every tool needs before it starts: the packages of package-lock.json, and a Node that is new enough. The machine's
 * own Node is used where it is. Elsewhere npm installs the one that test/node pins, by its hash, and node_modules/.bin/node
 * leads to it: PATH, npm scripts and `npx` find it there. Plain JavaScript: it runs on Node 20, and needs no package.
 */

import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";

/** From node_modules/.bin, as the link says it, so that it outlives a move of the whole folder. */
const PINNED = "../../test/node/node_modules";

/**
 * Whether the tools run on Node `version`, such as "22.18.0". Vitest leaves out 23 and 25; before 22.18 Node reads no
 * TypeScript, in which the programs are written.
 * @param {string} version
 * @returns {boolean}
 */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major >= 26 || major === 24 || (major === 22 && minor >= 18);
}

/**
 * Installs what `root` lacks for tools that Node `own` starts. Says so on standard error: what a tool prints may be read by
 * a program.
 * @param {string} root
 * @param {string} [own]
 * @returns {void}
 * @throws when npm fails, or when there is no Node for this machine.
 */
export function makeReady(root, own = process.versions.node) {
  const bin = join(root, "node_modules", ".bin");
  const link = join(bin, "node");
  if (isOutdated(root)) install(root, "Installing (about half a minute) …");
  const target = readLink(link);
  const isOurs = target !== undefined && target.startsWith(PINNED);
  if (isNewEnough(own)) {
    // A link from when the machine's own was too old would hide the one that has come since. node_modules may be a link too.
    if (isOurs && process.execPath !== join(realpathSync(bin), target)) rmSync(link);
    return;
  }
  // A fork may have a package that brings a Node.
  if (target !== undefined && !isOurs) return;
  const folder = join(root, "test", "node");
  if (isOutdated(folder))
    install(folder, `Installing a newer Node for the tools: this one is ${own} …`);
  // npm passes over an optional package in silence when it fits no hash, so that one must look.
  if (isOurs && existsSync(link)) return;
  if (isOurs) rmSync(link);
  const pinned = findPinned(bin);
  if (pinned === undefined)
    throw new Error(
      `The tools need Node 22.18, 24, 26 or newer; this one is ${own}, and npm has none for this machine ` +
        "with a hash of test/node/package-lock.json",
    );
  symlinkSync(pinned, link);
}

/**
 * Where the link leads; nothing where there is none, and the path itself where there is something else.
 * @param {string} path
 * @returns {string | undefined}
 */
function readLink(path) {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isSymbolicLink() ? readlinkSync(path) : path;
}

/**
 * The Node that npm has chosen for this machine, where it runs.
 * @param {string} bin
 * @returns {string | undefined}
 */
function findPinned(bin) {
  const folder = join(bin, PINNED);
  // npm makes no folder where it has nothing to put into it.
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.startsWith("node-"))
    .map((name) => `${PINNED}/${name}/bin/node`)
    .find((path) => spawnSync(join(bin, path), ["--version"]).status === 0);
}

/**
 * Whether `folder` lacks what its lockfile names, as far as dates of files tell.
 * @param {string} folder
 * @returns {boolean}
 */
export function isOutdated(folder) {
  const changed = (/** @type {string} */ file) =>
    statSync(join(folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changed("node_modules/.package-lock.json") < changed("package-lock.json");
}

/**
 * @param {string} folder
 * @param {string} words
 */
function install(folder, words) {
  console.error(words);
  const args = ["ci", "--ignore-scripts", "--loglevel=error", "--no-fund", "--no-audit"];
  const { status } = spawnSync("npm", args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0)
    throw new Error(`npm could not install what ${join(folder, "package-lock.json")} names`);
}
