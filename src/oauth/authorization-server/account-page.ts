/**
 * The page where the person who is signed in sees which clients have access, and takes it back.
 * Shows and ends nothing but their own grants.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { errorStack, log } from "../../base/log.ts";
import { now } from "../../base/time.ts";
import { accountObjectName } from "./account-object.ts";
import { isOfEpoch } from "./grant-rows.ts";
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
import { describeClient } from "./describe-client.ts";
import type { GrantObject } from "./grant-object.ts";
import type { AuthorizationServer } from "./types.ts";
import { findGrant } from "./grant-reference.ts";
import type { AccountView } from "../pages/views.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { buryEndedGrants, revokeGrant } from "./revocation.ts";
import { MAX_PENDING_LOGINS } from "../limits.ts";
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
  const { person } = browser;
  const expiresAt = now() + FORM_SECONDS * 1000;
  if (person === undefined) return showSignInPage(browser, { grant: "", expiresAt });
  const { subject } = person;
  const sealed = await sealForBrowser(browser, "account", { subject }, expiresAt);
  const formView = { action: PATHS.account, form: sealed };
  const { grants, unreachedCount } = await activeGrants(authServer, subject);
  const notice = await openWithAnyBrowserId<RevokedNotice>(
    browser,
    "ended",
    url.searchParams.get("ended") ?? "",
    subject,
  );
  return htmlResponse(browser, {
    view: "account",
    ...formView,
    person: person.name ?? subject,
    grants,
    unreachedCount,
    ended: notice?.sealed,
  });
}

type RevokedNotice = NonNullable<AccountView["ended"]>;
type GrantStatus = Awaited<ReturnType<GrantObject["status"]>>;

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
  // All of them, though the page is closed meanwhile.
  const revoked = await keepAlive(revokeGrants(authServer, subject, ids));
  if (revoked.count + revoked.failedCount === 0) return redirectResponse(accountUrl, 303);
  // Sealed, so that no link can make this page say what did not happen.
  const sealedNotice = await sealForBrowser(browser, "ended", revoked, now() + 60_000, subject);
  return redirectResponse(`${accountUrl}?ended=${sealedNotice}`, 303);
}

/** Ends those of `ids` that are `subject`'s. One that fails keeps no other from its end. */
async function revokeGrants(
  authServer: AuthorizationServer,
  subject: string,
  ids: readonly string[],
): Promise<RevokedNotice> {
  const clientNames: string[] = [];
  let failedCount = 0;
  // One after the other: where the platform stops a request that asks too much, no grant but one is half ended.
  for (const id of ids) {
    try {
      const terms = (await findGrant(authServer.grants, id)?.stub.status())?.terms;
      if (terms?.subject !== subject) continue;
      if (await revokeGrant(authServer, id, "account")) clientNames.push(terms.clientName);
      else failedCount += 1;
    } catch (error) {
      log("error", "cleanup.failed", { grant: id, error: errorStack(error) });
      failedCount += 1;
    }
  }
  return { count: clientNames.length, clientName: clientNames[0] ?? "", failedCount };
}

/**
 * The live grants of a person, oldest first, also those whose code still waits, and how many cannot be asked. Notes of
 * those that are over are dropped on the way.
 */
async function activeGrants(
  authServer: AuthorizationServer,
  subject: string,
): Promise<Pick<AccountView, "grants" | "unreachedCount">> {
  const account = authServer.accounts.getByName(await accountObjectName(subject));
  const ids = await account.grants();
  const epoch = await epochDigest(authServer.login.signIn);
  const status = async (id: string): Promise<GrantStatus> =>
    findGrant(authServer.grants, id)?.stub.status(epoch);
  const statuses = await Promise.all(ids.map((id) => status(id).catch(() => "unreached" as const)));
  const endedIds = ids.filter(
    (_, index) => statuses[index] === undefined && index < ids.length - MAX_PENDING_LOGINS,
  );
  // Buried first: one that was decided on later would be on no page, and out of reach of its button.
  if (endedIds.length > 0)
    await account.dropGrants(...(await buryEndedGrants(authServer, subject, endedIds)));
  const unreachedCount = statuses.filter((one) => one === "unreached").length;
  const grants = ids.flatMap((id, index) => {
    const status = statuses[index];
    if (status === undefined || status === "unreached") return [];
    if (!(status.isActive || hasCode(status, epoch)) || status.terms.subject !== subject) return [];
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
  return { grants, unreachedCount };
}

/** Whether access was given, and the client has not come for it yet. */
function hasCode(
  { generation, expiresAtMs, terms }: NonNullable<GrantStatus>,
  epoch: string | undefined,
): boolean {
  return generation === 0 && expiresAtMs > now() && isOfEpoch(terms, epoch);
}
