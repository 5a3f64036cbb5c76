/**
 * The end of a grant, and the two endpoints that ask about tokens: revocation (RFC 7009) and introspection (RFC 7662).
 * Either kind of token stands for its grant. Tokens that are forged, foreign or another client's change nothing, and
 * the answer does not tell them apart. A client's own token without a grant (client credentials) ends with its time.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { errorStack, log } from "../../base/log.ts";
import { now } from "../../base/time.ts";
import { ok, type Result } from "../../base/result.ts";
import { retried } from "../../base/retry.ts";
import { accountObjectName, type Attempt } from "./account-object.ts";
import { blockGrantInThisIsolate, isGrantActive, openAccessToken } from "./access-token.ts";
import { authenticateClient } from "../clients/authenticate.ts";
import type { Client } from "../clients/types.ts";
import type { AuthorizationServer } from "./types.ts";
import {
  audit,
  oauthError,
  oauthEmptyResponse,
  oauthJson,
  oauthErrorResponse,
  type OAuthError,
} from "../errors.ts";
import { findGrant, verifyRefreshToken } from "./grant-reference.ts";
import { isPreviousGood, type GrantTerms } from "./grant-rows.ts";
import { runHook } from "./hooks.ts";
import { missingParameter, readForm } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { epochDigest } from "../sign-in/types.ts";
import { MAX_PENDING_LOGINS } from "../limits.ts";

/**
 * Ends grant `id`, of `client` alone if one is given, and all that lives by it, though whoever asked leaves. False when some of that
 * goes on for a while.
 */
export function revokeGrant(
  authServer: AuthorizationServer,
  id: string,
  reason: string,
  client?: string,
): Promise<boolean> {
  const revoke = async (): Promise<boolean> => {
    const { terms, isComplete = true } =
      (await retried(async () => findGrant(authServer.grants, id)?.stub.revoke(client))) ?? {};
    if (terms !== undefined) onGrantRevoked(authServer, id, terms, reason);
    return isComplete;
  };
  return keepAlive(revoke());
}

/** {@link AccountObject.recordSignIn} for `subject`'s account. Grants that are too many end, and only those that live are counted. */
export async function enterAccount(
  authServer: AuthorizationServer,
  subject: string,
  attempt: Attempt,
): Promise<"ok" | "rejected" | number> {
  const account = authServer.accounts.getByName(await accountObjectName(subject));
  const first = await account.recordSignIn(attempt);
  if (typeof first !== "object") return first;
  const older = (await account.grants()).slice(0, -MAX_PENDING_LOGINS);
  await account.dropGrants(...(await buryEndedGrants(authServer, subject, older)));
  const entered = await account.recordSignIn({ address: "", hasSucceeded: true, grant: "" });
  if (typeof entered !== "object") return entered;
  const endedIds: string[] = [];
  for (const id of entered) {
    try {
      await revokeGrant(authServer, id, "account.full");
      // One that nobody has decided on yet is not opened later, unseen.
      await findGrant(authServer.grants, id)?.stub.deny();
      endedIds.push(id);
    } catch (error) {
      log("error", "cleanup.failed", { grant: id, error: errorStack(error) });
    }
  }
  // Last: what could not be ended keeps nobody out, and stays on the account page until a later login has ended it.
  await account.dropGrants(...endedIds);
  return "ok";
}

/**
 * Of `ids`, those by which nothing of `subject` lives, and nothing will: a form that waits for a decision there is spent.
 * Where somebody else signed in for the same request, it is theirs alone. One that cannot be asked counts as alive.
 */
export async function buryEndedGrants(
  { grants }: AuthorizationServer,
  subject: string,
  ids: readonly string[],
): Promise<string[]> {
  const bury = async (id: string): Promise<boolean> =>
    (await findGrant(grants, id)?.stub.bury(subject)) ?? true;
  const buried = await Promise.all(ids.map((id) => bury(id).catch(() => false)));
  return ids.filter((_, index) => buried[index]);
}

/** What follows in the Worker when a grant has ended: its tokens here; and the app hears of it, for which nobody waits. */
export function onGrantRevoked(
  authServer: AuthorizationServer,
  id: string,
  terms: GrantTerms,
  reason: string,
): void {
  const { subject, client } = terms;
  audit("oauth.revoked", { client, reason });
  blockGrantInThisIsolate(id);
  void keepAlive(
    runHook("onRevoke", () => authServer.login.hooks?.onRevoke?.(subject, client, id), id),
  );
}

