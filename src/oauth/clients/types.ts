/** What is known of an OAuth client (RFC 6749 section 2), and how it authenticates. Types only. */

import type { JsonObject } from "../../base/json.ts";

export interface Client {
  /** As the client sends it. */
  readonly id: string;
  /** Short and stable, what callers and grants carry: the id, or "dcr:" and a digest of a sealed one. */
  readonly key: string;
  readonly name: string;
  /** The host that vouches for the client (of its metadata document), shown at consent. */
  readonly metadataHost: string | undefined;
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
