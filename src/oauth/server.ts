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
import { OPENID_METADATA, SERVER_METADATA, serverMetadata } from "./metadata.ts";
import { PATHS, type Place } from "./place.ts";
import { register } from "./register.ts";
import { introspect, revoke } from "./revocation.ts";
import { token } from "./token.ts";

type Endpoint = (desk: Desk, http: Request, place: Place, url: URL) => Promise<Response>;

// spec: authorize.get, token.post, register.json, introspect.post
const ROUTES: Readonly<Record<string, Endpoint>> = {
  [`GET ${PATHS.authorize}`]: authorize,
  [`GET ${PATHS.signIn}`]: finishSignIn,
  [`POST ${PATHS.signIn}`]: finishSignIn,
  [`GET ${PATHS.consent}`]: consent,
  [`POST ${PATHS.consent}`]: consent,
  [`GET ${PATHS.account}`]: account,
  [`POST ${PATHS.account}`]: account,
  [`POST ${PATHS.token}`]: token,
  [`POST ${PATHS.register}`]: register,
  [`POST ${PATHS.revoke}`]: revoke,
  [`POST ${PATHS.introspect}`]: introspect,
};

/** The answer of the authorization server, or undefined when the path is not one of its own. */
export async function serveOAuth(desk: Desk, http: Request, place: Place, url: URL): Promise<Response | undefined> {
  const { pathname } = url;
  // spec: issuer.metadata.present, issuer.metadata.base, issuer.metadata.path, issuer.metadata.type
  if (pathname === SERVER_METADATA || pathname === OPENID_METADATA) return serverMetadata(place, desk.settings);
  const endpoint = ROUTES[`${http.method} ${pathname}`];
  if (endpoint === undefined) {
    const methods = ["GET", "POST"].filter((method) => `${method} ${pathname}` in ROUTES);
    return methods.length === 0
      ? undefined
      : new Response(null, { status: 405, headers: { allow: methods.join(", ") } });
  }
  if (desk.limiter !== undefined && !(await desk.limiter.limit({ key: addressOf(http) })).success)
    return refuseOAuth(pathname, fault("slow_down", "address.limited", "Too many requests: wait a minute"));
  return endpoint(desk, http, place, url);
}
