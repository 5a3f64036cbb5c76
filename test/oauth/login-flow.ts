/**
 * A person's way into the guarded world, step by step: each function is one request, so that a test may stop, repeat
 * or spoil any of them. Asked over the Worker's own entrypoint; nothing is taken from its memory.
 */

import { exports } from "cloudflare:workers";
import { CHALLENGE, VERIFIER } from "./authorization-server.ts";

export const ORIGIN = "http://localhost";
export const ENDPOINT: string = `${ORIGIN}/mcp`;
export const REDIRECT_URI = "http://127.0.0.1:4711/callback";

const worker = (exports as unknown as { guarded: Fetcher }).guarded;

export async function fetchGuarded(url: string | URL, init: RequestInit = {}): Promise<Response> {
  return worker.fetch(String(url), { redirect: "manual", ...init });
}

export async function registerClient(metadata: object = {}): Promise<string> {
  const body = JSON.stringify({
    client_name: "Journey",
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    ...metadata,
  });
  const response = await fetchGuarded(`${ORIGIN}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  if (response.status !== 201) throw new Error(`Not registered: ${await response.text()}`);
  return (await response.json<{ client_id: string }>()).client_id;
}

/** A browser: its cookies, and the page it is on. */
export interface Browser {
  cookies: Map<string, string>;
  page: Response;
  html: string;
}

export async function browse(
  browser: Browser | undefined,
  url: string | URL,
  form?: object,
): Promise<Browser> {
  const cookies = new Map(browser?.cookies);
  const headers = new Headers({ cookie: [...cookies].map((pair) => pair.join("=")).join("; ") });
  const post = form === undefined ? {} : { method: "POST", body: new URLSearchParams({ ...form }) };
  if (form !== undefined) headers.set("origin", ORIGIN);
  const page = await fetchGuarded(new URL(url, ORIGIN), { ...post, headers });
  for (const line of page.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    cookies.set(name, value);
  }
  const onward = new URL(page.headers.get("location") ?? "about:blank", ORIGIN);
  // From a form to the page that answers it.
  if (form !== undefined && onward.origin === ORIGIN)
    return browse({ cookies, page, html: "" }, onward);
  return { cookies, page, html: await page.text() };
}

/** The hidden fields of the page's first form. */
export function hiddenFields({ html }: Browser): Record<string, string> {
  const inputs = [...html.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => tag);
  const part = (tag: string, name: string): string =>
    new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return Object.fromEntries(
    inputs.map((tag) => [part(tag, "name"), part(tag, "value").replaceAll("&amp;", "&")]),
  );
}

export function authorizeUrl(
  clientId: string,
  changes: Record<string, string | undefined> = {},
): URL {
  const url = new URL("/authorize", ORIGIN);
  const parameters = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    state: "s 1",
    resource: ENDPOINT,
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
    ...changes,
  };
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

/** Signs in as `name`, who stands before the consent page then. */
export async function signIn(url: URL, name: string): Promise<Browser> {
  const begun = await browse(undefined, url);
  return browse(begun, "/authorize/sign-in", { ...hiddenFields(begun), name, word: "open" });
}

/** Where the browser is sent with the decision. */
export async function submitDecision(
  consent: Browser,
  decision: "allow" | "deny",
): Promise<URLSearchParams> {
  const { page, html } = await browse(consent, "/authorize/consent", {
    ...hiddenFields(consent),
    decision,
  });
  const location = page.headers.get("location");
  if (location === null) throw new Error(`Not sent anywhere: ${page.status} ${html}`);
  return new URL(location).searchParams;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly scope: string;
}

export async function tokenRequest(form: Record<string, string>): Promise<Response> {
  return fetchGuarded(`${ORIGIN}/token`, { method: "POST", body: new URLSearchParams(form) });
}

export async function redeemCode(clientId: string, code: string): Promise<Tokens> {
  const grant = {
    grant_type: "authorization_code",
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
  };
  const response = await tokenRequest({ ...grant, client_id: clientId, resource: ENDPOINT });
  if (response.status !== 200) throw new Error(`No token: ${await response.text()}`);
  return response.json();
}

/** All of it: the tokens of a new client for the person called `name`. */
export async function logIn(
  name: string,
  clientId?: string,
): Promise<Tokens & { clientId: string }> {
  const id = clientId ?? (await registerClient());
  const answer = await submitDecision(await signIn(authorizeUrl(id), name), "allow");
  return { ...(await redeemCode(id, answer.get("code") ?? "")), clientId: id };
}
