/**
 * What clients do when they meet a server for the first time: a table, and where each habit is known from. Two are closed
 * programs: what stands here of them is from their documentation, from their maintainers, and from what people reported.
 * What nobody wrote down is left out (`undefined`), and no server is blamed for it.
 */

import { browserBody, chatgptBody, claudeBody, mcpRemoteBody, vsCodeBody } from "./bodies.mjs";

const VS_CODE = "microsoft/vscode src/vs/workbench/api/common/extHostMcp.ts";
const VS_CODE_OAUTH = "microsoft/vscode src/vs/base/common/oauth.ts";
const VS_CODE_TOOLS = "microsoft/vscode src/vs/workbench/contrib/mcp/common/mcpServer.ts";
const MCP_REMOTE = "mcp-remote 0.15.1 dist, run against a faulty server";
const SDK_2 = "@modelcontextprotocol/client 2.4.0 dist";
const CLAUDE_DOCS = "https://claude.com/docs/connectors/building/authentication";
const CHATGPT_DOCS = "https://developers.openai.com/apps-sdk/build/auth";
const claudeIssue = (number) => `https://github.com/anthropics/claude-ai-mcp/issues/${number}`;

/** What programs on @modelcontextprotocol/client 2 have from it. */
const SDK_HABITS = {
  resource: "origin-and-path",
  withoutResource: "origin",
  guesses: true,
  strictJson: true,
  issuer: "equal",
  pkce: "not-denied",
  secureToken: true,
  fullRegistration: true,
  wholeResult: true,
};

/**
 * - `place`: where the client runs: `cloud`, `machine` or `browser`. `https`: `always`, `but-local` or undefined.
 * - `port`: the one port that it connects to. `badQuery`: parameters that it does not accept in an address.
 * - `eras`: what it speaks, in the order in which it tries them.
 * - `challenge`: `needs-metadata` when a 401 must name the resource metadata. `forbiddenIsChallenge`: 403 counts as 401.
 *   `badChallenge`: `counts` when it looks nowhere else although the 401 names no whole address.
 * - `postRedirect`: `never`, `same-origin` (307 and 308), `anywhere` (301 to 303 become GET; 307 and 308 keep POST).
 * - `metadataRedirect`: the same of GET for a document; undefined for anywhere.
 * - `resource`: `equal`, `equal-or-ignored` or `origin-and-path`: how the `resource` of the metadata must fit the address.
 * - `needsIssuer`: the metadata of the resource must name an authorization server.
 * - `withoutResource`: `stops`, or `origin` when it asks the server's origin for the authorization server's metadata.
 * - `guesses`: without that metadata it uses /authorize, /token and /register. `strictJson`: a 200 that is no JSON ends it.
 * - `issuer`: `equal`. `pkce`: `advertised`, or `not-denied` when only a list without S256 ends it.
 * - `secureToken`: no token endpoint over http, but on this machine. `wholeResult`: `initialize` must say all that it has to.
 * - `document`: its client ID metadata document; `signs` where that says private_key_jwt. `body`: what it registers. `fullRegistration`: the answer repeats redirect_uris.
 * - `toolNames`: a pattern. `toolType`: a schema must say `"type": "object"`.
 * - `shows`: what a person sees, by step. `from`: where each habit is known from.
 */
