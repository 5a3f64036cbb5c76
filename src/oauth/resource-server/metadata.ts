/**
 * Protected resource metadata: what clients read before they ask for a token. RFC 9728 section 2. Plain data, cacheable.
 */

import type { ServerIdentifiers } from "../../base/identifiers.ts";

const RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource";

/** What is said of the resource. */
export interface ProtectedResource {
  /** Shown to people. */
  readonly name: string;
  /** The scopes that clients are told to ask for. */
  readonly scopes: readonly string[];
}

/** Where the metadata of this server's endpoint are: what challenges point at. */
export function resourceMetadataUrl({ issuer, resource }: ServerIdentifiers): string {
  return issuer + RESOURCE_METADATA_PATH + resource.slice(issuer.length);
}

/** What the metadata name as this server's endpoint: itself, and its origin, which stands for it; and that as URL parsers write it. */
export function resourceNames({ resource, issuer }: ServerIdentifiers): readonly string[] {
  return [resource, issuer, `${issuer}/`];
}

/**
 * What `path` says of the resource that callers of `issuer` may use: the endpoint, or the origin that stands for it.
 * Undefined when the path says nothing.
 */
export function resourceMetadataResponse(
  path: string,
  identifiers: ServerIdentifiers,
  issuer: string,
  { name, scopes }: ProtectedResource,
): Response | undefined {
  // spec: resource.metadata.present, resource.metadata.path, resource.metadata.get, resource.metadata.type
  const resource = [identifiers.issuer, identifiers.resource].find(
    (identifier) => RESOURCE_METADATA_PATH + identifier.slice(identifiers.issuer.length) === path,
  );
  // spec: resource.metadata.requested, resource.metadata.query, resource.metadata.identifier, resource.metadata.servers, resource.metadata.empty, resource.metadata.fragment
  if (resource === undefined) return undefined;
  return cacheableJson({
    resource,
    resource_name: name,
    authorization_servers: [issuer],
    bearer_methods_supported: ["header"],
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
  });
}

/** A JSON document that caches may keep for five minutes. */
export function cacheableJson(metadata: object): Response {
  // With an Origin the answer names it: a cache must not give one browser client the answer of another, or of none.
  return Response.json(metadata, {
    headers: { "cache-control": "public, max-age=300", vary: "Origin" },
  });
}
