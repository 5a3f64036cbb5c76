/**
 * `make evidence`: runs every exchange by itself, and looks which lines of src/ it executes. An entry of the ledger whose
 * cited lines none of its proofs executes is an error, and so is an exchange that executes no cited line of what it proves.
 * Words pick exchanges: `node test/tools/spec-evidence.mjs tools.call`.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import { collectEvidence } from "../spec/evidence.node.ts";

const words = process.argv.slice(2);
const { runs, entries, neverExecuted, passedBy } = await collectEvidence(words, (text) =>
  console.log(text),
);
mkdirSync(join(ROOT, "dist", "spec"), { recursive: true });
writeFileSync(
  join(ROOT, "dist", "spec", "evidence.json"),
  `${JSON.stringify({ neverExecuted, passedBy }, undefined, 2)}\n`,
);
console.log(
  `${runs} runs of exchanges, ${entries} entries with cited lines: of ${neverExecuted.length} no proof executes one; ${passedBy.length} proofs execute none of theirs`,
);
for (const { id, cited } of neverExecuted) console.log(`  ${id}: ${cited.join(", ")}`);
if (neverExecuted.length > 0) process.exitCode = 1;
