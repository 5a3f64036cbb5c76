/**
 * The authorization endpoint. RFC 6749 sections 3.1 and 4.1, OAuth 2.1 section 4.1, RFC 9207, RFC 9700 section 4.
 * A request becomes a form sealed to this browser; nothing is stored until a person is known.
 * Refuses an unknown client or redirect URI with a page, and sends every other fault to the client.
 * Who the person is, is found out in `sign-in.ts`; what they agree to is `consent.ts`.
 */

import { now } from "../../base/time.ts";
import { parseAuthorizationRequest } from "./authorization-request.ts";
import { readBrowserSession } from "./browser-session.ts";
import { oauthErrorPage } from "./browser-response.ts";
import { FORM_SECONDS } from "../lifetimes.ts";
import { findClient } from "../clients/find.ts";
import { redirectToClient } from "./consent.ts";
import { completeSignIn, showSignInPage } from "./sign-in.ts";
import type { AuthorizationServer } from "./types.ts";
import { audit } from "../errors.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { matchRedirectUri } from "../clients/redirect-uri.ts";

/** The authorization endpoint (OAuth 2.1 section 4.1.1): answers with a sign-in page, the consent page, or an error to the client. */
export async function authorizationEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
): Promise<Response> {
  // 1. Nobody is sent to a redirect URI that is not known to be the client's.
  const query = url.searchParams;
  if (query.getAll("client_id").length > 1 || query.getAll("redirect_uri").length > 1)
    return oauthErrorPage(authServer, "params.repeated", "A parameter appears twice");
  // spec: authorize.client.unknown, authorize.redirect.precaution
  const client = await findClient(authServer, query.get("client_id") || undefined);
  if (!client.ok) {
    const { reason, description } = client.error;
    // No answer reaches a client that is not known, and many send the same id for ever.
    const advice =
      reason === "client.unknown" ? ". Remove this server in your app, and add it again" : "";
    return oauthErrorPage(authServer, reason, description + advice);
  }
  const redirectUri = matchRedirectUri(client.value, query.get("redirect_uri") || undefined);
  if (!redirectUri.ok)
    return oauthErrorPage(authServer, redirectUri.error.reason, redirectUri.error.description);
  // 2. The request itself. Faults go back to the client.
  const request = parseAuthorizationRequest(
    url.search.slice(1),
    client.value,
    redirectUri.value,
    identifiers,
    authServer.settings,
  );
  if (!request.ok) {
    const { error, reason, description } = request.error;
    audit("oauth.refused", { endpoint: "authorize", error, reason, client: client.value.key });
    const target = { redirectUri: redirectUri.value, state: query.get("state") ?? "" };
    // spec: authorize.error.sent
    return redirectToClient(identifiers, target, { error, error_description: description }, 302);
  }
  // 3. Who is it?
  const forcesSignIn = /\b(login|select_account)\b/.test(query.get("prompt") ?? "");
  const grant = authServer.grants.newUniqueId().toString();
  const pendingLogin = {
    request: request.value,
    grant,
    expiresAt: now() + FORM_SECONDS * 1000,
    forcesSignIn,
  };
  const browser = await readBrowserSession(authServer, http, identifiers);
  // spec: authorize.signed-in
  if (browser.person === undefined || forcesSignIn) return showSignInPage(browser, pendingLogin);
  // 4. Do they agree?
  return completeSignIn(browser, pendingLogin, browser.person);
}
