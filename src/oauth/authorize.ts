/**
 * The authorization endpoint, and signing in on the way through it. RFC 6749 sections 3.1 and 4.1, OAuth 2.1 section 4.1,
 * RFC 9207, RFC 9700 section 4. A request becomes a form sealed to this browser; nothing is stored until a person is known.
 * Refuses an unknown client or redirect URI with a page, and sends every other fault to the client.
 * How people prove who they are is the app's; what they agree to is `consent.ts`.
 */

import { base64url } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { digest } from "../crypto/seal.ts";
import { addressOf } from "../wire/http.ts";
import { accountName } from "./account.ts";
import { readAsk } from "./ask.ts";
import { keepPerson, openAt, page, readCookie, readGuest, readPost, redirect } from "./browser.ts";
import { FORM_SECONDS } from "./lifetimes.ts";
import { refusePage, sealFor, writeCookie, type Guest } from "./browser.ts";
import { findClient } from "./client.ts";
import { answerClient, askConsent, viewClient } from "./consent.ts";
import type { Desk } from "./desk.ts";
import { audit } from "./fault.ts";
import { readParams } from "./params.ts";
import { PATHS, type Place } from "./place.ts";
import { matchRedirectUri } from "./redirect-uri.ts";
import { enterAccount } from "./revocation.ts";
import type { SignedIn, Step, Visit } from "./sign-in.ts";
import type { Errand } from "./pending-login.ts";

export async function authorize(desk: Desk, http: Request, place: Place, url: URL): Promise<Response> {
  // 1. Nobody is sent to a redirect URI that is not known to be the client's.
  const query = url.searchParams;
  if (query.getAll("client_id").length > 1 || query.getAll("redirect_uri").length > 1)
    return refusePage(desk, "params.repeated", "A parameter of the request appears twice");
  // spec: authorize.client.unknown, authorize.redirect.precaution
  const client = await findClient(desk, query.get("client_id") || undefined);
  if (!client.ok) return refusePage(desk, client.error.reason, client.error.description);
  const redirectUri = matchRedirectUri(client.value, query.get("redirect_uri") || undefined);
  if (!redirectUri.ok) return refusePage(desk, redirectUri.error.reason, redirectUri.error.description);
  // 2. The request itself. Faults go back to the client.
  const ask = readAsk(url.search.slice(1), client.value, redirectUri.value, place, desk.settings);
  if (!ask.ok) {
    const { error, reason, description } = ask.error;
    audit("oauth.refused", { endpoint: "authorize", error, reason, client: client.value.key });
    const to = { redirectUri: redirectUri.value, state: query.get("state") ?? "" };
    // spec: authorize.error.sent
    return answerClient(place, to, { error, error_description: description }, 302);
  }
  // 3. Who is it?
  const again = /\b(login|select_account)\b/.test(query.get("prompt") ?? "");
  const grant = desk.grants.newUniqueId().toString();
  const errand = { ask: ask.value, grant, until: now() + FORM_SECONDS * 1000, again };
  const guest = await readGuest(desk, http, place);
  // spec: authorize.signed-in
  if (guest.person === undefined || again) return askSignIn(guest, errand);
  // 4. Do they agree?
  return admit(guest, errand, guest.person);
}

/** The sign-in page; again, with a message, when it went wrong. It names the client before anybody is sent anywhere. */
export async function askSignIn(guest: Guest, errand: Errand, message?: string): Promise<Response> {
  const { desk, place } = guest;
  const { title, fields } = desk.entrance.signIn;
  const sealed = await sealFor(desk, "errand", guest.id, errand, errand.until);
  const form = { serverName: desk.settings.serverName, action: PATHS.signIn, form: sealed };
  const client = errand.ask && viewClient(errand.ask);
  // Without fields there is nothing to let out, and the way leads to an upstream provider.
  const onward = fields.length === 0 ? place.issuer : undefined;
  const status = message === undefined ? 200 : 403;
  const { remember = false } = errand;
  return page(guest, { view: "sign-in", ...form, title, fields, client, remember, message }, status, onward);
}

/** A sign-in form comes in, or a person comes back from an upstream provider. */
export async function finishSignIn(desk: Desk, http: Request, place: Place, url: URL): Promise<Response> {
  const guest = await readGuest(desk, http, place);
  if (http.method === "POST") return takeForm(guest);
  const form = url.searchParams.get("form");
  return form === null ? takeReturn(guest, url) : showAgain(guest, form);
}

