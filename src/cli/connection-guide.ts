/** What `make dev` prints when the Worker serves: who may call it, and how each app is told of it. */

import { STATELESS_VERSIONS } from "../protocol/versions.ts";
import type { LocalSettings } from "./local-settings.ts";

export interface Connection {
  /** Of the project: apps call the server by it. */
  readonly name: string;
  readonly endpoint: string;
  /** The settings in force. */
  readonly settings: LocalSettings;
  /** Of an app that signs people in by one; `text` is the passphrase, where it is known. */
  readonly passphrase: { readonly text: string | undefined } | undefined;
  /** What prints a token, such as "make -s token PORT=9000". */
  readonly tokenCommand: string;
  /** The address of the page that shows each request, with the key that it needs. */
  readonly wireView: string;
}

/** How to connect. */
export function describeConnection(connection: Connection): string {
  const { name, endpoint, settings, tokenCommand, wireView } = connection;
  const revision = STATELESS_VERSIONS[0];
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "server/discover",
    params: { _meta: meta },
  });
  const bearer =
    settings["AUTH"] === "none"
      ? ""
      : ` \\\n                   -H "Authorization: Bearer $(${tokenCommand})"`;
  return `${name}: ${endpoint}
${describeSignIn(connection)}
Every request and event, live: ${wireView}

  Claude Code    claude mcp add --transport http ${name} ${endpoint}
  VS Code        .vscode/mcp.json      {"servers":{"${name}":{"type":"http","url":"${endpoint}"}}}
  Cursor         .cursor/mcp.json      {"mcpServers":{"${name}":{"url":"${endpoint}"}}}
  Claude Desktop claude_desktop_config.json  {"mcpServers":{"${name}":{"command":"npx","args":["-y","mcp-remote","${endpoint}"]}}}
  Codex          codex mcp add ${name} --url ${endpoint}
  Gemini CLI     gemini mcp add --transport http ${name} ${endpoint}
  MCP Inspector  npx @modelcontextprotocol/inspector     (add a server, transport streamable-http, URL: ${endpoint})
  curl           curl -s ${endpoint} \\
                   -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
                   -H 'MCP-Protocol-Version: ${revision}' -H 'Mcp-Method: server/discover'${bearer} \\
                   -d '${body}'
`;
}

/** Who is asked what. */
function describeSignIn({ settings, passphrase }: Connection): string {
  const { AUTH = "", AUTH_ISSUER = "", SIGN_IN = "" } = settings;
  if (AUTH === "none") return "Anyone on this machine may call it: AUTH is none.";
  if (AUTH_ISSUER !== "") return `Callers bring tokens of ${AUTH_ISSUER}, as AUTH_ISSUER says.`;
  if (SIGN_IN !== "" && SIGN_IN !== "passphrase")
    return `People sign in by ${SIGN_IN}, as SIGN_IN says.`;
  if (passphrase === undefined) return "People sign in as src/app/auth.ts says.";
  return `Passphrase to sign in: ${passphrase.text ?? "the one whose hash is in .dev.vars"}`;
}
