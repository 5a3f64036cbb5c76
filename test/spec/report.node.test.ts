// What `make spec` writes: a line for each entry, which is committed, and the page.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { reportPage } from "./report-page.node.ts";
import { readStatus, statusLines, tally, type EntryStatus } from "./status.node.ts";

const entries = readStatus();
const committed = readFileSync(new URL("../../spec/status.txt", import.meta.url), "utf8");

it("spec/status.txt says what shows each entry: make spec writes it anew", () => {
  expect(committed.trimEnd().split("\n")).toEqual(statusLines(entries));
});

it("a citation or a proof that is lost is one line of it", () => {
  const lost = (change: (entry: EntryStatus) => EntryStatus): string[] => {
    const [first, ...others] = entries;
    if (first === undefined) throw new Error("The ledger is empty");
    return statusLines([change(first), ...others]).filter((line) => !committed.includes(line));
  };
  expect(lost((entry) => entry)).toEqual([]);
  expect(lost((entry) => ({ ...entry, citations: [] }))).toHaveLength(1);
  expect(lost((entry) => ({ ...entry, proofs: entry.proofs.slice(1) }))).toHaveLength(1);
  expect(lost((entry) => ({ ...entry, status: "open" }))).toHaveLength(1);
});

it("each entry has its source, its checks or the reason why it has none, and cites lines that are there", () => {
  for (const { id, url, status, proofs, excluded, citations, standIn } of entries) {
    expect(url, id).toMatch(/^https:/);
    expect(status === "shown" ? proofs.length : (excluded?.reason.length ?? 0), id).toBeGreaterThan(
      0,
    );
    expect(standIn === undefined, id).toBe(excluded?.test === undefined);
    for (const { code } of citations) expect(code, id).toMatch(/^[^/\s]/);
  }
});

it("an entry that is neither proven nor excluded is open, and counts as that", () => {
  const [first] = entries;
  if (first === undefined) throw new Error("The ledger is empty");
  const open: EntryStatus = { ...first, status: "open", level: "MUST NOT" };
  expect(tally([open, { ...open, status: "shown" }], "MUST")).toEqual({
    shown: 1,
    excluded: 0,
    open: 1,
  });
  expect(tally([open], "SHOULD")).toEqual({ shown: 0, excluded: 0, open: 0 });
});

it("the page has every entry once, escapes what it quotes, and needs nothing from elsewhere", () => {
  const hostile = { ...entries[0], text: '<img src=x onerror="alert(1)">' } as EntryStatus;
  const page = reportPage([hostile, ...entries.slice(1)], "0123456789abcdef-dirty");
  for (const { id } of entries) expect(page.split(`<li id="${id}"`), id).toHaveLength(2);
  expect(page).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
  expect(page).not.toContain("<img");
  expect(page).not.toMatch(/<(script|link|img)[^>]+(src|href)=/);
});
