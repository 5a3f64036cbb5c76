/**
 * Consent: a person is told who asks for what, and where the answer goes, every time. RFC 6749 sections 4.1.1 and 10.2,
 * RFC 9207; MCP basic/authorization/security-considerations, on the confused deputy and on redirects to localhost.
 * A decision opens the grant or buries it, so that a form decides once, however often it is sent; all else follows it.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { signText } from "../../crypto/hmac.ts";
import { seal } from "../../crypto/seal.ts";
import type { AuthorizationRequest } from "./authorization-request.ts";
import type { PendingLogin } from "./pending-login.ts";
import {
  forgetPerson,
  assignBrowserId,
  openWithAnyBrowserId,
  readBrowserSession,
  readSealedForm,
  sealForBrowser,
  type BrowserSession,
} from "./browser-session.ts";
import { htmlResponse, oauthErrorPage, redirectResponse } from "./browser-response.ts";
import type { AuthorizationServer } from "./types.ts";
import { audit } from "../errors.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { enterAccount } from "./revocation.ts";
import { describeClient } from "./describe-client.ts";
import { runHook } from "./hooks.ts";
import type { GrantObject } from "./grant-object.ts";
import { isUnexpired } from "./grant-rows.ts";
import { epochDigest, type AuthenticatedPerson } from "../sign-in/types.ts";

/** What lies before a person, and comes back with their decision. */
interface ConsentRequest extends PendingLogin {
  readonly request: AuthorizationRequest;
  readonly person: AuthenticatedPerson;
}

/** Sends the person on to the consent page. It has an address of its own, so that Back and Reload show it again, and send no form. */
export async function redirectToConsent(
  browser: BrowserSession,
  consentRequest: ConsentRequest,
): Promise<Response> {
  const form = await sealForBrowser(
    browser,
    "consent-request",
    consentRequest,
    consentRequest.expiresAt,
    currentEpoch(browser.authServer),
  );
  return redirectResponse(
    `${browser.identifiers.issuer}${PATHS.consent}?form=${form}`,
    303,
    browser.cookies,
  );
}

/** The consent page, and the decision that comes back from it. */
export async function consentEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
): Promise<Response> {
  const browser = await readBrowserSession(authServer, http, identifiers);
  return http.method === "POST"
    ? handleDecision(browser)
    : showConsentPage(browser, url.searchParams.get("form") ?? "");
}

async function showConsentPage(browser: BrowserSession, sealed: string): Promise<Response> {
  const opened = await openWithAnyBrowserId<ConsentRequest>(
    browser,
    "consent-request",
    sealed,
    currentEpoch(browser.authServer),
  );
  if (opened === undefined) return oauthErrorPage(browser.authServer, "consent.stale");
  const { settings } = browser.authServer;
  const { request, person } = opened.sealed;
  const formView = { action: PATHS.consent, form: sealed };
  const scopes = request.scopes.map((name) => ({
    name,
    description: settings.scopes[name]?.description ?? name,
  }));
  // spec: proxy.consent.page, consent.each.client, consent.redirect.host, register.self-asserted, register.name.shown
  const viewFields = {
    client: describeClient(request),
    person: person.name ?? person.subject,
    scopes,
  };
  return htmlResponse(
    browser,
    { view: "consent", ...formView, ...viewFields },
    200,
    request.redirectUri,
  );
}

/** The decision comes in. Whatever does not say "allow" is a no. */
async function handleDecision(browser: BrowserSession): Promise<Response> {
  const { authServer, identifiers } = browser;
  const post = await readSealedForm<ConsentRequest>(
    browser,
    "consent-request",
    currentEpoch(authServer),
  );
  if (!post.ok) return oauthErrorPage(authServer, post.error);
  const { request, grant: id } = post.value.sealed;
  if (post.value.form.get("decision") === "switch")
    return restartSignIn(browser, post.value.sealed);
  const grant = authServer.grants.get(authServer.grants.idFromString(id));
  // spec: authorize.denied
  if (post.value.form.get("decision") !== "allow") {
    // A no to what has ended is the same no.
    if (await grant.deny()) audit("oauth.denied", { client: request.client });
    else if ((await grant.status()) !== undefined)
      return oauthErrorPage(authServer, "consent.already_answered");
    return redirectToClient(
      identifiers,
      request,
      { error: "access_denied", error_description: "The person said no" },
      303,
    );
  }
  // What the app does when a person agrees comes to its end, though they leave.
  return keepAlive(allow(browser, post.value.sealed, grant));
}

