/**
 * The token endpoint: RFC 6749 sections 3.2, 4.1.3, 4.4, 5 and 6, OAuth 2.1 sections 3.2 and 4.3, RFC 7636 section 4.6,
 * RFC 8707 section 2.2, and client credentials as the MCP extension has them. One function for each grant type.
 * Refuses forged names here, before any object wakes; what was used, rotated or revoked is refused by the grant.
 * Who the client is, `client-auth.ts` says.
 */

import type { Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { log, stackOf } from "../base/log.ts";
import { ok, type Result } from "../base/result.ts";
import { readSigned } from "../crypto/mac.ts";
import { digest, open, seal } from "../crypto/seal.ts";
import { mintAccess } from "./access-token.ts";
import { narrowScopes, readScopes } from "./ask.ts";
import { authenticateClient } from "./client-auth.ts";
import type { Client } from "./client-types.ts";
import type { Desk, Holder } from "./desk.ts";
import { audit, fault, oauthJson, refuseOAuth, type Fault, type Refused } from "./fault.ts";
import { findGrant, mintRefresh, readRefresh, type Named, type Redeemed } from "./grant.ts";
import { absent, readForm, type Params } from "./params.ts";
import { checkResource, type Place } from "./place.ts";
import { closeGrant } from "./revocation.ts";
import { epochOf } from "./sign-in.ts";

type Issued = Result<JsonObject, Fault>;
type Exchange = (desk: Desk, client: Client, form: Params, place: Place) => Promise<Issued>;

// spec: token.password
const EXCHANGES: ReadonlyMap<string, Exchange> = new Map([
  ["authorization_code", redeemCode],
  ["refresh_token", refresh],
  ["client_credentials", actForItself],
]);

export async function token(desk: Desk, http: Request, place: Place): Promise<Response> {
  const issued = await exchange(desk, http, place);
  return issued.ok ? oauthJson(issued.value) : refuseOAuth("token", issued, http);
}

async function exchange(desk: Desk, http: Request, place: Place): Promise<Issued> {
  // 1. What is wanted?
  const form = await readForm(http);
  if (!form.ok) return form;
  const type = form.value.get("grant_type");
  if (type === undefined) return absent("grant_type");
  const act = EXCHANGES.get(type);
  if (act === undefined)
    return fault("unsupported_grant_type", "grant_type.unknown", "This grant_type is not supported");
  // 2. Who wants it, and may they?
  const client = await authenticateClient(desk, http, form.value, place);
  if (!client.ok) return client;
  if (!client.value.grantTypes.includes(type))
    return fault("unauthorized_client", "client.grant", "This grant_type is not for this client");
  // 3. For this server?
  const resource = checkResource(form.value.get("resource"), place);
  return resource.ok ? act(desk, client.value, form.value, place) : resource;
}

const VERIFIER = /^[\w.~-]{43,128}$/;

async function redeemCode(desk: Desk, client: Client, form: Params, { audience: resource }: Place): Promise<Issued> {
  // 1. The code is one of this server's. A forged one wakes nothing.
  const code = form.get("code");
  if (code === undefined) return absent("code");
  const grant = findGrant(desk.grants, await readSigned(desk.ring, "code", code));
  // spec: code.valid
  if (grant === undefined) return invalidGrant("code.forged");
  // 2. There is a verifier, of the right form.
  const verifier = form.get("code_verifier");
  // spec: code.verifier.required
  if (verifier === undefined) return absent("code_verifier");
  if (!VERIFIER.test(verifier)) return invalidGrant("code.verifier");
  // 3. The grant says whether client, redirect URI and verifier fit, and whether this is the first time.
  const redirectUri = form.get("redirect_uri");
  const challenge = await digest(verifier);
  const epoch = await epochOf(desk.entrance.signIn);
  const redeemed = await grant.object.redeem({ client: client.key, resource, redirectUri, challenge, epoch });
  return issueFrom(desk, client, grant, redeemed, "code");
}

async function refresh(desk: Desk, client: Client, form: Params, { audience: resource }: Place): Promise<Issued> {
  // 1. The token is one of this server's. A forged one wakes nothing.
  const presented = form.get("refresh_token");
  if (presented === undefined) return absent("refresh_token");
  const [id, generation = 0] = (await readRefresh(desk.ring, presented)) ?? [];
  const grant = findGrant(desk.grants, id);
  // spec: refresh.valid
  if (grant === undefined) return invalidGrant("refresh.forged");
  // 2. The grant says whether the client fits, the scopes are none but its own, and which generation comes next.
  const scopes = readScopes(form.get("scope") ?? "", client, desk.settings);
  const { graceSeconds, refreshSeconds } = desk.settings;
  const epoch = await epochOf(desk.entrance.signIn);
  const fit = { client: client.key, resource, generation, scopes, epoch };
  const redeemed = await grant.object.refresh(fit, { graceSeconds, refreshSeconds });
  // 3. This token may carry fewer scopes; the grant keeps all of its own.
  return issueFrom(desk, client, grant, redeemed, "refresh", scopes);
}

/** No person and no grant: the client is its own subject. Only an operator can give a client this grant type. */
async function actForItself(desk: Desk, client: Client, form: Params, { audience: resource }: Place): Promise<Issued> {
  // spec: machine.confidential, machine.authenticated
  if (client.auth.method === "none")
    return fault("unauthorized_client", "client.public", "This grant_type is for clients with a secret or a key");
  const scopes = narrowScopes(form.get("scope"), client, desk.settings);
  if (!scopes.ok) return scopes;
  const issuer = new URL(resource).origin;
  const caller = { issuer, subject: client.key, client: client.key, scopes: scopes.value, properties: {} };
  const issued = await issue(desk, caller, resource, "client");
  return issued.ok ? ok(issued.value.response) : issued;
}

/** What a grant gives, or what its refusal means. `scopes`: those asked for, if any were. */
async function issueFrom(
  desk: Desk,
  client: Client,
  { id, object }: Named,
  redeemed: Redeemed,
  cause: "code" | "refresh",
  scopes: readonly string[] = [],
): Promise<Issued> {
  if (redeemed.kind === "refused") {
    const { reason, revoked } = redeemed;
    if (revoked !== undefined) await closeGrant(desk, id, revoked, reason);
    if (reason !== "scope.wider") return invalidGrant(reason);
    return fault("invalid_scope", reason, "scope holds what was not granted");
  }
  const { ring } = desk;
  const { terms, generation } = redeemed;
  const opened = await open(ring, "properties", terms.properties, id);
  if (!opened.ok) return invalidGrant("grant.sealed");
  // spec: refresh.scope.kept, refresh.bound
  const caller = {
    ...{ issuer: new URL(terms.resource).origin, subject: terms.subject, client: client.key, grant: id },
    ...{ scopes: scopes.length === 0 ? terms.scopes : scopes, properties: opened.value as JsonObject },
  };
  const issued = await issue(desk, caller, terms.resource, cause);
  if (!issued.ok) return issued;
  const { response, properties } = issued.value;
  // What rests under an older key moves to the current one, so that old keys can leave the ring.
  if (properties !== caller.properties || !terms.properties.startsWith(`${ring.current}.`))
    await object.keep(await seal(ring, "properties", properties, id));
  if (!client.grantTypes.includes("refresh_token")) return ok(response);
  return ok({ ...response, refresh_token: await mintRefresh(ring, id, generation) });
}

/** The response of RFC 6749 section 5.1, and the caller's properties from now on: the app may renew them. */
async function issue(
  { entrance, ring, settings }: Desk,
  caller: Caller & Holder,
  resource: string,
  cause: "code" | "refresh" | "client",
): Promise<Result<{ response: JsonObject; properties: JsonObject }, Fault>> {
  const { subject, client, scopes } = caller;
  let { properties } = caller;
  try {
    const holder = { subject, client, scopes, properties };
    properties = (await entrance.hooks?.issuing?.(holder, cause)) ?? properties;
  } catch (error) {
    log("error", "hook.failed", { hook: "issuing", error: stackOf(error) });
    return fault("server_error", "hook.failed", "The server could not finish: try again");
  }
  const expires_in = settings.accessSeconds;
  const expires = Math.floor(now() / 1000) + expires_in;
  const access_token = await mintAccess(ring, { ...caller, properties }, resource, expires);
  audit("oauth.token", { client, cause });
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  // spec: token.response, token.response.scope, bearer.cookie.clear
  return ok({ properties, response: { access_token, token_type: "Bearer", expires_in, ...scope } });
}

/** Whoever guesses or steals learns nothing of why: the reason is for the audit line alone. */
function invalidGrant(reason: string): Refused {
  return fault("invalid_grant", reason, "The code or token is not valid here or no longer");
}
