/**
 * `make conformance`: starts the conformance world and runs lanes of the official suite against it. The suite writes
 * one checks.json a scenario and no total, so the verdicts are added up here: a scenario passes when at least one
 * check succeeded and none failed or warned. Ends with "N passed, N failed".
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveWorld } from "../client/servers.node.ts";
import { passPages, tab } from "../../src/cli/login.ts";
import { runProgram } from "../../src/cli/process.ts";
import { freePort } from "./worker.node.ts";

const NEWEST = "2026-07-28";
const REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", NEWEST];
// eslint-disable-next-line no-control-regex -- colours are control characters
const ANSI = /\u001B\[[0-9;]*m/g;
/** One scenario that no requirement set scores. */
const alone = (scenario, version) => ({
  name: `${scenario} at ${version}`,
  args: ["--scenario", scenario, "--spec-version", version],
  scored: 1,
});
/** One scenario on the wire of the oldest revision. The suite knows it only when forced, one scenario at a time. */
const forced = (scenario) => ({
  ...alone(scenario, OLDEST),
  args: [...alone(scenario, OLDEST).args, "--force"],
  only: OLDEST,
});
const OLDEST = "2025-03-26";
const OF_THE_OLDEST = [
  "server-session-lifecycle",
  "server-initialize",
  "logging-set-level",
  "ping",
  "completion-complete",
  "tools-list",
  ...[
    "simple-text",
    "image",
    "audio",
    "embedded-resource",
    "mixed-content",
    "with-logging",
    "error",
    "with-progress",
  ].map((kind) => `tools-call-${kind}`),
  "tools-call-sampling",
  ...["list", "read-text", "read-binary", "templates-read", "subscribe", "unsubscribe"].map(
    (kind) => `resources-${kind}`,
  ),
  ...["list", "get-simple", "get-with-args", "get-embedded-resource", "get-with-image"].map(
    (kind) => `prompts-${kind}`,
  ),
];

/**
 * One line a lane. `scored`: how many scenarios must pass, so that a lane that shrinks is seen. `unscored`: scenarios
 * that the suite runs along but does not require; shown, not counted. `only`: pin the world to one revision.
 */
const LANES = [
  {
    name: `required of ${NEWEST}`,
    args: ["--requirements", NEWEST],
    scored: 37,
    unscored: /^tasks-|^json-schema-|^http-/,
  },
  alone("json-schema-2020-12", NEWEST),
  alone("http-header-validation", NEWEST),
  alone("http-custom-header-server-validation", NEWEST),
  // All 65, extensions too. One of tasks is not written yet: the suite skips it, whatever a server does.
  { name: "all", args: ["--suite", "all"], scored: 64, unscored: /^tasks-status-notifications$/ },
  // Required are 30; session lifecycle, JSON Schema and polling run along and must pass too.
  { name: "required of 2025-11-25", args: ["--requirements", "2025-11-25"], scored: 33 },
  {
    name: "all of 2025-06-18",
    args: ["--suite", "all", "--spec-version", "2025-06-18"],
    scored: 27,
    only: "2025-06-18",
  },
  ...OF_THE_OLDEST.map(forced),
];

