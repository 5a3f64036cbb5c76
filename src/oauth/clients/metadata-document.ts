/**
 * Clients that publish their metadata: the client id is the https URL of a JSON document. OAuth Client ID Metadata
 * Document (draft 00), MCP basic/authorization/client-registration#client-id-metadata-documents.
 * Refuses ids that a URL parser would write differently, our own host, documents that name another id, and shared secrets,
 * which a public document cannot keep. Documents are cached as their HTTP headers say, and used for a day where they cannot be
 * had again; failures never are.
 * What may be fetched at all is `net/fetch.ts`'s business, and keys are `jwks.ts`'s.
 */

import { now } from "../../base/time.ts";
import { isObject, withoutNulls, type JsonObject } from "../../base/json.ts";
import { ok, type Result } from "../../base/result.ts";
import {
  checkPublicUrl,
  fetchUntrusted,
  isTemporary,
  JSON_LIMITS,
  successJson,
} from "../../net/fetch.ts";
import { createTtlCache } from "../../base/ttl-cache.ts";
import { readKeys } from "../jwks.ts";
import type { Client, ClientAuth } from "./types.ts";
import { parseClientMetadata, invalidMetadata } from "./metadata.ts";
import type { AuthorizationServer } from "../authorization-server/types.ts";
import { oauthError, type OAuthError, type OAuthFailure } from "../errors.ts";
import { checkRedirectUri } from "./redirect-uri.ts";
import {
  DEFAULT_DOCUMENT_SECONDS,
  MAX_CACHED_DOCUMENTS,
  MAX_DOCUMENT_SECONDS,
  MAX_DOCUMENT_URL_CHARACTERS,
} from "../limits.ts";

/** The draft recommends 5 kilobytes. */
const FETCH_LIMITS = { ...JSON_LIMITS, maxBytes: 5_120 };

const documentCache = createTtlCache<{ readonly client: Client; readonly freshUntilMs: number }>(
  MAX_CACHED_DOCUMENTS,
);

/** The client of a metadata document at `id`, an https URL; cached as HTTP allows. Refuses private hosts before it fetches. */
export async function fetchClientMetadataDocument(
  authServer: AuthorizationServer,
  id: string,
): Promise<Result<Client, OAuthError>> {
  const { publicHost: ownHost, scopes } = authServer.settings;
  const cached = documentCache.get(id, now());
  if (cached !== undefined && now() < cached.freshUntilMs) return ok(cached.client);
  if (!isClientUrl(id, ownHost)) return documentError("document.url", "its URL is no client_id");
  const response = await fetchUntrusted(id, FETCH_LIMITS);
  // It may be there again in a moment: then the client must not be told that it is unknown. The host is named for whoever
  // may know why: its name is letters, digits, hyphens and dots.
  const json = successJson(response);
  if (!response.ok || json === undefined) {
    // Not there any more is how a client is taken away.
    const isGone = response.ok && [404, 410].includes(response.value.status);
    if (cached !== undefined && !isGone) return ok(cached.client);
    if (cached !== undefined) documentCache.put(id, cached, 0);
    const reason = response.ok ? "document.status" : response.error;
    const error = isTemporary(response) ? "temporarily_unavailable" : undefined;
    return documentError(reason, `it could not be had from ${new URL(id).hostname}`, error);
  }
  const { headers } = response.value;
  const client = parseClientMetadataDocument(id, json, Object.keys(scopes), ownHost);
  if (!client.ok) {
    if (cached !== undefined) documentCache.put(id, cached, 0);
    return documentError(client.error.reason, client.error.description);
  }
  const seconds = cacheLifetimeSeconds(headers, now());
  // Where it may not be kept, neither may the one before.
  if (seconds > 0 || cached !== undefined)
    documentCache.put(
      id,
      { client: client.value, freshUntilMs: now() + seconds * 1_000 },
      seconds > 0 ? now() + MAX_DOCUMENT_SECONDS * 1_000 : 0,
    );
  return client;
}

