/**
 * Signing in, on the way to the consent page or to the account page: the form, the way to an upstream provider and back,
 * and what follows from how it went. RFC 9700 section 4.7 (CSRF); attempts are counted with the account.
 * Refuses what was not sealed to this browser. How people prove who they are is the app's: `../sign-in`.
 */

import { encodeBase64url, encodeUtf8 } from "../../base/bytes.ts";
import { randomBytes } from "../../base/time.ts";
import { asJson, type JsonObject } from "../../base/json.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { clientAddress } from "../../wire/response.ts";
import { accountObjectName } from "./account-object.ts";
import {
  rememberPerson,
  openWithAnyBrowserId,
  readCookie,
  readBrowserSession,
  readSealedForm,
  sealForBrowser,
  writeCookie,
  type BrowserSession,
} from "./browser-session.ts";
import { htmlResponse, oauthErrorPage, redirectResponse } from "./browser-response.ts";
import { FORM_SECONDS } from "../lifetimes.ts";
import { redirectToConsent } from "./consent.ts";
import { resultAsTold } from "./sign-in-result.ts";
import { describeClient } from "./describe-client.ts";
import { finishHook } from "./hooks.ts";
import type { AuthorizationServer } from "./types.ts";
import { audit } from "../errors.ts";
import { readParams } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { enterAccount } from "./revocation.ts";
import {
  MAX_SIGN_IN_CREDENTIAL_BYTES,
  MAX_PERSON_BYTES,
  type AuthenticatedPerson,
  type Person,
  type SignInContext,
  type SignInResult,
} from "../sign-in/types.ts";
import type { PendingLogin } from "./pending-login.ts";

/** The sign-in page; again, with a message, when it went wrong. It names the client before anybody is sent anywhere. */
export async function showSignInPage(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  message?: string,
): Promise<Response> {
  const { authServer, identifiers } = browser;
  const { title, fields } = authServer.login.signIn;
  const { expiresAt } = pendingLogin;
  const sealed = await sealForBrowser(browser, "pending-login", pendingLogin, expiresAt);
  const formView = { action: PATHS.signIn, form: sealed };
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
  if (!post.ok) return oauthErrorPage(sender.authServer, post.error);
  const { browser, sealed: sealedLogin } = post.value;
  const { authServer, identifiers } = browser;
  const pendingLogin = { ...sealedLogin, staysSignedIn: post.value.form.has("remember") };
  const context = signInContext(identifiers, encodeBase64url(randomBytes(16)), pendingLogin);
  const result = resultAsTold(await authServer.login.signIn.submit(context, post.value.form));
  if (result.kind !== "redirect") return applySignInResult(browser, pendingLogin, result);
  const upstreamLogin: UpstreamLogin = { pendingLogin, upstreamState: result.upstreamState };
  const sealed = await sealForBrowser(
    browser,
    "upstream-login",
    upstreamLogin,
    pendingLogin.expiresAt,
    context.state,
  );
  return redirectResponse(result.url, 303, [
    writeCookie(identifiers, `-${context.state}`, sealed, FORM_SECONDS),
  ]);
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
  const told =
    opened &&
    (await authServer.login.signIn.finish?.(
      signInContext(identifiers, state, opened.sealed.pendingLogin),
      query.value,
      opened.sealed.upstreamState,
    ));
  const result = told && resultAsTold(told);
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
      const message = `Too many attempts. Try again in ${outcome} min.`;
      return rejectSignIn(browser, pendingLogin, "sign_in.locked", message);
    }
  }
  if (result.kind === "authenticated")
    return completeSignIn(browser, { ...pendingLogin, isGrantRecorded: true }, result);
  return rejectSignIn(browser, pendingLogin, result.reason ?? "sign_in.rejected", result.message);
}

/** Lets in a person, unless the app has another view. Writes nothing: anybody may send links to one kept signed in. */
export async function completeSignIn(
  browser: BrowserSession,
  pendingLogin: PendingLogin,
  signedIn: AuthenticatedPerson,
): Promise<Response> {
  const { request, staysSignedIn = false } = pendingLogin;
  const { subject, name = subject, credential } = signedIn;
  const { hooks } = browser.authServer.login;
  // It may change the properties, until it ends. It may have made somebody's account: what it began comes to its end.
  if (hooks?.onSignIn !== undefined)
    if ((await finishHook(hooks.onSignIn(subject, signedIn.properties))) !== true)
      return rejectSignIn(browser, pendingLogin, "sign_in.hook", "You are not expected here.");
  const properties = asJson(signedIn.properties);
  // Without the credential: whoever is remembered brings none.
  const person = { subject, name, properties };
  const tooLarge = findTooLarge(person, credential);
  if (tooLarge !== undefined)
    return oauthErrorPage(
      browser.authServer,
      "sign_in.large",
      `Sign-in gave too much: ${tooLarge}. Tell whoever runs the server`,
    );
  audit("oauth.signed_in", {
    account: await accountObjectName(subject),
    client: request?.client ?? "none",
  });
  if (staysSignedIn || request === undefined) await rememberPerson(browser, person, staysSignedIn);
  if (request === undefined)
    return redirectResponse(browser.identifiers.issuer + PATHS.account, 303, browser.cookies);
  return redirectToConsent(browser, {
    ...pendingLogin,
    request: request,
    person: credential === undefined ? person : { ...person, credential },
  });
}

/** What of a person cannot be kept, with its size, or undefined. */
function findTooLarge(person: Person, credential: JsonObject = {}): string | undefined {
  const tooLarge = (what: string, value: Person | JsonObject, max: number): string | undefined => {
    const size = encodeUtf8(JSON.stringify(value)).length;
    return size > max ? `${size} bytes of ${what}, at most ${max}` : undefined;
  };
  return (
    tooLarge("subject, name and properties", person, MAX_PERSON_BYTES) ??
    tooLarge("credential", credential, MAX_SIGN_IN_CREDENTIAL_BYTES)
  );
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
