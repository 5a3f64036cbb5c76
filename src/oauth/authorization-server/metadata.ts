/**
 * What clients read before they come in: protected resource metadata (RFC 9728 section 2) and authorization server
 * metadata (RFC 8414 section 2). Plain data, cacheable, no secrets.
 * Nothing is at the path of OpenID Connect Discovery: without ID tokens there is not all that it requires.
 */

import { JWS_ALGORITHMS } from "../../crypto/jws.ts";
import type { AuthorizationServerSettings } from "../settings.ts";
import { PATHS, type ServerIdentifiers } from "../identifiers.ts";

const RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource";
export const SERVER_METADATA_PATH = "/.well-known/oauth-authorization-server";

/** Where the metadata of this server's endpoint are: what challenges point at. */
export function resourceMetadataUrl({ issuer, resource }: ServerIdentifiers): string {
  return issuer + RESOURCE_METADATA_PATH + resource.slice(issuer.length);
}

/** Scope that asks for refresh tokens: the authorization server's, never needed by the resource. */
export const OFFLINE_ACCESS = "offline_access";

/** What a client gets that asks for no scope, and is told to ask for when it has no token. */
export function serverDefaultScopes({ scopes }: Pick<AuthorizationServerSettings, "scopes">): string[] {
  return Object.keys(scopes).filter((name) => scopes[name]?.isDefault !== false);
}

/**
 * What `path` says of the resource that callers of `issuer` may use: the endpoint, or the origin that stands for it.
 * Undefined when the path says nothing.
 */
export function resourceMetadataResponse(
  path: string,
  identifiers: ServerIdentifiers,
  issuer: string,
  settings: AuthorizationServerSettings,
): Response | undefined {
  // spec: resource.metadata.present, resource.metadata.path, resource.metadata.get, resource.metadata.type
  const resource = [identifiers.issuer, identifiers.resource].find(
    (identifier) => RESOURCE_METADATA_PATH + identifier.slice(identifiers.issuer.length) === path,
  );
  // spec: resource.metadata.identifier, resource.metadata.servers, resource.metadata.empty, resource.metadata.fragment
  if (resource === undefined) return undefined;
  const scopeNames = serverDefaultScopes(settings);
  return cacheableJson({
    resource,
    resource_name: settings.serverName,
    authorization_servers: [issuer],
    bearer_methods_supported: ["header"],
    ...(scopeNames.length === 0 ? {} : { scopes_supported: scopeNames }),
  });
}

/** Authorization server metadata (RFC 8414 section 3.2), which clients may cache. */
export function serverMetadataResponse(
  { issuer }: ServerIdentifiers,
  { scopes, clients, acceptsMetadataDocuments }: AuthorizationServerSettings,
): Response {
  const confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
  const hasMachineClients = clients.some((client) => client.grant_types?.includes("client_credentials"));
  // spec: issuer.metadata.issuer, issuer.metadata.plain, issuer.metadata.empty, issuer.metadata.endpoints
  return cacheableJson({
    issuer,
    authorization_endpoint: issuer + PATHS.authorize,
    token_endpoint: issuer + PATHS.token,
    registration_endpoint: issuer + PATHS.register,
    revocation_endpoint: issuer + PATHS.revoke,
    introspection_endpoint: issuer + PATHS.introspect,
    scopes_supported: [...Object.keys(scopes), OFFLINE_ACCESS],
    // spec: issuer.metadata.response-types, issuer.metadata.fragment, issuer.metadata.pkce
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: [
      "authorization_code",
      "refresh_token",
      ...(hasMachineClients ? ["client_credentials"] : []),
    ],
    code_challenge_methods_supported: ["S256"],
    // spec: issuer.metadata.machine, issuer.metadata.machine-algorithms
    token_endpoint_auth_methods_supported: ["none", ...confidential],
    // spec: issuer.metadata.algorithms, issuer.metadata.unsigned
    token_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: ["none", ...confidential],
    revocation_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    // spec: issuer.metadata.iss, issuer.metadata.documents
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: acceptsMetadataDocuments,
  });
}

function cacheableJson(metadata: object): Response {
  // With an Origin the answer names it: a cache must not give one browser client the answer of another, or of none.
  return Response.json(metadata, { headers: { "cache-control": "public, max-age=300", vary: "Origin" } });
}
