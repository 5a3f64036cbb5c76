/**
 * The settings and bindings of the example app, all optional. A fork keeps those of the tools it keeps.
 * Addresses of upstreams are settings so that tests, and people behind a mirror, can name their own.
 */

import type { Feed } from "./feed-object.ts";

export interface AppEnv {
  /** "passphrase" (when empty), "api-key" or "openid". */
  readonly SIGN_IN?: string;
  /** What `make passphrase` prints. A secret. */
  readonly PASSPHRASE?: string;
  /** The service whose keys are taken: its name, the URL that says whose a key is, and where in its answer. */
  readonly UPSTREAM_NAME?: string;
  readonly UPSTREAM_URL?: string;
  readonly UPSTREAM_ACCOUNT?: string;
  /** The house's database of credentials: keys that people sign in with are kept there. */
  readonly VAULT?: D1Database;
  /** The OpenID Connect provider, and this server's registration there. The last one is a secret. */
  readonly OPENID_NAME?: string;
  readonly OPENID_ISSUER?: string;
  readonly OPENID_CLIENT_ID?: string;
  readonly OPENID_CLIENT_SECRET?: string;
  /** The database of `get_user` and `find_users`. */
  readonly PEOPLE?: D1Database;
  /** The object that holds the connection to the feed. */
  readonly FEED?: DurableObjectNamespace<Feed>;
  /** Also what upstreams are told of who asks them. */
  readonly PUBLIC_URL?: string;
  readonly WIKIPEDIA_URL?: string;
  readonly WEATHER_URL?: string;
  readonly WEATHER_PLACES_URL?: string;
  /** A WebSocket that sends JSON messages without being asked. */
  readonly FEED_URL?: string;
  /** Seconds without a call after which the feed is dropped; default 600. */
  readonly FEED_IDLE_SECONDS?: string;
}
