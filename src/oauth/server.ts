/**
 * The authorization server's routes. RFC 6749 section 3, RFC 7009, 7591, 7662, 8414.
 * Limits strangers by address before anything is read; every other decision belongs to the endpoint.
 */

import { addressOf } from "../wire/http.ts";
import { account } from "./account-page.ts";
import { authorize, finishSignIn } from "./authorize.ts";
import { consent } from "./consent.ts";
import type { Desk } from "./desk.ts";
import { fault, refuseOAuth } from "./fault.ts";
import { SERVER_METADATA, serverMetadata } from "./metadata.ts";
import { PATHS, type Place } from "./place.ts";
import { register } from "./register.ts";
import { introspect, revoke } from "./revocation.ts";
import { token } from "./token.ts";

type Endpoint = (desk: Desk, http: Request, place: Place, url: URL) => Promise<Response>;

/** By path: the methods, as an `Allow` header lists them, and who answers. */
// spec: authorize.get, token.post, register.json, introspect.post
const ROUTES: Readonly<Record<string, readonly [allow: string, endpoint: Endpoint]>> = {
  [PATHS.authorize]: ["GET", authorize],
  [PATHS.signIn]: ["GET, POST", finishSignIn],
  [PATHS.consent]: ["GET, POST", consent],
  [PATHS.account]: ["GET, POST", account],
  [PATHS.token]: ["POST", token],
  [PATHS.register]: ["POST", register],
  [PATHS.revoke]: ["POST", revoke],
  [PATHS.introspect]: ["POST", introspect],
};

/** The answer of the authorization server, or undefined when the path is not one of its own. */
export async function serveOAuth(desk: Desk, http: Request, place: Place, url: URL): Promise<Response | undefined> {
  const { pathname } = url;
  // spec: issuer.metadata.present, issuer.metadata.base, issuer.metadata.path, issuer.metadata.type
  if (pathname === SERVER_METADATA) return serverMetadata(place, desk.settings);
  const [allow, endpoint] = ROUTES[pathname] ?? [];
  if (allow === undefined || endpoint === undefined) return undefined;
  if (!allow.split(", ").includes(http.method)) return new Response(null, { status: 405, headers: { allow } });
  if (desk.limiter !== undefined && !(await desk.limiter.limit({ key: addressOf(http) })).success)
    return refuseOAuth(pathname, fault("slow_down", "address.limited", "Too many requests: wait a minute"), http);
  return endpoint(desk, http, place, url);
}
