/**
 * What a person sees in their browser where an app would get an error as JSON: an address that is not there, the endpoint
 * itself, a limit, a fault. Status and header fields stay as they are. Every other client gets what it always gets.
 */

import { acceptsMediaType, html, isRead, readJsonObject, type Html } from "../api.ts";
import { pageResponse } from "./site.ts";

/** `error` as a page when a person asked; `serverName` stands above it. */
export async function errorPage(
  http: Request,
  error: Response,
  serverName: string,
): Promise<Response> {
  const parts = PAGE_BY_STATUS[error.status];
  const isPage = error.headers.get("content-type")?.startsWith("text/html") === true;
  if (parts === undefined || isPage || !isBrowserNavigation(http)) return error;
  const { trace } = readJsonObject(await error.text()) ?? {};
  const [title, content] = parts;
  const number =
    typeof trace === "string" && html`<p class="note">Number: <code>${trace}</code></p>`;
  const page = pageResponse(serverName, title, html`${content}${number}`);
  const headers = new Headers(error.headers);
  for (const [name, value] of page.headers) headers.set(name, value);
  headers.append("vary", "Accept");
  return new Response(http.method === "HEAD" ? null : page.body, { status: error.status, headers });
}

/** A browser that goes somewhere names the type; a script and curl take anything. */
function isBrowserNavigation(http: Request): boolean {
  const accept = http.headers.get("accept") ?? "";
  return isRead(http) && accept.includes("text/html") && acceptsMediaType(accept, "text/html");
}

type PageParts = readonly [title: string, content: Html];

const HOME = html`<a href="/">Start page of this server</a>`;

/** What stands at the endpoint, and at addresses that only take what an app sends. */
const APPS_ONLY: PageParts = [
  "This address is for apps",
  html`<p>An AI app connects here. The start page says how.</p>
<footer>${HOME}</footer>`,
];

const PAGE_BY_STATUS: Readonly<Record<number, PageParts>> = {
  400: APPS_ONLY,
  401: APPS_ONLY,
  404: [
    "Nothing is here",
    html`<p>There is no page at this address.</p>
<footer>${HOME}</footer>`,
  ],
  405: APPS_ONLY,
  406: APPS_ONLY,
  429: [
    "Too many requests",
    html`<p>Your network sent too much. Wait a minute, then load this page again.</p>`,
  ],
  500: [
    "Something went wrong here",
    html`<p>That was this server’s fault. Load this page again in a moment. If it stays like this, tell whoever runs the
server.</p>`,
  ],
};
