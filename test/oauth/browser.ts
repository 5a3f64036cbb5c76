/** A browser's tab before a desk: keeps cookies, says its origin, and follows nothing but the way to the next page of a login. */

import type { AuthorizationServer } from "../../src/oauth/authorization-server/types.ts";
import { handleOAuth } from "../../src/oauth/authorization-server/routes.ts";
import { CHALLENGE, identifiers, REDIRECT } from "./authorization-server.ts";

export interface BrowserPage {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where the browser is sent. */
  readonly to: URL | undefined;
  /** The fields of the page's first form that it fills in itself. */
  readonly hidden: Record<string, string>;
}

export interface TestBrowser {
  readonly cookies: Map<string, string>;
  /** Opens `path`, or sends `form` there; `headers` go over what a browser sends. */
  request(
    path: string | URL,
    form?: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<BrowserPage>;
}

export function createBrowser(
  desk: AuthorizationServer,
  jar: Map<string, string> = new Map(),
): TestBrowser {
  return {
    cookies: jar,
    async request(path, form, changes = {}) {
      const url = new URL(path, identifiers.issuer);
      const headers = new Headers({ cookie: [...jar].map((pair) => pair.join("=")).join("; ") });
      if (form !== undefined) headers.set("origin", identifiers.issuer);
      for (const [name, value] of Object.entries(changes)) headers.set(name, value);
      const post = form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) };
      const response = await handleOAuth(
        desk,
        new Request(url, { ...post, headers }),
        identifiers,
        url,
      );
      if (response === undefined) throw new Error(`Nothing is served at ${url.pathname}`);
      const shown = await take(response, jar);
      const isNextPage =
        shown.to?.origin === identifiers.issuer && shown.to.searchParams.has("form");
      if (shown.to === undefined || !isNextPage) return shown;
      const next = await this.request(shown.to);
      for (const line of response.headers.getSetCookie()) next.headers.append("set-cookie", line);
      return next;
    },
  };
}

async function take(response: Response, jar: Map<string, string>): Promise<BrowserPage> {
  for (const line of response.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (line.includes("Max-Age=0")) jar.delete(name);
    else jar.set(name, value);
  }
  const html = await response.text();
  const inputs = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const location = response.headers.get("location");
  return {
    status: response.status,
    headers: new Headers(response.headers),
    html,
    to: location === null ? undefined : new URL(location),
    hidden: Object.fromEntries(inputs.map(([, name = "", value = ""]) => [name, value])),
  };
}

/** The address that a client sends people to; undefined leaves a parameter out. */
export function authorizeUrl(changes: Record<string, string | undefined> = {}): URL {
  const url = new URL("/authorize", identifiers.issuer);
  const parameters = {
    response_type: "code",
    client_id: "cli",
    redirect_uri: REDIRECT,
    state: "s 1/ä",
    resource: identifiers.resource,
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
    ...changes,
  };
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

/** As far as the consent page. */
export async function openConsentPage(
  at: TestBrowser,
  url: URL = authorizeUrl(),
  name: string = "ada",
): Promise<BrowserPage> {
  const begun = await at.request(url);
  return at.request("/authorize/sign-in", { ...begun.hidden, name, word: "open" });
}
