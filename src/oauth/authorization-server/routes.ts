/**
 * The authorization server's routes. RFC 6749 section 3, RFC 7009, 7591, 7662, 8414.
 * Limits strangers by address before anything else; every other decision belongs to the endpoint.
 */

import { logError } from "../../base/log.ts";
import { isObjectAway } from "../../base/retry.ts";
import { withTimeout } from "../../base/time.ts";
import { clientAddress, isRead } from "../../wire/response.ts";
import { accountEndpoint } from "./account-page.ts";
import { authorizationEndpoint } from "./authorize.ts";
import { signInEndpoint } from "./sign-in.ts";
import { consentEndpoint } from "./consent.ts";
import type { AuthorizationServer } from "./types.ts";
import { grantNamedIn } from "./grant-reference.ts";
import {
  oauthError,
  oauthErrorResponse,
  oauthMethodNotAllowed,
  TOO_MANY_REQUESTS,
} from "../errors.ts";
import { SERVER_METADATA_PATH, serverMetadataResponse } from "./metadata.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { readForm } from "../params.ts";
import { registrationEndpoint } from "../clients/register.ts";
import { introspectionEndpoint, revocationEndpoint } from "./revocation.ts";
import { tokenEndpoint } from "./token.ts";

type Endpoint = (
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
) => Promise<Response>;

/** By path: the methods, as an `Allow` header lists them, and who answers. */
// spec: authorize.get, token.post, register.json, revoke.post, introspect.post
const ROUTES: Readonly<Record<string, readonly [allow: string, endpoint: Endpoint]>> = {
  [PATHS.authorize]: ["GET", authorizationEndpoint],
  [PATHS.signIn]: ["GET, POST", signInEndpoint],
  [PATHS.consent]: ["GET, POST", consentEndpoint],
  [PATHS.account]: ["GET, POST", accountEndpoint],
  [PATHS.token]: ["POST", tokenEndpoint],
  [PATHS.register]: ["POST", registrationEndpoint],
  [PATHS.revoke]: ["POST", revocationEndpoint],
  [PATHS.introspect]: ["POST", introspectionEndpoint],
};

/** The answer of the authorization server, or undefined when the path is not one of its own. */
export async function handleOAuth(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
): Promise<Response | undefined> {
  const { pathname } = url;
  if (pathname === SERVER_METADATA_PATH && !isRead(http)) return oauthMethodNotAllowed("GET, HEAD");
  // spec: issuer.metadata.get, issuer.metadata.present, issuer.metadata.base, issuer.metadata.path, issuer.metadata.type
  if (pathname === SERVER_METADATA_PATH)
    return serverMetadataResponse(identifiers, authServer.settings);
  const [allow, endpoint] = ROUTES[pathname] ?? [];
  if (allow === undefined || endpoint === undefined) return undefined;
  if (!allow.split(", ").includes(http.method)) return oauthMethodNotAllowed(allow);
  if (!(await isWithinLimit(authServer, http, pathname)))
    return oauthErrorResponse(pathname, TOO_MANY_REQUESTS, http);
  try {
    return await endpoint(authServer, http, identifiers, url);
  } catch (error) {
    if (!isObjectAway(error)) throw error;
    logError("oauth.object_away", error);
    const away = oauthError("temporarily_unavailable", "object.away", "Try again in a moment");
    return oauthErrorResponse(pathname, away, http);
  }
}

/** Milliseconds in which a form must be there, past the limit of its address. */
const FORM_MS = 2_000;

/**
 * By address. Past that, a code or refresh token that was issued here has a share of its own, by its grant: all people of a
 * hosted client come from a few addresses.
 */
async function isWithinLimit(
  { limiter, ring }: AuthorizationServer,
  http: Request,
  pathname: string,
): Promise<boolean> {
  if (limiter === undefined) return true;
  if ((await limiter.limit({ key: clientAddress(http) })).success) return true;
  if (pathname !== PATHS.token) return false;
  // Whoever sends it slowly is past the limit like any other.
  const form = await withTimeout(FORM_MS, readForm(http.clone())).catch(() => undefined);
  const grant = form?.ok === true ? await grantNamedIn(ring, form.value) : undefined;
  return grant !== undefined && (await limiter.limit({ key: `grant ${grant}` })).success;
}
