/**
 * Access tokens of an outside issuer: JWTs by its published keys (RFC 9068), opaque ones by introspection (RFC 7662).
 * The issuer's metadata are discovered (RFC 8414 section 3, then OpenID Connect Discovery) and must name the issuer itself.
 * Refuses tokens for another audience, of another type, or bound to a key that the sender would have to prove; and an
 * issuer that is this very server, whose metadata the request would wait for while it is waited for.
 * Leaves revocation to the issuer: a verdict stands for at most a minute, a JWT's signature until it expires.
 */

import type { Caller } from "../../base/caller.ts";
import { now } from "../../base/time.ts";
import { withoutNulls, type JsonObject } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { readJws } from "../../crypto/jws.ts";
import { clientSecretMethod, isTemporary, postForm } from "../../net/fetch.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { resourceNames } from "./metadata.ts";
import type { TokenVerifier } from "./bearer.ts";
import { createTtlCache } from "../../base/ttl-cache.ts";
import { checkSignature } from "../jwks.ts";
import { CLOCK_SKEW_SECONDS, TOKEN_CACHE_MS } from "../limits.ts";
import { endpointIn, issuerFault, issuerMetadata, type IssuerMetadata } from "./issuer-metadata.ts";

export interface ExternalIssuer {
  /** The issuer identifier, exactly as its metadata spell it. */
  readonly issuer: string;
  /** "client_id:client_secret" of this server at the issuer. Without them opaque tokens are refused. */
  readonly introspection?: string | undefined;
  /** Also takes JWTs whose `typ` is "JWT" or absent: for issuers that do not follow RFC 9068. */
  readonly acceptsAnyJwtType?: boolean;
}

type ClaimsResult = Result<JsonObject, string>;

const AT_JWT_TYPE = /^(application\/)?at\+jwt$/i;
const ANY_JWT_TYPE = /^((application\/)?(at\+)?jwt)?$/i;

/** Refresh tokens are active too (RFC 7662 section 2.1): Ory Hydra says what it is in `token_use`, Keycloak in `typ`. */
const NO_BEARER_TOKEN = /^(refresh|offline|dpop|id(_token)?$)/i;

/** 1. A verdict that still stands, 2. never ourselves, 3. what the token says or its issuer says of it, 4. the signature. */
export function externalTokenVerifier(options: ExternalIssuer): TokenVerifier {
  const { issuer, introspection, acceptsAnyJwtType = false } = options;
  const verifiedTokens = createTtlCache<Caller>();
  const metadata = issuerMetadata(
    issuer,
    introspection === undefined ? ["jwks_uri"] : ["jwks_uri", "introspection_endpoint"],
  );
  return async (token, identifiers) => {
    const time = now();
    const key = `${identifiers.resource} ${token}`;
    const cachedCaller = verifiedTokens.get(key, time);
    if (cachedCaller !== undefined) return ok(cachedCaller);
    if (new URL(issuer).origin === new URL(identifiers.issuer).origin) return err("issuer.self");
    const jws = readJws(token);
    const claims =
      jws === undefined
        ? await introspect(token, options, metadata, time)
        : ok(withoutNulls(jws.payload));
    const caller = claims.ok ? readClaims(claims.value, issuer, identifiers, time) : claims;
    if (!claims.ok || !caller.ok) return caller;
    if (jws !== undefined) {
      const { typ = "" } = jws.header;
      if (typeof typ !== "string" || !(acceptsAnyJwtType ? ANY_JWT_TYPE : AT_JWT_TYPE).test(typ))
        return err("token.type");
      const jwks = await endpointIn(metadata, "jwks_uri");
      if (!jwks.ok) return jwks;
      const signature = await checkSignature(jws, jwks.value, "trusted");
      if (!signature.ok) {
        if (signature.error === "signature") return err("token.signature");
        metadata.doubt();
        return err(issuerFault("keys", signature.error));
      }
    }
    verifiedTokens.put(
      key,
      caller.value,
      Math.min(Number(claims.value["exp"]) * 1_000, time + TOKEN_CACHE_MS),
    );
    return caller;
  };
}

