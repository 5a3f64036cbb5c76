/**
 * `make dev` and `make world`: makes local secrets if there are none, starts the Worker for this machine only,
 * and says how to connect. The world is the server that the conformance suite and the fixtures of spec/ call.
 */

import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freshPassphrase, hashPassphrase } from "./passphrase.mjs";
import { ENV, freshKeys, migrate, ROOT } from "./process.mjs";

const { values } = parseArgs({
  options: {
    world: { type: "boolean", default: false },
    port: { type: "string" },
    revision: { type: "string", default: "" },
    auth: { type: "string", default: "" },
  },
});
const port = values.port ?? (values.world ? "8790" : "8787");
const url = `http://localhost:${port}/mcp`;

const args = ["dev", "--ip", "127.0.0.1", "--port", port, "--inspector-port", "0"];
// The log writes stacks as text, which wrangler maps to lines of the source.
args.push("--var", "DEV:1");
if (values.world) {
  args.push("--config", "test/world/wrangler.toml", "--var", `KEYS:${freshKeys("world")}`);
  if (values.revision !== "") args.push("--var", `REVISION:${values.revision}`);
  // The world is open unless it is told to have its own sign-in.
  if (values.auth === "own") args.push("--var", "AUTH:");
  console.log(`The conformance world: ${url.replace("localhost", "127.0.0.1")}\n`);
} else {
  const secrets = readSecrets(join(ROOT, ".dev.vars"));
  if (values.auth !== "") args.push("--var", `AUTH:${values.auth}`);
  await migrate("--local");
  console.log(connect(url, values.auth === "none" ? undefined : secrets.passphrase));
}

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

/**
 * The secrets of local use, made where they are missing; readable by their owner only. The passphrase itself is a
 * comment: the Worker gets its hash.
 */
function readSecrets(path) {
  let text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const add = (line) => (text += `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
  if (!/^KEYS=/m.test(text)) add(`KEYS=${freshKeys()}`);
  if (!/^PASSPHRASE=/m.test(text)) {
    const passphrase = freshPassphrase();
    add(`# passphrase: ${passphrase}\nPASSPHRASE=${hashPassphrase(passphrase)}`);
  }
  writeFileSync(path, text, { mode: 0o600 });
  return { passphrase: /^# passphrase: (\S+)$/m.exec(text)?.[1] ?? "(the one whose hash is in .dev.vars)" };
}

function connect(endpoint, passphrase) {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: meta } });
  const open = "Anyone on this machine may call it: AUTH is none.";
  const guarded = `Passphrase to sign in: ${passphrase}`;
  const bearer =
    passphrase === undefined
      ? ""
      : ` \\\n                   -H "Authorization: Bearer $(make -s token${port === "8787" ? "" : ` PORT=${port}`})"`;
  return `barewire: ${endpoint}
${passphrase === undefined ? open : guarded}

  Claude Code    claude mcp add --transport http barewire ${endpoint}
  VS Code        .vscode/mcp.json      {"servers":{"barewire":{"type":"http","url":"${endpoint}"}}}
  Cursor         .cursor/mcp.json      {"mcpServers":{"barewire":{"url":"${endpoint}"}}}
  MCP Inspector  npx @modelcontextprotocol/inspector     (transport: Streamable HTTP, URL: ${endpoint})
  curl           curl -s ${endpoint} \\
                   -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
                   -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: server/discover'${bearer} \\
                   -d '${body}'
`;
}
