/**
 * The page where the person who is signed in sees which clients have access, and takes it back.
 * Shows and ends nothing but their own grants.
 */

import { now } from "../base/clock.ts";
import { accountName } from "./account.ts";
import { askSignIn } from "./authorize.ts";
import {
  forgetPerson,
  openAt,
  page,
  readGuest,
  readPost,
  redirect,
  refusePage,
  sealFor,
  type Guest,
} from "./browser.ts";
import { FORM_SECONDS } from "./lifetimes.ts";
import { viewClient } from "./consent.ts";
import type { Desk } from "./desk.ts";
import { findGrant } from "./grant.ts";
import type { AccountView } from "./pages.ts";
import { PATHS, type Place } from "./place.ts";
import { revokeGrant } from "./revocation.ts";
import { epochOf } from "./sign-in.ts";

export async function account(desk: Desk, http: Request, place: Place, url: URL): Promise<Response> {
  const guest = await readGuest(desk, http, place);
  if (http.method === "POST") return change(guest);
  const { id, person } = guest;
  const until = now() + FORM_SECONDS * 1000;
  if (person === undefined) return askSignIn(guest, { grant: "", until });
  const sealed = await sealFor(desk, "account", id, { subject: person.subject }, until);
  const form = { serverName: desk.settings.serverName, action: PATHS.account, form: sealed };
  const grants = await grantsOf(desk, person.subject);
  const opened = await openAt<Ended>(guest, "ended", url.searchParams.get("ended") ?? "", person.subject);
  return page(guest, {
    view: "account",
    ...form,
    person: person.name ?? person.subject,
    grants,
    ended: opened?.sealed,
  });
}

type Ended = NonNullable<AccountView["ended"]>;

async function change(guest: Guest): Promise<Response> {
  const post = await readPost<{ readonly subject: string }>(guest, "account");
  if (!post.ok) return post.error;
  const { desk, place, person, cookies } = guest;
  const { form, sealed } = post.value;
  const { subject } = sealed;
  const home = place.issuer + PATHS.account;
  if (form.has("leave")) {
    forgetPerson(guest);
    return redirect(home, 303, cookies);
  }
  const grant = form.get("grant");
  if (person?.subject !== subject || (grant === undefined && !form.has("all")))
    return refusePage(desk, "account.stale");
  const ids = grant === undefined ? await desk.accounts.getByName(await accountName(subject)).grants() : [grant];
  const names: string[] = [];
  // One after the other: where the platform stops a request that asks too much, no grant but one is half ended.
  for (const id of ids) {
    const terms = (await findGrant(desk.grants, id)?.object.status())?.terms;
    if (terms?.subject === subject && (await revokeGrant(desk, id, "account"))) names.push(terms.clientName);
  }
  if (names.length === 0) return redirect(home, 303);
  const ended: Ended = { count: names.length, clientName: names[0] ?? "" };
  // Sealed, so that no link can make this page say what did not happen.
  const told = await sealFor(desk, "ended", guest.id + subject, ended, now() + 60_000);
  return redirect(`${home}?ended=${told}`, 303);
}

/** How many of the newest notes may belong to logins that still stand before the consent page. */
const UNDECIDED = 20;

/** The live grants of a person, oldest first. Notes of those that are over are dropped on the way. */
async function grantsOf(desk: Desk, subject: string): Promise<AccountView["grants"]> {
  const account = desk.accounts.getByName(await accountName(subject));
  const ids = await account.grants();
  const epoch = await epochOf(desk.entrance.signIn);
  const statuses = await Promise.all(ids.map(async (id) => findGrant(desk.grants, id)?.object.status(epoch)));
  const over = ids.filter((_, at) => statuses[at] === undefined && at < ids.length - UNDECIDED);
  if (over.length > 0) await account.forget(...over);
  return ids.flatMap((id, at) => {
    const status = statuses[at];
    if (status === undefined || !status.live || status.terms.subject !== subject) return [];
    const { name: clientName, redirectHost } = viewClient(status.terms);
    return [{ id, clientName, redirectHost, scopes: status.terms.scopes, since: status.since, used: status.used }];
  });
}
