// What was counted on each page of the texts, against the ledger.
import { expect, it } from "vitest";
import { countPages, pagesTable, readPages, type Page } from "./pages.node.ts";
import { pageOf, readStatus, REVISIONS } from "./status.node.ts";

const entries = readStatus();
const pages = readPages();
const counted = countPages(pages, entries);

it("each page that an entry is from has a row, in the revision in which the entry is looked up", () => {
  const rows = new Set(pages.map(({ page, revision }) => `${page} ${revision}`));
  const missing = entries
    .map((entry) => `${pageOf(entry)} ${entry.until ?? REVISIONS.at(-1)}`)
    .filter((row) => !rows.has(row));
  expect([...new Set(missing)]).toEqual([]);
});

it("each page has one row a revision, and what moved went to a page that has one", () => {
  const names = pages.map(({ page, revision }) => `${page} ${revision}`);
  expect(new Set(names).size).toBe(names.length);
  const newest = new Set(
    pages.filter(({ revision }) => revision === REVISIONS.at(-1)).map(({ page }) => page),
  );
  for (const { page, moved = [] } of pages)
    expect(
      moved.filter((one) => !newest.has(one)),
      page,
    ).toEqual([]);
});

it("each statement is merged into an entry that holds in that revision", () => {
  const holds = new Map(entries.map(({ id, revisions }) => [id, revisions]));
  for (const { page, revision, merged } of pages)
    for (const [statement, id] of Object.entries(merged))
      expect(holds.get(id), `${page} ${revision}, ${statement}: ${id}`).toContain(revision);
});

it("where a person read the page, each statement that binds has an entry or is merged into one", () => {
  const left = ({ bound = 0, covered, excluded, merged }: (typeof counted)[number]): number =>
    bound - covered - excluded - Object.keys(merged).length;
  const read = counted.filter(({ by }) => by === "reading");
  expect(read.length).toBeGreaterThan(80);
  expect(read.filter((row) => left(row) > 0)).toEqual([]);
});

it("an entry that is lost, or no longer shown, is missed by its page", () => {
  const row: Page = { page: "mcp:server/discover", revision: "2026-07-28", merged: {} };
  const count = (of: typeof entries): [number, number] => {
    const [{ covered, excluded } = { covered: 0, excluded: 0 }] = countPages([row], of);
    return [covered, excluded];
  };
  expect(count(entries)).toEqual([2, 0]);
  expect(count(entries.filter(({ id }) => id !== "discover.implemented"))).toEqual([1, 0]);
  expect(count(entries.map((entry) => ({ ...entry, status: "excluded" as const })))).toEqual([
    0, 2,
  ]);
});

it("the table has a row for each", () => {
  expect(pagesTable(counted).split("<tr><th scope").length - 2).toBe(pages.length);
});
