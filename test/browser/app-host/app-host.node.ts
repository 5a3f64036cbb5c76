/** Serves the host of MCP Apps for tests in a browser, and its sandbox on an origin of its own. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PACKAGES = fileURLToPath(new URL("../../outside/node_modules", import.meta.url));
/** What SEP-1865 gives to an app that declares no domain. */
const SANDBOX_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "media-src 'self' data:",
  "connect-src 'none'",
  "frame-src 'none'",
  "object-src 'none'",
  "base-uri 'self'",
].join("; ");

/** What the host does at once when its page is opened. */
export interface HostCall {
  readonly server: string;
  readonly token: string;
  /** Which era its client prefers. */
  readonly mode: "auto" | "legacy";
  /** Whether it says that it shows apps. */
  readonly showsApps: boolean;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface AppHost {
  /** The address of a page that makes `call`, and shows what comes. */
  addressOf(call: HostCall): string;
  stop(): Promise<void>;
}

export async function serveAppHost(): Promise<AppHost> {
  const { outputFiles } = await build({
    entryPoints: [join(FOLDER, "host.mjs")],
    bundle: true,
    write: false,
    format: "esm",
    nodePaths: [PACKAGES],
    logLevel: "error",
  });
  const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
  const host = await serve({
    "/": { type: "text/html", text: read("host.html") },
    "/host.js": { type: "text/javascript", text: outputFiles[0]?.text ?? "" },
  });
  const sandbox = await serve({
    "/": { type: "text/html", text: read("sandbox.html"), policy: SANDBOX_POLICY },
  });
  return {
    addressOf: (call) =>
      `${host.origin}/#${encodeURIComponent(JSON.stringify({ ...call, sandbox: sandbox.origin }))}`,
    stop: async () => {
      await Promise.all([host.stop(), sandbox.stop()]);
    },
  };
}

interface ServedFile {
  readonly type: string;
  readonly text: string;
  readonly policy?: string;
}

async function serve(
  files: Readonly<Record<string, ServedFile>>,
): Promise<{ readonly origin: string; stop(): Promise<void> }> {
  const server: Server = createServer(({ url = "" }, response) => {
    const file = files[url];
    if (file === undefined) return response.writeHead(404).end();
    response.writeHead(200, {
      "content-type": `${file.type}; charset=utf-8`,
      ...(file.policy !== undefined && { "content-security-policy": file.policy }),
    });
    return response.end(file.text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
