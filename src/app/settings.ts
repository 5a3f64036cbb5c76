/**
 * The settings and bindings of the example app, all optional. A fork keeps those of the tools it keeps.
 * Addresses of upstreams are settings so that tests, and people behind a mirror, can name their own.
 */

import type { ApiKeyServiceEnv } from "../api.ts";
import type { FeedObject } from "./feed-object.ts";
import type { FeedEnv } from "./feed-settings.ts";

export interface AppEnv extends FeedEnv, ApiKeyServiceEnv {
  /** What `make passphrase` prints. A secret. */
  readonly PASSPHRASE?: string;
  /** The vault's database of credentials: keys that people sign in with are kept there. */
  readonly VAULT?: D1Database;
  /** The OpenID Connect provider, and this server's registration there. The last one is a secret. */
  readonly OPENID_NAME?: string;
  readonly OPENID_ISSUER?: string;
  readonly OPENID_CLIENT_ID?: string;
  readonly OPENID_CLIENT_SECRET?: string;
  /** The database of `get_user` and `find_users`. */
  readonly USERS?: D1Database;
  /** The object that holds the connection to the feed. */
  readonly FEED?: DurableObjectNamespace<FeedObject>;
  /** Also what upstreams are told of who asks them. */
  readonly PUBLIC_URL?: string;
  readonly WIKIPEDIA_URL?: string;
  readonly WEATHER_URL?: string;
  readonly WEATHER_PLACES_URL?: string;
}
