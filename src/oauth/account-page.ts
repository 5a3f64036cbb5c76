/**
 * The page where the person who is signed in sees which clients have access, and takes it back.
 * Shows and ends nothing but their own grants.
 */

import { now } from "../base/clock.ts";
import { accountName } from "./account.ts";
import { askSignIn } from "./authorize.ts";
import { FORM_SECONDS, forgetIds, page, readGuest, readPost, redirect, refusePage, sealFor } from "./browser.ts";
import type { Guest } from "./browser.ts";
import { viewClient } from "./consent.ts";
import type { Desk } from "./desk.ts";
import { findGrant } from "./grant.ts";
import type { AccountView } from "./pages.ts";
import { PATHS, type Place } from "./place.ts";
import { revokeGrant } from "./revocation.ts";
import { epochOf } from "./sign-in.ts";

export async function account(desk: Desk, http: Request, place: Place): Promise<Response> {
  const guest = await readGuest(desk, http, place);
  if (http.method === "POST") return change(guest);
  const { id, person } = guest;
  const until = now() + FORM_SECONDS * 1000;
  if (person === undefined) return askSignIn(guest, { grant: "", until });
  const hidden = { form: await sealFor(desk, "account", id, { subject: person.subject }, until) };
  const form = { serverName: desk.settings.serverName, action: PATHS.account, hidden };
  const grants = await grantsOf(desk, place, person.subject);
  return page(guest, { view: "account", ...form, person: person.name ?? person.subject, grants });
}

async function change(guest: Guest): Promise<Response> {
  const post = await readPost<{ readonly subject: string }>(guest, "account");
  if (!post.ok) return post.error;
  const { desk, place, person, cookies } = guest;
  const { form, sealed } = post.value;
  const id = form.get("grant");
  if (form.has("leave")) cookies.push(...forgetIds(guest));
  else if (id === undefined || person?.subject !== sealed.subject) return refusePage(desk, "account.stale");
  else if ((await findGrant(desk.grants, id)?.object.status())?.terms.subject === sealed.subject)
    await revokeGrant(desk, id, "account");
  return redirect(place.issuer + PATHS.account, 303, cookies);
}

/** How many of the newest notes may belong to logins that still stand before the consent page. */
const UNDECIDED = 20;

/** The live grants of a person, oldest first. Notes of those that are over are dropped on the way. */
async function grantsOf(desk: Desk, place: Place, subject: string): Promise<AccountView["grants"]> {
  const account = desk.accounts.getByName(await accountName(subject));
  const ids = await account.grants();
  const epoch = await epochOf(desk.entrance.signIn);
  const statuses = await Promise.all(ids.map(async (id) => findGrant(desk.grants, id)?.object.status(epoch)));
  const over = ids.filter((_, at) => statuses[at] === undefined && at < ids.length - UNDECIDED);
  if (over.length > 0) await account.forget(...over);
  return ids.flatMap((id, at) => {
    const status = statuses[at];
    if (status === undefined || !status.live || status.terms.subject !== subject) return [];
    const { name: clientName, redirectHost } = viewClient(status.terms, place);
    return [{ id, clientName, redirectHost, scopes: status.terms.scopes, since: status.since, used: status.used }];
  });
}
