// The subset of YAML in front matter: what is read, and what is refused with its line.
import { expect, it } from "vitest";
import { readFrontMatter } from "../../../src/extensions/skills/front-matter.ts";

const between = (...lines: string[]): string => ["---", ...lines, "---", "# Body"].join("\n");

it("reads keys with texts, plain and quoted, and maps inside maps", () => {
  const read = readFrontMatter(
    between(
      "name: use-weather  ",
      "",
      "# who may copy it",
      "license: Apache-2.0",
      'quoted: "1.0: \\"a\\" \\\\ # b"',
      'empty: ""',
      "description: Städte, 'was' [es] gibt so a:b c#d",
      "metadata:",
      "  # inside",
      "  author: example-org",
      "  com.example/deep:",
      "      one: a",
      '      two: "2"',
      "  last: b",
      "other: c",
    ),
  );
  expect(read).toEqual({
    name: "use-weather",
    license: "Apache-2.0",
    quoted: '1.0: "a" \\ # b',
    empty: "",
    description: "Städte, 'was' [es] gibt so a:b c#d",
    metadata: {
      author: "example-org",
      "com.example/deep": { one: "a", two: "2" },
      last: "b",
    },
    other: "c",
  });
});

it("reads files with the line ends of Windows, and the shortest front matter", () => {
  expect(readFrontMatter("---\r\nname: a\r\n---\r\nBody")).toEqual({ name: "a" });
  expect(readFrontMatter("---\n---")).toEqual({});
  expect(readFrontMatter("---\nname: a\n---\n---\nname: b\n---\n")).toEqual({ name: "a" });
});

it.each([
  ["no front matter", "# Body"],
  ["no end", "---\nname: a"],
  ["an end that says more", "---\nname: a\n--- #\n"],
  ["a byte order mark", "\uFEFF---\nname: a\n---"],
])("refuses %s", (_, text) => {
  expect(() => readFrontMatter(text)).toThrow("SKILL.md, line");
});

it.each([
  ["a number", "version: 1.0"],
  ["a date", "on_: 2026-09-01"],
  ["a boolean", "hidden: true"],
  ["a boolean of YAML 1.1", "hidden: Yes"],
  ["null", "hidden: ~"],
  ["null in words", "hidden: NULL"],
  ["nothing", "hidden:"],
  ["a list", "tools: [a, b]"],
  ["a map in braces", "tools: {a: b}"],
  ["a folded text", "text: >"],
  ["a text of several lines", "text: |-"],
  ["single quotes", "text: 'a'"],
  ["an escape that is not known", 'text: "a\\n"'],
  ["text after quotes", 'text: "a" b'],
  ["a comment after a value", "text: a # b"],
  ["a colon in a plain text", "text: a: b"],
  ["a colon at the end", "text: a:"],
  ["an anchor", "text: &a b"],
  ["an alias", "text: *a"],
  ["a tag", "text: !!str b"],
  ["a tab", "text: a\tb"],
  ["a tab after the colon", "text:\ta"],
  ["a line break of another kind", "text: a\u2028b"],
  ["a break that YAML 1.1 knows", "text: a\u0085b"],
  ["a break in a comment", "# a\rname: b"],
  ["half a character", "text: a\uD800"],
  ["no blank after the colon", "text:a"],
  ["a quoted key", '"text": a'],
  ["a key that is a boolean", "on: a"],
  ["a key of JavaScript", "__proto__: a"],
  ["a merge", "<<: a"],
  ["a list item", "- a"],
  ["an end of the document", "..."],
  ["an indent without a reason", "  text: a"],
])("refuses %s, and names the line", (_, line) => {
  expect(() => readFrontMatter(between("name: a", line))).toThrow(/^SKILL.md, line 3: /);
});

it.each([
  ["a text that goes on", ["text: a", "  b: c"], 3],
  ["a list below a key", ["text:", "- a"], 3],
  ["an indent in between", ["a:", "    b: c", "  d: e"], 4],
  ["a key that stands twice", ["a: b", "a: c"], 3],
  ["a key that stands twice inside", ["a:", "  b: c", "  b: d"], 4],
  ["a key without a value at the end of a map", ["a:", "  b:", "c: d"], 3],
])("refuses %s", (_, lines, number) => {
  expect(() => readFrontMatter(between(...lines))).toThrow(
    new RegExp(`^SKILL.md, line ${number}: `),
  );
});
