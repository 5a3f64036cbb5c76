/**
 * Sign-in at an upstream OpenID Connect provider: discovery, code with PKCE, nonce and state, one token request, and
 * the ID token it brings. OpenID Connect Core sections 3.1.2 and 3.1.3, Discovery section 4, RFC 9207.
 * Takes nothing from the provider but who the person is; its access token is dropped.
 * That `state` came back to the browser it was made for is checked before.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import { isStringList, withoutNulls, type JsonObject, type JsonValue } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { readJws } from "../../crypto/jws.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import {
  fetchConfigured,
  isTemporary,
  JSON_LIMITS,
  clientSecretMethod,
  postForm,
  successJson,
} from "../../net/fetch.ts";
import { checkSignature } from "../jwks.ts";
import type { SignInContext, SignInMethod, SignInResult } from "./types.ts";
import { CLOCK_SKEW_MS } from "../limits.ts";

export interface OpenIdProvider {
  /** As people know it. */
  readonly name: string;
  /** Its issuer identifier, exactly. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** What must come back with the person. */
type UpstreamState = { readonly verifier: string; readonly nonce: string };

/** Sign-in at `provider`: authorization code with PKCE, nonce and state (OpenID Connect Core section 3.1). */
export function openId(provider: OpenIdProvider): SignInMethod {
  const { name, issuer, clientId } = provider;
  const unreachable = `${name} cannot be reached. Try again in a minute.`;
  return {
    title: `Sign in with ${name}`,
    fields: [],
    // People whom another provider vouched for are not kept signed in.
    epoch: `openid ${issuer} ${clientId}`,
    async submit(context) {
      const metadata = await discover(issuer);
      return metadata === undefined
        ? rejected("discovery", unreachable)
        : redirectToProvider(provider, metadata, context);
    },
    async finish({ callback }, query, upstreamState) {
      // 1. The answer is the provider's, and not of another one that it was mixed up with.
      const metadata = await discover(issuer);
      if (metadata === undefined) return rejected("discovery", unreachable);
      const answeringIssuer =
        query.get("iss") ?? (metadata.authorization_response_iss_parameter_supported ? "" : issuer);
      if (answeringIssuer !== issuer)
        return rejected("iss", `The answer did not come from ${name}.`);
      // 2. It is a yes.
      const code = query.get("code");
      const error = query.get("error");
      if (error !== undefined && TEMPORARY_ERROR.test(error))
        return rejected("unavailable", unreachable);
      if (error !== undefined || code === undefined)
        return rejected("denied", `${name} did not sign you in.`);
      // 3. The code is worth an ID token.
      const { verifier, nonce } = upstreamState as UpstreamState;
      const token = await exchangeCode(provider, metadata, {
        code,
        redirect_uri: callback,
        code_verifier: verifier,
      });
      if (!token.ok) return rejected("unavailable", unreachable);
      const jws = readJws(token.value);
      if (jws === undefined) return rejected("token", `${name} did not say who you are.`);
      // 4. The ID token is the provider's, for us, for this login, and of now.
      const claims = withoutNulls(jws.payload);
      const claimsError = checkClaims(claims, provider, nonce, now());
      const untrusted = `What ${name} said about you cannot be trusted.`;
      if (claimsError !== undefined) return rejected(claimsError, untrusted);
      const signature = await checkSignature(jws, metadata.jwks_uri, "trusted");
      if (!signature.ok)
        return rejected(signature.error, signature.error === "signature" ? untrusted : unreachable);
      // 5. Whose it is: a subject is only unique at its issuer, and only a verified address is theirs.
      const { sub = "", email, email_verified: isEmailVerified } = claims;
      const person = {
        kind: "authenticated",
        subject: await sha256Base64url(JSON.stringify([issuer, sub])),
      } as const;
      return typeof email === "string" && isEmailVerified === true
        ? { ...person, name: email, properties: { sub, email } }
        : { ...person, name: `your ${name} account`, properties: { sub } };
    },
  };
}

/** What a provider answers with that cannot sign anybody in at the moment (RFC 6749 section 4.1.2.1). */
const TEMPORARY_ERROR = /^(server_error|temporarily_unavailable)$/;

