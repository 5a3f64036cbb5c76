/**
 * `make mutants`: plants faults at each line of src/ that cites a shown entry, and sees whether the exchanges that prove
 * the entry turn red (test/spec/mutants.node.ts; the operators are in test/spec/mutations.node.ts). Fails where a fault
 * survives without a reason in test/spec/survivors.json, and where a reason does not hold. `--only prefix`: only the
 * places of entries whose id begins so; then dist/spec/mutants.json stays as it is.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import {
  judgeFaults,
  judgementLines,
  readReasons,
  staleReasons,
} from "../spec/mutant-figures.node.ts";
import { runControl } from "../spec/mutant-runs.node.ts";
import { citedPlaces, plantAt } from "../spec/mutants.node.ts";
import { commit, readStatus } from "../spec/status.node.ts";

/** Places at a time: a fault waits more than it works. */
const JOBS = 4;

const [, only = ""] = process.argv.slice(2);
const at = commit();
const every = citedPlaces(readStatus());
const places = every.filter(({ ids }) => ids.some((id) => id.startsWith(only)));
if (places.length === 0) throw new Error(`No entry that is shown and cited begins with "${only}"`);

console.log(`${places.length} places; first all exchanges against the server without a fault`);
const control = await runControl();
for (const one of control.left) console.log(`  left out, for it does not pass here: ${one}`);
const waiting = [...places];
const faults = [];
await Promise.all(Array.from({ length: JOBS }, work));

const reasons = readReasons();
const judgement = judgeFaults(faults, control.served, reasons);
const stale = staleReasons(reasons, every);
for (const line of judgementLines(judgement)) console.log(line);
for (const one of stale) console.log(`test/spec/survivors.json names what is not there: ${one}`);
if (only === "") writeReport();
const { unexplained, refuted } = judgement;
if (unexplained.length + refuted.length + stale.length > 0) process.exitCode = 1;

async function work() {
  for (let place = waiting.shift(); place !== undefined; place = waiting.shift()) {
    const { file, line, ids } = place;
    const near = every.filter((one) => one.file === file).flatMap((one) => one.ids);
    const planted = await plantAt(place, control.runs, near);
    faults.push(...planted);
    console.log(`\n${file}:${line}  ${ids.join(", ")}`);
    for (const { outcome, fault, caughtBy, why } of planted) {
      const [by] = Object.values(caughtBy);
      console.log(`  ${outcome.padEnd(9)}  ${fault}${by || why ? `  (${by ?? why})` : ""}`);
    }
  }
}

function writeReport() {
  const folder = join(ROOT, "dist", "spec");
  const report = { commit: at, figures: judgement.figures, faults, served: control.served };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "mutants.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  console.log("dist/spec/mutants.json: make spec shows it with each entry");
}
