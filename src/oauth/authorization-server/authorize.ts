/**
 * The authorization endpoint, and signing in on the way through it. RFC 6749 sections 3.1 and 4.1, OAuth 2.1 section 4.1,
 * RFC 9207, RFC 9700 section 4. A request becomes a form sealed to this browser; nothing is stored until a person is known.
 * Refuses an unknown client or redirect URI with a page, and sends every other fault to the client.
 * How people prove who they are is the app's; what they agree to is `consent.ts`.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import type { JsonObject } from "../../base/json.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { clientAddress } from "../../wire/response.ts";
import { accountObjectName } from "./account-object.ts";
import { parseAuthorizationRequest } from "./authorization-request.ts";
import {
  rememberPerson,
  openWithAnyBrowserId,
  htmlResponse,
  readCookie,
  readBrowserSession,
  readSealedForm,
  redirectResponse,
} from "./browser-session.ts";
import { FORM_SECONDS } from "../lifetimes.ts";
import { oauthErrorPage, sealForBrowser, writeCookie, type BrowserSession } from "./browser-session.ts";
import { findClient } from "../clients/find.ts";
import { redirectToClient, redirectToConsent, describeClient } from "./consent.ts";
import type { AuthorizationServer } from "./types.ts";
import { audit } from "../errors.ts";
import { readParams } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { matchRedirectUri } from "../clients/redirect-uri.ts";
import { enterAccount } from "./revocation.ts";
import type { AuthenticatedPerson, SignInResult, SignInContext } from "../sign-in/types.ts";
import type { PendingLogin } from "./pending-login.ts";

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
    return oauthErrorPage(authServer, "params.repeated", "A parameter of the request appears twice");
  // spec: authorize.client.unknown, authorize.redirect.precaution
  const client = await findClient(authServer, query.get("client_id") || undefined);
  if (!client.ok) return oauthErrorPage(authServer, client.error.reason, client.error.description);
  const redirectUri = matchRedirectUri(client.value, query.get("redirect_uri") || undefined);
  if (!redirectUri.ok) return oauthErrorPage(authServer, redirectUri.error.reason, redirectUri.error.description);
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
  const pendingLogin = { request: request.value, grant, expiresAt: now() + FORM_SECONDS * 1000, forcesSignIn };
  const browser = await readBrowserSession(authServer, http, identifiers);
  // spec: authorize.signed-in
  if (browser.person === undefined || forcesSignIn) return showSignInPage(browser, pendingLogin);
  // 4. Do they agree?
  return completeSignIn(browser, pendingLogin, browser.person);
}

/** The sign-in page; again, with a message, when it went wrong. It names the client before anybody is sent anywhere. */
export async function showSignInPage(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  message?: string,
): Promise<Response> {
  const { authServer, identifiers } = browser;
  const { title, fields } = authServer.login.signIn;
  const sealed = await sealForBrowser(authServer, "pending-login", browser.id, pendingLogin, pendingLogin.expiresAt);
  const formView = { serverName: authServer.settings.serverName, action: PATHS.signIn, form: sealed };
  const client = pendingLogin.request && describeClient(pendingLogin.request);
  // Without fields there is nothing to let out, and the way leads to an upstream provider.
  const formActionTarget = fields.length === 0 ? identifiers.issuer : undefined;
  const status = message === undefined ? 200 : 403;
  const { staysSignedIn = false } = pendingLogin;
  return htmlResponse(
    browser,
    { view: "sign-in", ...formView, title, fields, client, staysSignedIn, message },
    status,
    formActionTarget,
  );
}

/** A sign-in form comes in, or a person comes back from an upstream provider. */
export async function signInEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
): Promise<Response> {
  const browser = await readBrowserSession(authServer, http, identifiers);
  if (http.method === "POST") return handleSignInForm(browser);
  const form = url.searchParams.get("form");
  return form === null ? handleUpstreamReturn(browser, url) : reopenSignInPage(browser, form);
}

/** The sign-in page for somebody else. It has an address, so that Reload shows it again and sends no form. */
async function reopenSignInPage(browser: BrowserSession, sealed: string): Promise<Response> {
  const opened = await openWithAnyBrowserId<PendingLogin>(browser, "pending-login", sealed);
  return opened === undefined
    ? oauthErrorPage(browser.authServer, "form.stale")
    : showSignInPage(opened.browser, opened.sealed);
}

/** What waits in a cookie, named after `state`, while a person is away. */
interface UpstreamLogin {
  readonly pendingLogin: PendingLogin;
  readonly upstreamState: JsonObject;
}

