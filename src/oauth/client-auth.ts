/**
 * Client authentication at the token, revocation and introspection endpoints: RFC 6749 section 2.3 (secrets),
 * RFC 7523 section 3 and OpenID Connect Core section 9 (private_key_jwt), RFC 9700 section 2.5.
 * A client uses the one method it has, and no two at once; a secret may come as Basic or in the form, whichever of the
 * two was registered. Refuses assertions meant for others, used before, or valid for long.
 */

import { base64url, readBase64, readUtf8 } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import { err, ok, type Result } from "../base/result.ts";
import { readJws, type Jws } from "../crypto/jws.ts";
import { digest } from "../crypto/seal.ts";
import { findClient } from "./client.ts";
import type { Client } from "./client-types.ts";
import type { Desk } from "./desk.ts";
import { fault, type Fault, type Refused } from "./fault.ts";
import { isSignedBy } from "./jwks.ts";
import type { Params } from "./params.ts";
import { PATHS, type Place } from "./place.ts";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** Seconds an assertion may still be valid, and by how much clocks may differ. */
const LIFETIME = 300;
const SKEW = 60;

/** What a request shows of its client. */
interface Shown {
  readonly id: string | undefined;
  readonly secret?: string | undefined;
  readonly jws?: Jws;
}

/** The client behind a request, after it proved itself by the method it has. */
export async function authenticateClient(
  desk: Desk,
  http: Request,
  params: Params,
  place: Place,
): Promise<Result<Client, Fault>> {
  const shown = readShown(http.headers.get("authorization"), params);
  if (!shown.ok) return shown;
  const client = await findClient(desk, shown.value.id);
  if (!client.ok) return client;
  const { id, auth } = client.value;
  const { secret, jws } = shown.value;
  // spec: token.client.required, token.client.checked, client.id.proves-nothing, revoke.client.checked
  if (auth.method === "none" && secret === undefined && jws === undefined) return client;
  if (auth.method === "secret" && secret !== undefined) {
    // Hashed again behind a fresh prefix, so that the time of the comparison tells nothing about either side.
    const blind = base64url(randomBytes(16));
    const same = (await digest(blind + (await digest(secret)))) === (await digest(blind + auth.sha256));
    return same ? client : refused("client.secret");
  }
  if (auth.method === "private_key_jwt" && jws !== undefined) {
    const claims = checkAssertion(jws, id, place, now());
    if (!claims.ok) return refused(claims.error);
    if (!(await isSignedBy(jws, auth.jwks))) return refused("assertion.signature");
    // Last of all: only a genuine assertion may cost a row.
    const account = desk.accounts.getByName(await digest(`client ${id}`));
    const fresh = await account.spend(await digest(claims.value.jti), Math.ceil(claims.value.exp));
    return fresh ? client : refused("assertion.replayed");
  }
  return refused("client.method");
}

function refused(reason: string): Refused {
  return fault("invalid_client", reason, "Client authentication failed");
}

function readShown(header: string | null, params: Params): Result<Shown, Fault> {
  const secret = params.get("client_secret");
  const assertion = params.get("client_assertion");
  const id = params.get("client_id");
  // spec: client.auth.one, client.auth.basic, client.auth.body, client.auth.uri
  if ([header ?? undefined, secret, assertion].filter((method) => method !== undefined).length > 1)
    return fault("invalid_request", "client.methods", "More than one way of client authentication");
  if (assertion !== undefined) {
    const jws = params.get("client_assertion_type") === ASSERTION_TYPE ? readJws(assertion) : undefined;
    const subject = jws?.payload["sub"];
    if (jws === undefined || typeof subject !== "string") return refused("assertion.malformed");
    return ok({ id: id ?? subject, jws });
  }
  if (header === null) return ok({ id, secret });
  const basic = readBasic(header);
  if (basic === undefined) return refused("client.basic");
  if (id !== undefined && id !== basic.id)
    return fault("invalid_request", "client.mismatch", "client_id is not the one in the Authorization header");
  return ok(basic);
}

/** RFC 6749 section 2.3.1: both halves are form-encoded before base64. An empty secret is none. */
function readBasic(header: string): Shown | undefined {
  const bytes = readBase64(/^basic +([^ ]+) *$/i.exec(header)?.[1] ?? "?");
  const halves = /^([^:]+):(.*)$/s.exec((bytes && readUtf8(bytes)) ?? "")?.slice(1) ?? [];
  const [id, secret] = halves.map((half) => new URLSearchParams(`=${half.replaceAll("&", "%26")}`).get("") ?? "");
  if (id === undefined || secret === undefined) return undefined;
  return secret === "" ? { id } : { id, secret };
}

/** The id and the expiry of an assertion whose claims are right. `now` in milliseconds. Says nothing about the signature. */
function checkAssertion(
  { payload }: Jws,
  id: string,
  { issuer }: Place,
  now: number,
): Result<{ readonly jti: string; readonly exp: number }, string> {
  const { iss, sub, aud, exp, iat = 0, nbf = 0, jti } = payload;
  const seconds = now / 1000;
  if (iss !== id || sub !== id) return err("assertion.client");
  // Nobody else may be among the audiences: they could use the assertion here before its owner does.
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (audiences.length === 0 || !audiences.every((one) => one === issuer || one === issuer + PATHS.token))
    return err("assertion.audience");
  if (typeof exp !== "number" || exp <= seconds) return err("assertion.expired");
  if (exp > seconds + LIFETIME + SKEW) return err("assertion.long");
  if ([iat, nbf].some((start) => typeof start !== "number" || start > seconds + SKEW)) return err("assertion.early");
  return typeof jti === "string" && jti !== "" ? ok({ jti, exp }) : err("assertion.jti");
}
