/**
 * The course of src/README.md, as its reader walks it: each block of each chapter runs as it stands in the page, with other
 * ports, against `make dev` in a copy of this repository, and prints what the page shows. It runs with the machine's curl
 * where there is one, and always with curl.node.ts. The two chapters that change settings come last, with one of them.
 */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyRepository } from "../cli/dev.node.ts";
import { freePort } from "../tools/worker.node.ts";
import {
  inWordsOf,
  readCourse,
  runBlocks,
  trimLines,
  type Chapter,
  type Place,
} from "./course.node.ts";

/** A cold start and ten chapters, on a busy machine. */
const LONG = 300_000;
const IS_OURS: boolean =
  (JSON.parse(readFileSync("package.json", "utf8")) as { readonly name: string }).name ===
  "barewire";
/** A fork's documents are its own. */
const { setup, chapters } = IS_OURS
  ? readCourse()
  : { setup: { commands: "", shown: "" }, chapters: [] };
/** Waits for seconds while nothing happens: runs beside the others. */
const SLEEPS = 7;
const changesSettings = ({ blocks }: Chapter): boolean =>
  blocks.some(({ commands }) => commands.includes(".dev.vars.before"));

/** Made here and not in a hook: it ends its server when this file's tests have ended. */
const copy = IS_OURS ? copyRepository() : undefined;
const OWN_CURL: string = mkdtempSync(join(tmpdir(), "barewire-curl-"));
const CURLS: readonly (string | undefined)[] = hasCurl() ? [undefined, OWN_CURL] : [OWN_CURL];

const unneeded = new AbortController();
/** What the blocks of a chapter printed, the setup's first, by the curl and the chapter's number. */
const runs = new Map<string, Promise<string[]>>();
const keyOf = (curl: string | undefined, { number }: Chapter): string =>
  `${curl ?? "curl"} ${number}`;

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Starts all runs; each is awaited by its test. */
function startRuns(place: Omit<Place, "programs">): void {
  const start = (curl: string | undefined, chapter: Chapter, after: Promise<unknown>): void => {
    const run = after.then(() =>
      runBlocks([setup, ...chapter.blocks], { ...place, programs: curl }),
    );
    run.catch(() => undefined);
    runs.set(keyOf(curl, chapter), run);
  };
  const ended = (): Promise<unknown> => Promise.allSettled(runs.values());
  for (const curl of CURLS)
    for (const chapter of chapters)
      if (chapter.number === SLEEPS) start(curl, chapter, Promise.resolve());
  let last: Promise<unknown> = Promise.resolve();
  const [firstCurl] = CURLS;
  for (const curl of CURLS)
    for (const chapter of chapters) {
      if (chapter.number === SLEEPS || changesSettings(chapter)) continue;
      start(curl, chapter, last);
      last = Promise.allSettled([runs.get(keyOf(curl, chapter))]);
    }
  for (const chapter of chapters) if (changesSettings(chapter)) start(firstCurl, chapter, ended());
}

beforeAll(async () => {
  if (copy === undefined) return;
  const program = join(OWN_CURL, "curl");
  const source = join(process.cwd(), "test/system/curl.node.ts");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${source}' "$@"\n`);
  chmodSync(program, 0o755);
  const [port, collector] = [await freePort(), await freePort()];
  const terminal = copy.dev(`PORT=${port}`);
  const served = (): Promise<string> =>
    terminal.until(`^Served at http://localhost:${port}/mcp\\n`);
  await served();
  startRuns({
    folder: copy.folder,
    ports: { 8787: port, 4318: collector },
    settingsChanged: served,
    signal: unneeded.signal,
  });
}, LONG);

afterAll(async () => {
  // Where only some of the tests were run, other chapters are still at work.
  unneeded.abort();
  await Promise.allSettled(runs.values());
  rmSync(OWN_CURL, { recursive: true, force: true });
}, LONG);

