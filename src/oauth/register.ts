/**
 * Dynamic client registration: RFC 7591 section 3. A registered client's id *is* what it registered, sealed: nothing is
 * stored, so strangers cannot fill storage, and the id opens as long as its key is in the ring.
 * A confidential client's secret is random; the id holds only its digest. Never gives `client_credentials`, which needs an
 * operator's word; who wants to sign (private_key_jwt publishes a document) gets a secret. The answer says what was given.
 */

import { base64url } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import { readObject, withoutNulls, type JsonObject, type JsonValue } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { digest, open, seal } from "../crypto/seal.ts";
import { readBody } from "../wire/body.ts";
import { isMediaType } from "../wire/media.ts";
import type { Client } from "./client-types.ts";
import { readMetadata, wrong } from "./client-metadata.ts";
import type { Desk } from "./desk.ts";
import { audit, fault, oauthJson, refuseOAuth, type Fault } from "./fault.ts";

const MAX_BODY = 8_192;
/** Characters of a client id. It travels in query strings and forms, which have their own limits. */
const MAX_ID = 6_000;
const DEFAULT_METHOD = "client_secret_basic";
const METHODS = [DEFAULT_METHOD, "client_secret_post", "none"];

/** What an id holds: redirect URIs, name, grant types, scopes or null, digest of the secret or null. */
type Sealed = [readonly string[], string, readonly string[], readonly string[] | null, string | null];

export async function register(desk: Desk, http: Request): Promise<Response> {
  const stated = await readStated(http);
  const answer = stated.ok ? await issue(desk, stated.value) : stated;
  return answer.ok ? oauthJson(answer.value, 201) : refuseOAuth("register", answer, http);
}

/** The client information response of section 3.2.1: all that was registered, which may be less than was asked. */
async function issue(desk: Desk, stated: JsonObject): Promise<Result<object, Fault>> {
  const { application_type: type, token_endpoint_auth_method: asked = DEFAULT_METHOD } = stated;
  const metadata = readMetadata(stated, Object.keys(desk.settings.scopes));
  if (!metadata.ok) return metadata;
  const { redirectUris, name, grantTypes, defaultScopes: scopes } = metadata.value;
  // spec: client.type.recorded, client.native.secret, client.kinds
  if (typeof asked !== "string") return wrong("token_endpoint_auth_method", "must be a string");
  const method = METHODS.includes(asked) ? asked : DEFAULT_METHOD;
  const secret = method === "none" ? undefined : base64url(randomBytes(32));
  const held: Sealed = [redirectUris, name, grantTypes, scopes ?? null, secret ? await digest(secret) : null];
  const id = await seal(desk.ring, "client", held as JsonValue);
  if (id.length > MAX_ID) return wrong("client_metadata", "is too long in all");
  audit("oauth.registered", { client: await keyOf(id), method });
  return ok({
    // spec: register.response, register.response.metadata, register.unknown.ignored, register.secret.expiry
    client_id: id,
    client_id_issued_at: Math.floor(now() / 1000),
    client_secret: secret,
    client_secret_expires_at: secret && 0,
    client_name: name || undefined,
    application_type: type === undefined || type === "web" ? type : "native",
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    response_types: ["code"],
    scope: scopes?.join(" "),
    token_endpoint_auth_method: method,
  });
}

/** The client behind an id that this ring sealed; undefined for everything else. */
export async function readRegistered(ring: KeyRing, id: string): Promise<Client | undefined> {
  const opened = id.length > MAX_ID ? undefined : await open(ring, "client", id);
  if (opened?.ok !== true) return undefined;
  const [redirectUris, name, grantTypes, scopes, sha256] = opened.value as Sealed;
  return {
    id,
    key: await keyOf(id),
    name,
    host: undefined,
    redirectUris,
    grantTypes,
    scopes: undefined,
    defaultScopes: scopes ?? undefined,
    auth: sha256 === null ? { method: "none" } : { method: "secret", sha256 },
  };
}

async function keyOf(id: string): Promise<string> {
  return `dcr:${(await digest(id)).slice(0, 22)}`;
}

async function readStated(http: Request): Promise<Result<JsonObject, Fault>> {
  const refused = (state: string) => fault("invalid_client_metadata", "metadata.body", `The body ${state}`);
  if (!isMediaType(http.headers.get("content-type"), "application/json")) return refused("must be application/json");
  const body = await readBody(http, MAX_BODY);
  if (!body.ok) return refused(`must be UTF-8 of at most ${MAX_BODY} bytes`);
  const value = readObject(body.value);
  return value === undefined ? refused("must be a JSON object") : ok(withoutNulls(value));
}
