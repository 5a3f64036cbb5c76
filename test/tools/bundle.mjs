/** Bundles a Worker as it is deployed. For what is measured: bytes, lines, requests per second. */

import { resolve } from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../src/cli/environment.mjs";

/**
 * The text of the bundle of `entry`, minified. `define` puts values for names.
 * @param {string} entry a path, from the repository's top where it is relative
 * @param {Readonly<Record<string, unknown>>} define
 * @returns {Promise<string>}
 * @throws where it cannot be built; esbuild prints why
 */
export async function bundleWorker(entry, define = {}) {
  const values = { "process.env.NODE_ENV": "production", ...define };
  const { outputFiles } = await build({
    entryPoints: [resolve(ROOT, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import", "production"],
    external: ["cloudflare:*", "node:*"],
    define: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
    logLevel: "error",
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error(`${entry} gave no bundle`);
  return bundle.text;
}
