/**
 * `make test`: every check in order, cheapest first; all run even when one fails. Counts what each one says and ends
 * with one line, "N passed, N failed". A step that fails without saying how often counts as one failure.
 */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.mjs";

const scratch = mkdtempSync(join(tmpdir(), "barewire-test-"));
const report = join(scratch, "vitest.json");

const step = (name, command, args, count) => ({ name, command, args, count });
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const STEPS = [
  step("format", "oxfmt", ["--check"]),
  step("lint", "oxlint", ["--type-aware", "--deny-warnings"]),
  step("types of src and its tests", "tsc", ["-p", "tsconfig.json"]),
  step("types of the tests outside workerd", "tsc", ["-p", "test/tsconfig.json"]),
  step("size", "node", ["test/tools/size.mjs"]),
  step(
    "house rules, unit tests, fixtures",
    "vitest",
    ["run", "--config", "test/vitest.config.ts", ...reporters],
    readVitest,
  ),
  step("official conformance", "node", ["test/tools/conformance.mjs"], readTotals),
];

const totals = { passed: 0, failed: 0 };
const started = Date.now();
for (const { name, command, args, count } of STEPS) {
  console.log(`\n── ${name}`);
  const { code, output } = await run(command, args);
  const { passed, failed } = count?.(output) ?? { passed: code === 0 ? 1 : 0, failed: 0 };
  totals.passed += passed;
  totals.failed += code !== 0 && failed === 0 ? 1 : failed;
}
rmSync(scratch, { recursive: true });
console.log(`\n${Math.round((Date.now() - started) / 1000)} s`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

/** A file that cannot even be loaded has no tests of its own to fail, and counts as one. */
function readVitest() {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const unloaded = testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.length === 0,
    ).length;
    return { passed: numPassedTests, failed: numFailedTests + unloaded };
  } catch {
    return undefined;
  }
}

function readTotals(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return last === undefined ? { passed: 0, failed: 1 } : { passed: Number(last[1]), failed: Number(last[2]) };
}