export const CLIENTS = [
  {
    id: "claude-ai",
    name: "claude.ai",
    basis: "closed; from its documentation, its maintainers, and reports",
    place: "cloud",
    https: "always",
    port: "443",
    badQuery: ["token", "apiKey", "userToken"],
    eras: ["sessions"],
    challenge: "needs-metadata",
    resource: "equal",
    withoutResource: "stops",
    guesses: true,
    document: {
      url: "https://claude.ai/oauth/mcp-oauth-client-metadata",
      redirectUri: "https://claude.ai/api/mcp/auth_callback",
      needsNone: true,
    },
    body: claudeBody,
    toolNames: /^[a-zA-Z0-9_-]{1,64}$/u,
    shows: {
      address: "Couldn't reach the MCP server",
      firstRequest: "Couldn't reach the MCP server",
      resource: "Couldn't reach the MCP server",
      issuer: "Authorization with the MCP server failed",
      registration: "Couldn't reach the MCP server, or: Couldn't register with sign-in service",
      token: "Authorization with the MCP server failed",
      tools: "tools.0.FrontendRemoteMcpToolDefinition.name: String should match pattern",
    },
    from: {
      https: CLAUDE_DOCS,
      port: claudeIssue(85),
      badQuery: CLAUDE_DOCS,
      eras: "https://claude.com/docs/connectors/building",
      challenge: `${claudeIssue(410)}, ${claudeIssue(136)}`,
      resource: CLAUDE_DOCS,
      withoutResource: claudeIssue(716),
      guesses: `${claudeIssue(306)}, ${claudeIssue(716)}`,
      document: CLAUDE_DOCS,
      body: claudeIssue(1043),
      toolNames: "https://github.com/modelcontextprotocol/modelcontextprotocol/issues/1063",
      token: claudeIssue(134),
    },
  },
  {
    id: "chatgpt",
    name: "ChatGPT",
    basis: "closed; from its documentation and reports",
    place: "cloud",
    https: "always",
    eras: ["sessions"],
    needsIssuer: true,
    withoutResource: "stops",
    pkce: "advertised",
    document: {
      url: "https://chatgpt.com/oauth/client.json",
      redirectUri: "https://chatgpt.com/connector_platform_oauth_redirect",
      signs: true,
    },
    body: chatgptBody,
    shows: {
      issuer: "Error creating connector",
    },
    from: {
      https: CHATGPT_DOCS,
      eras: CHATGPT_DOCS,
      needsIssuer: CHATGPT_DOCS,
      withoutResource: CHATGPT_DOCS,
      pkce: "https://github.com/forcedotcom/mcp-hosted/issues/47",
      document: "https://github.com/django-oauth/django-oauth-toolkit/issues/1857",
      body: "https://github.com/danielealbano/android-remote-control-mcp/pull/166",
    },
  },
  {
    id: "vs-code",
    name: "VS Code",
    basis: "read in its source",
    place: "machine",
    eras: ["sessions"],
    forbiddenIsChallenge: true,
    badChallenge: "counts",
    postRedirect: "anywhere",
    resource: "equal-or-ignored",
    withoutResource: "origin",
    guesses: true,
    document: {
      url: "https://vscode.dev/oauth/client-metadata.json",
      redirectUri: "http://127.0.0.1:33418/",
    },
    body: vsCodeBody,
    shows: {
      firstRequest: "the status and the body of the answer, in the output of the server",
      registration: "a prompt for a client ID",
    },
    from: {
      eras: VS_CODE,
      forbiddenIsChallenge: VS_CODE,
      badChallenge: VS_CODE_OAUTH,
      postRedirect: VS_CODE,
      resource: VS_CODE_OAUTH,
      withoutResource: VS_CODE,
      guesses: VS_CODE,
      document: "its published document, as servers quote it that met it",
      body: VS_CODE_OAUTH,
      tools: VS_CODE_TOOLS,
    },
  },
  {
    id: "mcp-remote",
    name: "mcp-remote",
    basis: "read in its source and in the client that it bundles, and run",
    place: "machine",
    https: "but-local",
    eras: ["sessions"],
    postRedirect: "anywhere",
    ...SDK_HABITS,
    body: mcpRemoteBody,
    shows: {
      address:
        "Error: Non-HTTPS URLs are only allowed for localhost or when --allow-http flag is provided",
      firstRequest: "Connection error: SdkHttpError: Error POSTing to endpoint: …",
      resource: "Protected resource … does not match expected … (or origin)",
      issuer: "IssuerMismatchError: Issuer mismatch in …, or: Incompatible auth server: …",
      registration: "Dynamic Client Registration rejected (HTTP …): …",
      sessions: "Connection error: SdkError: Invalid result for initialize: …",
    },
    from: {
      https: MCP_REMOTE,
      eras: MCP_REMOTE,
      postRedirect: MCP_REMOTE,
      body: MCP_REMOTE,
      ...Object.fromEntries(Object.keys(SDK_HABITS).map((habit) => [habit, MCP_REMOTE])),
    },
  },
  sdkClient({
    id: "sdk",
    name: "TypeScript client 2",
    basis: "read in its source, with automatic negotiation of the version",
    place: "machine",
    eras: ["stateless", "sessions"],
    postRedirect: "same-origin",
  }),
  sdkClient({
    id: "browser",
    name: "a browser client",
    basis: "read in the source of the TypeScript client 2, as a page on http://localhost:6274",
    place: "browser",
    eras: ["sessions"],
    postRedirect: "never",
  }),
];

/** A program that is that client and little else. */
function sdkClient(own) {
  const habits = ["eras", "postRedirect", "metadataRedirect", "body", "toolType"];
  return {
    ...own,
    ...SDK_HABITS,
    metadataRedirect: own.postRedirect,
    body: browserBody,
    toolType: "object",
    shows: {
      firstRequest: "an exception with the status of the answer",
      resource: "Protected resource … does not match expected … (or origin)",
      issuer: "Issuer mismatch in authorization server metadata, or: Incompatible auth server: …",
      registration: "Dynamic Client Registration rejected (HTTP …): …",
      sessions: "Invalid result for initialize: …",
      tools: "Invalid result for tools/list: …",
    },
    from: {
      ...Object.fromEntries([...habits, ...Object.keys(SDK_HABITS)].map((habit) => [habit, SDK_2])),
      place: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
  };
}
