/**
 * HTTP requests in the words of OpenTelemetry's semantic conventions: the name of a span, and its attributes. Pure.
 * Never a query or a user, in which codes, forms and credentials travel, nor an upstream's path, which an argument or a
 * key may be part of; a path that is no route gives no name.
 */

import type { Attributes, Description } from "./span.ts";

/** Characters of a path that are told: it is a stranger's word. */
const MOST_TEXT = 256;
const VERBS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** A request that came in; `routes` are the paths that are served under their own name. */
export function describeRequest({ method }: Request, url: URL, routes: readonly string[]): Description {
  const route = routes.includes(url.pathname) ? url.pathname : undefined;
  const verb = VERBS.has(method) ? method : "_OTHER";
  const about = {
    "http.request.method": verb,
    "http.route": route,
    "url.path": url.pathname.slice(0, MOST_TEXT),
    "url.scheme": url.protocol.slice(0, -1),
    ...addressOf(url),
  };
  return [route === undefined ? verb : `${verb} ${route}`, about];
}

/** A request that goes out. */
export function describeCall(method: string, text: string): Attributes {
  if (!URL.canParse(text)) return { "http.request.method": method };
  const url = new URL(text);
  return {
    "http.request.method": method,
    "url.full": `${url.origin}/${url.pathname === "/" ? "" : "REDACTED"}`,
    ...addressOf(url),
  };
}

function addressOf({ hostname, port }: URL): Attributes {
  return { "server.address": hostname.slice(0, MOST_TEXT), "server.port": port === "" ? undefined : Number(port) };
}
