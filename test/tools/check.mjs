/**
 * `make test`: every check in order, cheapest first; all run even when one fails. Counts what each one says and ends
 * with one line, "N passed, N failed". A step that fails without saying how often counts as one failure. One that cannot
 * run here, for want of a program that npm does not install, counts as neither, and is named above that line.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.mjs";

const scratch = mkdtempSync(join(tmpdir(), "barewire-test-"));
const report = join(scratch, "vitest.json");

/** What one step may take, on a slow machine. */
const STEP_MS = 2_400_000;

/** As test/browser/chromium.node.ts has it. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** `needs`: the program without which the step does not run. */
const step = (name, command, args, count, needs) => ({ name, command, args, count, needs });
const vitest = (...flags) => {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return ["run", "--config", "test/vitest.config.ts", ...reporters, ...flags];
};
const STEPS = [
  step("format", "oxfmt", ["--check"]),
  step("lint", "oxlint", ["--type-aware", "--deny-warnings"]),
  step("types of src and its tests", "tsc", ["-p", "tsconfig.json"]),
  step("types of the tests outside workerd", "tsc", ["-p", "test/tsconfig.json"]),
  step("size", "node", ["test/tools/size.mjs"]),
  step("house rules, unit tests, fixtures", "vitest", vitest("--project=!browser"), readVitest),
  // One file after the other: each has a browser and servers of its own.
  step(
    "logins in a real browser",
    "vitest",
    vitest("--project=browser", "--no-file-parallelism"),
    readVitest,
    CHROMIUM,
  ),
  step("official conformance", "node", ["test/tools/conformance.mjs"], readTotals),
];

const totals = { passed: 0, failed: 0 };
const notRun = [];
const started = Date.now();
for (const { name, command, args, count, needs } of STEPS) {
  console.log(`\n── ${name}`);
  if (needs !== undefined && !existsSync(needs)) {
    notRun.push(`NOT RUN: ${name}: there is no ${needs} (CHROMIUM names another)`);
    console.log(notRun.at(-1));
    continue;
  }
  const { code, output } = await run(command, args, { timeoutMs: STEP_MS });
  const { passed, failed } = count?.(output) ?? { passed: code === 0 ? 1 : 0, failed: 0 };
  totals.passed += passed;
  totals.failed += code !== 0 && failed === 0 ? 1 : failed;
}
rmSync(scratch, { recursive: true });
console.log(`\n${Math.round((Date.now() - started) / 1000)} s`);
for (const line of notRun) console.log(line);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

/** A file that cannot even be loaded has no tests of its own to fail, and counts as one. */
function readVitest() {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    // The next run may end before it writes its own.
    rmSync(report);
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
