/**
 * `make size`: bundles the Worker the way production does, and counts the lines of src/ by room.
 * Fails when the gzipped bundle or the lines are over their ceiling.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "./process.mjs";

const MOST_BYTES = 64 * 1024;
const MOST_LINES = 7900;

const bundle = await bundleWorker(join(ROOT, "src", "worker.ts")).catch(() => {
  // esbuild has printed what is wrong.
  process.exit(1);
});
const gzipped = gzipSync(bundle, { level: 9 }).length;
const rooms = countLines(join(ROOT, "src"));
const house = rooms.filter(([room]) => room !== "app").reduce((sum, [, lines]) => sum + lines, 0);

for (const [room, lines] of rooms) row(room, lines);
row("src without app", house, MOST_LINES, "lines");
row("bundle, minified", bundle.length, undefined, "bytes");
row("bundle, gzipped", gzipped, MOST_BYTES, "bytes");
if (gzipped > MOST_BYTES || house > MOST_LINES) process.exit(1);

async function bundleWorker(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry],
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
  });
  return outputFiles[0].contents;
}

/** [room, lines] of each folder and file directly under src/, comments and blank lines included. */
function countLines(src) {
  const lines = (path) =>
    path.endsWith(".ts") ? readFileSync(path, "utf8").replace(/\n$/, "").split("\n").length : walk(path);
  const walk = (path) => readdirSync(path).reduce((sum, name) => sum + lines(join(path, name)), 0);
  return readdirSync(src).map((room) => [room, lines(join(src, room))]);
}

function row(what, count, most, unit = "lines") {
  const ceiling = most === undefined ? "" : `  of ${most.toLocaleString("en")}${count > most ? "  OVER" : ""}`;
  console.log(`  ${what.padEnd(18)}${count.toLocaleString("en").padStart(9)} ${unit}${ceiling}`);
}
