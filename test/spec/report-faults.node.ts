/** The part of the report that `make mutants` gives: with each entry, the faults that were planted at its lines. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import type { Figures } from "./mutant-figures.node.ts";
import type { ServedFaults } from "./mutant-runs.node.ts";
import type { PlantedFault } from "./mutants.node.ts";

/** dist/spec/mutants.json. */
export interface MutantsReport {
  /** What was checked out; undefined outside of a repository. */
  readonly commit?: string;
  readonly figures: Figures;
  readonly faults: readonly PlantedFault[];
  readonly served: Readonly<Record<string, ServedFaults>>;
}

/** What `make mutants` wrote last; undefined where it was not run. */
export function readMutants(): MutantsReport | undefined {
  const path = join(ROOT, "dist", "spec", "mutants.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as MutantsReport) : undefined;
}

/** A sentence with all figures, as HTML. */
export function faultSentence(report: MutantsReport | undefined): string {
  if (report === undefined) return "";
  const { planted, outcomes, entries, ownRed } = report.figures;
  const { caught, elsewhere, survived, invalid } = outcomes;
  return `<p>Faults planted by <code>make mutants</code> at commit ${escapeHtml(report.commit ?? "unknown")}: ${planted} in lines that cite an entry, of which ${caught} were caught by a check of an entry cited there, ${elsewhere} elsewhere; ${survived} survived, for the reasons in test/spec/survivors.json; with ${invalid} no server started. Of ${entries} entries, ${ownRed} saw their own check red.</p>`;
}

/** The faults of one entry as the end of a list of definitions; empty where none was planted. */
export function faultList(id: string, report: MutantsReport | undefined): string {
  const mine = report?.faults.filter(({ ids }) => ids.includes(id)) ?? [];
  const served = report?.served[id];
  const items = mine.map(
    ({ file, line, fault, outcome, caughtBy }) =>
      `<li>${outcomeFor(outcome, caughtBy[id])}: ${escapeHtml(file)}:${line} <code>${escapeHtml(fault)}</code>`,
  );
  if (served !== undefined)
    items.push(
      `<li>${served.planted} things taken out of the answers that prove it, ${served.unnoticed} not noticed`,
    );
  return items.length === 0 ? "" : `\n<dt>faults<dd><ul>${items.join("")}</ul>`;
}

/** Where its own check was red, or what became of the fault otherwise. */
function outcomeFor(outcome: PlantedFault["outcome"], own: string | undefined): string {
  if (own !== undefined) return `red in ${escapeHtml(own)}`;
  return outcome === "caught" ? "caught by another entry of the line" : outcome;
}

/** A text inside an element or an attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
