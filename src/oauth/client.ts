/**
 * Clients: who they are, and how a `client_id` becomes one. Three kinds, told apart by the form of the id:
 * configured, registered (the id is the sealed metadata, RFC 7591), and an https URL of a metadata document.
 */

import type { JsonObject } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import { findPublished } from "./client-document.ts";
import type { Desk, PreRegistered } from "./desk.ts";
import { fault, type Fault } from "./fault.ts";
import { readRegistered } from "./register.ts";

export interface Client {
  /** As the client sends it. */
  readonly id: string;
  /** Short and stable, what callers and grants carry: the id, or "dcr:" and a digest of a sealed one. */
  readonly key: string;
  readonly name: string;
  /** The host that vouches for the client (of its metadata document), shown at consent. */
  readonly host: string | undefined;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  /** Scopes beyond which this client gets none, in the operator's word; all when undefined. */
  readonly scopes: readonly string[] | undefined;
  /** What it gets when it asks for none: of its own choice, or the usual ones when undefined. */
  readonly defaultScopes: readonly string[] | undefined;
  readonly auth: ClientAuth;
}

/** How a client proves itself at the token endpoint. */
export type ClientAuth =
  | { readonly method: "none" }
  /** SHA-256 of the secret, base64url; sent as HTTP Basic or in the form. */
  | { readonly method: "secret"; readonly sha256: string }
  | { readonly method: "private_key_jwt"; readonly jwks: JsonObject | string };

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
