/**
 * A whole login without a browser, as any OAuth client and its user would do it: discovery, registration, the pages as
 * forms, the code, the token. `make token` prints what comes out; benchmarks and conformance lanes drive servers with it.
 * Run as a program: node login.mjs <endpoint> <field=value …>
 */

import { createHash, randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";

const REDIRECT = "http://127.0.0.1:9/callback";

/** Logs in at the server behind `endpoint`, filling the sign-in form with `fields`. Resolves to the token response. */
export async function login(endpoint, fields) {
  const browser = tab();
  const resource = await json(await fetch(new URL("/.well-known/oauth-protected-resource/mcp", endpoint)));
  const [issuer] = resource.authorization_servers;
  const server = await json(await fetch(new URL("/.well-known/oauth-authorization-server", issuer)));
  const client = await json(
    await fetch(server.registration_endpoint, {
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
  for (const [name, value] of Object.entries({
    ...{ response_type: "code", client_id: client.client_id, redirect_uri: REDIRECT, state },
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    ...{ code_challenge_method: "S256", resource: resource.resource },
  }))
    asked.searchParams.set(name, value);
  const answer = await passPages(browser, asked, fields);
  if (answer.get("state") !== state || answer.get("iss") !== issuer) throw new Error(`Not our answer: ${answer}`);
  if (answer.get("code") === null)
    throw new Error(`Refused: ${answer.get("error")} ${answer.get("error_description")}`);
  const tokens = await fetch(server.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      ...{ grant_type: "authorization_code", code: answer.get("code"), redirect_uri: REDIRECT },
      ...{ client_id: client.client_id, code_verifier: verifier, resource: resource.resource },
    }),
  });
  return { ...(await json(tokens)), client_id: client.client_id };
}

/** Fills in the forms that `url` leads to until one sends the browser elsewhere; resolves to that address's query. */
export async function passPages(browser, url, fields) {
  let page = await browser(url);
  for (let turn = 0; turn < 4; turn++) {
    const location = page.headers.get("location");
    if (location !== null && new URL(location).origin === new URL(url).origin) page = await browser(location);
    else if (location !== null) return new URL(location).searchParams;
    const text = await page.text();
    const form = readForm(text);
    if (form === undefined) throw new Error(`No form in the page (${page.status}): ${strip(text)}`);
    const body = new URLSearchParams({ ...form.hidden, ...fields, decision: "allow" });
    page = await browser(new URL(form.action, url), { method: "POST", body });
  }
  throw new Error("The pages do not end: are the fields right?");
}

/** A browser's tab, as far as forms need one: it keeps cookies, says its origin, and follows nothing. */
export function tab() {
  const jar = new Map();
  return async (url, init = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...(init.method === "POST" ? { origin: new URL(url).origin } : {}), cookie };
    const response = await fetch(url, { redirect: "manual", ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined) jar.set(name, value);
    }
    return response;
  };
}

/** The first form of a page: where it goes, and its hidden fields. */
export function readForm(html) {
  const [, action] = /<form[^>]*\saction="([^"]*)"/.exec(html) ?? [];
  if (action === undefined) return undefined;
  const inputs = [...html.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
    /\sname="([^"]*)"/.exec(tag)?.[1],
    unescape(/\svalue="([^"]*)"/.exec(tag)?.[1] ?? ""),
  ]);
  return { action: unescape(action), hidden: Object.fromEntries(inputs) };
}

function unescape(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name) => named[name]);
}

function strip(html) {
  const body = html.replace(/<style[\s\S]*?<\/style>/, "");
  return body.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
}

async function json(response) {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [endpoint, ...pairs] = process.argv.slice(2);
  const fields = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
  try {
    process.stdout.write(`${(await login(endpoint, fields)).access_token}\n`);
  } catch (error) {
    console.error(`No token: ${error.message}. Is \`make dev\` running?`);
    process.exit(1);
  }
}
