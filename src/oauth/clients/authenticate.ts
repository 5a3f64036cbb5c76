/**
 * Client authentication at the token, revocation and introspection endpoints: RFC 6749 section 2.3 (secrets),
 * RFC 7523 section 3 and OpenID Connect Core section 9 (private_key_jwt), RFC 9700 section 2.5.
 * A client uses the one method it has, and no two at once; a secret may come as Basic or in the form, whichever of the
 * two was registered. Refuses assertions meant for others, used before, or valid for long.
 */

import { encodeBase64url, decodeBase64, decodeUtf8 } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { readJws, type Jws } from "../../crypto/jws.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { findClient } from "./find.ts";
import { isClientUrl } from "./metadata-document.ts";
import type { Client } from "./types.ts";
import type { AuthorizationServer } from "../authorization-server/types.ts";
import { oauthError, type OAuthError, type OAuthFailure } from "../errors.ts";
import { checkSignature } from "../jwks.ts";
import type { Params } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";
import { PATHS } from "../identifiers.ts";
import { CLOCK_SKEW_SECONDS, MAX_ASSERTION_SECONDS } from "../limits.ts";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** What a request shows of its client. */
interface PresentedCredentials {
  readonly id: string | undefined;
  readonly secret?: string | undefined;
  readonly jws?: Jws;
}

/** The client behind a request, after it proved itself by the method it has. */
export async function authenticateClient(
  authServer: AuthorizationServer,
  http: Request,
  params: Params,
  identifiers: ServerIdentifiers,
): Promise<Result<Client, OAuthError>> {
  const credentials = readClientCredentials(http.headers.get("authorization"), params);
  if (!credentials.ok) return credentials;
  const [decoded, asSent] = credentials.value;
  const client = await authenticateBy(decoded, authServer, identifiers);
  if (client.ok || asSent === undefined) return client;
  const clientAsSent = await authenticateBy(asSent, authServer, identifiers);
  return clientAsSent.ok ? clientAsSent : client;
}

async function authenticateBy(
  { id: presentedId, secret, jws }: PresentedCredentials,
  authServer: AuthorizationServer,
  identifiers: ServerIdentifiers,
): Promise<Result<Client, OAuthError>> {
  const client = await findClient(authServer, presentedId);
  if (!client.ok) return asOutage(client, presentedId, authServer);
  const { id, auth } = client.value;
  // spec: token.client.required, token.client.checked, client.id.proves-nothing, revoke.client.checked
  if (auth.method === "none" && secret === undefined && jws === undefined) return client;
  if (auth.method === "secret" && secret !== undefined) {
    // Hashed again behind a fresh prefix, so that the time of the comparison tells nothing about either side.
    const salt = encodeBase64url(randomBytes(16));
    const isEqual =
      (await sha256Base64url(salt + (await sha256Base64url(secret)))) ===
      (await sha256Base64url(salt + auth.sha256));
    return isEqual ? client : invalidClient("client.secret");
  }
  if (auth.method === "private_key_jwt" && jws !== undefined) {
    const claims = checkAssertion(jws, id, identifiers, now());
    if (!claims.ok) return invalidClient(claims.error);
    const signature = await checkSignature(jws, auth.jwks);
    if (!signature.ok)
      return signature.error === "signature"
        ? invalidClient("assertion.signature")
        : oauthError(
            "temporarily_unavailable",
            "assertion.keys",
            "The keys of the client cannot be had: try again in a moment",
          );
    // Last of all: only a genuine assertion may cost a row.
    const account = authServer.accounts.getByName(await sha256Base64url(`client ${id}`));
    const isFirstUse = await account.consumeJti(
      await sha256Base64url(claims.value.jti),
      Math.ceil(claims.value.exp),
    );
    return isFirstUse ? client : invalidClient("assertion.replayed");
  }
  return invalidClient("client.method");
}

/**
 * Whoever comes here with the URL of a document was let in by it before. That it cannot be read now, whatever stands there, is no
 * reason to tell the client that it is unknown: clients then forget their tokens.
 */
