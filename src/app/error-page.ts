/**
 * What a person sees in their browser where an app would get an error as JSON: an address that is not there, the endpoint
 * itself, a limit, a fault. Status and header fields stay as they are. Every other client gets what it always gets.
 */

import { acceptsMediaType, html, readJsonObject, type Html } from "../api.ts";
import { pageResponse } from "./site.ts";

/** `error` as a page when a person asked; `serverName` stands above it. */
export async function errorPage(
  http: Request,
  error: Response,
  serverName: string,
): Promise<Response> {
  const write = PAGE_BY_STATUS[error.status];
  const isPage = error.headers.get("content-type")?.startsWith("text/html") === true;
  if (write === undefined || isPage || !isBrowserNavigation(http)) return error;
  const { trace } = readJsonObject(await error.text()) ?? {};
  const [title, content] = write(typeof trace === "string" ? trace : undefined);
  const page = pageResponse(serverName, title, content);
  const headers = new Headers(error.headers);
  for (const [name, value] of page.headers) headers.set(name, value);
  headers.append("vary", "Accept");
  return new Response(http.method === "HEAD" ? null : page.body, { status: error.status, headers });
}

/** A browser that goes somewhere names the type; a script and curl take anything. */
function isBrowserNavigation({ method, headers }: Request): boolean {
  const accept = headers.get("accept") ?? "";
  return (
    (method === "GET" || method === "HEAD") &&
    accept.includes("text/html") &&
    acceptsMediaType(accept, "text/html")
  );
}

type WritePage = (trace: string | undefined) => readonly [title: string, content: Html];

const HOME = html`<a href="/">Start page of this server</a>`;

/** What stands at the endpoint, and at addresses that only take what an app sends. */
const appsOnlyPage: WritePage = () => [
  "This address is for apps",
  html`<p>An AI app connects here. The start page says how to connect yours.</p>
<footer>${HOME}</footer>`,
];

const PAGE_BY_STATUS: Readonly<Record<number, WritePage>> = {
  400: appsOnlyPage,
  401: appsOnlyPage,
  404: () => [
    "Nothing is here",
    html`<p>This server has no page at this address. Begin at the start page.</p>
<footer>${HOME}</footer>`,
  ],
  405: appsOnlyPage,
  406: appsOnlyPage,
  429: () => [
    "Too many requests",
    html`<p>Your network sent too much in the last minute. Wait a minute, then load this page again.</p>`,
  ],
  500: (trace) => [
    "Something went wrong here",
    html`<p>That was this server’s fault, not yours. Load this page again in a moment. If it stays like this, tell
whoever runs the server${trace !== undefined && " this number"}.</p>
${trace !== undefined && html`<p class="note"><code>${trace}</code></p>`}`,
  ],
};
