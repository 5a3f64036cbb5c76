/**
 * What was counted on each page of the texts (spec/pages.json), beside what the ledger says of it now: how many of its entries
 * are covered, and how many excluded. `make spec` shows both.
 */

import { readFileSync } from "node:fs";
import type { EntryStatus } from "./status.node.ts";

/** A row of spec/pages.json; spec/README.md, "Pages", says what each member is. */
export interface Page {
  readonly page: string;
  readonly revision: string;
  readonly moved?: readonly string[];
  readonly seen?: number;
  readonly bound?: number;
  readonly by?: "reading" | "rule";
  readonly note?: string;
  readonly merged: Readonly<Record<string, string>>;
}

export interface PageStatus extends Page {
  readonly covered: number;
  readonly excluded: number;
}

export function readPages(): Page[] {
  const file = new URL("../../spec/pages.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Page[];
}

/** Each page with what the ledger says of it: entries that name it, or where it has moved to, and hold in its revision. */
export function countPages(pages: readonly Page[], entries: readonly EntryStatus[]): PageStatus[] {
  return pages.map((row) => {
    const names = [row.page, ...(row.moved ?? [])];
    const own = entries.filter(
      ({ source, also = [], revisions }) =>
        revisions.includes(row.revision) &&
        [source, ...also].some((one) => names.includes(one.replace(/#.*$/, ""))),
    );
    const count = (status: EntryStatus["status"]): number =>
      own.filter((entry) => entry.status === status).length;
    return { ...row, covered: count("shown"), excluded: count("excluded") };
  });
}

/** The rows as an HTML table. Nothing in them is of a stranger. */
export function pagesTable(pages: readonly PageStatus[]): string {
  const rows = pages.map((row) => {
    const { page, revision, seen = "", bound = "", by, covered, excluded, merged, note } = row;
    const merges = Object.entries(merged).map(([statement, id]) => `${statement}: ${id}`);
    const about = [by === "rule" ? "bound: by rule" : "", note ?? ""].filter(Boolean).join("; ");
    const cells = [seen, bound, covered, excluded].map((cell) => `<td>${cell}`).join("");
    return `<tr><th scope="row">${page}<td style="white-space:nowrap">${revision}${cells}<td title="${merges.join("\n")}">${merges.length}<td>${about}`;
  });
  return `<details><summary>By page</summary><table>
<thead><tr><th scope="row">page<th>revision<th>seen<th>bound<th>covered<th>excluded<th>merged<th>
<tbody>${rows.join("\n")}
</table></details>`;
}