/** The person agreed. */
async function allow(
  browser: BrowserSession,
  { request, grant: id, person, isGrantRecorded = false }: ConsentRequest,
  grant: DurableObjectStub<GrantObject>,
): Promise<Response> {
  const { authServer, identifiers } = browser;
  const { state: _, clientHost: __, ...terms } = request;
  const { subject, credential } = person;
  const properties = await seal(authServer.ring, "properties", person.properties, id);
  const epoch = await epochDigest(authServer.login.signIn);
  const isFirst = await grant.open({ ...terms, subject, properties, epoch }, authServer.settings);
  const page = isFirst ? undefined : explainRepeat(browser, subject, await grant.status());
  if (page !== undefined) return page;
  // Until the code is sent, nobody can use the grant. To note it twice is to note it once.
  if (!isGrantRecorded)
    await enterAccount(authServer, subject, { address: "", hasSucceeded: true, grant: id });
  if (isFirst) {
    const owner = { issuer: new URL(identifiers.audience).origin, subject };
    const { hooks } = authServer.login;
    const called = await runHook("onConsent", () => hooks?.onConsent?.(owner, credential, id));
    // What throws has not done its part either: an open grant must not be left behind.
    const result = called.ok ? called.value : undefined;
    if (hooks?.onConsent !== undefined && result?.ok !== true) {
      // Read now: the app may go on with an object that it gave.
      const problem = result?.error ?? "The server could not finish";
      await grant.revoke();
      // What the hook had begun may still be done: it was not asked to stop.
      return oauthErrorPage(authServer, "consent.hook", problem, "The app got no access");
    }
    audit("oauth.granted", { client: request.client, grant: id });
  }
  // spec: authorize.code.sent, authorize.redirect.resent, pkce.hidden, token.page-url
  return redirectToClient(
    identifiers,
    request,
    { code: await signText(authServer.ring, "code", id) },
    303,
  );
}

/**
 * The page for an allowed form that comes again, as by a double click. None where it gets the same answer: the browser
 * shows only the last one, and the code that waits is single use however often it is sent.
 */
function explainRepeat(
  { authServer, cookies }: BrowserSession,
  subject: string,
  status: Awaited<ReturnType<GrantObject["status"]>>,
): Response | undefined {
  const isTheirs = status?.terms.subject === subject;
  // What the app does when a person agrees may still fail: only the form that has it done sends the code.
  if (
    isTheirs &&
    status.generation === 0 &&
    isUnexpired(status) &&
    authServer.login.hooks?.onConsent === undefined
  )
    return undefined;
  if (!isTheirs || !status.isActive) return oauthErrorPage(authServer, "consent.already_answered");
  const text = "Go back to the app: it has access.";
  return htmlResponse(
    { authServer, cookies },
    { view: "message", title: "Access was given", text },
  );
}

/** A person who signed in under another epoch decides nothing. */
function currentEpoch({ login }: AuthorizationServer): string {
  return login.signIn.epoch ?? "";
}

/** Not them: whoever it is signs in for the same request. Nothing is decided. */
async function restartSignIn(
  browser: BrowserSession,
  { request, grant, expiresAt }: ConsentRequest,
): Promise<Response> {
  const pendingLogin: PendingLogin = { request, grant, expiresAt, forcesSignIn: true };
  forgetPerson(browser);
  const form = await sealForBrowser(
    { ...browser, id: assignBrowserId(browser) },
    "pending-login",
    pendingLogin,
    expiresAt,
  );
  return redirectResponse(
    `${browser.identifiers.issuer}${PATHS.signIn}?form=${form}`,
    303,
    browser.cookies,
  );
}

/** Sends the browser back to the client with an answer to its request. */
export function redirectToClient(
  identifiers: ServerIdentifiers,
  { redirectUri, state = "" }: Pick<AuthorizationRequest, "redirectUri" | "state">,
  parameters: Readonly<Record<string, string>>,
  status: 302 | 303,
): Response {
  // spec: authorize.encoded, authorize.state.returned, authorize.iss, authorize.iss.exact, redirect.query.kept
  const params = new URLSearchParams({
    ...parameters,
    ...(state === "" ? {} : { state }),
    iss: identifiers.issuer,
  });
  return redirectResponse(
    `${redirectUri}${redirectUri.includes("?") ? "&" : "?"}${params.toString()}`,
    status,
  );
}