it("has ten chapters, each with a diagram and an experiment, and the minutes that the table says", () => {
  if (!IS_OURS) return;
  expect(chapters.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const { number, heading, minutes, hasDiagram, blocks, strayFences } of chapters) {
    expect(heading).toMatch(new RegExp(`^Chapter ${number}: `));
    expect([minutes[0], hasDiagram, strayFences], heading).toEqual([minutes[1], true, 0]);
    const experiments = blocks.filter(
      ({ commands, shown }) => /\b(curl|post|send)\b/.test(commands) && shown !== "",
    );
    expect(experiments, heading).not.toEqual([]);
  }
});

it.each(
  CURLS.flatMap((curl) =>
    chapters
      .filter((chapter) => curl === CURLS[0] || !changesSettings(chapter))
      .map((chapter) => ({ chapter, curl, name: curl === undefined ? "curl" : "curl.node.ts" })),
  ),
)(
  "$chapter.heading: prints what the page shows, with $name",
  { timeout: LONG },
  async ({ chapter, curl }) => {
    const printed = (await runs.get(keyOf(curl, chapter))) ?? [];
    expect(printed).toHaveLength(chapter.blocks.length + 1);
    for (const [index, { commands, shown }] of [setup, ...chapter.blocks].entries())
      expect(inWordsOf(shown, printed[index] ?? ""), commands).toBe(trimLines(shown));
  },
);

it("tells what is shown from what is not", () => {
  const isShown = (text: string, shown: string): boolean =>
    inWordsOf(shown, text) === trimLines(shown);
  expect(isShown('{"id":1} 200\n', '{"id":1} 200\n')).toBe(true);
  expect(isShown("data: \n\nid: 5-1\n\n", "data:\n\nid: …-1\n")).toBe(true);
  expect(isShown("", "")).toBe(true);
  for (const [text, shown] of [
    ["a 200\n", "a 201\n"],
    ["a\nb\n", "a\n"],
    ["a\n", "a\nb\n"],
    ["a\nb\n", "…b\n"],
    ["axb\n", "a.b\n"],
    ["id: \n", "id: …\n"],
    ["a…\n", "abc\n"],
    ["", "a\n"],
    ["a\n", ""],
  ] as const)
    expect(isShown(text, shown), `${text} is not ${shown}`).toBe(false);
});

it("finds every block, and misses none in silence", () => {
  const page = (rows: string): string => `## Course\n\n${rows}\n\`\`\`sh\nA=1\n\`\`\`\n\n## Next\n`;
  const row = "| 1. [One](wire/README.md#chapter-1-one) | 5 | `wire` |";
  const chapter = "# wire\n\n## Chapter 1: one\n\n5 minutes. Read it.\n\n";
  const blocks = "```sh\npost\n```\n```text\nyes\n```\n\n```sh\nrm a\n```\n";
  const read = (text: string) => (path: string) => (path === "README.md" ? page(row) : text);
  const [one] = readCourse(read(chapter + blocks)).chapters;
  expect(one?.blocks).toEqual([
    { commands: "post\n", shown: "yes\n" },
    { commands: "rm a\n", shown: "" },
  ]);
  expect(one?.strayFences).toBe(0);
  expect(readCourse(read(`${chapter}\`\`\`text\nyes\n\`\`\`\n`)).chapters[0]?.strayFences).toBe(1);
  expect(() => readCourse(read("# wire\n"))).toThrow("There is no heading for #chapter-1-one");
  expect(() => readCourse(() => "# src\n")).toThrow("src/README.md has no course");
});

it("every function that a chapter says to read is defined in the file that it names", () => {
  if (!IS_OURS) return;
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" });
  const isDefined = (file: string, name: string): boolean =>
    sources
      .filter((path) => path === file || path.endsWith(`/${file}`))
      .some((path) =>
        new RegExp(`^(?:  |export |async |function )*${name}[(<]`, "m").test(
          readFileSync(join("src", path), "utf8"),
        ),
      );
  expect([isDefined("wire/body.ts", "readBody"), isDefined("wire/body.ts", "gone")]).toEqual([
    true,
    false,
  ]);
  const reads = chapters.flatMap((chapter) => chapter.reads);
  expect(reads.length).toBeGreaterThan(40);
  expect(reads.filter(({ file, name }) => !isDefined(file, name))).toEqual([]);
});
