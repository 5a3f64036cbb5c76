/** SECURITY.md: every bound on what a peer can make this server keep is held by a test that exists. */

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const [, table = ""] =
  /\n## What a peer can make it keep\n([^]*?)\n## /.exec(read("SECURITY.md")) ?? [];
const rows = table
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| place |"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

it("the table has a bound in every row, and the tests that hold them are there", () => {
  expect(rows.length).toBeGreaterThan(30);
  for (const [, what, bound, heldBy = "", ...more] of rows) {
    expect([what, bound, more.length]).toEqual([
      expect.stringMatching(/\S/),
      expect.stringMatching(/\S/),
      0,
    ]);
    const [, file = "", title] = /^`(test\/[\w/.-]+)` "(.+)"$/.exec(heldBy) ?? [];
    expect(read(file), `${what}: ${heldBy}`).toContain(JSON.stringify(title));
  }
});
