/**
 * A whole login without a browser, as any OAuth client and its user would do it: discovery, registration, the pages as
 * forms, the code, the token. `make token`, tests, benchmarks and conformance lanes drive servers with it.
 * What a server says of itself leads nowhere else: every address and every redirect must be of the origin that was asked.
 */

import { createHash, randomBytes } from "node:crypto";
import { messageIn, readHtmlForm, readText, visibleText } from "./html-page.ts";

/** How long a server may take: while `make dev` waits for a mistake to be mended, it answers nobody. */
const ANSWER_MS = 30_000;
const REDIRECT = "http://127.0.0.1:9/callback";

/** What a browser does: it sends a request, and follows nothing. */
export type Browser = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** What a form is filled in with, by the names of its fields. */
export type FormFields = Readonly<Record<string, string>>;

/** A token response (RFC 6749 section 5.1), as far as it is needed. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Members of the metadata of a server and its resource (RFC 8414, RFC 9728). */
interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint: string;
  readonly resource: string;
}

/**
 * Logs in at the server behind `endpoint`, filling the sign-in form with `fields`. Resolves to the token response, and the
 * `client_id` it was made for. Rejects with what the server said at the first refusal, which may hold any characters, and
 * where it took longer than `answerMs` for any answer.
 */
export async function login(
  endpoint: string | URL,
  fields: FormFields,
  answerMs: number = ANSWER_MS,
): Promise<Tokens & { readonly client_id: string }> {
  const browser = tab(answerMs);
  const send = sender(answerMs);
  const server = await discover(endpoint, send);
  const client = await json<{ readonly client_id: string }>(
    await send(server.registration_endpoint, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_name: "make token",
        redirect_uris: [REDIRECT],
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
      }),
    }),
  );
  const verifier = randomBytes(32).toString("base64url");
  const asked = new URL(server.authorization_endpoint);
  const state = randomBytes(9).toString("base64url");
  const params = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource: server.resource,
  };
  for (const [name, value] of Object.entries(params)) asked.searchParams.set(name, value);
  const answer = await passPages(browser, asked, fields);
  if (answer.get("state") !== state || answer.get("iss") !== server.issuer)
    throw new Error(`Not our answer: ${answer.toString()}`);
  const code = answer.get("code");
  if (code === null)
    throw new Error(`Refused: ${answer.get("error")} ${answer.get("error_description")}`);
  const tokens = await send(server.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: REDIRECT,
      client_id: client.client_id,
      code_verifier: verifier,
      resource: server.resource,
    }),
  });
  return { ...(await json<Tokens>(tokens)), client_id: client.client_id };
}

/**
 * A new access token for a client that was let in before; resolves to the token response, or undefined when the server does
 * not know client or token (any more).
 */
export async function refresh(
  endpoint: string | URL,
  { client_id, refresh_token }: { readonly client_id: string; readonly refresh_token: string },
): Promise<Tokens | undefined> {
  const send = sender(ANSWER_MS);
  const server = await discover(endpoint, send);
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id,
    refresh_token,
    resource: server.resource,
  });
  const response = await send(server.token_endpoint, { method: "POST", body });
  return response.status === 400 || response.status === 401 ? undefined : json<Tokens>(response);
}

/** The metadata of the authorization server at `endpoint`, with the `resource` it guards. Rejects what leads elsewhere. */
async function discover(endpoint: string | URL, send: Send): Promise<Metadata> {
  const { origin } = new URL(endpoint);
  const found = await send(new URL("/.well-known/oauth-protected-resource/mcp", origin));
  if (found.status === 404) throw new Error(`${origin} asks nobody to sign in: no token is needed`);
  const { resource, authorization_servers: issuers = [] } = await json<{
    readonly resource: string;
    readonly authorization_servers?: readonly string[];
  }>(found);
  requireOrigin(origin, { resource, authorization_servers: issuers[0] });
  const server = await json<Metadata>(
    await send(new URL("/.well-known/oauth-authorization-server", origin)),
  );
  const { issuer, authorization_endpoint, token_endpoint, registration_endpoint } = server;
  requireOrigin(origin, { issuer, authorization_endpoint, token_endpoint, registration_endpoint });
  return { ...server, resource };
}

/** @throws unless each of `named` is an address of `origin`: a passphrase is for the server that was meant. */
function requireOrigin(origin: string, named: Readonly<Record<string, string | undefined>>): void {
  for (const [name, address] of Object.entries(named)) {
    const there =
      address !== undefined && URL.canParse(address) ? new URL(address).origin : String(address);
    if (there !== origin)
      throw new Error(
        `${origin} names another server, ${there}, as its ${name}: nothing was sent there`,
      );
  }
}

/** Fills in the forms that `url` leads to until one sends the browser elsewhere; resolves to that address's query. */
export async function passPages(
  browser: Browser,
  url: string | URL,
  fields: FormFields,
): Promise<URLSearchParams> {
  const { origin, searchParams } = new URL(url);
  const callback = searchParams.get("redirect_uri") ?? "";
  let page = await browser(url);
  for (let turn = 0; turn < 4; turn++) {
    const location = page.headers.get("location");
    if (location !== null && new URL(location, url).origin === origin)
      page = await browser(new URL(location, url));
    else if (location?.startsWith(callback)) return new URL(location).searchParams;
    else if (location !== null)
      throw new Error(`${origin} redirects to ${location}, which is not followed`);
    const text = await readText(page);
    if (page.status >= 400) throw new Error(`Refused (${page.status}): ${messageIn(text)}`);
    const form = readHtmlForm(text);
    if (form === undefined)
      throw new Error(`No form in the page (${page.status}): ${visibleText(text)}`);
    const action = new URL(form.action, url);
    requireOrigin(origin, { "form's address": action.href });
    const body = new URLSearchParams({ ...form.hidden, ...fields, decision: "allow" });
    page = await browser(action, { method: "POST", body });
  }
  throw new Error("The pages do not end: are the fields right?");
}

/**
 * A browser's tab, as far as forms need one: it keeps cookies, says its origin, and follows nothing. It waits for each page
 * for `answerMs`.
 */
export function tab(answerMs: number = ANSWER_MS): Browser {
  const jar = new Map<string, string>();
  return async (url, init = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...(init.method === "POST" && { origin: new URL(url).origin }), cookie };
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(url, { redirect: "manual", signal, ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) jar.set(name, value);
    }
    return response;
  };
}

type Send = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** What sends requests, each of which has `answerMs` to be answered. A redirect is no answer: it may lead anywhere. */
function sender(answerMs: number): Send {
  return async (url, init = {}) => {
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(url, { ...init, redirect: "manual", signal });
    const location = response.headers.get("location");
    if (location !== null)
      throw new Error(`${new URL(url).href} redirects to ${location}, which is not followed`);
    return response;
  };
}

async function json<T>(response: Response): Promise<T> {
  if (!response.ok)
    throw new Error(`${response.url} answered ${response.status}: ${await readText(response)}`);
  return JSON.parse(await readText(response)) as T;
}
