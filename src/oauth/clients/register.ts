/**
 * Dynamic client registration: RFC 7591 section 3. A registered client's id *is* what it registered, sealed: nothing is
 * stored, so strangers cannot fill storage, and the id opens as long as its key is in the ring.
 * A confidential client's secret is random; the id holds only its digest. Never gives `client_credentials`, which needs an
 * operator's word; who wants to sign (private_key_jwt publishes a document) gets a secret. The answer says what was given.
 */

import { encodeBase64url } from "../../base/bytes.ts";
import { now, randomBytes } from "../../base/time.ts";
import { readJsonObject, withoutNulls, type JsonObject, type JsonValue } from "../../base/json.ts";
import { ok, type Result } from "../../base/result.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { sha256Base64url, open, seal } from "../../crypto/seal.ts";
import { readBody } from "../../wire/body.ts";
import { isMediaType } from "../../wire/media-type.ts";
import type { Client } from "./types.ts";
import { parseClientMetadata, invalidMetadata } from "./metadata.ts";
import type { AuthorizationServer } from "../authorization-server/types.ts";
import { audit, oauthError, oauthJson, oauthErrorResponse, type OAuthError } from "../errors.ts";
import { MAX_ID_CHARACTERS, MAX_REGISTRATION_BYTES } from "../limits.ts";

const DEFAULT_AUTH_METHOD = "client_secret_basic";
const AUTH_METHODS = [DEFAULT_AUTH_METHOD, "client_secret_post", "none"];

/** What an id holds: redirect URIs, name, grant types, scopes or null, digest of the secret or null. */
type SealedClient = [
  readonly string[],
  string,
  readonly string[],
  readonly string[] | null,
  string | null,
];

/** Dynamic client registration (RFC 7591). Stores nothing: the client id is the sealed metadata. */
export async function registrationEndpoint(
  authServer: AuthorizationServer,
  http: Request,
): Promise<Response> {
  const body = await readRegistrationRequest(http);
  const response = body.ok ? await registerClient(authServer, body.value) : body;
  return response.ok
    ? oauthJson(response.value, 201)
    : oauthErrorResponse("register", response, http);
}

/** The client information response of section 3.2.1: all that was registered, which may be less than was asked. */
async function registerClient(
  authServer: AuthorizationServer,
  members: JsonObject,
): Promise<Result<object, OAuthError>> {
  const {
    application_type: applicationType,
    token_endpoint_auth_method: requestedMethod = DEFAULT_AUTH_METHOD,
  } = members;
  const metadata = parseClientMetadata(members, Object.keys(authServer.settings.scopes));
  if (!metadata.ok) return metadata;
  const { redirectUris, name, grantTypes, defaultScopes: scopes } = metadata.value;
  // spec: client.type.recorded, client.native.secret, client.kinds
  if (typeof requestedMethod !== "string")
    return invalidMetadata("token_endpoint_auth_method", "must be a string");
  const method = AUTH_METHODS.includes(requestedMethod) ? requestedMethod : DEFAULT_AUTH_METHOD;
  // spec: register.secret.unique, register.default.method
  const secret = method === "none" ? undefined : encodeBase64url(randomBytes(32));
  const sealedClient: SealedClient = [
    redirectUris,
    name,
    grantTypes,
    scopes ?? null,
    secret ? await sha256Base64url(secret) : null,
  ];
  const id = await seal(authServer.ring, "client", sealedClient as JsonValue);
  if (id.length > MAX_ID_CHARACTERS)
    return invalidMetadata("client_metadata", "is too long in all");
  audit("oauth.registered", { client: await clientKey(id), method });
  return ok({
    // spec: register.response, register.response.metadata, register.unknown.ignored
    client_id: id,
    client_id_issued_at: Math.floor(now() / 1000),
    client_secret: secret,
    // spec: register.secret.expiry
    client_secret_expires_at: secret && 0,
    // spec: register.name.untagged
    client_name: name || undefined,
    application_type:
      applicationType === undefined ? undefined : registeredType(applicationType, redirectUris),
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    // spec: register.default.response-types
    response_types: ["code"],
    scope: scopes?.join(" "),
    token_endpoint_auth_method: method,
  });
}

/** OpenID Connect Registration section 2: a web application has https addresses alone. */
function registeredType(requestedType: JsonValue, redirectUris: readonly string[]): string {
  return requestedType === "web" && redirectUris.every((uri) => /^https:/i.test(uri))
    ? "web"
    : "native";
}

/** The client behind an id that this ring sealed; undefined for everything else. */
export async function openRegisteredClient(ring: KeyRing, id: string): Promise<Client | undefined> {
  const opened = id.length > MAX_ID_CHARACTERS ? undefined : await open(ring, "client", id);
  if (opened?.ok !== true) return undefined;
  const [redirectUris, name, grantTypes, scopes, sha256] = opened.value as SealedClient;
  return {
    id,
    key: await clientKey(id),
    name,
    metadataHost: undefined,
    redirectUris,
    grantTypes,
    scopes: undefined,
    defaultScopes: scopes ?? undefined,
    auth: sha256 === null ? { method: "none" } : { method: "secret", sha256 },
  };
}

async function clientKey(id: string): Promise<string> {
  return `dcr:${(await sha256Base64url(id)).slice(0, 22)}`;
}

async function readRegistrationRequest(http: Request): Promise<Result<JsonObject, OAuthError>> {
  const invalidBody = (problem: string) =>
    oauthError("invalid_client_metadata", "metadata.body", `The body ${problem}`);
  if (!isMediaType(http.headers.get("content-type"), "application/json"))
    return invalidBody("must be application/json");
  const body = await readBody(http, MAX_REGISTRATION_BYTES);
  if (!body.ok) return invalidBody(`must be UTF-8 of at most ${MAX_REGISTRATION_BYTES} bytes`);
  const value = readJsonObject(body.value);
  return value === undefined ? invalidBody("must be a JSON object") : ok(withoutNulls(value));
}
