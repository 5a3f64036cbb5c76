/**
 * Credentials as other folders see them: types only.
 */

import type { Secret } from "../base/secret.ts";
import type { ClientSecretMethod } from "../net/fetch.ts";

/** Which credential. `owner`: {@link ownerKey}. */
export interface CredentialId {
  readonly owner: string;
  readonly service: string;
  readonly name: string;
}

/** What is listed of one: never what it holds. Times are milliseconds since the epoch. */
export interface CredentialInfo {
  readonly service: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** The upstream ended it for good: only signing in again helps. */
  readonly isRevoked: boolean;
}

/** Where and as whom an upstream's access token is renewed. */
export interface Upstream {
  readonly tokenUrl: string;
  readonly clientId: string;
  /** A client without one sends its id alone. */
  readonly clientSecret?: Secret;
  /** How it is sent: by HTTP Basic, or in the form, as HubSpot and Twitch want it. */
  readonly clientSecretMethod?: ClientSecretMethod | undefined;
  /**
   * What it says in `error`, `status`, `code`, `message`, `errorType` or `resource`, also of a list of `errors`, of a refresh token that is
   * over, in any case: besides the words of RFC 6749, and of upstreams that are known here. Of a wrong client it must say something else.
   */
  readonly finalErrors?: readonly string[];
}
