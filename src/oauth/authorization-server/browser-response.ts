/**
 * What a browser is sent: a page, the page that says what is wrong, or a redirect, with the headers that keep a page from
 * being framed, scripted, cached or leaked. CSP 3, RFC 9700 sections 4.12 (redirects) and 4.16 (clickjacking).
 * Which browser it is, and which cookies it gets, is `browser-session.ts`.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { pageHeaders } from "../../base/page.ts";
import { randomBytes } from "../../base/time.ts";
import type { AuthorizationServer } from "./types.ts";
import { audit, NO_STORE } from "../errors.ts";
import type { ViewContent } from "../pages/views.ts";

const STALE_PAGE_MESSAGE =
  "This page was answered before, is older than 15 minutes, or is another browser's";

/** Tells the person what is wrong, and what has come of it, and sends them nowhere. Both without a full stop. */
export function oauthErrorPage(
  authServer: AuthorizationServer,
  reason: string,
  message: string = STALE_PAGE_MESSAGE,
  outcome: string = "Nothing more was shared or changed",
): Response {
  audit("oauth.refused", { endpoint: "page", reason });
  const text = `${message}. ${outcome}. Go back to the app you came from and connect again.`;
  return htmlResponse(
    { authServer, cookies: [] },
    { view: "message", title: "That did not work", text },
    400,
  );
}

/** Whom a page is for: of a browser session, what its answer needs. */
interface PageRecipient {
  readonly authServer: AuthorizationServer;
  /** To be set with the answer. */
  readonly cookies: readonly string[];
}

/** `formActionTarget`: a URL that the page's form leads on to, in the end. */
export function htmlResponse(
  browser: PageRecipient,
  view: ViewContent,
  status: number = 200,
  formActionTarget?: string,
): Response {
  const nonce = encodeBase64url(randomBytes(16));
  // Chromium holds a form to form-action on every redirect that follows, and clients redirect on from their redirect
  // URI: where a form leads away, its scheme and https are open. A page that takes a secret lets it out to nobody.
  const formActionSources =
    formActionTarget === undefined ? [] : new Set(["https:", new URL(formActionTarget).protocol]);
  const formAction = ["'self'", ...formActionSources].join(" ");
  const { login, settings } = browser.authServer;
  return browserResponse(
    browser.cookies,
    status,
    pageHeaders(nonce, formAction),
    login.renderPage({ ...view, serverName: settings.serverName }, nonce),
  );
}

/** 303 after a form, so that no browser sends the form on (RFC 9700 section 4.12). */
export function redirectResponse(
  location: string,
  status: 302 | 303,
  cookies: readonly string[] = [],
): Response {
  return browserResponse(cookies, status, { location });
}

function browserResponse(
  cookies: readonly string[],
  status: number,
  headerFields: object,
  body: string | null = null,
): Response {
  const headers = new Headers({ ...NO_STORE, ...headerFields });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(body, { status, headers });
}