const scratch = mkdtempSync(join(tmpdir(), "barewire-conformance-"));
const totals = { passed: 0, failed: 0 };
try {
  for (const only of new Set(LANES.map((lane) => lane.only))) await withWorld(only);
  await withGuardedWorld();
} catch (error) {
  console.log(String(error instanceof Error ? error.message : error));
  totals.failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

async function withWorld(only) {
  const world = await serveWorld(only === undefined ? {} : { SESSION_PROTOCOL_VERSION: only });
  try {
    for (const lane of LANES.filter((one) => one.only === only))
      await runLane(lane, world.url.href);
  } finally {
    await world.stop();
  }
}

/** The authorization server of the world, asked as each revision asks it: its metadata, and a login as the suite drives it. */
async function withGuardedWorld() {
  const world = await serveWorld({ AUTH: "" });
  try {
    for (const revision of REVISIONS) await runAuthorization(world.url.origin, revision);
    // Codes and tokens end in a dot and at least 43 characters: nothing of that shape may be printed.
    const leaks = world.log().match(/.*\.[\w-]{43,}.*/g) ?? [];
    for (const line of leaks) console.log(`  a secret in the log: ${line}`);
    totals.failed += leaks.length;
  } finally {
    await world.stop();
  }
}

async function runAuthorization(issuer, revision) {
  const out = join(scratch, `authorization-${revision}`);
  mkdirSync(out);
  const suite = [
    "authorization",
    "--url",
    issuer,
    "--client-id",
    "suite",
    "-p",
    String(await freePort()),
    "-o",
    out,
  ];
  suite.push("--resource", `${issuer}/mcp`, "--spec-version", revision);
  // The suite prints an address and waits for a browser to come back from it.
  let browsing;
  const heard = (output) => {
    const [, address] = /(http\S+\/authorize\?\S+)\s/.exec(output.replaceAll(ANSI, "")) ?? [];
    if (address !== undefined) browsing ??= browse(address);
  };
  console.log(`authorization at ${revision}:`);
  const { code, output } = await runProgram("conformance", suite, {
    isQuiet: true,
    timeoutMs: 60_000,
    onOutput: heard,
  });
  const verdicts = readdirSync(out).map((folder) => judge(out, folder));
  for (const { line } of verdicts) console.log(`  ${line}`);
  const passed = verdicts.filter((verdict) => verdict.passed).length;
  const failed = Math.max(2, verdicts.length) - passed;
  if (code !== 0 || failed > 0) console.log(output, await Promise.resolve(browsing));
  totals.passed += passed;
  totals.failed += code !== 0 && failed === 0 ? 1 : failed;
}

/** Signs in, agrees, and lets the browser go where it is sent: to the suite. Resolves to what went wrong. */
async function browse(address) {
  try {
    const answer = await passPages(tab(), address, { name: "Ada", word: "open" });
    await reach(`${new URL(address).searchParams.get("redirect_uri")}?${answer}`);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** The suite prints the address before it listens for the answer: a quick browser waits a little. */
async function reach(url) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetch(url);
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((passed) => setTimeout(passed, 100));
    }
  }
}

async function runLane(lane, url) {
  const out = join(scratch, `lane-${LANES.indexOf(lane)}`);
  mkdirSync(out);
  const suite = [
    "server",
    "--url",
    url,
    ...lane.args,
    "--expected-failures",
    "test/conformance/baseline.yml",
    "-o",
    out,
  ];
  console.log(`${lane.name}:`);
  const { code, output } = await runProgram("conformance", suite, {
    isQuiet: true,
    timeoutMs: 300_000,
  });
  const verdicts = readdirSync(out)
    .sort()
    .map((folder) => judge(out, folder, lane.unscored));
  for (const { line } of verdicts) console.log(`  ${line}`);
  const scored = verdicts.filter((verdict) => verdict.scored);
  const passed = scored.filter((verdict) => verdict.passed).length;
  // A scenario that never ran has not passed.
  let failed = Math.max(scored.length, lane.scored) - passed;
  if (code !== 0 && failed === 0) failed = 1;
  if (scored.length !== lane.scored)
    console.log(`  ran ${scored.length} scored scenarios, not ${lane.scored}`);
  if (failed > 0 && verdicts.every((verdict) => verdict.passed || !verdict.scored))
    console.log(output);
  console.log(`  ${lane.name}: ${passed} of ${lane.scored}\n`);
  totals.passed += passed;
  totals.failed += failed;
}

/** `folder` is "server-<scenario>-<ISO time>", or "authorization-server-…"; one without checks.json is a scenario that crashed. */
function judge(out, folder, unscored) {
  const scenario = folder.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT.*$/, "");
  const path = join(out, folder, "checks.json");
  const checks = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
  const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  const good = checks.filter(({ status }) => status === "SUCCESS");
  const passed = bad.length === 0 && good.length > 0;
  const scored = unscored === undefined || !unscored.test(scenario);
  const faults = bad
    .map((c) => `\n      ${c.status} ${c.id}: ${c.errorMessage ?? c.description ?? ""}`)
    .join("");
  const failure = scored ? "FAIL" : "not required";
  const verdict = passed ? "pass" : failure;
  return {
    passed,
    scored,
    line: `${verdict.padEnd(5)} ${scenario} (${good.length} of ${checks.length} checks)${scored ? faults : ""}`,
  };
}