/** The caller whom claims describe, if they are `issuer`'s, for this server, and of this time (milliseconds). RFC 9068 section 4. */
function readClaims(
  claims: JsonObject,
  issuer: string,
  identifiers: ServerIdentifiers,
  time: number,
): Result<Caller, string> {
  const { iss, aud, exp, nbf = 0, iat = 0, sub, cnf } = claims;
  const seconds = time / 1_000;
  if (iss !== issuer) return err("token.issuer");
  // A server that has moved still stands for the address that it had.
  const names: readonly unknown[] = [...resourceNames(identifiers), identifiers.audience];
  if (![aud].flat().some((audience) => names.includes(audience))) return err("token.audience");
  if (typeof exp !== "number" || exp + CLOCK_SKEW_SECONDS <= seconds) return err("token.expired");
  if (typeof nbf !== "number" || typeof iat !== "number") return err("token.malformed");
  if (Math.max(nbf, iat) - CLOCK_SKEW_SECONDS > seconds) return err("token.early");
  // A bearer check of a token that is bound to a key would undo the binding (RFC 9449 section 7.2).
  if (cnf !== undefined) return err("token.bound");
  // RFC 9068; OpenID Connect; Okta; Entra's version 1. Its version 2 names no audience but a GUID.
  const client = claims["client_id"] ?? claims["azp"] ?? claims["cid"] ?? claims["appid"];
  if (typeof sub !== "string" || sub === "" || typeof client !== "string")
    return err("token.subject");
  // RFC 9068; Okta and Entra.
  const scopes = [claims["scope"] ?? claims["scp"] ?? ""]
    .flat()
    .flatMap((value) => (typeof value === "string" ? (value.match(/[^ ]+/g) ?? []) : []));
  return ok({ issuer, subject: sub, client, scopes });
}

/** What the issuer says of an opaque token. What it need not say of its own tokens is filled in; the audience it must name. */
async function introspect(
  token: string,
  options: ExternalIssuer,
  metadata: IssuerMetadata,
  time: number,
): Promise<ClaimsResult> {
  const { issuer, introspection } = options;
  if (introspection === undefined) return err("token.malformed");
  const endpoint = await endpointIn(metadata, "introspection_endpoint");
  if (!endpoint.ok) return endpoint;
  const { members } = await metadata.read();
  const [id = "", ...secret] = introspection.split(":");
  const response = await postForm(
    endpoint.value,
    { token, token_type_hint: "access_token" },
    {
      id,
      secret: secret.join(":"),
      method: clientSecretMethod(members["introspection_endpoint_auth_methods_supported"]),
    },
  );
  // Some cannot read what is none of theirs, and say so with a 400. A page of whatever stands before the issuer says nothing of the
  // token, nor does an issuer that refuses this server, or leaves out what an answer must have (RFC 7662 section 2.2).
  const { status, json = {} } = response.ok ? response.value : { status: 0 };
  const { active } = json;
  const refusal = status === 400 ? json["error"] : undefined;
  const isClientRefused = refusal === "invalid_client" || refusal === "unauthorized_client";
  const isInactive = active === false && (status === 200 || (status >= 400 && status < 500));
  if (isInactive || (typeof refusal === "string" && !isClientRefused)) return err("token.inactive");
  if (status !== 200 || active !== true) {
    metadata.doubt();
    return err(issuerFault("introspection", isTemporary(response) ? "unreachable" : "unusable"));
  }
  // "Bearer" as in the answer that issued it (RFC 7662 section 2.2): one of another type would have to be proved.
  const type = json["token_type"] ?? "bearer";
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") return err("token.type");
  if (
    [json["token_use"], json["typ"]].some(
      (kind) => typeof kind === "string" && NO_BEARER_TOKEN.test(kind),
    )
  )
    return err("token.type");
  return ok({ iss: issuer, exp: (time + TOKEN_CACHE_MS) / 1_000, ...withoutNulls(json) });
}
