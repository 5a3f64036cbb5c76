/**
 * `make spec`: what is shown of every text, as dist/spec/index.html, dist/spec/report.json and, in the shape of the official
 * suite, dist/spec/traceability.json; and spec/status.txt, which is committed. Fails while an entry is open: neither proven nor excluded.
 * What `make mutants` wrote into dist/spec/mutants.json stands with each entry.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import { readMutants } from "../spec/report-faults.node.ts";
import { reportPage } from "../spec/report-page.node.ts";
import { countPages, readPages } from "../spec/pages.node.ts";
import { commit, readStatus, statusLines, tally } from "../spec/status.node.ts";
import { traceability } from "../spec/traceability.node.ts";

const entries = readStatus();
const at = commit();
const pages = countPages(readPages(), entries);
const folder = join(ROOT, "dist", "spec");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "index.html"), reportPage(entries, at, readMutants()));
writeFileSync(
  join(folder, "report.json"),
  `${JSON.stringify({ commit: at, pages, requirements: entries }, undefined, 2)}\n`,
);
writeFileSync(
  join(folder, "traceability.json"),
  `${JSON.stringify(traceability(entries, at), undefined, 2)}\n`,
);
writeFileSync(join(ROOT, "spec", "status.txt"), `${statusLines(entries).join("\n")}\n`);
for (const level of ["MUST", "SHOULD"]) {
  const { shown, excluded, open } = tally(entries, level);
  console.log(`${level.padEnd(6)} ${shown} shown, ${excluded} excluded, ${open} open`);
  if (open > 0) process.exitCode = 1;
}
const read = pages.filter(({ by }) => by === "reading").length;
console.log(`${pages.length} pages, of which ${read} were counted by reading: spec/pages.json`);
console.log("dist/spec/index.html, report.json and traceability.json; spec/status.txt");
