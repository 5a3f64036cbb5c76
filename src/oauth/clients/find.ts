/**
 * Clients: who they are, and how a `client_id` becomes one. Three kinds, told apart by the form of the id:
 * configured, registered (the id is the sealed metadata, RFC 7591), and an https URL of a metadata document.
 */

import { ok, type Result } from "../../base/result.ts";
import { fetchClientMetadataDocument } from "./metadata-document.ts";
import type { AuthorizationServer } from "../authorization-server/types.ts";
import type { ConfiguredClient } from "../settings.ts";
import { oauthError, type OAuthError } from "../errors.ts";
import { openRegisteredClient } from "./register.ts";
import type { Client, ClientAuth } from "./types.ts";

/** The client that `id` names, or why there is none. May fetch a metadata document. */
export async function findClient(
  authServer: AuthorizationServer,
  id: string | undefined,
): Promise<Result<Client, OAuthError>> {
  if (id === undefined) return oauthError("invalid_client", "client.absent", "client_id is needed");
  const configured = authServer.settings.clients.find(({ client_id }) => client_id === id);
  if (configured !== undefined) return ok(toClient(configured));
  if (authServer.settings.acceptsMetadataDocuments && id.startsWith("https://"))
    return fetchClientMetadataDocument(authServer, id);
  const registered = await openRegisteredClient(authServer.ring, id);
  if (registered !== undefined) return ok(registered);
  return oauthError(
    "invalid_client",
    "client.unknown",
    "The client is not known here: it must register",
  );
}

function toClient({
  client_id: id,
  client_secret_sha256: sha256,
  jwks,
  ...rest
}: ConfiguredClient): Client {
  const scopes = rest.scope?.split(" ");
  const secretAuth: ClientAuth =
    sha256 === undefined ? { method: "none" } : { method: "secret", sha256 };
  return {
    id,
    key: id,
    name: rest.client_name,
    metadataHost: undefined,
    redirectUris: rest.redirect_uris,
    grantTypes: rest.grant_types ?? ["authorization_code", "refresh_token"],
    scopes,
    defaultScopes: scopes,
    auth: jwks === undefined ? secretAuth : { method: "private_key_jwt", jwks },
  };
}
