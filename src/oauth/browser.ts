/**
 * The browser at the other end: what ties a form to the browser that asked for it, and the headers that keep a page
 * from being framed, scripted, cached or leaked. RFC 6265bis, CSP 3, RFC 9700 sections 4.7 (CSRF) and 4.16 (clickjacking).
 * A cookie holds a random id. All that a form must remember, and a person who is signed in, are sealed to that id. Tabs
 * that are opened at once, before the browser has an id, get one each: it holds all of them.
 * Refuses forms of other sites, of other browsers, and old ones. That a form works once is the grant's business.
 */

import { base64url } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { open, seal } from "../crypto/seal.ts";
import type { Desk } from "./desk.ts";
import { audit, NO_STORE } from "./fault.ts";
import type { View } from "./pages.ts";
import { readForm, type Params } from "./params.ts";
import type { Place } from "./place.ts";
import type { Person } from "./sign-in.ts";
import { FORM_SECONDS } from "./lifetimes.ts";

const REMEMBERED_SECONDS = 30 * 86_400;
/** How many ids of a browser are tried. */
const MOST_TABS = 8;

/** A request and the browser behind it. */
export interface Guest {
  readonly desk: Desk;
  readonly http: Request;
  readonly place: Place;
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
export async function readGuest(desk: Desk, http: Request, place: Place): Promise<Guest> {
  const ids = readIds(http, place);
  const [known] = ids;
  const cookies: string[] = [];
  const id = known ?? giveId({ place, cookies });
  const { epoch = "" } = desk.entrance.signIn;
  const person = await openFor<Person>(desk, "person", id + epoch, readCookie(http, place, "-person"));
  return { desk, http, place, id, ids, person, cookies };
}

/** The id of a browser that keeps a person comes first. */
function readIds(http: Request, place: Place): string[] {
  const start = `${cookieName(place)}.`;
  const tabs = readCookies(http).filter((cookie) => cookie.startsWith(start));
  const ids = tabs.map((cookie) => cookie.slice(start.length).replace(/=.*/, ""));
  return [readCookie(http, place, ""), ...ids.slice(-MOST_TABS)].filter((id) => /^[\w-]{22}$/.test(id));
}

/** Keeps `person` signed in on this browser: for 30 days if they asked for it, else for 15 minutes at most. */
export async function keepPerson(guest: Guest, person: Person, remember: boolean): Promise<void> {
  const { desk, place, id, cookies } = guest;
  const seconds = remember ? REMEMBERED_SECONDS : FORM_SECONDS;
  const { epoch = "" } = desk.entrance.signIn;
  const sealed = await sealFor(desk, "person", id + epoch, person, now() + seconds * 1000);
  const life = remember ? seconds : undefined;
  cookies.push(writeCookie(place, "", id, life), writeCookie(place, "-person", sealed, life));
}

/** Forgets who is signed in on this browser, and its ids: pages that wait for an answer there get none. */
export function forgetPerson({ place, ids, cookies }: Guest): void {
  for (const suffix of ["", "-person", ...ids.map((id) => `.${id}`)]) cookies.push(writeCookie(place, suffix, "", 0));
}

/** Gives the browser an id. A name of its own keeps it from taking the place of another tab's. */
export function giveId({ place, cookies }: Pick<Guest, "place" | "cookies">): string {
  const id = base64url(randomBytes(16));
  cookies.push(writeCookie(place, `.${id}`, "1"));
  return id;
}

/** `suffix`: "-person", "." and an id, or "-" and the state of a login that is away. Zero seconds delete it. */
export function writeCookie(place: Place, suffix: string, value: string, seconds?: number): string {
  const age = seconds === undefined ? "" : `; Max-Age=${seconds}`;
  const secure = place.issuer.startsWith("https:") ? "; Secure" : "";
  // Lax and not Strict: the way here, and the way back from an upstream provider, begin on other sites.
  return `${cookieName(place)}${suffix}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}${age}`;
}

export function readCookie(http: Request, place: Place, suffix: string): string {
  const start = `${cookieName(place)}${suffix}=`;
  const [found = ""] = readCookies(http).filter((cookie) => cookie.startsWith(start));
  return found.slice(start.length);
}

function readCookies(http: Request): string[] {
  return (http.headers.get("cookie") ?? "").split(/; */);
}

/** The prefix keeps sibling domains and plain http from planting one; browsers take it only over https. */
function cookieName({ issuer }: Place): string {
  return issuer.startsWith("https:") ? "__Host-barewire" : "barewire";
}

/** `value` for {@link openFor}, until then (milliseconds since the epoch). `binding`: the browser id, for a form. */
export function sealFor(desk: Desk, purpose: string, binding: string, value: object, until: number): Promise<string> {
  return seal(desk.ring, purpose, { value: value as JsonObject, until }, binding);
}

/** What was sealed here for this purpose and binding, unless its time is over. */
async function openFor<T>(desk: Desk, purpose: string, binding: string, text: string): Promise<T | undefined> {
  const opened = await open(desk.ring, purpose, text, binding);
  const { value, until } = (opened.ok ? opened.value : { until: 0 }) as { value?: T; until: number };
  return now() < until ? value : undefined;
}

/** What was sealed to this browser: the value, and the guest by the id that it was sealed to. `more` of the binding. */
export async function openAt<T>(
  guest: Guest,
  purpose: string,
  text: string,
  more: string = "",
): Promise<{ readonly guest: Guest; readonly sealed: T } | undefined> {
  for (const id of guest.ids) {
    const sealed = await openFor<T>(guest.desk, purpose, id + more, text);
    if (sealed !== undefined) return { guest: { ...guest, id }, sealed };
  }
  return undefined;
}

/** The form that `guest` sent and what it remembered, or the page that says why it does not count. */
export async function readPost<T>(
  guest: Guest,
  purpose: string,
  more?: string,
): Promise<Result<{ readonly form: Params; readonly guest: Guest; readonly sealed: T }, Response>> {
  const { desk, http, place } = guest;
  // spec: authorize.csrf
  const origin = http.headers.get("origin");
  if (origin !== null && origin !== place.issuer) return err(refusePage(desk, "form.origin"));
  const form = await readForm(http);
  if (!form.ok) return err(refusePage(desk, form.error.reason));
  const opened = await openAt<T>(guest, purpose, form.value.get("form") ?? "", more);
  return opened === undefined ? err(refusePage(desk, "form.stale")) : ok({ form: form.value, ...opened });
}

const STALE = "This page was already answered, is older than 15 minutes, or belongs to another browser";

/** Tells the person what is wrong, and sends them nowhere. */
export function refusePage(desk: Desk, reason: string, wrong: string = STALE): Response {
  audit("oauth.refused", { endpoint: "page", reason });
  const text = `${wrong}. Nothing more was shared or changed. Go back to the app you came from and connect again.`;
  const { serverName } = desk.settings;
  return page({ desk, cookies: [] }, { view: "message", serverName, title: "That did not work", text }, 400);
}

/** `onward`: a URL that the page's form leads on to, in the end. */
export function page(to: Pick<Guest, "desk" | "cookies">, view: View, status: number = 200, onward?: string): Response {
  const nonce = base64url(randomBytes(16));
  // Chromium holds a form to form-action on every redirect that follows, and clients redirect on from their redirect
  // URI: where a form leads away, its scheme and https are open. A page that takes a secret lets it out to nobody.
  const away = onward === undefined ? [] : new Set(["https:", new URL(onward).protocol]);
  // spec: authorize.framed, authorize.injection
  const policy = `default-src 'none'; img-src 'self'; style-src 'nonce-${nonce}'; form-action ${["'self'", ...away].join(" ")}`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `${policy}; frame-ancestors 'none'; base-uri 'none'`,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    // Not no-referrer: it would make browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
  };
  return answer(to.cookies, status, headers, to.desk.entrance.pages(view, nonce));
}

/** 303 after a form, so that no browser sends the form on (RFC 9700 section 4.12). */
export function redirect(location: string, status: 302 | 303, cookies: readonly string[] = []): Response {
  return answer(cookies, status, { location });
}

function answer(cookies: readonly string[], status: number, fields: object, body: string | null = null): Response {
  const headers = new Headers({ ...NO_STORE, ...fields });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(body, { status, headers });
}
