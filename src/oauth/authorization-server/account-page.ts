/**
 * The page where the person who is signed in sees which clients have access, and takes it back.
 * Shows and ends nothing but their own grants.
 */

import { now } from "../../base/time.ts";
import { accountObjectName } from "./account-object.ts";
import { showSignInPage } from "./sign-in.ts";
import {
  forgetPerson,
  openWithAnyBrowserId,
  readBrowserSession,
  readSealedForm,
  sealForBrowser,
  type BrowserSession,
} from "./browser-session.ts";
import { htmlResponse, oauthErrorPage, redirectResponse } from "./browser-response.ts";
import { FORM_SECONDS } from "../lifetimes.ts";
import { describeClient } from "./consent.ts";
import type { AuthorizationServer } from "./types.ts";
import { findGrant } from "./grant-reference.ts";
import type { AccountView } from "../pages/views.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { buryEndedGrants, revokeGrant, MAX_PENDING_LOGINS } from "./revocation.ts";
import { epochDigest } from "../sign-in/types.ts";

/** The account page: a person's grants, and taking them back. A POST must hold a form that was sealed to this browser. */
export async function accountEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
  url: URL,
): Promise<Response> {
  const browser = await readBrowserSession(authServer, http, identifiers);
  if (http.method === "POST") return handleAccountForm(browser);
  const { id, person } = browser;
  const expiresAt = now() + FORM_SECONDS * 1000;
  if (person === undefined) return showSignInPage(browser, { grant: "", expiresAt });
  const sealed = await sealForBrowser(
    authServer,
    "account",
    id,
    { subject: person.subject },
    expiresAt,
  );
  const formView = {
    serverName: authServer.settings.serverName,
    action: PATHS.account,
    form: sealed,
  };
  const grants = await activeGrants(authServer, person.subject);
  const notice = await openWithAnyBrowserId<RevokedNotice>(
    browser,
    "ended",
    url.searchParams.get("ended") ?? "",
    person.subject,
  );
  return htmlResponse(browser, {
    view: "account",
    ...formView,
    person: person.name ?? person.subject,
    grants,
    ended: notice?.sealed,
  });
}

type RevokedNotice = NonNullable<AccountView["ended"]>;

async function handleAccountForm(browser: BrowserSession): Promise<Response> {
  const post = await readSealedForm<{ readonly subject: string }>(browser, "account");
  if (!post.ok) return oauthErrorPage(browser.authServer, post.error);
  const { authServer, identifiers, person, cookies } = browser;
  const { form, sealed } = post.value;
  const { subject } = sealed;
  const accountUrl = identifiers.issuer + PATHS.account;
  if (form.has("leave")) {
    forgetPerson(browser);
    return redirectResponse(accountUrl, 303, cookies);
  }
  const grant = form.get("grant");
  if (person?.subject !== subject || (grant === undefined && !form.has("all")))
    return oauthErrorPage(authServer, "account.stale");
  const ids =
    grant === undefined
      ? await authServer.accounts.getByName(await accountObjectName(subject)).grants()
      : [grant];
  const clientNames: string[] = [];
  // One after the other: where the platform stops a request that asks too much, no grant but one is half ended.
  for (const id of ids) {
    const terms = (await findGrant(authServer.grants, id)?.stub.status())?.terms;
    if (terms?.subject === subject && (await revokeGrant(authServer, id, "account")))
      clientNames.push(terms.clientName);
  }
  if (clientNames.length === 0) return redirectResponse(accountUrl, 303);
  const revoked: RevokedNotice = { count: clientNames.length, clientName: clientNames[0] ?? "" };
  // Sealed, so that no link can make this page say what did not happen.
  const sealedNotice = await sealForBrowser(
    authServer,
    "ended",
    browser.id + subject,
    revoked,
    now() + 60_000,
  );
  return redirectResponse(`${accountUrl}?ended=${sealedNotice}`, 303);
}

/** The live grants of a person, oldest first. Notes of those that are over are dropped on the way. */
async function activeGrants(
  authServer: AuthorizationServer,
  subject: string,
): Promise<AccountView["grants"]> {
  const account = authServer.accounts.getByName(await accountObjectName(subject));
  const ids = await account.grants();
  const epoch = await epochDigest(authServer.login.signIn);
  const statuses = await Promise.all(
    ids.map(async (id) => findGrant(authServer.grants, id)?.stub.status(epoch)),
  );
  const endedIds = ids.filter(
    (_, index) => statuses[index] === undefined && index < ids.length - MAX_PENDING_LOGINS,
  );
  // Buried first: one that was decided on later would be on no page, and out of reach of its button.
  if (endedIds.length > 0)
    await account.dropGrants(...(await buryEndedGrants(authServer, subject, endedIds)));
  return ids.flatMap((id, index) => {
    const status = statuses[index];
    if (status === undefined || !status.isActive || status.terms.subject !== subject) return [];
    const { name: clientName, redirectHost } = describeClient(status.terms);
    return [
      {
        id,
        clientName,
        redirectHost,
        scopes: status.terms.scopes,
        createdAt: status.createdAtMs,
        lastUsedAt: status.lastUsedAtMs,
      },
    ];
  });
}
