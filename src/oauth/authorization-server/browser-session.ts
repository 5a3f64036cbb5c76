/**
 * The browser at the other end: what ties a form to the browser that asked for it. RFC 6265bis, RFC 9700 section 4.7 (CSRF).
 * A cookie holds a random id. All that a form must remember, and a person who is signed in, are sealed to that id. Tabs
 * that are opened at once, before the browser has an id, get one each: it holds all of them.
 * Refuses forms of other sites, of other browsers, and old ones. That a form works once is the grant's business. What is
 * sent back to the browser is `browser-response.ts`.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import type { JsonObject } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { open, seal } from "../../crypto/seal.ts";
import type { AuthorizationServer } from "./types.ts";
import { readForm, type Params } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import type { Person } from "../sign-in/types.ts";
import { FORM_SECONDS } from "../lifetimes.ts";
import { MAX_BROWSER_IDS } from "../limits.ts";

const REMEMBERED_SECONDS = 30 * 86_400;

/** A request and the browser behind it. */
export interface BrowserSession {
  readonly authServer: AuthorizationServer;
  readonly http: Request;
  readonly identifiers: ServerIdentifiers;
  /** Of the browser. */
  readonly id: string;
  /** All ids that it holds. */
  readonly ids: readonly string[];
  /** Who is signed in there. */
  readonly person: Person | undefined;
  /** To be set with the answer. */
  readonly cookies: string[];
}

