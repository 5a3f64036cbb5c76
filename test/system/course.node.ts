/**
 * The course, as src/README.md lists it: chapters with blocks of shell and what each prints, and a shell that runs them
 * as a reader's does. What is the same in no two runs is shown as `…`: the rule is in src/README.md, "Course".
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
/** For one block, on a busy machine. One that waits for what does not come would wait for ever. */
const PATIENCE_MS = 110_000;
/** Written by the shell behind each block: no program prints it. */
const END = "\u001E";

export interface Block {
  readonly commands: string;
  /** What the page shows below it; empty when nothing. */
  readonly shown: string;
}

export interface Chapter {
  readonly number: number;
  readonly heading: string;
  /** As the table and as the chapter itself say it. */
  readonly minutes: readonly [listed: number, said: number];
  readonly hasDiagram: boolean;
  readonly blocks: readonly Block[];
  /** What the chapter says to read of a file: `name` of `file`. */
  readonly reads: readonly { readonly file: string; readonly name: string }[];
  /** Fences of shell and of output that belong to no block. */
  readonly strayFences: number;
}

/** What every experiment needs, and the chapters in the order of the table. */
export interface Course {
  readonly setup: Block;
  readonly chapters: readonly Chapter[];
}

/** The course that `read` gives the pages of, by their path under src/. @throws where the table names a chapter that is not there. */
export function readCourse(read: (path: string) => string = readSource): Course {
  const [, page = ""] = /^## Course\n([^]*?)^## /m.exec(read("README.md")) ?? [];
  const [setup] = blocksOf(page);
  if (setup === undefined) throw new Error("src/README.md has no course");
  const rows = page.matchAll(/^\| (\d+)\. \[.+?\]\((\S+?)#(\S+)\).*\| (\d+) \| .+ \|$/gm);
  const chapters = [...rows].map(([, number, path = "", anchor = "", minutes]) =>
    readChapter(read(path), Number(number), anchor, Number(minutes)),
  );
  return { setup, chapters };
}

function readSource(path: string): string {
  return readFileSync(join(ROOT, "src", path), "utf8");
}

function readChapter(page: string, number: number, anchor: string, listed: number): Chapter {
  const sections = page.split(/^## /m);
  const text = sections.find((section) => anchorOf(section.split("\n")[0] ?? "") === anchor);
  if (text === undefined) throw new Error(`There is no heading for #${anchor}`);
  const blocks = blocksOf(text);
  const fences = text.match(/^```(sh|text)$/gm)?.length ?? 0;
  const shown = blocks.filter((block) => block.shown !== "").length;
  return {
    number,
    heading: text.split("\n")[0] ?? "",
    minutes: [listed, Number(/^(\d+) minutes\. Read /m.exec(text)?.[1])],
    hasDiagram: text.includes("\n```mermaid\n"),
    reads: readsOf(/^\d+ minutes\. .*$/m.exec(text)?.[0] ?? ""),
    blocks,
    strayFences: fences - blocks.length - shown,
  };
}

/** Of "`file.ts` (`one`, `two`)" both names. */
function readsOf(text: string): { readonly file: string; readonly name: string }[] {
  return [...text.matchAll(/`([\w./-]+\.ts)` \(([^)]*)\)/g)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => ({ file, name })),
  );
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

function blocksOf(text: string): Block[] {
  const found = text.matchAll(/^```sh\n([^]*?)^```\n(?:```text\n([^]*?)^```\n)?/gm);
  return [...found].map(([, commands = "", shown = ""]) => ({ commands, shown }));
}

/** `printed` with each line that is as the page shows it in the page's words: what then differs is what is wrong. */
export function inWordsOf(shown: string, printed: string): string {
  const shownLines = trimLines(shown).split("\n");
  return trimLines(printed)
    .split("\n")
    .map((line, index) => (isAsShown(line, shownLines[index] ?? "") ? shownLines[index] : line))
    .join("\n");
}

function isAsShown(line: string, shown: string): boolean {
  return new RegExp(`^${shown.split("…").map(escapePattern).join(".+")}$`).test(line);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Without blanks at the ends of lines, and without empty lines at the end. */
export function trimLines(text: string): string {
  return text.replaceAll(/[ \t]+$/gm, "").trimEnd();
}

/** Where and with what the blocks run. */
export interface Place {
  readonly folder: string;
  /** The ports that the pages name, and those that are used here. */
  readonly ports: Readonly<Record<string, number>>;
  /** A folder with a program `curl` that goes before the machine's; undefined: the machine's. */
  readonly programs: string | undefined;
  /** Called when a block has changed the settings of the server. Resolves when it serves with the new ones. */
  readonly settingsChanged: () => Promise<unknown>;
  /** Ends the shell when nobody waits for the rest. */
  readonly signal: AbortSignal;
}

/** What each of `blocks` prints, errors included, in one shell. */
export async function runBlocks(blocks: readonly Block[], place: Place): Promise<string[]> {
  place.signal.throwIfAborted();
  const scratch = mkdtempSync(join(tmpdir(), "barewire-course-"));
  const shell = openShell(place, scratch);
  const printed: string[] = [];
  place.signal.addEventListener("abort", shell.end, { once: true });
  try {
    for (const [index, { commands }] of blocks.entries()) {
      const file = join(scratch, `${index}.sh`);
      writeFileSync(file, withPorts(commands, place));
      const before = settingsIn(place);
      const text = await shell.run(file);
      printed.push(withoutPorts(text, place));
      if (settingsIn(place) !== before) await place.settingsChanged();
    }
  } finally {
    shell.end();
    rmSync(scratch, { recursive: true, force: true });
  }
  return printed;
}

function withPorts(text: string, { ports }: Place): string {
  return Object.entries(ports).reduce(
    (changed, [named, used]) => changed.replaceAll(named, String(used)),
    text,
  );
}

function withoutPorts(text: string, { ports }: Place): string {
  return Object.entries(ports).reduce(
    (changed, [named, used]) =>
      changed.replaceAll(new RegExp(`(?<=localhost(?::|%3A))${used}\\b`, "g"), named),
    text,
  );
}

function settingsIn({ folder }: Place): string {
  const path = join(folder, ".dev.vars");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

interface Shell {
  /** What the commands of a file print. Rejects when they do not end, or the shell ends first. */
  readonly run: (file: string) => Promise<string>;
  /** Ends the shell, and whatever it has left behind. */
  readonly end: () => void;
}

function openShell({ folder, ports, programs }: Place, scratch: string): Shell {
  const shell = spawn("bash", ["--norc"], {
    cwd: folder,
    // A group of its own, so that what runs in the background ends with it.
    detached: true,
    env: {
      ...process.env,
      ...(programs !== undefined && { PATH: `${programs}:${process.env["PATH"]}` }),
      PORT: String(ports["8787"]),
      // Neither settings of this person's curl, nor a proxy.
      CURL_HOME: scratch,
      no_proxy: "localhost,127.0.0.1",
      TMPDIR: scratch,
    },
  });
  let printed = "";
  let check = (): void => undefined;
  for (const stream of [shell.stdout, shell.stderr])
    stream.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      check();
    });
  return {
    run: (file) =>
      new Promise((resolve, reject) => {
        const patience = setTimeout(
          () => reject(new Error(`It does not end. It has printed:\n${printed}`)),
          PATIENCE_MS,
        );
        shell.once("close", () =>
          reject(new Error(`The shell ended. It has printed:\n${printed}`)),
        );
        check = () => {
          if (!printed.includes(END)) return;
          clearTimeout(patience);
          const text = printed.replace(END, "");
          printed = "";
          // A shell without a terminal says this of a program that `kill` ended.
          resolve(text.replaceAll(/^.*: line \d+: +\d+ Terminated.*\n/gm, ""));
        };
        shell.stdin.write(`. '${file}' < /dev/null 2>&1; printf '\\036'\n`);
      }),
    end() {
      try {
        if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    },
  };
}