async function handleSignInForm(sender: BrowserSession): Promise<Response> {
  const post = await readSealedForm<PendingLogin>(sender, "pending-login");
  if (!post.ok) return post.error;
  const { browser, sealed: sealedLogin } = post.value;
  const { authServer, identifiers, id } = browser;
  const pendingLogin = { ...sealedLogin, staysSignedIn: post.value.form.has("remember") };
  const context = signInContext(identifiers, encodeBase64url(randomBytes(16)), pendingLogin);
  const result = await authServer.login.signIn.submit(context, post.value.form);
  if (result.kind !== "redirect") return applySignInResult(browser, pendingLogin, result);
  const upstreamLogin: UpstreamLogin = { pendingLogin, upstreamState: result.upstreamState };
  const sealed = await sealForBrowser(
    authServer,
    "upstream-login",
    id + context.state,
    upstreamLogin,
    pendingLogin.expiresAt,
  );
  return redirectResponse(result.url, 303, [writeCookie(identifiers, `-${context.state}`, sealed, FORM_SECONDS)]);
}

async function handleUpstreamReturn(sender: BrowserSession, url: URL): Promise<Response> {
  const { authServer, http, identifiers } = sender;
  const query = readParams(url.search.slice(1));
  if (!query.ok) return oauthErrorPage(authServer, query.error.reason);
  const state = query.value.get("state") ?? "";
  const opened = await openWithAnyBrowserId<UpstreamLogin>(
    sender,
    "upstream-login",
    readCookie(http, identifiers, `-${state}`),
    state,
  );
  const result =
    opened &&
    (await authServer.login.signIn.finish?.(
      signInContext(identifiers, state, opened.sealed.pendingLogin),
      query.value,
      opened.sealed.upstreamState,
    ));
  if (opened === undefined || result === undefined || result.kind === "redirect")
    return oauthErrorPage(authServer, "sign_in.state");
  sender.cookies.push(writeCookie(identifiers, `-${state}`, "", 0));
  return applySignInResult(opened.browser, opened.sealed.pendingLogin, result);
}

function signInContext(
  identifiers: ServerIdentifiers,
  state: string,
  { forcesSignIn: again = false }: PendingLogin,
): SignInContext {
  return { identifiers, callback: identifiers.issuer + PATHS.signIn, state, forcesSignIn: again };
}

async function applySignInResult(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  result: Exclude<SignInResult, { kind: "redirect" }>,
): Promise<Response> {
  const { authServer, http } = browser;
  const { kind, subject } = result;
  // spec: signin.guessing
  if (subject !== undefined) {
    const attempt = {
      address: await sha256Base64url(clientAddress(http)),
      hasSucceeded: kind === "authenticated",
      grant: pendingLogin.grant,
    };
    const outcome = await enterAccount(authServer, subject, attempt);
    if (typeof outcome === "number") {
      const message = `There were too many attempts. Wait ${outcome} min, then try again.`;
      return rejectSignIn(browser, pendingLogin, "sign_in.locked", message);
    }
  }
  if (kind === "authenticated") return completeSignIn(browser, { ...pendingLogin, isGrantRecorded: true }, result);
  return rejectSignIn(browser, pendingLogin, result.reason ?? "sign_in.rejected", result.message);
}

/** Lets in a person, unless the app has another view. Writes nothing: anybody may send links to one kept signed in. */
async function completeSignIn(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  signedIn: AuthenticatedPerson,
): Promise<Response> {
  const { request, staysSignedIn = false } = pendingLogin;
  const { subject, name = subject, properties, credential } = signedIn;
  if ((await browser.authServer.login.hooks?.onSignIn?.(subject, properties)) === false)
    return rejectSignIn(browser, pendingLogin, "sign_in.hook", "You are not expected here.");
  // Without the credential: whoever is remembered brings none.
  const person = { subject, name, properties };
  audit("oauth.signed_in", { account: await accountObjectName(subject), client: request?.client ?? "none" });
  if (staysSignedIn || request === undefined) await rememberPerson(browser, person, staysSignedIn);
  if (request === undefined) return redirectResponse(browser.identifiers.issuer + PATHS.account, 303, browser.cookies);
  return redirectToConsent(browser, {
    ...pendingLogin,
    request: request,
    person: credential === undefined ? person : { ...person, credential },
  });
}

function rejectSignIn(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  reason: string,
  message: string,
): Promise<Response> {
  audit("oauth.refused", { endpoint: "sign-in", reason });
  return showSignInPage(browser, pendingLogin, message);
}
