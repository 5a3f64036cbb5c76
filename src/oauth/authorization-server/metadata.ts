/**
 * What clients read of the authorization server before they come in: RFC 8414 section 2. Plain data, cacheable, no secrets.
 * Nothing is at the path of OpenID Connect Discovery: without ID tokens there is not all that it requires.
 */

import { JWS_ALGORITHMS } from "../../crypto/jws.ts";
import type { AuthorizationServerSettings } from "../settings.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { cacheableJson } from "../resource-server/metadata.ts";

export const SERVER_METADATA_PATH = "/.well-known/oauth-authorization-server";

/** Scope that asks for refresh tokens: the authorization server's, never needed by the resource. */
export const OFFLINE_ACCESS = "offline_access";

/** Authorization server metadata (RFC 8414 section 3.2), which clients may cache. */
export function serverMetadataResponse(
  { issuer }: ServerIdentifiers,
  { scopes, clients, acceptsMetadataDocuments }: AuthorizationServerSettings,
): Response {
  const confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
  const hasMachineClients = clients.some((client) =>
    client.grant_types?.includes("client_credentials"),
  );
  // spec: issuer.metadata.issuer, issuer.metadata.plain, issuer.metadata.empty, issuer.metadata.endpoints
  return cacheableJson({
    issuer,
    authorization_endpoint: issuer + PATHS.authorize,
    token_endpoint: issuer + PATHS.token,
    registration_endpoint: issuer + PATHS.register,
    revocation_endpoint: issuer + PATHS.revoke,
    introspection_endpoint: issuer + PATHS.introspect,
    scopes_supported: [...Object.keys(scopes), OFFLINE_ACCESS],
    // spec: issuer.metadata.defaults
    // spec: issuer.metadata.response-types, issuer.metadata.fragment
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: [
      "authorization_code",
      "refresh_token",
      ...(hasMachineClients ? ["client_credentials"] : []),
    ],
    // spec: issuer.metadata.pkce
    code_challenge_methods_supported: ["S256"],
    // spec: issuer.metadata.machine, issuer.metadata.machine-algorithms
    token_endpoint_auth_methods_supported: ["none", ...confidential],
    // spec: issuer.metadata.algorithms, issuer.metadata.algorithms.common, issuer.metadata.unsigned
    token_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: ["none", ...confidential],
    // spec: issuer.metadata.algorithms.revocation
    revocation_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: confidential,
    // spec: issuer.metadata.algorithms.introspection
    introspection_endpoint_auth_signing_alg_values_supported: JWS_ALGORITHMS,
    // spec: issuer.metadata.iss
    authorization_response_iss_parameter_supported: true,
    // spec: issuer.metadata.documents
    client_id_metadata_document_supported: acceptsMetadataDocuments,
  });
}
