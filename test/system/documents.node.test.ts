/**
 * The documents say what is there: every link leads somewhere, every file that a page names exists, and the table of
 * settings names each setting and binding of the source, where it is declared. A fork's documents are its own.
 */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const IS_OURS: boolean =
  (JSON.parse(read("package.json")) as { readonly name: string }).name === "barewire";
/** What the reader of "Add a tool" writes. */
const WRITTEN_BY_READER = "src/app/tools/count-words.ts";
const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(end) && !file.includes("node_modules"))
    .map((file) => join(folder, file));
const PAGES: readonly string[] = [
  ...readdirSync(ROOT).filter((file) => file.endsWith(".md")),
  ...["src", "spec", "test"].flatMap((folder) => filesIn(folder, ".md")),
];

it("every link leads to a file and a heading that exist", () => {
  if (!IS_OURS) return;
  expect(PAGES).toContain("README.md");
  expect(PAGES.flatMap((page) => brokenLinks(page, read(page)))).toEqual([]);
  expect(
    brokenLinks("src/wire/README.md", "[a](sse.ts) [b](gone.ts) [c](../README.md#gone) [d](#gone)"),
  ).toEqual([
    "src/wire/README.md: gone.ts",
    "src/wire/README.md: ../README.md#gone",
    "src/wire/README.md: #gone",
  ]);
});

it("every file of the source that a page names exists", () => {
  if (!IS_OURS) return;
  const pages = PAGES.filter((page) => page !== "CHANGELOG.md");
  expect(pages.flatMap((page) => missingFiles(page, read(page)))).toEqual([]);
  expect(
    missingFiles(
      "src/vault/README.md",
      "`vault.ts`, `crypto/row-seal.ts`, `gone.ts`, `base/gone.ts`",
    ),
  ).toEqual(["src/vault/README.md: gone.ts", "src/vault/README.md: base/gone.ts"]);
});

it("the README of a folder of the source names every file beside it", () => {
  if (!IS_OURS) return;
  const pages = PAGES.filter((page) => /^src\/.+\/README\.md$/.test(page));
  expect(pages.length).toBeGreaterThan(15);
  const unnamed = pages.flatMap((page) =>
    readdirSync(join(ROOT, dirname(page)))
      .filter((file) => /\.m?ts$|\.mjs$/.test(file) && !read(page).includes(`${file}\``))
      .map((file) => `${page} does not name ${file}`),
  );
  expect(unnamed).toEqual([]);
});

it("the table of settings has every setting once, under the file that declares it", () => {
  if (!IS_OURS) return;
  const declared = declaredSettings();
  const listed = listedSettings(read("src/README.md"));
  const names = listed.map((setting) => setting.name);
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((one, index) => names.indexOf(one) !== index)).toEqual([]);
  expect(names.toSorted()).toEqual(
    [...new Set(declared.map((setting) => setting.name))].toSorted(),
  );
  const isDeclared = (one: Setting): boolean =>
    declared.some(({ name, file }) => name === one.name && file === one.file);
  expect(listed.filter((one) => !isDeclared(one))).toEqual([]);
});

interface Setting {
  readonly name: string;
  /** Relative to src/. */
  readonly file: string;
}

/** The members of every interface whose name ends in `Env`. */
function declaredSettings(): Setting[] {
  return filesIn("src", ".ts").flatMap((path) =>
    [...read(path).matchAll(/^export interface \w+Env\b[^{]*\{\n([^]*?)^\}/gm)].flatMap(
      ([, members = ""]) =>
        [...members.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member = ""]) => ({
          name: member,
          file: path.slice("src/".length),
        })),
    ),
  );
}

/** The first column of each table under "Settings"; the heading above it names the file. */
function listedSettings(page: string): Setting[] {
  const [, chapter = ""] = /^## Settings\n([^]*?)^## /m.exec(page) ?? [];
  return chapter.split("\n### ").flatMap((section) => {
    const [, file = ""] = /\(`(.+?)`\)/.exec(section) ?? [];
    return [...section.matchAll(/^\| `(\w+)`.*\|.+\|.+\|$/gm)].map(([, setting = ""]) => ({
      name: setting,
      file,
    }));
  });
}

/** Links of a page that lead nowhere in this repository. */
function brokenLinks(page: string, text: string): string[] {
  const links = [...text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, to = ""]) => to,
  );
  return links
    .filter((to) => !/^https?:/.test(to))
    .filter((to) => {
      const [path = "", anchor] = to.split("#");
      const target = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(path === "" ? text : read(target)).includes(anchor);
    })
    .map((to) => `${page}: ${to}`);
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Files that a page names in backticks and that are neither beside it, nor under a folder that it speaks of. */
function missingFiles(page: string, text: string): string[] {
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)].map(([, file = ""]) => file);
  // A file named alone follows one of its folder.
  const folders = new Set([
    dirname(page),
    "",
    "src",
    ...foldersBelow(page),
    ...named.map((file) => join("src", dirname(file))),
  ]);
  return [...new Set(named)]
    .filter((file) => file !== WRITTEN_BY_READER)
    .filter((file) => ![...folders].some((folder) => existsSync(join(ROOT, folder, file))))
    .map((file) => `${page}: ${file}`);
}

/** Folders that the page links to, or names as `folder/`. */
function foldersBelow(page: string): string[] {
  const names = [...read(page).matchAll(/`([\w./-]+)\/`|\]\(([\w./-]+)\/\)/g)].map(
    ([, one, other]) => one ?? other ?? "",
  );
  return names.flatMap((one) => [join("src", one), normalize(join(dirname(page), one))]);
}
