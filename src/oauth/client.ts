/**
 * Clients: who they are, and how a `client_id` becomes one. Three kinds, told apart by the form of the id:
 * configured, registered (the id is the sealed metadata, RFC 7591), and an https URL of a metadata document.
 */

import { ok, type Result } from "../base/result.ts";
import { findPublished } from "./client-document.ts";
import type { Desk } from "./desk.ts";
import type { PreRegistered } from "./settings.ts";
import { fault, type Fault } from "./fault.ts";
import { readRegistered } from "./register.ts";
import type { Client, ClientAuth } from "./client-types.ts";

/** The client that `id` names, or why there is none. May fetch a metadata document. */
export async function findClient(desk: Desk, id: string | undefined): Promise<Result<Client, Fault>> {
  if (id === undefined) return fault("invalid_client", "client.absent", "client_id is needed");
  const configured = desk.settings.clients.find(({ client_id }) => client_id === id);
  if (configured !== undefined) return ok(fromConfiguration(configured));
  if (desk.settings.documents && id.startsWith("https://")) return findPublished(desk, id);
  const registered = await readRegistered(desk.ring, id);
  if (registered !== undefined) return ok(registered);
  return fault("invalid_client", "client.unknown", "The client is not known here: it must register");
}

function fromConfiguration({ client_id: id, client_secret_sha256: sha256, jwks, ...rest }: PreRegistered): Client {
  const scopes = rest.scope?.split(" ");
  const shown: ClientAuth = sha256 === undefined ? { method: "none" } : { method: "secret", sha256 };
  return {
    id,
    key: id,
    name: rest.client_name,
    host: undefined,
    redirectUris: rest.redirect_uris,
    grantTypes: rest.grant_types ?? ["authorization_code", "refresh_token"],
    scopes,
    defaultScopes: scopes,
    auth: jwks === undefined ? shown : { method: "private_key_jwt", jwks },
  };
}
