/**
 * The manifest beside what the official suite's own program writes when the same statements are declared to it and the same
 * checks were emitted: it knows its shape best.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../src/cli/environment.mjs";
import { readStatus, type EntryStatus } from "./status.node.ts";
import { traceability, type Manifest } from "./traceability.node.ts";

const SUITE = join(ROOT, "node_modules/.bin/conformance");

/** What the suite's program makes of the statements in `ours`, each page under a number, with names put back. */
function byTheSuite(ours: Manifest, entries: readonly EntryStatus[]): unknown {
  const folder = mkdtempSync(join(tmpdir(), "barewire-traceability-"));
  mkdirSync(join(folder, "src/seps"), { recursive: true });
  mkdirSync(join(folder, "results"));
  const pages = Object.keys(ours.seps);
  const shown = new Set(entries.filter(({ status }) => status === "shown").map(({ id }) => id));
  const emitted: { id: string }[] = [];
  for (const [index, page] of pages.entries()) {
    const own = entries.filter(({ source }) => source.replace(/#.*$/, "") === page);
    const requirements = own.map(({ id, text, url, excluded }) =>
      excluded === undefined
        ? { check: `sep-${index}-${id}`, text, url }
        : { text, excluded: excluded.reason },
    );
    for (const { id } of own) if (shown.has(id)) emitted.push({ id: `sep-${index}-${id}` });
    // JSON is YAML.
    const declared = { sep: index, spec_url: ours.seps[page]?.specUrl, requirements };
    writeFileSync(join(folder, `src/seps/sep-${index}.yaml`), JSON.stringify(declared));
  }
  writeFileSync(join(folder, "results/checks.json"), JSON.stringify(emitted));
  const args = ["traceability", "--results", "results", "--source", "barewire@c0ffee"];
  execFileSync(process.execPath, [SUITE, ...args], { cwd: folder, stdio: "pipe" });
  const written = readFileSync(join(folder, "src/seps/traceability.json"), "utf8");
  rmSync(folder, { recursive: true });
  const theirs = JSON.parse(written.replaceAll(/"sep-\d+-/g, '"')) as Manifest;
  const seps: Record<string, unknown> = {};
  for (const [number, of] of Object.entries(theirs.seps))
    seps[pages[Number(number)] ?? number] = { ...of, yaml: "spec/requirements" };
  return { ...theirs, docs: ours.docs, seps };
}

it("the manifest is what the suite's program writes of the same statements", () => {
  const entries = readStatus();
  const ours = traceability(entries, "c0ffee");
  expect(ours).toEqual(byTheSuite(ours, entries));
  const counted = Object.values(ours.seps).flatMap(({ summary }) => [
    summary.tested,
    summary.excluded,
  ]);
  expect(counted.reduce((sum, one) => sum + one, 0)).toBe(entries.length);
});

it("a statement that nothing proves is untested, to both", () => {
  const [first, ...others] = readStatus();
  if (first === undefined) throw new Error("The ledger is empty");
  const { excluded: _, ...bare } = first;
  const open: EntryStatus[] = [{ ...bare, status: "open" }, ...others];
  const ours = traceability(open, "c0ffee");
  expect(Object.values(ours.seps).flatMap(({ summary }) => summary.untested)).toContain(1);
  expect(ours).toEqual(byTheSuite(ours, open));
});