// spec: client.document.url
/**
 * Section 3: https, a path, no fragment, user info or dot segments. All but the first are seen by comparing the id with
 * what a parser makes of it: that also refuses a second spelling of the same URL, which would be another client.
 * `own`: the host of this server, which vouches for nobody.
 */
export function isClientUrl(id: string, ownHost?: string): boolean {
  const url =
    id.length <= MAX_DOCUMENT_URL_CHARACTERS && URL.canParse(id) ? new URL(id) : undefined;
  return (
    url?.href === id && url.pathname !== "/" && !id.includes("#") && checkPublicUrl(id, ownHost).ok
  );
}

/** The client that a document describes. `known`: the scopes of this server; `host`: its name. */
export function parseClientMetadataDocument(
  id: string,
  document: JsonObject,
  knownScopes: readonly string[],
  ownHost?: string,
): Result<Client, OAuthError> {
  const members = withoutNulls(document);
  if (members["client_id"] !== id) return invalidMetadata("client_id", "is not the document's URL");
  if ("client_secret" in members || "client_secret_expires_at" in members)
    return invalidMetadata("client_secret", "cannot be kept in a public document");
  const metadata = parseClientMetadata(withUsableRedirectUris(members), knownScopes);
  if (!metadata.ok) return metadata;
  if (metadata.value.name === "") return invalidMetadata("client_name", "is needed");
  const auth = readAuth(members, ownHost);
  return auth.ok
    ? ok({ id, key: id, metadataHost: new URL(id).host, ...metadata.value, auth: auth.value })
    : auth;
}

/** A document is written for many servers: of its redirect URIs those that this one takes, unless that is none. */
function withUsableRedirectUris(members: JsonObject): JsonObject {
  const { redirect_uris: uris } = members;
  if (!Array.isArray(uris)) return members;
  const usable = uris.filter((uri) => typeof uri === "string" && checkRedirectUri(uri).ok);
  return usable.length === 0 ? members : { ...members, redirect_uris: usable };
}

function readAuth(
  members: JsonObject,
  ownHost: string | undefined,
): Result<ClientAuth, OAuthError> {
  const { jwks, jwks_uri, token_endpoint_auth_method: method = "none" } = members;
  if (method === "none") return ok({ method });
  if (method !== "private_key_jwt")
    return invalidMetadata("token_endpoint_auth_method", "must be none or private_key_jwt");
  if (isObject(jwks)) return ok({ method, jwks: { keys: readKeys(jwks) ?? [] } });
  const url = typeof jwks_uri === "string" ? checkPublicUrl(jwks_uri, ownHost) : undefined;
  return url?.ok === true
    ? ok({ method, jwks: url.value.href })
    : invalidMetadata("jwks", "or jwks_uri is not usable");
}

/** How long an answer may be used again, in seconds: RFC 9111 section 4.2. A date that cannot be read is in the past. */
export function cacheLifetimeSeconds(headers: Headers, time: number): number {
  const cacheControl = headers.get("cache-control") ?? "";
  const expires = headers.get("expires");
  if (/\b(?:no-store|no-cache|private)\b/i.test(cacheControl)) return 0;
  const [, maxAge] = /\bmax-age="?(\d+)/i.exec(cacheControl) ?? [];
  if (maxAge === undefined && expires === null) return DEFAULT_DOCUMENT_SECONDS;
  const seconds =
    maxAge === undefined
      ? (Date.parse(expires ?? "") - time) / 1000
      : Number(maxAge) - Number(headers.get("age") ?? 0);
  return Math.max(0, Math.min(seconds || 0, MAX_DOCUMENT_SECONDS));
}

function documentError(
  reason: string,
  problem: string,
  error: OAuthError["error"] = "invalid_client",
): OAuthFailure {
  return oauthError(error, reason, `The client metadata document cannot be used: ${problem}`);
}
