/**
 * `make size`: bundles the way production does, and counts the lines of src/ by folder. Fails over a budget of bytes.
 * The budget of 72 KiB (64 is the aim) is the smallest's, with the smallest app there can be: what an app adds is the app's to choose. The
 * example has a ceiling of its own. Both bind barewire alone: where package.json has another name, they are only counted.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "../../src/cli/environment.mjs";

const IS_OURS = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).name === "barewire";
const MOST_BYTES = IS_OURS ? 72 * 1024 : Infinity;
const MOST_EXAMPLE_BYTES = IS_OURS ? 96 * 1024 : Infinity;

const [smallest, example] = await Promise.all(["test/world/smallest.ts", "src/index.ts"].map(gzippedBundle));
const folders = countLines(join(ROOT, "src"));
const smallestLines = folders
  .filter(([folder]) => folder !== "app" && folder !== "cli")
  .reduce((sum, [, lines]) => sum + lines, 0);

for (const [folder, lines] of folders) row(folder, lines);
row("without app, cli", smallestLines);
row("smallest, gzipped", smallest, MOST_BYTES, "bytes");
row("example, gzipped", example, MOST_EXAMPLE_BYTES, "bytes");
if (smallest > MOST_BYTES || example > MOST_EXAMPLE_BYTES) process.exit(1);

/** Bytes of the Worker behind `entry` as it is deployed, with what it imports. Ends the program where it cannot be built. */
async function gzippedBundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import", "production"],
    external: ["cloudflare:*", "node:*"],
    define: { "process.env.NODE_ENV": '"production"' },
  }).catch(() => {
    // esbuild has printed what is wrong.
    process.exit(1);
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

/** [folder, lines] of each folder and file directly under src/, comments and blank lines included. */
function countLines(src) {
  const lines = (path) =>
    /\.\w+$/.test(path) ? readFileSync(path, "utf8").replace(/\n$/, "").split("\n").length : walk(path);
  const walk = (path) => readdirSync(path).reduce((sum, name) => sum + lines(join(path, name)), 0);
  return readdirSync(src).map((folder) => [folder, lines(join(src, folder))]);
}

function row(what, count, most = Infinity, unit = "lines") {
  const over = count > most ? `  OVER by ${count - most}: take out what nobody needs, or say it in fewer bytes` : "";
  const ceiling = most === Infinity ? "" : `  of ${most.toLocaleString("en")}${over}`;
  console.log(`  ${what.padEnd(18)}${count.toLocaleString("en").padStart(9)} ${unit}${ceiling}`);
}
