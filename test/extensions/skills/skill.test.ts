// How a skill is defined: what stops the Worker from starting, and what becomes of the files.
import { expect, it } from "vitest";
import { skill, type SkillFile } from "../../../src/extensions/skills/skill.ts";
import type { Context } from "../../../src/server/context.ts";

const HEAD = "name: a-skill\ndescription: What it is for";
const markdown = (...lines: string[]): string => ["---", ...lines, "---", "Body"].join("\n");
const define = (main: SkillFile, more: Readonly<Record<string, SkillFile>> = {}, prefix?: string) =>
  skill({ files: { "SKILL.md": main, ...more }, ...(prefix !== undefined && { prefix }) });

it("makes resources of the files, with the metadata that the texts ask for", async () => {
  const png = new Uint8Array([137, 80, 78, 71]);
  const { name, folderUri, frontMatter, files } = define(
    markdown(HEAD, 'version: "1"'),
    {
      "references/Groesse.md": "# Größe",
      "notes.txt": "a",
      "assets/dot.png": { mimeType: "image/png", content: png },
      "data.json": { mimeType: "application/json", content: "{}" },
    },
    "acme/billing",
  );
  expect({ name, folderUri, frontMatter }).toEqual({
    name: "a-skill",
    folderUri: "skill://acme/billing/a-skill/",
    frontMatter: { name: "a-skill", description: "What it is for", version: "1" },
  });
  const context = {} as Context;
  const seen = files.map(({ resource: { read, ...listed }, bytes }) => ({
    ...listed,
    read: read(context),
    bytes: bytes.length,
  }));
  expect(seen).toEqual([
    {
      uri: `${folderUri}SKILL.md`,
      name: "a-skill",
      description: "What it is for",
      mimeType: "text/markdown",
      size: 67,
      read: markdown(HEAD, 'version: "1"'),
      bytes: 67,
    },
    {
      uri: `${folderUri}references/Groesse.md`,
      name: "Groesse.md",
      mimeType: "text/markdown",
      // In UTF-8, two characters have two bytes each.
      size: 9,
      read: "# Größe",
      bytes: 9,
    },
    {
      uri: `${folderUri}notes.txt`,
      name: "notes.txt",
      mimeType: "text/plain",
      size: 1,
      read: "a",
      bytes: 1,
    },
    {
      uri: `${folderUri}assets/dot.png`,
      name: "dot.png",
      mimeType: "image/png",
      size: 4,
      read: { blob: png },
      bytes: 4,
    },
    {
      uri: `${folderUri}data.json`,
      name: "data.json",
      mimeType: "application/json",
      size: 2,
      read: "{}",
      bytes: 2,
    },
  ]);
});

it("needs SKILL.md, as a text", () => {
  expect(() => skill({ files: {} })).toThrow("A skill needs a text SKILL.md");
  expect(() => define({ mimeType: "text/markdown", content: markdown(HEAD) })).toThrow(
    "A skill needs a text SKILL.md",
  );
});

it.each([
  ["no name", "description: a"],
  ["capitals", "name: A-skill\ndescription: a"],
  ["a hyphen first", 'name: "-a"\ndescription: a'],
  ["a hyphen last", "name: a-\ndescription: a"],
  ["two hyphens", "name: a--b\ndescription: a"],
  ["65 characters", `name: ${"a".repeat(65)}\ndescription: a`],
  ["a folder", "name: a/b\ndescription: a"],
  ["a map", "name:\n  a: b\ndescription: a"],
])("refuses a name that is %s", (_, head) => {
  expect(() => define(markdown(head))).toThrow(/^Skill "[^"]*": its name must match /);
});

it.each([
  ["description", "name: a"],
  ["description", 'name: a\ndescription: ""'],
  ["description", `name: a\ndescription: ${"a".repeat(1025)}`],
  ["compatibility", `${HEAD}\ncompatibility: ${"a".repeat(501)}`],
  ["compatibility", `${HEAD}\ncompatibility: ""`],
  ["license", `${HEAD}\nlicense:\n  name: MIT`],
  ["allowed-tools", `${HEAD}\nallowed-tools:\n  a: b`],
])("refuses a %s beyond its limits", (field, head) => {
  expect(() => define(markdown(head))).toThrow(`its ${field} must match `);
});

it("takes each field at its limit, counted in characters", () => {
  const fields = [
    `name: ${"a".repeat(64)}`,
    `description: a${"😀".repeat(1023)}`,
    `compatibility: ${"a".repeat(500)}`,
  ];
  expect(define(markdown(...fields)).name).toHaveLength(64);
});

it("refuses metadata that is reserved, or no text", () => {
  const refusal =
    'Skill "a-skill": its metadata must be texts, none of them io.modelcontextprotocol/';
  for (const lines of [
    "metadata: a",
    "metadata:\n  a:\n    b: c",
    "metadata:\n  io.modelcontextprotocol/a: b",
  ])
    expect(() => define(markdown(HEAD, lines))).toThrow(refusal);
  expect(
    define(markdown(HEAD, "metadata:\n  io.modelcontextprotocol.a: b")).frontMatter,
  ).toHaveProperty("metadata", { "io.modelcontextprotocol.a": "b" });
});

it.each([
  "",
  "../a.md",
  "a/../b.md",
  "./a.md",
  "a//b.md",
  "/a.md",
  "a/",
  "a b.md",
  "a%20b.md",
  ".git",
  "a\\b",
  "é.md",
  "a?b",
  "a#b",
  "a\n",
])("refuses the path %j", (path) => {
  expect(() => define(markdown(HEAD), { [path]: "" })).toThrow("must match");
  if (path !== "") expect(() => define(markdown(HEAD), {}, path)).toThrow("must match");
});

it("refuses a file that could not be read in one message", () => {
  expect(define(markdown(HEAD), { "a.txt": "a".repeat(900_000) }).files).toHaveLength(2);
  expect(() => define(markdown(HEAD), { "a.txt": "a".repeat(900_001) })).toThrow(
    "skill://a-skill/a.txt must match ",
  );
});