/** Who sent the request: the browser that its cookie names, or a new one. */
export async function readBrowserSession(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<BrowserSession> {
  const ids = readIds(http, identifiers);
  const [firstId] = ids;
  const cookies: string[] = [];
  const id = firstId ?? assignBrowserId({ identifiers, cookies });
  const { epoch = "" } = authServer.login.signIn;
  const person = await openForBrowser<Person>(
    authServer,
    "person",
    id + epoch,
    readCookie(http, identifiers, "-person"),
  );
  return { authServer, http, identifiers, id, ids, person, cookies };
}

/** The id of a browser that keeps a person comes first. */
function readIds(http: Request, identifiers: ServerIdentifiers): string[] {
  const prefix = `${cookieName(identifiers)}.`;
  const idCookies = readCookies(http).filter((cookie) => cookie.startsWith(prefix));
  const ids = idCookies.map((cookie) => cookie.slice(prefix.length).replace(/=.*/, ""));
  return [readCookie(http, identifiers, ""), ...ids.slice(-MAX_BROWSER_IDS)].filter((id) =>
    /^[\w-]{22}$/.test(id),
  );
}

/** Keeps `person` signed in on this browser: for 30 days if they asked for it, else for 15 minutes at most. */
export async function rememberPerson(
  browser: BrowserSession,
  person: Person,
  staysSignedIn: boolean,
): Promise<void> {
  const { authServer, identifiers, id, cookies } = browser;
  const seconds = staysSignedIn ? REMEMBERED_SECONDS : FORM_SECONDS;
  const { epoch = "" } = authServer.login.signIn;
  const sealed = await sealForBrowser(browser, "person", person, now() + seconds * 1000, epoch);
  const maxAgeSeconds = staysSignedIn ? seconds : undefined;
  cookies.push(
    writeCookie(identifiers, "", id, maxAgeSeconds),
    writeCookie(identifiers, "-person", sealed, maxAgeSeconds),
  );
}

/** Forgets who is signed in on this browser, and its ids: pages that wait for an answer there get none. */
export function forgetPerson({ identifiers, ids, cookies }: BrowserSession): void {
  for (const suffix of ["", "-person", ...ids.map((id) => `.${id}`)])
    cookies.push(writeCookie(identifiers, suffix, "", 0));
}

/** Gives the browser an id. A name of its own keeps it from taking the place of another tab's. */
export function assignBrowserId({
  identifiers,
  cookies,
}: Pick<BrowserSession, "identifiers" | "cookies">): string {
  const id = encodeBase64url(randomBytes(16));
  cookies.push(writeCookie(identifiers, `.${id}`, "1"));
  return id;
}

/** `suffix`: "-person", "." and an id, or "-" and the state of a login that is away. Zero seconds delete it. */
export function writeCookie(
  identifiers: ServerIdentifiers,
  suffix: string,
  value: string,
  seconds?: number,
): string {
  const maxAge = seconds === undefined ? "" : `; Max-Age=${seconds}`;
  const secure = identifiers.issuer.startsWith("https:") ? "; Secure" : "";
  // Lax and not Strict: the way here, and the way back from an upstream provider, begin on other sites.
  return `${cookieName(identifiers)}${suffix}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}${maxAge}`;
}

/** The value of the cookie of this server with that suffix; of several the first, and empty when there is none. */
export function readCookie(http: Request, identifiers: ServerIdentifiers, suffix: string): string {
  const prefix = `${cookieName(identifiers)}${suffix}=`;
  const [match = ""] = readCookies(http).filter((cookie) => cookie.startsWith(prefix));
  return match.slice(prefix.length);
}

function readCookies(http: Request): string[] {
  return (http.headers.get("cookie") ?? "").split(/; */);
}

/** The prefix keeps sibling domains and plain http from planting one; browsers take it only over https. */
function cookieName({ issuer }: ServerIdentifiers): string {
  return issuer.startsWith("https:") ? "__Host-barewire" : "barewire";
}

/** `value` for {@link openWithAnyBrowserId}, until then (milliseconds since the epoch). `extraBinding`: what it is bound to besides. */
export function sealForBrowser(
  { authServer, id }: Pick<BrowserSession, "authServer" | "id">,
  purpose: string,
  value: object,
  expiresAt: number,
  extraBinding: string = "",
): Promise<string> {
  const sealedValue = { value: value as JsonObject, until: expiresAt };
  return seal(authServer.ring, purpose, sealedValue, id + extraBinding);
}

/** What was sealed here for this purpose and binding, unless its time is over. */
async function openForBrowser<T>(
  authServer: AuthorizationServer,
  purpose: string,
  binding: string,
  sealed: string,
): Promise<T | undefined> {
  const opened = await open(authServer.ring, purpose, sealed, binding);
  const { value, until: expiresAt } = (opened.ok ? opened.value : { until: 0 }) as {
    value?: T;
    until: number;
  };
  return now() < expiresAt ? value : undefined;
}

/** What was sealed to this browser: the value, and the session with the id that it was sealed to. `extraBinding`: what was bound besides. */
export async function openWithAnyBrowserId<T>(
  browser: BrowserSession,
  purpose: string,
  sealedText: string,
  extraBinding: string = "",
): Promise<{ readonly browser: BrowserSession; readonly sealed: T } | undefined> {
  for (const id of browser.ids) {
    const sealed = await openForBrowser<T>(
      browser.authServer,
      purpose,
      id + extraBinding,
      sealedText,
    );
    if (sealed !== undefined) return { browser: { ...browser, id }, sealed };
  }
  return undefined;
}

/** The form that the browser sent and what was sealed in it, or the reason why it does not count, for audit lines. */
export async function readSealedForm<T>(
  browser: BrowserSession,
  purpose: string,
  extraBinding?: string,
): Promise<
  Result<{ readonly form: Params; readonly browser: BrowserSession; readonly sealed: T }, string>
> {
  const { http, identifiers } = browser;
  // spec: authorize.csrf
  const origin = http.headers.get("origin");
  if (origin !== null && origin !== identifiers.issuer) return err("form.origin");
  const form = await readForm(http);
  if (!form.ok) return err(form.error.reason);
  const opened = await openWithAnyBrowserId<T>(
    browser,
    purpose,
    form.value.get("form") ?? "",
    extraBinding,
  );
  return opened === undefined ? err("form.stale") : ok({ form: form.value, ...opened });
}
