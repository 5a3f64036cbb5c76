/**
 * `make dev` and `make world`: makes local secrets if there are none, starts the Worker for this machine only,
 * and says how to connect. The world is the server that the conformance suite and the fixtures of spec/ call.
 */

import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ENV, freshKeys, ROOT } from "./process.mjs";

const { values } = parseArgs({
  options: {
    world: { type: "boolean", default: false },
    port: { type: "string" },
    revision: { type: "string", default: "" },
  },
});
const port = values.port ?? (values.world ? "8790" : "8787");
const url = `http://localhost:${port}/mcp`;

const args = ["dev", "--ip", "127.0.0.1", "--port", port, "--inspector-port", "0"];
if (values.world) {
  args.push("--config", "test/world/wrangler.toml", "--var", `KEYS:${freshKeys("world")}`);
  if (values.revision !== "") args.push("--var", `REVISION:${values.revision}`);
} else {
  ensureSecrets(join(ROOT, ".dev.vars"));
}

console.log(values.world ? `The conformance world: ${url.replace("localhost", "127.0.0.1")}\n` : connect(url));

const child = spawn("wrangler", args, { cwd: ROOT, env: ENV, stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // wrangler ends workerd before it ends, so we wait for it.
  process.removeAllListeners(signal);
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`Cannot start wrangler: ${error.message}`);
  process.exit(1);
});
child.on("close", (code) => process.exit(code ?? 0));

/** One fresh key, readable by its owner only. An existing file is left as it is. */
function ensureSecrets(path) {
  if (existsSync(path)) return;
  writeFileSync(path, `KEYS=${freshKeys()}\n`, { mode: 0o600 });
  console.log("Wrote .dev.vars with a fresh key; git ignores it.\n");
}

function connect(endpoint) {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: meta } });
  return `barewire: ${endpoint}

  Claude Code    claude mcp add --transport http barewire ${endpoint}
  VS Code        .vscode/mcp.json      {"servers":{"barewire":{"type":"http","url":"${endpoint}"}}}
  Cursor         .cursor/mcp.json      {"mcpServers":{"barewire":{"url":"${endpoint}"}}}
  MCP Inspector  npx @modelcontextprotocol/inspector     (transport: Streamable HTTP, URL: ${endpoint})
  curl           curl -s ${endpoint} \\
                   -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
                   -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: server/discover' \\
                   -d '${body}'
`;
}
