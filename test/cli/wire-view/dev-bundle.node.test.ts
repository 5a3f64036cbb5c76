// The wire view is in what `make dev` runs, and in nothing that is deployed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { bundleWorker } from "../../tools/bundle.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

it("no byte of it is in a production bundle", async () => {
  const folder = mkdtempSync(join(tmpdir(), "barewire-production-"));
  try {
    const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
    const args = [wrangler, "deploy", "--dry-run", "--outdir", folder, "--minify", "false"];
    execFileSync(process.execPath, args, { cwd: ROOT, stdio: "ignore" });
    const deployed = readdirSync(folder).filter((name) => name.endsWith(".js"));
    expect(deployed).not.toEqual([]);
    const bundles = [
      await bundleWorker("src/index.ts"),
      ...deployed.map((name) => readFileSync(join(folder, name), "utf8")),
    ];
    for (const bundle of bundles)
      expect(
        bundle.match(
          /wireTouch|WIRE_(VIEW|RECORDS)|watchHandlers|AsyncLocalStorage|wire-view|async_hooks/g,
        ),
      ).toBeNull();
    // The same words are in what `make dev` runs.
    const recorder = readFileSync(join(ROOT, "src/cli/wire-view/recorder.mjs"), "utf8");
    expect(recorder).toMatch(/WIRE_VIEW.*\n[^]*AsyncLocalStorage/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
