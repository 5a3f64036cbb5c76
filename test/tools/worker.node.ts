/** `wrangler dev` on a free port, for tests and benchmarks. */

import { createServer, type AddressInfo } from "node:net";
import { signalGroup, startProgram } from "../../src/cli/process.ts";

export interface RunningWorker {
  readonly origin: string;
  stop(): Promise<unknown>;
  /** What it printed so far. */
  log(): string;
}

/** A port that is free on every address of this machine: `localhost` may be either family's. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts `wrangler dev` with these flags, and waits until it answers.
 * @throws when it ends before, or does not answer within `readyMs`.
 */
export async function startWorker(
  args: readonly string[],
  { port, readyMs = 60_000 }: { readonly port: number; readonly readyMs?: number },
): Promise<RunningWorker> {
  const wrangler = [
    "dev",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
    ...args,
  ];
  let output = "";
  let running = true;
  const { child, ended } = startProgram("wrangler", wrangler, (text) => {
    output += text;
  });
  void ended.then(() => (running = false));
  const origin = `http://127.0.0.1:${port}`;
  const stop = (): Promise<unknown> => {
    signalGroup(child, "SIGTERM");
    // An open stream can hold wrangler back; nothing of it is worth waiting for.
    const timer = setTimeout(() => signalGroup(child, "SIGKILL"), 2000);
    return ended.finally(() => clearTimeout(timer));
  };
  const until = Date.now() + readyMs;
  while (!(await answers(origin))) {
    if (!running || Date.now() > until) {
      await stop();
      throw new Error(`The Worker did not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { origin, stop, log: () => output };
}

async function answers(origin: string): Promise<boolean> {
  try {
    await fetch(origin, { signal: AbortSignal.timeout(2000) });
    return true;
  } catch {
    return false;
  }
}
