/** The settings of the authorization server, and the clients that an operator configures. Types only. */

import type { JsonObject } from "../base/json.ts";
import type { Scopes } from "../server/define.ts";

/** All durations are seconds. */
export interface AuthorizationServerSettings {
  /** Shown to people on every page. */
  readonly serverName: string;
  /** Every scope there is, with what it allows; an empty list means that tokens carry none. */
  readonly scopes: Scopes;
  readonly clients: readonly ConfiguredClient[];
  /** Whether clients may bring a metadata document, which this server then fetches. */
  readonly acceptsMetadataDocuments: boolean;
  /** The host of this server as clients know it: nothing is fetched from it in a client's name. */
  readonly publicHost: string | undefined;
  readonly accessSeconds: number;
  /** A grant dies when it was not used for this long. */
  readonly refreshSeconds: number;
  /**
   * How long a rotated refresh token still gets its successor; 0 is strict. Clients run several processes that share a
   * login and keep it in memory: each comes with the token it knows when its access token is over.
   */
  readonly graceSeconds: number;
  /** Ask the grant on every request, so that a revoked token dies at once and not within `accessSeconds`. */
  readonly hasStrictRevocation: boolean;
}

/** A client that the operator wrote into the configuration. */
export interface ConfiguredClient {
  readonly client_id: string;
  readonly client_name: string;
  /** Empty only for one that takes no codes. */
  readonly redirect_uris: readonly string[];
  /** base64url of the SHA-256 of the secret; a client with neither this nor `jwks` is public, and none has both. */
  readonly client_secret_sha256?: string;
  readonly jwks?: JsonObject;
  /** Default: authorization_code and refresh_token. Only here may "client_credentials" be given. */
  readonly grant_types?: readonly string[];
  /** Space-separated scopes beyond which this client gets none, whatever it had before; all when absent. */
  readonly scope?: string;
}