function asOutage(
  failure: OAuthFailure,
  id: string | undefined = "",
  { settings: { acceptsMetadataDocuments, publicHost } }: AuthorizationServer,
): OAuthFailure {
  const { reason, description } = failure.error;
  return acceptsMetadataDocuments && isClientUrl(id, publicHost)
    ? oauthError("temporarily_unavailable", reason, description)
    : failure;
}

function invalidClient(reason: string): OAuthFailure {
  return oauthError("invalid_client", reason, "Client authentication failed");
}

function readClientCredentials(
  header: string | null,
  params: Params,
): Result<readonly [PresentedCredentials, PresentedCredentials?], OAuthError> {
  const secret = params.get("client_secret");
  const assertion = params.get("client_assertion");
  const id = params.get("client_id");
  // spec: client.auth.one, client.auth.basic, client.auth.body, client.auth.uri
  if ([header ?? undefined, secret, assertion].filter((method) => method !== undefined).length > 1)
    return oauthError("invalid_request", "client.methods", "More than one client authentication");
  if (assertion !== undefined) {
    const jws =
      params.get("client_assertion_type") === ASSERTION_TYPE ? readJws(assertion) : undefined;
    const subject = jws?.payload["sub"];
    if (jws === undefined || typeof subject !== "string")
      return invalidClient("assertion.malformed");
    return ok([{ id: id ?? subject, jws }]);
  }
  if (header === null) return ok([{ id, secret }]);
  const basic = readBasicCredentials(header);
  if (basic === undefined) return invalidClient("client.basic");
  if (id !== undefined && basic.every((one) => one?.id !== id))
    return oauthError(
      "invalid_request",
      "client.mismatch",
      "client_id is not the one in the Authorization header",
    );
  return ok(basic);
}

/**
 * RFC 6749 section 2.3.1: both halves are form-encoded before base64. Many clients leave that out, so what they sent is given
 * beside it where it reads otherwise: a secret with "+" or "%" would never fit. An empty secret is none.
 */
function readBasicCredentials(
  header: string,
): readonly [PresentedCredentials, PresentedCredentials?] | undefined {
  const bytes = decodeBase64(/^basic +([^ ]+) *$/i.exec(header)?.[1] ?? "?");
  const halves = /^([^:]+):(.*)$/s.exec((bytes && decodeUtf8(bytes)) ?? "")?.slice(1) ?? [];
  const [id, secret] = halves;
  if (id === undefined || secret === undefined) return undefined;
  const asSent = { id, secret: secret || undefined };
  if (!/[+%]/.test(id + secret)) return [asSent];
  return [{ id: formDecode(id), secret: formDecode(secret) || undefined }, asSent];
}

function formDecode(text: string): string {
  return new URLSearchParams(`=${text.replaceAll("&", "%26")}`).get("") ?? "";
}

/** The id and the expiry of an assertion whose claims are right. `now` in milliseconds. Says nothing about the signature. */
function checkAssertion(
  { payload }: Jws,
  id: string,
  { issuer }: ServerIdentifiers,
  time: number,
): Result<{ readonly jti: string; readonly exp: number }, string> {
  const { iss, sub, aud, exp, iat = 0, nbf = 0, jti } = payload;
  const seconds = time / 1000;
  if (iss !== id || sub !== id) return err("assertion.client");
  // Nobody else may be among the audiences: they could use the assertion here before its owner does.
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  // With a slash, as Python's SDK 1 has it: what a URL parser makes of an origin.
  const ours: readonly unknown[] = [issuer, `${issuer}/`, issuer + PATHS.token];
  if (audiences.length === 0 || !audiences.every((audience) => ours.includes(audience)))
    return err("assertion.audience");
  if (typeof exp !== "number" || exp <= seconds) return err("assertion.expired");
  if (exp > seconds + MAX_ASSERTION_SECONDS + CLOCK_SKEW_SECONDS) return err("assertion.long");
  if ([iat, nbf].some((start) => typeof start !== "number" || start > seconds + CLOCK_SKEW_SECONDS))
    return err("assertion.early");
  return typeof jti === "string" && jti !== "" ? ok({ jti, exp }) : err("assertion.jti");
}
