/**
 * Starts and ends other programs. Each gets a process group of its own, so that ending it ends workerd and esbuild with it.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { ENV, ROOT } from "./environment.mjs";

/** A program that runs. `ended` resolves to its exit code. */
export interface RunningProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
}

/** How a program ended, and all that it printed. */
export interface ProgramResult {
  readonly code: number;
  readonly output: string;
}

export interface RunOptions {
  /** Shows nothing of the output. */
  readonly isQuiet?: boolean;
  /** After so long the program is ended. */
  readonly timeoutMs?: number;
  /** Called with the output so far whenever there is more. */
  readonly onOutput?: (output: string) => void;
  /** Variables beside this process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What runs now. Nothing outlives the program that started it. */
const live = new Set<ChildProcess>();
process.on("exit", () => live.forEach((child) => signalGroup(child, "SIGTERM")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** Starts a program in the top folder of the repository. `onOutput` is called with each piece of what it prints. */
export function startProgram(
  command: string,
  args: readonly string[],
  onOutput: (text: string) => void,
  env: NodeJS.ProcessEnv = {},
): RunningProgram {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...ENV, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  live.add(child);
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
  const ended = new Promise<number>((resolve) => {
    child.on("error", (error) => {
      onOutput(String(error));
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  }).finally(() => live.delete(child));
  return { child, ended };
}

/** Sends `signal` to a program and to what it started. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

/** Runs a program to its end; shows what it prints unless `isQuiet`. Its failure is in the exit code. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { isQuiet = false, timeoutMs = 900_000, onOutput, env }: RunOptions = {},
): Promise<ProgramResult> {
  let output = "";
  const add = (text: string): void => {
    output += text;
    onOutput?.(output);
    if (!isQuiet) process.stdout.write(text);
  };
  const { child, ended } = startProgram(command, args, add, env);
  const timer = setTimeout(() => {
    output += `\nStopped after ${timeoutMs / 1000} s\n`;
    signalGroup(child, "SIGTERM");
  }, timeoutMs);
  const code = await ended;
  clearTimeout(timer);
  return { code, output };
}