/** The authentication request (OpenID Connect Core section 3.1.2.1), and what must come back with the person. */
async function redirectToProvider(
  { issuer, clientId }: OpenIdProvider,
  metadata: Metadata,
  { callback, state, forcesSignIn }: SignInContext,
): Promise<SignInResult> {
  const upstreamState: UpstreamState = {
    verifier: encodeBase64url(randomBytes(32)),
    nonce: encodeBase64url(randomBytes(16)),
  };
  const url = new URL(metadata.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: callback,
    scope: "openid email",
    state,
    nonce: upstreamState.nonce,
    code_challenge: await sha256Base64url(upstreamState.verifier),
    code_challenge_method: "S256",
  };
  for (const [parameter, value] of Object.entries(parameters))
    url.searchParams.set(parameter, value);
  if (forcesSignIn) url.searchParams.set("prompt", choosePrompt(issuer, metadata));
  return { kind: "redirect", url: url.href, upstreamState };
}

/**
 * What makes a provider ask people whom it remembers. Core section 15.1 has every one know "login"; Google documents
 * "select_account" in its place.
 */
function choosePrompt(
  issuer: string,
  { prompt_values_supported: supportedPrompts }: Metadata,
): string {
  return supportedPrompts.includes("select_account") || issuer === "https://accounts.google.com"
    ? "select_account"
    : "login";
}

function rejected(reason: string, message: string): SignInResult {
  return { kind: "rejected", reason: `openid.${reason}`, message };
}

/** What is used of a provider's metadata (OpenID Connect Discovery section 3). */
interface Metadata {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly authorization_response_iss_parameter_supported: boolean;
  readonly prompt_values_supported: readonly string[];
}

/** Undefined when there is none, or when it is another issuer's. */
async function discover(issuer: string): Promise<Metadata | undefined> {
  const response = await fetchConfigured(
    `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
    JSON_LIMITS,
  );
  const json = successJson(response);
  return json?.["issuer"] === issuer ? readMetadata(withoutNulls(json)) : undefined;
}

/** What holds of a provider that does not say it. */
const METADATA_DEFAULTS = {
  token_endpoint_auth_methods_supported: ["client_secret_basic"],
  authorization_response_iss_parameter_supported: false,
  prompt_values_supported: [],
};

/** Undefined where something that is needed is missing, or anything is of another type. */
function readMetadata(json: JsonObject): Metadata | undefined {
  const metadata: Untrusted<Metadata> = { ...METADATA_DEFAULTS, ...json };
  return typeof metadata.authorization_endpoint === "string" &&
    URL.canParse(metadata.authorization_endpoint) &&
    typeof metadata.token_endpoint === "string" &&
    typeof metadata.jwks_uri === "string" &&
    typeof metadata.authorization_response_iss_parameter_supported === "boolean" &&
    isStringList(metadata.token_endpoint_auth_methods_supported) &&
    isStringList(metadata.prompt_values_supported)
    ? (metadata as Metadata)
    : undefined;
}

type Untrusted<T> = { readonly [Member in keyof T]?: JsonValue };

/** The ID token for a code, empty where there is none; the fault is of the moment. */
async function exchangeCode(
  { clientId, clientSecret }: OpenIdProvider,
  { token_endpoint: endpoint, token_endpoint_auth_methods_supported: methods }: Metadata,
  form: Readonly<Record<string, string>>,
): Promise<Result<string, "unreachable">> {
  const response = await postForm(
    endpoint,
    { grant_type: "authorization_code", ...form },
    { id: clientId, secret: clientSecret, method: clientSecretMethod(methods) },
  );
  if (isTemporary(response)) return err("unreachable");
  const token = successJson(response)?.["id_token"];
  return ok(typeof token === "string" ? token : "");
}

/** What is wrong with the claims of an ID token, if anything (OpenID Connect Core section 3.1.3.7). `time` in milliseconds. */
export function checkClaims(
  { iss, aud, azp, exp, iat, nonce, sub }: JsonObject,
  { issuer, clientId }: OpenIdProvider,
  expectedNonce: string,
  time: number,
): string | undefined {
  const audience = Array.isArray(aud) ? aud : [aud];
  if (iss !== issuer) return "issuer";
  if (!audience.includes(clientId)) return "audience";
  if (azp === undefined ? audience.length > 1 : azp !== clientId) return "authorized_party";
  if (typeof exp !== "number" || exp * 1000 <= time - CLOCK_SKEW_MS) return "expired";
  if (typeof iat !== "number" || iat * 1000 > time + CLOCK_SKEW_MS) return "issued_at";
  if (nonce !== expectedNonce) return "nonce";
  return typeof sub === "string" && sub !== "" ? undefined : "subject";
}
