// What wrangler says of a bundle of which it has taken the folder away itself is said to nobody.
import { expect, it } from "vitest";
import { isOfRemovedBundle, type ErrorEvent } from "../../src/cli/watched-env.ts";

/** As wrangler's bundler reports what esbuild found. */
function rebuildFailure(texts: readonly string[], reason: string): ErrorEvent {
  const cause = Object.assign(new Error("Build failed"), {
    errors: texts.map((text) => ({ text })),
  });
  return { type: "error", reason, cause, source: "BundlerController", data: undefined } as never;
}

const REBUILD = "Failed to rebuild the Worker";
const REMOVED =
  'Could not resolve "project/.wrangler/tmp/bundle-83f2lM/middleware-loader.entry.ts"';

it.each<[string, boolean, readonly string[], string]>([
  ["a bundle whose folder is gone", true, [REMOVED], REBUILD],
  ["the same on Windows", true, [REMOVED.replaceAll("/", "\\")], REBUILD],
  ["a source that is missing", false, ['Could not resolve "./gone.ts"'], REBUILD],
  ["both", false, [REMOVED, 'Could not resolve "./gone.ts"'], REBUILD],
  ["a first bundle", false, [REMOVED], "Failed to construct initial bundle"],
  ["nothing that esbuild found", false, [], REBUILD],
])("%s: %s", (_, isRemoved, texts, reason) => {
  expect(isOfRemovedBundle(rebuildFailure(texts, reason))).toBe(isRemoved);
});
