/** Step 3: the metadata of the protected resource (RFC 9728), as each client looks for it and judges it. */

import { read } from "./ask.mjs";
import {
  documentFault,
  isAddress,
  lookAt,
  missesOf,
  resourcePlaces,
  textsIn,
} from "./documents.mjs";
import { asksForToken, begin, namesOf, note, ok, quote, shown, stopEach } from "./examination.mjs";

/** Finds the metadata for every client that is asked to sign in. */
export async function examineResource(run) {
  begin(run, "resource");
  if (!asksForToken(run)) return;
  const found = new Map();
  for (const attempt of run.attempts) {
    const places = attempt.challengeUrl ? [attempt.challengeUrl] : resourcePlaces(run.url);
    attempt.looked = await lookAt(run, attempt.client, places, resourceFault);
    const { json, url } = attempt.looked;
    if (json !== undefined) found.set(url, json);
  }
  for (const [url, { resource, authorization_servers: servers }] of found)
    ok(run, `${shown(url)} names ${quote(run, resource)}, and ${serversOf(run, servers)}.`);
  stopEach(run, run.attempts, (attempt) => resourceStop(run, attempt));
  sayWhoGoesOn(run);
  await sayOtherPlaces(run, found);
}

const serversOf = (run, servers) =>
  Array.isArray(servers) && servers.length > 0
    ? `the authorization server ${quote(run, servers[0])}`
    : "no authorization server";

function resourceFault({ resource, scopes_supported: scopes }) {
  if (!isAddress(resource)) return "it has no `resource` that is an address";
  return scopes === undefined || Array.isArray(scopes) ? undefined : "scopes_supported is no list";
}

/** Why a client ends here, if it does; else what it goes on with stands in `attempt`. */
function resourceStop(run, attempt) {
  const { client, looked } = attempt;
  const { origin } = run.url;
  if (looked.json === undefined) {
    attempt.issuer = `${origin}/`;
    if (client.withoutResource !== "stops") return undefined;
    return {
      what: `It finds no metadata of the resource. ${missesOf(looked)}`,
      change: `serve it as JSON at ${resourcePlaces(run.url)[0]}, and name that address in the 401.`,
      habit: "withoutResource",
    };
  }
  const { resource, authorization_servers: servers, scopes_supported: scopes } = looked.json;
  const fits = fitsAddress(client.resource, run.url, resource);
  attempt.resource = fits ? resource : undefined;
  attempt.scope = run.scope ?? (fits && scopes ? textsIn(scopes).join(" ") : undefined);
  attempt.issuer = fits && isAddress(servers?.[0]) ? servers[0] : `${origin}/`;
  if (!fits && client.resource !== "equal-or-ignored")
    return {
      what: `\`resource\` is ${quote(run, resource)}, and the address is ${shown(run.url.href)}: it does not accept a token for something else.`,
      change: `make \`resource\` exactly the address that people type: ${shown(run.url.href)}`,
      habit: "resource",
    };
  if (fits && !isAddress(servers?.[0]) && client.needsIssuer)
    return {
      what: "The metadata names no authorization server.",
      change: "add authorization_servers, with the issuer of your authorization server.",
      habit: "needsIssuer",
    };
  return undefined;
}

/** Whether a client takes `resource` for the address: equal as addresses, or of the same origin and a beginning of its path. */
export function fitsAddress(rule, url, resource) {
  const other = new URL(resource);
  const typed = new URL(url);
  typed.hash = "";
  if (rule === undefined) return true;
  if (rule !== "origin-and-path") return other.href === typed.href;
  const folder = ({ pathname }) => (pathname.endsWith("/") ? pathname : `${pathname}/`);
  return other.origin === typed.origin && folder(typed).startsWith(folder(other));
}

function sayWhoGoesOn(run) {
  const going = run.attempts.filter(({ stop }) => stop === undefined);
  const lost = going.filter(({ looked }) => looked.json === undefined);
  if (lost.length > 0)
    note(
      run,
      `${namesOf(lost)} cannot read the metadata of the resource, and go on with the authorization server at ${run.url.origin}. ${missesOf(lost[0].looked)}`,
    );
  const dropped = going.filter(({ looked, resource }) => looked.json && resource === undefined);
  if (dropped.length > 0)
    note(
      run,
      `${namesOf(dropped)}: ignored, as \`resource\` is not the address. It goes on with the authorization server at ${run.url.origin}.`,
      `make \`resource\` exactly ${shown(run.url.href)}`,
    );
}

/** Clients that did not read the 401 look at the usual place. */
async function sayOtherPlaces(run, found) {
  const [usual] = resourcePlaces(run.url);
  if (found.size === 0 || found.has(usual)) return;
  const answer = await read(run, usual);
  const fault = documentFault(run, answer) ?? resourceFault(answer.json);
  if (fault === undefined) return;
  note(
    run,
    `${shown(usual)}, where clients look that did not read the 401, has none: ${fault}`,
    "serve the same document there.",
  );
}
