/** What is found of a text, and that it is found once, however many templates look at it. */

import { expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { checkWith } from "../../src/server/zod.ts";
import { KnownText } from "../../src/server/zod-texts.ts";

it.each([
  ["", 0],
  ["none", 0],
  ["12", 2],
  ["a 1 bc 2026-11-30T10:00:00.5+01:00, 3", 27],
  ["1/22;333", 3],
  ["T+Z/", 3],
])("the longest number of %j has %i characters", (text, length) => {
  expect(new KnownText(text).longestNumber).toBe(length);
});

it("counts places, also those that overlap", () => {
  const known = new KnownText("aaa, b");
  expect(["aa", "a", ", ", "c"].map((piece) => known.placesOf(piece))).toEqual([2, 3, 1, 0]);
});

it("counts what is compared to normalize: marks with each other, each run by itself", () => {
  const { comparisons } = new KnownText(`${"\u0301".repeat(200)}e${"\uFF9E".repeat(2)}`);
  expect(comparisons).toBe(200 * 200 + 2 * 2);
});

it.each<[string, boolean]>([
  ["", false],
  ["QUJD", false],
  ["QUI=", false],
  ["QQ==", false],
  ["Q===", true],
  ["QU-D", true],
  ["QU=D", true],
  ["QUJDR", false],
])("%j is unfit for atob: %s", (text, isUnfit) => {
  expect(new KnownText(text).isUnfitForAtob).toBe(isUnfit);
});

it("counts the letters of base64url that are others in base64", () => {
  expect(new KnownText("a-b_+/--").replacedLetters).toBe(4);
});

it("what may be put together with what stands before it counts as a mark, of all letters there are, and what becomes many", () => {
  const letters: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1)
    if (code < 0xd800 || code > 0xdfff) letters.push(String.fromCodePoint(code));
  const seconds = new Set(
    letters.flatMap((letter) => Array.from(letter.normalize("NFD")).slice(1)),
  );
  // A letter that is sorted goes before this one, which is the last of all.
  const isSorted = (letter: string): boolean =>
    `\u0345${letter}`.normalize("NFD") !== `\u0345${letter}`;
  const joining = letters.filter((letter) => {
    const [first = ""] = letter.normalize("NFKD");
    const isMany = letter.normalize("NFKD").length >= 8;
    return isMany || seconds.has(first) || isSorted(first);
  });
  expect(joining.length).toBeGreaterThan(1_000);
  expect(joining.filter((letter) => new KnownText(letter).comparisons === 0)).toEqual([]);
});

it("a text is looked through once for all alternatives", () => {
  const colour = z.union([
    z.templateLiteral(["rgb(", z.int(), ",", z.int(), ",", z.int(), ")"]),
    z.templateLiteral(["hsl(", z.number(), "%,", z.number(), "%,", z.number(), ")"]),
  ]);
  const shapes = ["line", "circle", "path"].map((kind) =>
    z.object({ kind: z.literal(kind), fill: colour }),
  );
  const text = "1 , % ".repeat(2_000);
  const spy = vi.spyOn(String.prototype, "charCodeAt");
  const checked = checkWith(z.union(shapes))({ kind: "none", fill: text });
  const lookCount = spy.mock.calls.length;
  spy.mockRestore();
  expect(checked.ok).toBe(false);
  expect(lookCount).toBe(text.length + 1);
});

it("marks are looked for only where a text is normalized", () => {
  const spy = vi.spyOn(String.prototype, "matchAll");
  const text = "e\u0301".repeat(2_000);
  for (const change of [z.trim(), z.toLowerCase(), z.toUpperCase()])
    expect(checkWith(z.string().check(change))(text).ok).toBe(true);
  expect(spy).not.toHaveBeenCalled();
  expect(checkWith(z.string().check(z.normalize("NFKC")))(text).ok).toBe(true);
  expect(spy).toHaveBeenCalledOnce();
  spy.mockRestore();
});
