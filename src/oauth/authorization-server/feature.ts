/**
 * The authorization server as a part of the Worker: people sign in here. Needs the Durable Objects `GRANT` and `ACCOUNT`,
 * and their classes in `index.ts`. What it may do is settings; how people sign in, and what pages look like, is the app's.
 */

import { isWithinBytes } from "../../base/bytes.ts";
import type { Settings } from "../../base/settings.ts";
import type { AuthFeature, Platform } from "../../server/feature.ts";
import type { AuthorizationServerSettings } from "../settings.ts";
import type { AccountObject } from "./account-object.ts";
import type { GrantObject } from "./grant-object.ts";
import type { LoginOptions } from "./types.ts";
import { protectedResource } from "../resource-server/authority.ts";
import { handleOAuth } from "./routes.ts";
import { PATHS } from "../identifiers.ts";
import { builtinTokenVerifier } from "./access-token.ts";
import { readClients } from "../clients/configured.ts";
import { MAX_SCOPES_BYTES } from "../limits.ts";

/** Its bindings and settings. */
export interface AuthorizationServerEnv {
  readonly GRANT: DurableObjectNamespace<GrantObject<unknown>>;
  readonly ACCOUNT: DurableObjectNamespace<AccountObject>;
  /** The platform's rate limiter for its endpoints, by address. Without it they are not limited. */
  readonly AUTH_LIMITER?: RateLimit;
  /** Clients known beforehand: a JSON list, see {@link ConfiguredClient}. */
  readonly CLIENTS?: string;
  /** "1" takes no client metadata documents, as in a network without internet. */
  readonly DISABLE_CLIENT_METADATA_DOCUMENTS?: string;
  /** Life of an access token; default 900. */
  readonly ACCESS_SECONDS?: string;
  /** How long a grant may lie unused; default 30 days. */
  readonly REFRESH_SECONDS?: string;
  /** How long a rotated refresh token still gets its successor; default ACCESS_SECONDS, 0 is strict. */
  readonly GRACE_SECONDS?: string;
  /** "1" asks the grant on every request, so that revocation does not wait for ACCESS_SECONDS. */
  readonly STRICT_REVOCATION?: string;
}

/** What the app says of its settings, once per isolate. @throws on a setting that is missing or wrong. */
export type CreateLoginOptions<E> = (env: E, platform: Platform) => LoginOptions;

/** This server is its own authorization server, unless the settings name an outside one. */
export function authorizationServer<E>(createLoginOptions: CreateLoginOptions<E>): AuthFeature {
  return {
    start(platform) {
      const { server, ring, settings } = platform;
      // Then another issuer's tokens were meant.
      if (settings.text("AUTH_ISSUER") !== "") return undefined;
      const serverSettings = {
        ...readAuthorizationSettings(settings, server.scopes),
        serverName: server.info.title ?? server.info.name,
        scopes: server.scopes,
      };
      const grants = settings.objects<GrantObject<unknown>>("GRANT");
      const accounts = settings.objects<AccountObject>("ACCOUNT");
      const limiter = settings.binding<RateLimit>("AUTH_LIMITER");
      // What is wrong with the settings of all parts is said before what the app finds wrong.
      settings.check();
      const login = createLoginOptions(settings.env as E, platform);
      const authServer = { ring, grants, accounts, limiter, settings: serverSettings, login };
      const resource = protectedResource(
        server,
        builtinTokenVerifier(authServer),
        ({ issuer }) => issuer,
      );
      return {
        ...resource,
        mode: "builtin",
        route: async (http, url, identifiers) =>
          (await resource.route(http, url, identifiers)) ??
          handleOAuth(authServer, http, identifiers, url),
        isPage: (path) => path.startsWith(PATHS.authorize) || path === PATHS.account,
      };
    },
  };
}

/** The checked settings of a server with these scopes. What is wrong is noted in `settings`. */
export function readAuthorizationSettings(
  settings: Settings,
  scopes: AuthorizationServerSettings["scopes"] = {},
): Omit<AuthorizationServerSettings, "serverName" | "scopes"> {
  const clients = readClients(settings.text("CLIENTS"), scopes);
  if (typeof clients === "string") settings.reject(clients);
  if (!isWithinBytes(JSON.stringify(Object.keys(scopes)), MAX_SCOPES_BYTES))
    settings.reject(`the names of all scopes are more than ${MAX_SCOPES_BYTES} bytes of JSON`);
  const accessSeconds = settings.integer("ACCESS_SECONDS", 1, 900);
  return {
    clients: typeof clients === "string" ? [] : clients,
    acceptsMetadataDocuments: !settings.isOn("DISABLE_CLIENT_METADATA_DOCUMENTS"),
    publicHost: settings.url("PUBLIC_URL")?.hostname,
    accessSeconds,
    refreshSeconds: settings.integer("REFRESH_SECONDS", 60, 2_592_000),
    graceSeconds: settings.integer("GRACE_SECONDS", 0, accessSeconds),
    hasStrictRevocation: settings.isOn("STRICT_REVOCATION"),
  };
}
