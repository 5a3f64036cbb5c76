/**
 * The server card: what a client may know before it connects. modelcontextprotocol/experimental-ext-server-card, docs/discovery.
 * It is served at the place that the text reserves, and at the one where scanners look; the AI Catalog of the host names it.
 * It says nothing that server/discover does not say, and is for everybody: no token is asked for, and any site may read it.
 */

import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { protocolError } from "../../base/protocol-error.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import type { Icon } from "../../server/content.ts";
import type { Feature } from "../../server/feature.ts";
import type { Server } from "../../server/registry.ts";
import { clientAddress, errorResponse } from "../../wire/response.ts";

/** What the card says beside what the server says of itself. */
export interface CardDetails {
  /** What the server is for, in 100 characters. */
  readonly description: string;
  /** Whose server it is, in reverse DNS, such as `com.example`; of the host when left out. */
  readonly namespace?: string;
  readonly websiteUrl?: string;
  readonly repository?: { readonly url: string; readonly source: string };
  readonly icons?: readonly Icon[];
}

/** Below the endpoint, as the text reserves it; and where scanners look. */
const CARD_PATHS = ["/mcp/server-card", "/.well-known/mcp/server-card.json"];
const CATALOG_PATH = "/.well-known/ai-catalog.json";
const CARD_TYPE = "application/mcp-server-card+json";

/** Serves the card, and the catalog that names it. @throws on a description or namespace that no card may have. */
export function serverCard(details: CardDetails): Feature {
  const { description, namespace = "a" } = details;
  if (!/^.{1,100}$/su.test(description) || !/^[a-zA-Z0-9.-]+$/.test(namespace))
    throw new Error(
      'A server card has a description of at most 100 characters, and a namespace like "com.example"',
    );
  const isPublic = (path: string): boolean => path === CATALOG_PATH || CARD_PATHS.includes(path);
  return {
    start({ server, settings }) {
      const limiter = settings.binding<RateLimit>("LIMITER");
      return {
        isPublic,
        async route(http, { pathname }, identifiers) {
          if (!isPublic(pathname)) return undefined;
          // spec: card.limited
          if (limiter !== undefined && !(await limiter.limit({ key: limiterKey(http) })).success)
            return errorResponse(
              protocolError("TooManyRequests", "Too many requests; wait a minute"),
            );
          const { hostname } = new URL(identifiers.issuer);
          const { namespace: owner = reverse(hostname), ...members } = details;
          // An address of IPv6 has other characters than a name may have.
          const name = `${owner}/${server.info.name}`.replace(/[^\w./-]+/g, "-");
          // spec: card.catalog.type
          if (pathname === CATALOG_PATH)
            return respond(http, "application/ai-catalog+json", catalogOf(name, identifiers));
          // spec: card.type
          return respond(http, CARD_TYPE, { ...cardOf(name, server, identifiers), ...members });
        },
      };
    },
  };
}

/** Of its own: what scanners read takes nothing of the messages that strangers at their address may send. */
function limiterKey(http: Request): string {
  return `card ${clientAddress(http)}`;
}

/** What is known without asking, as `server/discover` would say it. */
function cardOf(
  name: string,
  { info: { title, version }, versions }: Server,
  { resource }: ServerIdentifiers,
): object {
  return {
    // spec: card.schema
    $schema: "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
    name,
    title,
    // spec: card.consistent
    version,
    remotes: [{ type: "streamable-http", url: resource, supportedProtocolVersions: versions }],
  };
}

function catalogOf(name: string, { resource }: ServerIdentifiers): object {
  const [namespace = "", own = ""] = name.split("/");
  const identifier = `urn:air:${reverse(namespace)}:mcp:${own}`;
  // spec: card.catalog.entry
  const entry = { identifier, type: CARD_TYPE, url: `${resource}/server-card` };
  return { specVersion: "1.0", entries: [entry] };
}

/** DNS in reverse: `example.com` is `com.example`, and back. */
function reverse(domain: string): string {
  return domain.split(".").reverse().join(".");
}

/** A document for everybody, which caches may keep for an hour, and revalidate. */
async function respond(http: Request, type: string, content: object): Promise<Response> {
  if (!/^(?:GET|HEAD|OPTIONS)$/.test(http.method))
    return errorResponse(protocolError("MethodNotAllowed", "Use GET"), undefined, {
      allow: "GET, HEAD, OPTIONS",
    });
  const text = JSON.stringify(content);
  // spec: card.etag
  const etag = `"${await sha256Base64url(text)}"`;
  const known = http.headers.get("if-none-match");
  // spec: card.revalidated
  const isKnown = known === "*" || known?.includes(etag) === true;
  const status = isKnown ? 304 : 200;
  return new Response(http.method === "GET" && !isKnown ? text : null, {
    status,
    headers: {
      "content-type": type,
      etag,
      // spec: card.cached
      "cache-control": "public, max-age=3600",
      // spec: card.cors
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET",
      // Whatever a library adds of its own.
      "access-control-allow-headers": "Content-Type, If-None-Match, *",
      "access-control-expose-headers": "ETag",
    },
  });
}
