/**
 * Consent: a person is told who asks for what, and where the answer goes, every time. RFC 6749 sections 4.1.1 and 10.2,
 * RFC 9207; MCP basic/authorization/security-considerations, on the confused deputy and on redirects to localhost.
 * A decision opens the grant or buries it, so that a form works once, however often it is sent; all else follows it.
 */

import { sign } from "../crypto/mac.ts";
import { seal } from "../crypto/seal.ts";
import type { Ask } from "./ask.ts";
import type { Errand } from "./pending-login.ts";
import {
  forgetPerson,
  giveId,
  openAt,
  page,
  readGuest,
  readPost,
  redirect,
  refusePage,
  sealFor,
  type Guest,
} from "./browser.ts";
import type { Desk } from "./desk.ts";
import { audit } from "./fault.ts";
import type { ClientView } from "./pages.ts";
import { PATHS, type Place } from "./place.ts";
import { isLoopback } from "./redirect-uri.ts";
import { enterAccount } from "./revocation.ts";
import { epochOf, type SignedIn } from "./sign-in.ts";

/** What lies before a person, and comes back with their decision. */
interface Proposal extends Errand {
  readonly ask: Ask;
  readonly person: SignedIn;
}

/** Sends the person on to the consent page. It has an address of its own, so that Back and Reload show it again, and send no form. */
export async function askConsent({ desk, place, id, cookies }: Guest, proposal: Proposal): Promise<Response> {
  const form = await sealFor(desk, "consent", id + epochIn(desk), proposal, proposal.until);
  return redirect(`${place.issuer}${PATHS.consent}?form=${form}`, 303, cookies);
}

export async function consent(desk: Desk, http: Request, place: Place, url: URL): Promise<Response> {
  const guest = await readGuest(desk, http, place);
  return http.method === "POST" ? decide(guest) : show(guest, url.searchParams.get("form") ?? "");
}

async function show(guest: Guest, sealed: string): Promise<Response> {
  const opened = await openAt<Proposal>(guest, "consent", sealed, epochIn(guest.desk));
  if (opened === undefined) return refusePage(guest.desk, "consent.stale");
  const { settings } = guest.desk;
  const { ask, person } = opened.sealed;
  const form = { serverName: settings.serverName, action: PATHS.consent, form: sealed };
  const scopes = ask.scopes.map((name) => ({ name, description: settings.scopes[name]?.description ?? name }));
  // spec: consent.each.client, consent.redirect.host, register.self-asserted
  const shown = { client: viewClient(ask), person: person.name ?? person.subject, scopes };
  return page(guest, { view: "consent", ...form, ...shown }, 200, ask.redirectUri);
}

/** The decision comes in. Whatever does not say "allow" is a no. */
async function decide(guest: Guest): Promise<Response> {
  const { desk, place } = guest;
  const post = await readPost<Proposal>(guest, "consent", epochIn(desk));
  if (!post.ok) return post.error;
  const { ask, grant: id, person, noted = false } = post.value.sealed;
  if (post.value.form.get("decision") === "switch") return askAnother(guest, post.value.sealed);
  const grant = desk.grants.get(desk.grants.idFromString(id));
  // spec: authorize.denied
  if (post.value.form.get("decision") !== "allow") {
    if (!(await grant.deny())) return refusePage(desk, "consent.spent");
    audit("oauth.denied", { client: ask.client });
    return answerClient(place, ask, { error: "access_denied", error_description: "The person said no" }, 303);
  }
  const { state: _, clientHost: __, ...agreed } = ask;
  const { subject, credential } = person;
  const properties = await seal(desk.ring, "properties", person.properties, id);
  const epoch = await epochOf(desk.entrance.signIn);
  if (!(await grant.open({ ...agreed, subject, properties, epoch }, desk.settings)))
    return refusePage(desk, "consent.spent");
  // From here on the decision is this form's alone. Until the code is sent, nobody can use the grant.
  if (!noted) await enterAccount(desk, subject, { address: "", good: true, grant: id });
  const whose = { issuer: new URL(place.audience).origin, subject };
  const kept = await desk.entrance.hooks?.consented?.(whose, credential);
  if (kept?.ok === false) {
    await grant.revoke();
    return refusePage(desk, "consent.hook", kept.error);
  }
  audit("oauth.granted", { client: ask.client, grant: id });
  // spec: authorize.code.sent, authorize.redirect.resent, pkce.hidden, token.page-url
  return answerClient(place, ask, { code: await sign(desk.ring, "code", id) }, 303);
}

/** A person who signed in under another epoch decides nothing. */
function epochIn({ entrance }: Desk): string {
  return entrance.signIn.epoch ?? "";
}

/** Not them: whoever it is signs in for the same request. Nothing is decided. */
async function askAnother(guest: Guest, { ask, grant, until }: Proposal): Promise<Response> {
  const errand: Errand = { ask, grant, until, again: true };
  forgetPerson(guest);
  const form = await sealFor(guest.desk, "errand", giveId(guest), errand, until);
  return redirect(`${guest.place.issuer}${PATHS.signIn}?form=${form}`, 303, guest.cookies);
}

/** Sends the browser back to the client with an answer to its request. */
export function answerClient(
  place: Place,
  { redirectUri, state = "" }: Pick<Ask, "redirectUri" | "state">,
  answer: Readonly<Record<string, string>>,
  status: 302 | 303,
): Response {
  // spec: authorize.state.returned, authorize.iss.exact, redirect.query.kept
  const params = new URLSearchParams({ ...answer, ...(state === "" ? {} : { state }), iss: place.issuer });
  return redirect(`${redirectUri}${redirectUri.includes("?") ? "&" : "?"}${params.toString()}`, status);
}

/** The client as a person should see it. A private scheme has no host worth showing: any app may claim it. */
export function viewClient({
  client,
  clientName,
  clientHost,
  redirectUri,
}: Pick<Ask, "client" | "clientName" | "clientHost" | "redirectUri">): ClientView {
  const { protocol, host } = new URL(redirectUri);
  const web = /^https?:$/.test(protocol);
  return {
    name: clientName,
    configured: clientHost === undefined && !client.startsWith("dcr:"),
    host: clientHost,
    redirectHost: web ? host : protocol,
    local: !web || isLoopback(redirectUri),
  };
}
