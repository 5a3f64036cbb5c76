/**
 * Clients that publish their metadata: the client id is the https URL of a JSON document. OAuth Client ID Metadata
 * Document (draft 00), MCP basic/authorization/client-registration#client-id-metadata-documents.
 * Refuses ids that a URL parser would write differently, our own host, documents that name another id, and shared secrets,
 * which a public document cannot keep. Documents are cached as their HTTP headers say; failures never are.
 * What may be fetched at all is `net/fetch.ts`'s business, and keys are `jwks.ts`'s.
 */

import { now } from "../base/clock.ts";
import { isObject, withoutNulls, type JsonObject } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import { checkStrangerUrl, fetchStranger } from "../net/fetch.ts";
import { cache } from "./cache.ts";
import type { Client, ClientAuth } from "./client-types.ts";
import { readMetadata, wrong } from "./client-metadata.ts";
import type { Desk } from "./desk.ts";
import { fault, type Fault, type Refused } from "./fault.ts";

/** The draft recommends 5 kilobytes. */
const LIMITS = { accept: "application/json", maxBytes: 5_120, timeoutMs: 5_000 };
const MAX_URL = 1_000;
const MOST_KEPT = 200;
/** How long a document is kept that says nothing about it, and at most. */
const DEFAULT_SECONDS = 300;
const MOST_SECONDS = 86_400;

const kept = cache<Client>(MOST_KEPT);

export async function findPublished(desk: Desk, id: string): Promise<Result<Client, Fault>> {
  const { host, scopes } = desk.settings;
  const known = kept.get(id, now());
  if (known !== undefined) return ok(known);
  if (!isClientUrl(id, host)) return unusable("document.url", "its URL has not the form of a client_id");
  const answer = await fetchStranger(id, LIMITS);
  // It may be there again in a moment: then the client must not be told that it is unknown.
  if (!answer.ok) return unreachable(id, answer.error, /timeout|failed/.test(answer.error));
  const { status, headers, json = {} } = answer.value;
  if (status !== 200) return unreachable(id, "document.status", status >= 500);
  const client = readDocument(id, json, Object.keys(scopes), host);
  if (!client.ok) return unusable(client.error.reason, client.error.description);
  const seconds = freshSeconds(headers, now());
  if (seconds > 0) kept.put(id, client.value, now() + seconds * 1000);
  return client;
}

// spec: client.document.url
/**
 * Section 3: https, a path, no fragment, user info or dot segments. All but the first are seen by comparing the id with
 * what a parser makes of it: that also refuses a second spelling of the same URL, which would be another client.
 * `own`: the host of this server, which vouches for nobody.
 */
export function isClientUrl(id: string, own?: string): boolean {
  const url = id.length <= MAX_URL && URL.canParse(id) ? new URL(id) : undefined;
  return url?.href === id && url.pathname !== "/" && !id.includes("#") && checkStrangerUrl(id, own).ok;
}

/** The client that a document describes. `known`: the scopes of this server; `host`: its name. */
export function readDocument(
  id: string,
  document: JsonObject,
  known: readonly string[],
  host?: string,
): Result<Client, Fault> {
  const stated = withoutNulls(document);
  if (stated["client_id"] !== id) return wrong("client_id", "is not the URL of the document");
  if ("client_secret" in stated || "client_secret_expires_at" in stated)
    return wrong("client_secret", "cannot be kept in a document that everybody reads");
  const metadata = readMetadata(stated, known);
  if (!metadata.ok) return metadata;
  if (metadata.value.name === "") return wrong("client_name", "is needed");
  const auth = readAuth(stated, host);
  return auth.ok ? ok({ id, key: id, host: new URL(id).host, ...metadata.value, auth: auth.value }) : auth;
}

function readAuth(stated: JsonObject, host: string | undefined): Result<ClientAuth, Fault> {
  const { jwks, jwks_uri, token_endpoint_auth_method: method = "none" } = stated;
  if (method === "none") return ok({ method });
  if (method !== "private_key_jwt") return wrong("token_endpoint_auth_method", "must be none or private_key_jwt");
  if (isObject(jwks)) return ok({ method, jwks });
  const url = typeof jwks_uri === "string" ? checkStrangerUrl(jwks_uri, host) : undefined;
  return url?.ok === true ? ok({ method, jwks: url.value.href }) : wrong("jwks", "or jwks_uri is not usable");
}

/** How long an answer may be used again, in seconds: RFC 9111 section 4.2. A date that cannot be read is in the past. */
export function freshSeconds(headers: Headers, now: number): number {
  const control = headers.get("cache-control") ?? "";
  const expires = headers.get("expires");
  if (/\b(?:no-store|no-cache|private)\b/i.test(control)) return 0;
  const [, maxAge] = /\bmax-age="?(\d+)/i.exec(control) ?? [];
  if (maxAge === undefined && expires === null) return DEFAULT_SECONDS;
  const seconds =
    maxAge === undefined ? (Date.parse(expires ?? "") - now) / 1000 : Number(maxAge) - Number(headers.get("age") ?? 0);
  return Math.max(0, Math.min(seconds || 0, MOST_SECONDS));
}

/** Names the host: whoever reads this may know why it cannot be reached. Its name is letters, digits, hyphens and dots. */
function unreachable(id: string, reason: string, away: boolean): Refused {
  const error = away ? "temporarily_unavailable" : undefined;
  return unusable(reason, `it could not be had from ${new URL(id).hostname}`, error);
}

function unusable(reason: string, state: string, error: Fault["error"] = "invalid_client"): Refused {
  return fault(error, reason, `The client metadata document cannot be used: ${state}`);
}
