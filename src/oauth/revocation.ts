/**
 * The end of a grant, and the two endpoints that ask about tokens: revocation (RFC 7009) and introspection (RFC 7662).
 * Either kind of token stands for its grant. Tokens that are forged, foreign or another client's change nothing, and
 * the answer does not tell them apart. A client's own token without a grant (client credentials) ends with its time.
 */

import { now } from "../base/clock.ts";
import { ok, type Result } from "../base/result.ts";
import { accountName, type Attempt } from "./account.ts";
import { forgetAccess, isLive, readAccess } from "./access-token.ts";
import { authenticateClient } from "./client-auth.ts";
import type { Client } from "./client-types.ts";
import type { Desk } from "./desk.ts";
import { audit, fault, NO_STORE, oauthJson, refuseOAuth, type Fault } from "./fault.ts";
import { findGrant, readRefresh } from "./grant.ts";
import type { Terms } from "./grant-rows.ts";
import { absent, readForm } from "./params.ts";
import type { Place } from "./place.ts";
import { epochOf } from "./sign-in.ts";

/** Ends grant `id`, of `client` alone if one is given, and all that lives by it. False when some of that goes on for a while. */
export async function revokeGrant(desk: Desk, id: string, reason: string, client?: string): Promise<boolean> {
  const { terms, done = true } = (await findGrant(desk.grants, id)?.object.revoke(client)) ?? {};
  if (terms !== undefined) await closeGrant(desk, id, terms, reason);
  return done;
}

/** {@link Account.enter} of `subject`'s account. Grants that are too many end. */
export async function enterAccount(desk: Desk, subject: string, attempt: Attempt): Promise<"ok" | "wrong" | number> {
  const account = desk.accounts.getByName(await accountName(subject));
  const entered = await account.enter(attempt);
  if (typeof entered !== "object") return entered;
  for (const id of entered) {
    await revokeGrant(desk, id, "account.full");
    // One that nobody has decided on yet is not opened later, unseen.
    await findGrant(desk.grants, id)?.object.deny();
  }
  // Last: whatever could not be ended stays on the account page until the next login has ended it.
  await account.forget(...entered);
  return "ok";
}

/** What follows in the Worker when a grant has ended: its tokens here; and the app hears of it. */
export async function closeGrant(desk: Desk, id: string, terms: Terms, reason: string): Promise<void> {
  const { subject, client } = terms;
  audit("oauth.revoked", { client, reason });
  forgetAccess(id);
  await desk.entrance.hooks?.revoked?.(subject, client);
}

export async function revoke(desk: Desk, http: Request, place: Place): Promise<Response> {
  const asked = await readQuestion(desk, http, place);
  if (!asked.ok) return refuseOAuth("revoke", asked, http);
  const [client, token] = asked.value;
  // spec: revoke.refresh, revoke.hint, revoke.owner
  const access = await readAccess(desk.ring, token, place.audience, now());
  const id = access.ok ? access.value.caller.grant : (await readRefresh(desk.ring, token))?.[0];
  if (id !== undefined && !(await revokeGrant(desk, id, "client", client.key)))
    // RFC 7009 section 2.2.1: a client that is told so asks again.
    return refuseOAuth("revoke", fault("temporarily_unavailable", "grant.ending", "Ask again in a moment"), http);
  return new Response(null, { headers: NO_STORE });
}

/** Clients that registered themselves learn about their own tokens, those of the operator about any. */
export async function introspect(desk: Desk, http: Request, place: Place): Promise<Response> {
  const asked = await readQuestion(desk, http, place);
  if (!asked.ok) return refuseOAuth("introspect", asked, http);
  const [client, token] = asked.value;
  // spec: introspect.authorized
  if (client.auth.method === "none")
    return refuseOAuth("introspect", fault("invalid_client", "client.public", "The client must authenticate"), http);
  // spec: introspect.active, introspect.inactive, introspect.state
  const found = await describe(desk, token, place);
  const trusted = desk.settings.clients.some(({ client_id }) => client_id === client.id);
  if (found === undefined || (!trusted && found.client !== client.key)) return oauthJson({ active: false });
  const { subject: sub, scopes, exp } = found;
  const { issuer: iss, resource: aud } = place;
  const client_id = found.client === client.key ? client.id : found.client;
  const kind = exp === undefined ? {} : { token_type: "Bearer", exp };
  return oauthJson({ active: true, client_id, sub, scope: scopes.join(" "), iss, aud, ...kind });
}

/** Whose a token is; undefined unless it is alive. `exp`: of an access token, in seconds since the epoch. */
type Found = Pick<Terms, "client" | "subject" | "scopes"> & { readonly exp?: number };

async function describe(desk: Desk, token: string, { audience }: Place): Promise<Found | undefined> {
  const access = await readAccess(desk.ring, token, audience, now());
  if (access.ok) {
    const { caller, expires: exp } = access.value;
    return caller.grant === undefined || (await isLive(desk, caller.grant)) ? { ...caller, exp } : undefined;
  }
  const [id, generation] = (await readRefresh(desk.ring, token)) ?? [];
  const status = await findGrant(desk.grants, id)?.object.status(await epochOf(desk.entrance.signIn));
  return status?.live && status.generation === generation ? status.terms : undefined;
}

async function readQuestion(desk: Desk, http: Request, place: Place): Promise<Result<[Client, string], Fault>> {
  const form = await readForm(http);
  if (!form.ok) return form;
  const client = await authenticateClient(desk, http, form.value, place);
  if (!client.ok) return client;
  const token = form.value.get("token");
  return token === undefined ? absent("token") : ok([client.value, token]);
}
