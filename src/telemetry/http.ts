/**
 * HTTP requests in the words of OpenTelemetry's semantic conventions: the name of a span, and its attributes. Pure.
 * Never a query or a user, in which codes, forms and credentials travel; a path that is no route gives no name.
 */

import type { Attributes } from "./span.ts";

const VERBS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** A request that came in; `routes` are the paths that are served under their own name. */
export function describeRequest(
  { method, url: text }: Request,
  routes: readonly string[],
): readonly [name: string, attributes: Attributes] {
  const url = new URL(text);
  const route = routes.includes(url.pathname) ? url.pathname : undefined;
  const verb = VERBS.has(method) ? method : "_OTHER";
  const about = { "http.route": route, "url.path": url.pathname, "url.scheme": url.protocol.slice(0, -1) };
  return [
    route === undefined ? verb : `${verb} ${route}`,
    { "http.request.method": verb, ...about, ...addressOf(url) },
  ];
}

/** A request that goes out. */
export function describeCall(method: string, text: string): Attributes {
  if (!URL.canParse(text)) return { "http.request.method": method };
  const url = new URL(text);
  return { "http.request.method": method, "url.full": url.origin + url.pathname, ...addressOf(url) };
}

function addressOf({ hostname, port }: URL): Attributes {
  return { "server.address": hostname, "server.port": port === "" ? undefined : Number(port) };
}
