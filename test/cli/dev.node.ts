/** A copy of this repository in which `make dev` runs, so that tests can plant mistakes and watch the terminal. */

import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { readFileIfAny } from "../../src/cli/watch-file.ts";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
/** A cold start on a busy machine, with two databases to make. */
const PATIENCE_MS = 110_000;
const PARTS = [
  "src",
  "tsconfig.json",
  "wrangler.toml",
  "package.json",
  "package-lock.json",
  "Makefile",
];

export interface Copy {
  readonly folder: string;
  /** Replaces `from`, which must be there, with `to` in a file; gives what mends it again. */
  plant(path: string, from: string | RegExp, to: string): () => void;
  /** Starts `make dev` with these arguments, such as "PORT=9000". */
  dev(...args: readonly string[]): Terminal;
  /** Runs `make -s` with these arguments to its end. */
  make(...args: readonly string[]): Promise<CommandResult>;
}

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

export interface Terminal {
  /** Waits until `what` is printed, and gives all that was printed since the last wait. Fails when the program ends first. */
  until(what: string | RegExp): Promise<string>;
  /** Presses Ctrl-C, and waits for the end; gives what was printed since the last wait. */
  stop(): Promise<string>;
  /** The same, but the runtime hears of it a moment before the program does. */
  stopRuntimeFirst(): Promise<string>;
  /** Ends the runtime as a crash does. */
  crash(): void;
  /** The exit code of a program that ends by itself, and all it printed since the last wait. */
  ended(): Promise<{ readonly code: number | null; readonly printed: string }>;
}

export function copyRepository(): Copy {
  const folder = mkdtempSync(join(tmpdir(), "barewire-dev-"));
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  // Older than what is installed: make must install nothing into the folder that both share.
  utimesSync(join(folder, "package-lock.json"), 1, 1);
  const live = new Set<ChildProcess>();
  afterAll(() => {
    for (const child of live) endTree(child, "SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    folder,
    plant(path, from, to) {
      const file = join(folder, path);
      const before = readFileSync(file, "utf8");
      const after = before.replace(from, to);
      if (after === before) throw new Error(`Nothing to replace in ${path}: ${String(from)}`);
      writeFileSync(file, after);
      return () => writeFileSync(file, before);
    },
    dev: (...args) => open(folder, args, live),
    make: (...args) =>
      new Promise((resolve) => {
        execFile("make", ["-s", ...args], { cwd: folder }, (error, out, errors) =>
          resolve({ code: typeof error?.code === "number" ? error.code : 0, out, errors }),
        );
      }),
  };
}

function open(folder: string, args: readonly string[], live: Set<ChildProcess>): Terminal {
  // A process group of its own, as a terminal gives it one.
  const child = spawn("make", ["-s", "dev", ...args], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  live.add(child);
  let printed = "";
  let taken = 0;
  const take = (end = printed.length): string => {
    const text = printed.slice(taken, end);
    taken = end;
    return text;
  };
  let isOver = false;
  const over = new Promise<number | null>((resolve) =>
    child.once("close", (code) => {
      live.delete(child);
      isOver = true;
      resolve(code);
    }),
  );
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
  return {
    async until(what) {
      const start = performance.now();
      for (;;) {
        const found = new RegExp(what, "m").exec(printed.slice(taken));
        if (found !== null) return take(taken + found.index + found[0].length);
        if (isOver) throw new Error(`It ended:\n${take()}`);
        if (performance.now() - start > PATIENCE_MS)
          throw new Error(`Never printed ${String(what)}:\n${take()}`);
        await new Promise((passed) => setTimeout(passed, 50));
      }
    },
    async stop() {
      endTree(child, "SIGINT");
      await over;
      return take();
    },
    async stopRuntimeFirst() {
      const [runtimes, others] = processesUnder(child.pid ?? 0);
      for (const pid of runtimes) process.kill(pid, "SIGINT");
      await new Promise((passed) => setTimeout(passed, 50));
      for (const pid of others) process.kill(pid, "SIGINT");
      await over;
      return take();
    },
    crash() {
      for (const pid of processesUnder(child.pid ?? 0)[0]) process.kill(pid, "SIGKILL");
    },
    async ended() {
      const code = await over;
      return { code, printed: take() };
    },
  };
}

function endTree({ pid }: ChildProcess, signal: "SIGINT" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

/** `pid` and what it started, and what these did: those of workerd, and the others. */
function processesUnder(pid: number): [runtimes: number[], others: number[]] {
  const all = processes();
  const runtimes: number[] = [];
  const others = [pid];
  for (const other of others)
    for (const child of all.filter(({ parent }) => parent === other))
      (child.name === "workerd" ? runtimes : others).push(child.pid);
  return [runtimes, others];
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

/** All of this machine; where there is no /proc, as on macOS, there is `ps`. */
function processes(): Process[] {
  const table = existsSync("/proc/self/stat")
    ? readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map((name) => readFileIfAny(`/proc/${name}/stat`))
        .map((stat) => stat.replace(/^(\d+) \((.*)\) \S+ (\d+) .*$/s, "$1 $3 $2"))
    : execFileSync("ps", ["-axo", "pid=,ppid=,ucomm="], { encoding: "utf8" }).split("\n");
  return table.map((line) => {
    const [pid, parent, ...name] = line.trim().split(/ +/);
    return { pid: Number(pid), parent: Number(parent), name: name.join(" ") };
  });
}