/** The sign-in page for somebody else. It has an address, so that Reload shows it again and sends no form. */
async function showAgain(guest: Guest, sealed: string): Promise<Response> {
  const opened = await openAt<Errand>(guest, "errand", sealed);
  return opened === undefined ? refusePage(guest.desk, "form.stale") : askSignIn(opened.guest, opened.sealed);
}

/** What waits in a cookie, named after `state`, while a person is away. */
interface Away {
  readonly errand: Errand;
  readonly memory: JsonObject;
}

async function takeForm(visitor: Guest): Promise<Response> {
  const post = await readPost<Errand>(visitor, "errand");
  if (!post.ok) return post.error;
  const { guest, sealed: begun } = post.value;
  const { desk, place, id } = guest;
  const errand = { ...begun, remember: post.value.form.has("remember") };
  const visit = visitOf(place, base64url(randomBytes(16)), errand);
  const step = await desk.entrance.signIn.submit(visit, post.value.form);
  if (step.kind !== "away") return settle(guest, errand, step);
  const away: Away = { errand, memory: step.memory };
  const sealed = await sealFor(desk, "away", id + visit.state, away, errand.until);
  return redirect(step.url, 303, [writeCookie(place, `-${visit.state}`, sealed, FORM_SECONDS)]);
}

async function takeReturn(visitor: Guest, url: URL): Promise<Response> {
  const { desk, http, place } = visitor;
  const query = readParams(url.search.slice(1));
  if (!query.ok) return refusePage(desk, query.error.reason);
  const state = query.value.get("state") ?? "";
  const away = await openAt<Away>(visitor, "away", readCookie(http, place, `-${state}`), state);
  const step =
    away &&
    (await desk.entrance.signIn.finish?.(visitOf(place, state, away.sealed.errand), query.value, away.sealed.memory));
  if (away === undefined || step === undefined || step.kind === "away") return refusePage(desk, "sign_in.state");
  visitor.cookies.push(writeCookie(place, `-${state}`, "", 0));
  return settle(away.guest, away.sealed.errand, step);
}

function visitOf(place: Place, state: string, { again = false }: Errand): Visit {
  return { place, callback: place.issuer + PATHS.signIn, state, again };
}

async function settle(guest: Guest, errand: Errand, step: Exclude<Step, { kind: "away" }>): Promise<Response> {
  const { desk, http } = guest;
  const { kind, subject } = step;
  // spec: signin.guessing
  if (subject !== undefined) {
    const attempt = { address: await digest(addressOf(http)), good: kind === "known", grant: errand.grant };
    const entered = await enterAccount(desk, subject, attempt);
    if (typeof entered === "number") {
      const wait = `There were too many attempts. Wait ${entered} min, then try again.`;
      return turnAway(guest, errand, "sign_in.locked", wait);
    }
  }
  if (kind === "known") return admit(guest, { ...errand, noted: true }, step);
  return turnAway(guest, errand, step.reason ?? "sign_in.wrong", step.message);
}

/** Lets in a person, unless the app has another view. Writes nothing: anybody may send links to one kept signed in. */
async function admit(guest: Guest, errand: Errand, signedIn: SignedIn): Promise<Response> {
  const { ask, remember = false } = errand;
  const { subject, name = subject, properties, credential } = signedIn;
  if ((await guest.desk.entrance.hooks?.signedIn?.(subject, properties)) === false)
    return turnAway(guest, errand, "sign_in.hook", "You are not expected here.");
  // Without the credential: whoever is remembered brings none.
  const person = { subject, name, properties };
  audit("oauth.signed_in", { account: await accountName(subject), client: ask?.client ?? "none" });
  if (remember || ask === undefined) await keepPerson(guest, person, remember);
  if (ask === undefined) return redirect(guest.place.issuer + PATHS.account, 303, guest.cookies);
  return askConsent(guest, { ...errand, ask, person: credential === undefined ? person : { ...person, credential } });
}

function turnAway(guest: Guest, errand: Errand, reason: string, message: string): Promise<Response> {
  audit("oauth.refused", { endpoint: "sign-in", reason });
  return askSignIn(guest, errand, message);
}
