/**
 * `make size`: bundles the way production does, and counts the lines of src/ by folder. Fails over a budget of bytes. Last it
 * prints what a million of everything costs, for the README.
 * The budgets of the two smallest Workers are barewire's own: what an app adds is the app's to choose, and zod with it. The
 * example has a ceiling of its own. They bind barewire alone: where package.json has another name, bytes are only counted.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "../../src/cli/environment.mjs";
import { costTable } from "../world/prices.ts";
import { bundleWorker } from "./bundle.mjs";

const IS_OURS = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).name === "barewire";
/** What is bundled, and the most bytes that it may have, gzipped. */
const BUNDLES = [
  { what: "open, stateless", entry: "test/world/smallest-open.ts", most: 32 * 1024 },
  { what: "sessions and OAuth", entry: "test/world/smallest.ts", most: 64 * 1024 },
  { what: "example", entry: "src/index.ts", most: 96 * 1024 },
];
const sizes = await Promise.all(BUNDLES.map(({ entry }) => gzippedBundle(entry)));
const folders = countLines(join(ROOT, "src"));
const smallestLines = folders
  .filter(([folder]) => folder !== "app" && folder !== "cli")
  .reduce((sum, [, lines]) => sum + lines, 0);

for (const [folder, lines] of folders) row(folder, lines);
row("without app, cli", smallestLines);
for (const [index, { what, most }] of BUNDLES.entries()) {
  row(`${what}, gzipped`, sizes[index].bytes, IS_OURS ? most : Infinity, "bytes");
  if (IS_OURS && sizes[index].bytes > most) process.exitCode = 1;
}
for (const [index, { what }] of BUNDLES.entries())
  console.log(`  ${what.padEnd(28)} sha256 ${sizes[index].sha256}`);
console.log(["", ...costTable()].join("\n"));

/** Bytes of the Worker behind `entry`, and a digest of its bundle, which is the same wherever it is built. Ends the program where it cannot be built. */
async function gzippedBundle(entry) {
  // esbuild has printed what is wrong.
  const bundle = await bundleWorker(entry).catch(() => process.exit(1));
  return {
    bytes: gzipSync(bundle, { level: 9 }).length,
    sha256: createHash("sha256").update(bundle).digest("hex"),
  };
}

/** [folder, lines] of each folder and file directly under src/, comments and blank lines included. */
function countLines(src) {
  const lines = (path) =>
    /\.\w+$/.test(path)
      ? readFileSync(path, "utf8").replace(/\n$/, "").split("\n").length
      : walk(path);
  const walk = (path) => readdirSync(path).reduce((sum, name) => sum + lines(join(path, name)), 0);
  return readdirSync(src).map((folder) => [folder, lines(join(src, folder))]);
}

function row(what, count, most = Infinity, unit = "lines") {
  const over =
    count > most
      ? `  OVER by ${count - most}: take out what nobody needs, or say it in fewer bytes`
      : "";
  const ceiling = most === Infinity ? "" : `  of ${most.toLocaleString("en")}${over}`;
  console.log(`  ${what.padEnd(28)}${count.toLocaleString("en").padStart(9)} ${unit}${ceiling}`);
}
