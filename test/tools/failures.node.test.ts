// However many steps fail, what is printed says why.
import { expect, it } from "vitest";
import { layOutFailures } from "./failures.mjs";

const failure = (
  title: string,
  count: number,
  isLast = false,
): Parameters<typeof layOutFailures>[0][number] => ({
  title,
  lines: Array.from({ length: count }, (_, index) => `${title}.${index}`),
  isLast,
});
const lines = (title: string, count: number): string[] => [
  title,
  ...Array.from({ length: count }, (_, index) => `${title}.${index}`),
];

it("one failure has all the room", () => {
  expect(layOutFailures([failure("a", 40)], 15, "dist/")).toEqual(lines("a", 14));
});

it("the last lines are those of a step that ends with its cause", () => {
  expect(layOutFailures([failure("a", 40, true)], 4, "dist/")).toEqual([
    "a",
    "a.37",
    "a.38",
    "a.39",
  ]);
});

it("each that is shown says why, the first most", () => {
  const shown = layOutFailures(
    ["a", "b", "c"].map((title) => failure(title, 40)),
    15,
    "dist/",
  );
  expect(shown).toEqual([...lines("a", 6), ...lines("b", 3), ...lines("c", 3)]);
});

it("more than there is room for are counted, and none of those above is without a reason", () => {
  const many = Array.from({ length: 20 }, (_, index) => failure(`f${index}`, 40));
  expect(layOutFailures(many, 15, "dist/")).toEqual([
    ...lines("f0", 3),
    ...lines("f1", 3),
    ...lines("f2", 3),
    "and 17 more: dist/",
  ]);
});
