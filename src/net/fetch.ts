/**
 * The one outgoing fetch, in two strengths: for URLs that strangers name, and for URLs that the operator configured.
 * No redirects, a cap on the stream itself, one time limit for all of it, no cache on the way.
 * A stranger's URL must be https on the default port of a public name; OAuth Client ID Metadata Document, on SSRF.
 * Not checked: what a name resolves to. On Cloudflare's network a Worker's fetch reaches no private network; elsewhere
 * the network must see to that.
 */

import { decodeUtf8, readStream } from "../base/bytes.ts";
import { startTimer } from "../base/time.ts";
import { readJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";

export interface FetchLimits {
  /** Media types, comma separated, or *\/*: sent as Accept, and what a 2xx answer must be. */
  readonly accept: string;
  /** Takes any type, and passes over bytes that are no UTF-8. */
  readonly isLenient?: boolean;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** For a document of JSON that somebody waits for. */
export const JSON_LIMITS: FetchLimits = {
  accept: "application/json",
  maxBytes: 65_536,
  timeoutMs: 5_000,
};

/** Beyond a GET, for {@link fetchConfigured}. */
export interface FetchOptions {
  readonly method?: "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface FetchResult {
  readonly status: number;
  readonly headers: Headers;
  /** Empty where it is that of an error, and more than the limit or no UTF-8: the status counts all the same. */
  readonly text: string;
  /** The text as a JSON object; undefined when it is none. */
  readonly json: JsonObject | undefined;
}

/** GETs a URL that a stranger named. The reason is stable and dotted: "url.host", "fetch.redirect", "fetch.large", … */
export async function fetchUntrusted(
  url: string,
  limits: FetchLimits,
): Promise<Result<FetchResult, string>> {
  const checked = checkPublicUrl(url);
  return checked.ok ? fetchWithLimits(checked.value, {}, limits) : checked;
}

/** Fetches a URL that the operator configured, or that a document at one names: loopback and plain http are their choice. */
export async function fetchConfigured(
  url: string,
  limits: FetchLimits & FetchOptions,
): Promise<Result<FetchResult, string>> {
  const { method = "GET", headers = {}, body = null } = limits;
  const isHttp = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  return isHttp
    ? fetchWithLimits(new URL(url), { method, headers, body }, limits)
    : err("url.scheme");
}

/** How a client secret is sent: RFC 6749 section 2.3.1, by the names of RFC 7591 section 2. */
export type ClientSecretMethod = "client_secret_basic" | "client_secret_post";

/** As whom a form is sent. Without a secret the id alone is, in the form. */
export interface ClientCredentials {
  readonly id: string;
  readonly secret?: string | undefined;
  readonly method?: ClientSecretMethod | undefined;
}

/** HTTP Basic, which every server is to take, unless it lists its methods (RFC 8414 section 2) without that. */
export function clientSecretMethod(
  supported: JsonValue | readonly string[] | undefined,
): ClientSecretMethod {
  return Array.isArray(supported) && !supported.includes("client_secret_basic")
    ? "client_secret_post"
    : "client_secret_basic";
}

/** POSTs a form to an endpoint of OAuth that the operator configured: RFC 6749 sections 2.3.1 and 3.2. */
export function postForm(
  url: string,
  form: Readonly<Record<string, string>>,
  { id, secret, method = "client_secret_basic" }: ClientCredentials,
  limits: FetchLimits = JSON_LIMITS,
): Promise<Result<FetchResult, string>> {
  const isBasic = secret !== undefined && method === "client_secret_basic";
  const basic = `Basic ${btoa([id, secret ?? ""].map(encodeURIComponent).join(":"))}`;
  const inForm = { client_id: id, ...(secret !== undefined && { client_secret: secret }) };
  return fetchConfigured(url, {
    ...limits,
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(isBasic && { authorization: basic }),
    },
    body: new URLSearchParams({ ...form, ...(!isBasic && inForm) }).toString(),
  });
}

/** The JSON object of a 200; undefined for every other outcome. */
export function successJson(outcome: Result<FetchResult, string>): JsonObject | undefined {
  return outcome.ok && outcome.value.status === 200 ? outcome.value.json : undefined;
}

/**
 * A name of the public network: parts with a dot between, the last of letters and none that is kept for something else
 * (RFC 6761, 6762 appendix G, 7686, 8375, 9476) or is used inside networks.
 */
const PUBLIC_NAME =
  /^(?!localhost\.)(?:[\w-]+\.)+(?!(?:local(?:host|domain)?|lan|home|corp|internal|intranet|private|svc|onion|alt|arpa|test|example|invalid)$)(?:[a-z]{2,}|xn--[a-z\d-]+)$/;

/**
 * The URL, if a stranger may make us fetch it. An address in place of a name is refused, whichever it is: parsing has
 * turned every notation of IPv4 into dotted decimals, which no name can end in, and IPv6 stands in brackets.
 * `own`: a host that is refused as well.
 */
export function checkPublicUrl(text: string, ownHost?: string): Result<URL, string> {
  if (!URL.canParse(text)) return err("url.malformed");
  const url = new URL(text);
  if (url.protocol !== "https:") return err("url.scheme");
  if (url.username !== "" || url.password !== "") return err("url.userinfo");
  if (url.port !== "") return err("url.port");
  if (!PUBLIC_NAME.test(url.hostname) || url.hostname === ownHost) return err("url.host");
  return ok(url);
}

async function fetchWithLimits(
  url: URL,
  init: RequestInit,
  limits: FetchLimits,
): Promise<Result<FetchResult, string>> {
  const { accept, isLenient = false, maxBytes, timeoutMs } = limits;
  const controller = new AbortController();
  const cancelTimeout = startTimer(timeoutMs, () => controller.abort());
  try {
    const { signal } = controller;
    const headers = new Headers(init.headers);
    if (!headers.has("user-agent")) headers.set("user-agent", "barewire");
    headers.set("accept", accept);
    const response = await fetch(url, {
      ...init,
      headers,
      signal,
      redirect: "manual",
      cache: "no-store",
    });
    if (response.status >= 300 && response.status < 400) return err("fetch.redirect");
    const type = response.headers.get("content-type");
    const isTyped = !response.ok || isLenient || isEmpty(response);
    if (!isTyped && !isAcceptedType(accept, type)) return err("fetch.type");
    const bytes = await readStream(response.body, maxBytes);
    const decode = isLenient
      ? (some: Uint8Array): string => new TextDecoder().decode(some)
      : decodeUtf8;
    const text = (bytes && decode(bytes)) ?? (response.ok ? undefined : "");
    if (text === undefined) return err(bytes === undefined ? "fetch.large" : "fetch.utf8");
    return ok({
      status: response.status,
      headers: response.headers,
      text,
      // Nobody may send a byte order mark, and all who read JSON may pass over it (RFC 8259 section 8.1).
      json: readJsonObject(text.replace(/^\uFEFF/, "")),
    });
  } catch {
    return err(controller.signal.aborted ? "fetch.timeout" : "fetch.failed");
  } finally {
    cancelTimeout();
    // A body that was left unread would hold one of the request's few connections.
    controller.abort();
  }
}

/** What has no content is of no type, whatever it says. */
function isEmpty({ status, headers, body }: Response): boolean {
  const hasNone = status === 204 || status === 205 || body === null;
  return hasNone || headers.get("content-length") === "0";
}

function isAcceptedType(accept: string, type: string | null): boolean {
  const accepted = accept.split(",").map(plainType);
  return accepted.includes("*/*") || accepted.includes(plainType(type ?? ""));
}

/**
 * Without parameters. What has the suffix "+json" is JSON, whatever else it is (RFC 6839 section 3.1), but for what says that
 * something went wrong (RFC 9457).
 */
function plainType(text: string): string {
  const [type = ""] = text.split(";", 1);
  const name = type.trim().toLowerCase();
  return /^application\/(?!problem\+)[^\s,]+\+json$/.test(name) ? "application/json" : name;
}

/** Whether a request may have another outcome later: nothing came, or not in time; the host failed, or asked to wait. */
export function isTemporary(outcome: Result<FetchResult, string>): boolean {
  if (!outcome.ok) return /timeout|failed/.test(outcome.error);
  const { status } = outcome.value;
  return status >= 500 || status === 408 || status === 429;
}
