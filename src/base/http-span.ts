/**
 * HTTP requests in the words of OpenTelemetry's semantic conventions: the name of a span, and its attributes. Pure.
 * Never a query or a user, in which codes, forms and credentials travel, nor an upstream's path, which an argument or a
 * key may be part of; a path that is no route gives no name.
 */

import type { Attributes, SpanDescription } from "./span.ts";

/** Characters of a path that are told: it is a stranger's word. */
const MAX_TEXT_LENGTH = 256;
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** A request that came in; `routes` are the paths that are served under their own name. */
export function describeIncomingRequest(
  { method }: Request,
  url: URL,
  routes: readonly string[],
): SpanDescription {
  const route = routes.includes(url.pathname) ? url.pathname : undefined;
  const knownMethod = KNOWN_METHODS.has(method) ? method : "_OTHER";
  const attributes = {
    "http.request.method": knownMethod,
    "http.route": route,
    "url.path": url.pathname.slice(0, MAX_TEXT_LENGTH),
    "url.scheme": url.protocol.slice(0, -1),
    ...serverAttributes(url),
  };
  return [route === undefined ? knownMethod : `${knownMethod} ${route}`, attributes];
}

/** A request that goes out. */
export function outgoingRequestAttributes(method: string, text: string): Attributes {
  const url = URL.parse(text);
  if (url === null) return { "http.request.method": method };
  return {
    "http.request.method": method,
    "url.full": `${url.origin}/${url.pathname === "/" ? "" : "REDACTED"}`,
    ...serverAttributes(url),
  };
}

function serverAttributes({ hostname, port }: URL): Attributes {
  return {
    "server.address": hostname.slice(0, MAX_TEXT_LENGTH),
    "server.port": port === "" ? undefined : Number(port),
  };
}
