/**
 * Who may reach the endpoint from a browser: Host and Origin validation against DNS rebinding, and CORS.
 * MCP transports/streamable-http#security--endpoint; the Fetch standard's CORS protocol.
 * Allowed are loopback, this server's own public origin, and a configured list. Checks no credential.
 */

import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";

export interface OriginPolicy {
  /** Origins (scheme://host[:port]) of this server and of allowed browser clients; "*" allows any Origin header. */
  readonly allowedOrigins: readonly string[];
  /** Host names beyond loopback under which this server answers. */
  readonly allowedHosts: readonly string[];
}

const LOOPBACK_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Headers a browser client must be able to read. */
const EXPOSED_HEADERS = "MCP-Protocol-Version, Mcp-Session-Id, WWW-Authenticate, Retry-After";
/** Those of the protocol that it sends. */
const PROTOCOL_HEADERS =
  "Accept, Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, traceparent, tracestate, baggage";

/** Refuses (403) a Host or Origin that is not this server's, loopback's, or configured. */
export function checkHostAndOrigin(
  hostname: string,
  origin: string | null,
  policy: OriginPolicy,
): Result<void, ProtocolError> {
  if (!LOOPBACK_HOSTS.has(hostname) && !policy.allowedHosts.includes(hostname)) {
    return err(
      protocolError(
        "Forbidden",
        `Host "${hostname}" is not served here: set PUBLIC_URL to this server's address`,
      ),
    );
  }
  // spec: http.origin.validate, http.origin.refuse
  if (origin !== null && !isAllowedOrigin(origin, policy)) {
    return err(
      protocolError("Forbidden", `Origin "${origin}" is not allowed: add it to ALLOWED_ORIGINS`),
    );
  }
  return ok(undefined);
}

function isAllowedOrigin(origin: string, policy: OriginPolicy): boolean {
  if (policy.allowedOrigins.includes(origin) || policy.allowedOrigins.includes("*")) return true;
  const url = URL.parse(origin);
  if (url === null || !LOOPBACK_HOSTS.has(url.hostname)) return false;
  // scheme://host[:port] and nothing else, as a browser spells it (RFC 6454 section 6.2): no user info, no path.
  return `${url.protocol}//${url.host}` === origin;
}

/**
 * The answer to a preflight of an origin that {@link checkHostAndOrigin} has allowed: it may send what it asks for. Names of `Mcp-Param-*`
 * are known only to the client, and its library may have more (`User-Agent`, `DPoP`, those of a tracer).
 */
export function preflightResponse(request: Request): Response {
  const requestedHeaders = request.headers.get("access-control-request-headers") ?? "";
  const names = requestedHeaders
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name));
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": [PROTOCOL_HEADERS, ...names].join(", "),
      "access-control-max-age": "86400",
    },
  });
}

/** Marks `response`, an error included, as readable by `origin`, which {@link checkHostAndOrigin} has allowed. */
export function withCors(response: Response, origin: string): Response {
  const headers = new Headers(response.headers);
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  if (headers.get("vary") !== "Origin") headers.append("vary", "Origin");
  return new Response(response.body, { status: response.status, headers });
}
