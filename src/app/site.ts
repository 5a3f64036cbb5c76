/**
 * What this server has beside its endpoint: a page for people who open its address in a browser, the icon of its tab, and
 * a sign of life for whoever watches it. None touches storage. The page works without script: a click selects a command.
 */

import {
  decodeBase64,
  encodeBase64url,
  errorResponse,
  html,
  ICON_PATH,
  isRead,
  jsonResponse,
  pageHeaders,
  protocolError,
  randomBytes,
  writePage,
  type Html,
  type Server,
} from "../api.ts";

interface StartPageContext {
  readonly server: Pick<Server, "info" | "instructions" | "tools">;
  /** The address of the endpoint. */
  readonly identifiers: { readonly resource: string };
  readonly authMode: "open" | "builtin" | "external";
}

/** The logo of all pages: an SVG, or a `data:` URI of any picture. Empty: the first letter of the server's name. */
const LOGO: string = "";

/** The start page, the health check and the icon; undefined for any other path. */
export function site(http: Request, context: StartPageContext): Response | undefined {
  const { pathname } = new URL(http.url);
  if (!["/", "/health", ICON_PATH].includes(pathname)) return undefined;
  if (!isRead(http))
    return errorResponse(protocolError("MethodNotAllowed", "Use GET"), undefined, {
      allow: "GET, HEAD",
    });
  const response = respondTo(pathname, context);
  return http.method === "GET" ? response : new Response(null, response);
}

function respondTo(path: string, context: StartPageContext): Response {
  const { name, title = name, version } = context.server.info;
  if (path === "/") return startPage(context);
  if (path === ICON_PATH) return iconResponse(LOGO || drawLetter(title));
  return jsonResponse(JSON.stringify({ status: "ok", name, version }));
}

/** `drawing`: an SVG, or a `data:` URI of any picture. Opened as a page of its own, it can do nothing. */
export function iconResponse(drawing: string): Response {
  const [, type = "image/svg+xml", encoding, body = ""] =
    /^data:([^,]*?)(;base64)?,(.*)$/s.exec(drawing) ?? [];
  const encoded = encoding === undefined ? decodeURIComponent(body) : decodeBase64(body);
  return new Response(body === "" ? drawing : encoded, {
    headers: {
      "content-type": type,
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "x-content-type-options": "nosniff",
      "cache-control": "public, max-age=86400",
    },
  });
}

/** What stands for a server without a logo: the first letter of its name. */
function drawLetter(name: string): string {
  const letter = /[\p{L}\p{N}]/u.exec(name)?.[0].toUpperCase() ?? "";
  return `<svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"><rect width="28" height="28" rx="8" fill="#2d4fd0"/>
<text x="14" y="20" text-anchor="middle" fill="#fff" style="font: 700 17px sans-serif">${letter}</text></svg>`;
}

const STYLE = html`
main { max-width: 46rem }
h2 { margin: 2rem 0 .5rem; font-size: 1.125rem }
dt { margin-top: 1rem; font-weight: 600 }
dt small { display: inline; margin-left: .35rem; font-weight: 400 }
pre { margin-top: .35rem; padding: .6rem .8rem; background: var(--ground); border: 1px solid var(--line);
  border-radius: .6rem; white-space: pre-wrap; -webkit-user-select: all; user-select: all }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .875rem }
.tools dd { color: var(--soft) }`;

function startPage(context: StartPageContext): Response {
  const { info } = context.server;
  const name = info.title ?? info.name;
  return pageResponse(name, `Connect to ${name}`, writeInstructions(context), STYLE);
}

/** A page without forms as an answer: framed by nobody, and kept by no cache. */
export function pageResponse(
  serverName: string,
  title: string,
  content: Html,
  extraStyle?: Html,
): Response {
  const nonce = encodeBase64url(randomBytes(16));
  const headers = pageHeaders(nonce);
  return new Response(writePage({ serverName, title, nonce, extraStyle }, content), { headers });
}

const SIGNING_IN = {
  open: html`<p>Nobody is asked who they are: whoever reaches this address may use it.</p>`,
  builtin: html`<p>The first time your app connects, you sign in in your browser, and allow the app or not.
<a href="/account">Your account</a> shows which apps have access, and takes it back.</p>`,
  external: html`<p>The first time your app connects, you sign in at another service, which also shows the apps that
have access.</p>`,
};

function writeInstructions({ server, identifiers, authMode }: StartPageContext): Html {
  const { info, instructions, tools } = server;
  const rows = connectionRows(info, identifiers.resource);
  return html`<p>${instructions} AI apps connect to it by the Model Context Protocol and use its tools for you.</p>
<h2>Connect your app</h2>
<p>Click a box to select all of it, and copy it.</p>
<dl>${rows.map(
    ([
      app,
      location,
      text,
    ]) => html`<dt>${app}${location !== "" && html` <small>${location}</small>`}</dt>
<dd><pre><code>${text}</code></pre></dd>`,
  )}</dl>
<h2>Signing in</h2>
${SIGNING_IN[authMode]}
<h2>Tools</h2>
<dl class="tools">${[...tools.values()].map(
    ({ name, listEntry }) =>
      html`<dt><code>${name}</code></dt><dd>${listEntry["description"] as string | undefined}</dd>`,
  )}</dl>`;
}

/** How each app is told of the server: its name, where the text goes, the text. A shell reads nothing into `url`. */
function connectionRows(
  { name }: Server["info"],
  url: string,
): readonly (readonly [string, string, string])[] {
  const id = name.replace(/[^\w-]+/g, "-");
  return [
    ["Any app", "Streamable HTTP", url],
    ["Claude Code", "in a terminal", `claude mcp add --transport http ${id} ${url}`],
    ["VS Code", ".vscode/mcp.json", JSON.stringify({ servers: { [id]: { type: "http", url } } })],
    ["Cursor", ".cursor/mcp.json", JSON.stringify({ mcpServers: { [id]: { url } } })],
  ];
}
