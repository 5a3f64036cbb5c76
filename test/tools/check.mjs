/**
 * `make test`: every check. `make check`, which is `--quick`: format, lint, types, size and rules, in seconds.
 * All steps run even when one fails. What a step prints goes to dist/test/, a line a step to the terminal; failures come
 * last, with file and name, above "N passed, N failed". A step that fails without saying how often counts as one failure.
 * Logins in a browser count as neither where there is no browser, and so does Python's runner: npm installs none. That is
 * named there too.
 */

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { CHROMIUM_HINT, chromiumPath } from "./chromium.node.ts";
import { layOutFailures } from "./failures.mjs";
import { hasPython, PYTHON_HINT } from "./python.node.ts";
import { ROOT } from "../../src/cli/environment.mjs";
import { runProgram } from "../../src/cli/process.ts";

const LOGS = join(ROOT, "dist", "test");

/** What one step may take, on a slow machine. */
const STEP_MS = 2_400_000;

/** How many lines of the end are for failures: together with the totals they fit on a small terminal. */
const FAILURE_LINES = 15;

/** Some fifty programs are Node and start with the same megabytes of code: what the first one compiled, the next ones read. */
const COMPILED = { NODE_COMPILE_CACHE: join(ROOT, "dist", "compiled") };

/** Thousands of small databases are written here; in memory, where there is room, that takes a tenth less time. */
const SCRATCH = hasRoom("/dev/shm", 4 * 2 ** 30) ? { TMPDIR: "/dev/shm" } : {};

const RULES = ["test/architecture", "test/lint", "test/dependencies", "test/spec/ledger"];

const isQuick = process.argv.includes("--quick");
const hasBrowser = chromiumPath() !== undefined;

/**
 * Steps of one group run side by side, groups one after the other, cheapest first.
 * `read` takes the output apart: { passed, failed, failures }. `saysLast`: what is wrong stands at the end of the output.
 */
const QUICK = [
  { name: "format", command: "oxfmt", args: ["--check"] },
  { name: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"] },
  { name: "types of src and its tests", command: "tsc", args: ["-p", "tsconfig.json"] },
  { name: "types of the operator programs", command: "tsc", args: ["-p", "src/cli/tsconfig.json"] },
  {
    name: "types of the tests outside workerd",
    command: "tsc",
    args: ["-p", "test/tsconfig.json"],
  },
  { name: "size", command: "node", args: ["test/tools/size.mjs"], saysLast: true },
];
const GROUPS = isQuick
  ? [QUICK, [vitest("rules", ["--project=node", ...RULES])]]
  : [
      QUICK,
      [
        vitest("unit tests, fixtures, real clients", hasBrowser ? [] : ["--project=!browser"]),
        {
          name: "official conformance",
          command: "node",
          args: ["test/tools/conformance.mjs"],
          read: readTotals,
          saysLast: true,
        },
      ],
    ];

const started = Date.now();
const totals = { passed: 0, failed: 0 };
const failures = [];

rmSync(LOGS, { recursive: true, force: true });
mkdirSync(LOGS, { recursive: true });
for (const group of GROUPS) await Promise.all(group.map(runStep));
report();
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

async function runStep(step) {
  const began = Date.now();
  const { code, output } = await runProgram(step.command, step.args, {
    timeoutMs: STEP_MS,
    isQuiet: true,
    env: { ...COMPILED, ...SCRATCH },
  });
  const log = logOf(step);
  writeFileSync(log, output);
  const result = judge(step, code, output);
  totals.passed += result.passed;
  totals.failed += result.failed;
  failures.push(...result.failures);
  const mark = result.failed === 0 ? "✓" : "✗";
  const counts =
    result.failed === 0 ? `${result.passed}` : `${result.failed} failed: ${relative(ROOT, log)}`;
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${mark} ${step.name.padEnd(36)}${`${seconds} s`.padStart(6)}   ${counts}`);
}

function hasRoom(folder, bytes) {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= bytes;
  } catch {
    return false;
  }
}

/** What a step came to. Never "nothing failed" for a program that did not end well. */
function judge(step, code, output) {
  const read = step.read?.(output);
  const {
    passed,
    failed,
    failures: named = [],
  } = read ?? { passed: code === 0 ? 1 : 0, failed: 0 };
  if (code === 0 || failed > 0) return { passed, failed, failures: named };
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const title = `${step.name} ended with ${code}: ${relative(ROOT, logOf(step))}`;
  return { passed, failed: 1, failures: [{ title, lines, isLast: step.saysLast === true }] };
}

function report() {
  console.log("");
  for (const line of layOutFailures(failures, FAILURE_LINES, `${relative(ROOT, LOGS)}/`))
    console.log(line);
  if (!hasBrowser && !isQuick) console.log(`NOT RUN: logins in a real browser: ${CHROMIUM_HINT}`);
  if (!isQuick && !hasPython()) console.log(`NOT RUN: Python's runner of spec/: ${PYTHON_HINT}`);
  console.log(`${Math.round((Date.now() - started) / 1000)} s`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
}

/** A step that runs test files of the projects named. What failed is read from Vitest's own report. */
function vitest(name, files) {
  const report = join(LOGS, `${slug(name)}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const args = ["run", "--config", "test/vitest.config.ts", ...reporters, ...files];
  return { name, command: "vitest", args, read: () => readVitest(report) };
}

/** A file that cannot even be loaded has no tests of its own to fail, and counts as one. */
function readVitest(path) {
  if (!existsSync(path)) return undefined;
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(path, "utf8"));
  const failures = testResults.flatMap(failuresOf);
  return { passed: numPassedTests, failed: Math.max(numFailedTests, failures.length), failures };
}

function failuresOf(file) {
  const name = relative(ROOT, file.name);
  const failed = file.assertionResults.filter(({ status }) => status === "failed");
  if (failed.length === 0 && file.status === "failed")
    return [{ title: `✗ ${name}`, lines: reason(file.message) }];
  return failed.map((test) => ({
    title: `✗ ${name} > ${test.fullName}`,
    lines: reason(test.failureMessages.join("\n")),
  }));
}

/** What went wrong, without the frames of the test runner and of packages. */
function reason(message) {
  const lines = message
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.includes("/node_modules/"));
  return lines.map((line) => `    ${line.replaceAll(ROOT, "")}`);
}

function readTotals(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  if (last === undefined) return undefined;
  const failures = [...output.matchAll(/^ +FAIL .*$/gm)].map(([line]) => ({
    title: `✗ official conformance > ${line.trim()}`,
    lines: [],
  }));
  return { passed: Number(last[1]), failed: Number(last[2]), failures };
}

function logOf(step) {
  return join(LOGS, `${slug(step.name)}.log`);
}

function slug(name) {
  return name.replaceAll(/\W+/g, "-");
}
