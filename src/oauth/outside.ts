/**
 * Access tokens of an outside issuer: JWTs by its published keys (RFC 9068), opaque ones by introspection (RFC 7662).
 * The issuer's metadata are discovered (RFC 8414 section 3, then OpenID Connect Discovery) and must name the issuer itself.
 * Refuses tokens for another audience, of another type, or bound to a key that the sender would have to prove; and an
 * issuer that is this very server, whose metadata the request would wait for while it is waited for.
 * Leaves revocation to the issuer: a verdict stands for at most a minute, a JWT's signature until it expires.
 */

import { base64, utf8 } from "../base/bytes.ts";
import type { Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import { withoutNulls, type JsonObject } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { readJws } from "../crypto/jws.ts";
import { fetchTrusted } from "../net/fetch.ts";
import type { Verifier } from "./bearer.ts";
import { cache } from "./cache.ts";
import { isSignedBy } from "./jwks.ts";

export interface OutsideIssuer {
  /** The issuer identifier, exactly as its metadata spell it. */
  readonly issuer: string;
  /** "client_id:client_secret" of this server at the issuer. Without them opaque tokens are refused. */
  readonly introspection?: string | undefined;
  /** Also takes JWTs whose `typ` is "JWT" or absent: for issuers that do not follow RFC 9068. */
  readonly anyType?: boolean;
}

type Claims = Result<JsonObject, string>;
type Metadata = () => Promise<JsonObject | undefined>;

/** Seconds by which clocks may differ. */
const SKEW = 60;
const VERDICT_MS = 60_000;
const METADATA_MS = 3_600_000;
const COOL_DOWN_MS = 30_000;
const LIMITS = { accept: "application/json", maxBytes: 65_536, timeoutMs: 5_000 };
const TYPE = /^(application\/)?at\+jwt$/i;
const ANY_TYPE = /^((application\/)?(at\+)?jwt)?$/i;

/** 1. A verdict that still stands, 2. never ourselves, 3. what the token says or its issuer says of it, 4. the signature. */
export function outsideTokens(options: OutsideIssuer): Verifier {
  const { issuer, anyType = false } = options;
  const verdicts = cache<Caller>();
  const metadata = issuerMetadata(issuer);
  return async (token, place) => {
    const time = now();
    const key = `${place.resource} ${token}`;
    const known = verdicts.get(key, time);
    if (known !== undefined) return ok(known);
    if (new URL(issuer).origin === new URL(place.issuer).origin) return err("issuer.self");
    const jws = readJws(token);
    const claims = jws === undefined ? await introspect(token, options, metadata, time) : ok(withoutNulls(jws.payload));
    const caller = claims.ok ? readClaims(claims.value, issuer, place.resource, time) : claims;
    if (!claims.ok || !caller.ok) return caller;
    if (jws !== undefined) {
      const { typ = "" } = jws.header;
      if (typeof typ !== "string" || !(anyType ? ANY_TYPE : TYPE).test(typ)) return err("token.type");
      const jwks = (await metadata())?.["jwks_uri"];
      if (typeof jwks !== "string") return err("issuer.metadata");
      if (!(await isSignedBy(jws, jwks, "trusted"))) return err("token.signature");
    }
    verdicts.put(key, caller.value, Math.min(Number(claims.value["exp"]) * 1_000, time + VERDICT_MS));
    return caller;
  };
}

/** The caller whom claims describe, if they are `issuer`'s, for `resource`, and of this time (milliseconds). RFC 9068 section 4. */
function readClaims(claims: JsonObject, issuer: string, resource: string, time: number): Result<Caller, string> {
  const { iss, aud, exp, nbf = 0, iat = 0, sub, client_id, azp, scope = "", cnf } = claims;
  const seconds = time / 1_000;
  if (iss !== issuer) return err("token.issuer");
  if (![aud].flat().includes(resource)) return err("token.audience");
  if (typeof exp !== "number" || exp + SKEW <= seconds) return err("token.expired");
  if (typeof nbf !== "number" || typeof iat !== "number") return err("token.malformed");
  if (Math.max(nbf, iat) - SKEW > seconds) return err("token.early");
  // A bearer check of a token that is bound to a key would undo the binding (RFC 9449 section 7.2).
  if (cnf !== undefined) return err("token.bound");
  const client = client_id ?? azp;
  if (typeof sub !== "string" || sub === "" || typeof client !== "string") return err("token.subject");
  const scopes = [scope].flat().flatMap((one) => (typeof one === "string" ? (one.match(/[^ ]+/g) ?? []) : []));
  return ok({ issuer, subject: sub, client, scopes });
}

/** What the issuer says of an opaque token. What it need not say of its own tokens is filled in; the audience it must name. */
async function introspect(token: string, from: OutsideIssuer, metadata: Metadata, time: number): Promise<Claims> {
  const { issuer, introspection } = from;
  if (introspection === undefined) return err("token.malformed");
  const endpoint = (await metadata())?.["introspection_endpoint"];
  if (typeof endpoint !== "string") return err("issuer.metadata");
  const [id = "", ...secret] = introspection.split(":");
  const credentials = base64(utf8(`${encodeURIComponent(id)}:${encodeURIComponent(secret.join(":"))}`));
  const headers = { authorization: `Basic ${credentials}`, "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ token, token_type_hint: "access_token" }).toString();
  const answer = await fetchTrusted(endpoint, { ...LIMITS, method: "POST", headers, body });
  if (!answer.ok || answer.value.status !== 200) return err("issuer.introspection");
  const { json = {} } = answer.value;
  if (json["active"] !== true) return err("token.inactive");
  return ok({ iss: issuer, exp: (time + VERDICT_MS) / 1_000, ...withoutNulls(json) });
}

/** The issuer's metadata, kept for an hour, and for as long as it cannot be reached. */
function issuerMetadata(issuer: string): Metadata {
  let known: JsonObject | undefined;
  let next = 0;
  return async () => {
    const time = now();
    if (known !== undefined && time < next) return known;
    next = time + COOL_DOWN_MS;
    const found = await discover(issuer);
    if (found !== undefined) [known, next] = [found, time + METADATA_MS];
    return known;
  };
}

async function discover(issuer: string): Promise<JsonObject | undefined> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const inserted = ["oauth-authorization-server", "openid-configuration"].map((name) => `/.well-known/${name}${path}`);
  for (const where of new Set([...inserted, `${path}/.well-known/openid-configuration`])) {
    const answer = await fetchTrusted(origin + where, LIMITS);
    const json = answer.ok && answer.value.status === 200 ? answer.value.json : undefined;
    // A document that names another issuer is somebody else's (RFC 8414 section 3.3).
    if (json?.["issuer"] === issuer) return json;
  }
  return undefined;
}