/**
 * Revokes a token, and the grant behind it (RFC 7009). Unknown tokens answer 200, as the text asks. Whoever signs out may leave at
 * once: all of it comes to its end.
 */
export function revocationEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<Response> {
  return keepAlive(revokeToken(authServer, http, identifiers));
}

async function revokeToken(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<Response> {
  const request = await readTokenRequest(authServer, http, identifiers);
  if (!request.ok) return oauthErrorResponse("revoke", request, http);
  const [client, token] = request.value;
  // Of any time: one that is over still names its grant, whose refresh token may be good for long.
  const opened = await openAccessToken(authServer.ring, token, identifiers.audience, 0);
  // spec: revoke.refresh, revoke.hint
  const id = opened.ok
    ? opened.value.caller.grant
    : (await verifyRefreshToken(authServer.ring, token))?.[0];
  // spec: revoke.owner
  if (id !== undefined && !(await revokeGrant(authServer, id, "client", client.key)))
    // RFC 7009 section 2.2.1: a client that is told so asks again.
    return oauthErrorResponse(
      "revoke",
      oauthError("temporarily_unavailable", "grant.ending", "Ask again in a moment"),
      http,
    );
  return oauthEmptyResponse();
}

/** Clients that registered themselves learn about their own tokens, those of the operator about any. */
export async function introspectionEndpoint(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<Response> {
  const request = await readTokenRequest(authServer, http, identifiers);
  if (!request.ok) return oauthErrorResponse("introspect", request, http);
  const [client, token] = request.value;
  // spec: introspect.authorized
  if (client.auth.method === "none")
    return oauthErrorResponse(
      "introspect",
      oauthError("invalid_client", "client.public", "The client must authenticate"),
      http,
    );
  // spec: introspect.active, introspect.state, introspect.permitted
  const tokenInfo = await lookUpToken(authServer, token, identifiers);
  const isConfigured = authServer.settings.clients.some(({ client_id }) => client_id === client.id);
  // spec: introspect.inactive, introspect.private
  if (tokenInfo === undefined || (!isConfigured && tokenInfo.client !== client.key))
    return oauthJson({ active: false });
  const { subject: sub, scopes, exp } = tokenInfo;
  const { issuer: iss, resource: aud } = identifiers;
  const client_id = tokenInfo.client === client.key ? client.id : tokenInfo.client;
  const accessTokenMembers = exp === undefined ? {} : { token_type: "Bearer", exp };
  return oauthJson({
    active: true,
    client_id,
    sub,
    scope: scopes.join(" "),
    iss,
    aud,
    ...accessTokenMembers,
  });
}

/** Whose a token is; undefined unless it is alive. `exp`: of an access token, in seconds since the epoch. */
type TokenInfo = Pick<GrantTerms, "client" | "subject" | "scopes"> & { readonly exp?: number };

async function lookUpToken(
  authServer: AuthorizationServer,
  token: string,
  { audience }: ServerIdentifiers,
): Promise<TokenInfo | undefined> {
  // spec: introspect.hint, introspect.audience
  const opened = await openAccessToken(authServer.ring, token, audience, now());
  if (opened.ok) {
    const { caller, expires: exp } = opened.value;
    return caller.grant === undefined || (await isGrantActive(authServer, caller.grant))
      ? { ...caller, exp }
      : undefined;
  }
  const [id, generation] = (await verifyRefreshToken(authServer.ring, token)) ?? [];
  const status = await findGrant(authServer.grants, id)?.stub.status(
    await epochDigest(authServer.login.signIn),
  );
  // At another resource the grant refuses it too.
  if (status?.isActive !== true || generation === undefined || status.terms.resource !== audience)
    return undefined;
  // Where nothing came of the newest, it is the one before it. The window is for clients that missed an answer, not for others.
  const isPrevious = generation === status.generation - 1;
  const { graceSeconds } = authServer.settings;
  const isRestored = status.isUndelivered === true && isPreviousGood(status, graceSeconds);
  return generation === status.generation || (isPrevious && isRestored) ? status.terms : undefined;
}

async function readTokenRequest(
  authServer: AuthorizationServer,
  http: Request,
  identifiers: ServerIdentifiers,
): Promise<Result<[Client, string], OAuthError>> {
  const form = await readForm(http);
  if (!form.ok) return form;
  const client = await authenticateClient(authServer, http, form.value, identifiers);
  if (!client.ok) return client;
  const token = form.value.get("token");
  // spec: revoke.token.required, introspect.token.required
  return token === undefined ? missingParameter("token") : ok([client.value, token]);
}
