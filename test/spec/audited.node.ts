/** Small HTTP servers for the second runner to audit, and the runner and the doctor as programs. */

import { execFile } from "node:child_process";
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Step } from "./format.ts";

const RUNNER = new URL("../../spec/runner/", import.meta.url);
/** Long enough for the slowest machine; what runs longer does not end. */
const MOST_MS = 50_000;

/** One request that a server got. */
export interface Got {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const started = new Set<Server>();

/** Starts a server on a free port of `host`; resolves to its origin. */
export async function serve(
  answer: (got: Got, response: ServerResponse) => void,
  host: string = "127.0.0.1",
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      answer({ method, path: url, headers, body: Buffer.concat(chunks).toString() }, response);
    });
  });
  started.add(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

/** A server that says how often it was asked, and that it is done at the third time; `note` is told each time. */
export async function serveSlowly(note: () => void = () => undefined): Promise<string> {
  let asked = 0;
  return await serve((_, response) => {
    asked += 1;
    note();
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ asked, isDone: asked >= 3 }));
  });
}

/** What `serveSlowly` is asked until it is `isDone`, and once more: an exchange that a right runner passes if that is true. */
export const askUntil = (isDone: unknown): { steps: Step[] } => ({
  steps: [
    {
      send: { path: "{{endpoint}}" },
      until: { json: { isDone, asked: { $save: "early" } } },
      within: isDone === true ? 10_000 : 250,
      expect: [{ proves: ["a.b"], json: { asked: 3, isDone } }],
    },
    {
      send: { path: "{{endpoint}}" },
      expect: [{ proves: ["a.c"], json: { asked: 4 } }],
    },
  ] as Step[],
});

/** Stops all servers, whatever is still open. */
export function stopAll(): void {
  for (const server of started) {
    server.close();
    server.closeAllConnections();
  }
  started.clear();
}

type Program = (
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<{ code: number | undefined; out: string }>;

/** Runs a program of the runner; `code` is undefined when it did not end by itself. */
const program =
  (file: string): Program =>
  async (args, env = {}) => {
    const path = fileURLToPath(new URL(file, RUNNER));
    const options = { timeout: MOST_MS, env: { ...process.env, ...env } };
    return await new Promise((resolve) => {
      execFile(process.execPath, [path, ...args], options, (error, out, errors) => {
        const code = error === null ? 0 : error.code;
        resolve({ code: typeof code === "number" ? code : undefined, out: out + errors });
      });
    });
  };

export const audit: Program = program("audit.mjs");
export const doctor: Program = program("doctor.mjs");
