/**
 * Steps 6 and 7: the authorization request, which nobody signs in to here (RFC 6749 section 4.1, RFC 7636, RFC 8707), and
 * the token endpoint with a code that was made up (section 5.2).
 */

import { createHash, randomBytes } from "node:crypto";
import { allows, ask, isLocal } from "./ask.mjs";
import {
  asksForToken,
  begin,
  describe,
  keepSecret,
  namesOf,
  note,
  ok,
  quote,
  say,
  shown,
  stopEach,
} from "./examination.mjs";
import { PAGE } from "./messages.mjs";
import { isObject } from "../match.mjs";

const random = () => randomBytes(32).toString("base64url");

/** Opens the page at which a person would sign in. */
export async function examineAuthorization(run) {
  begin(run, "authorization");
  const attempts = run.attempts.filter(({ clientId }) => clientId !== undefined);
  if (!asksForToken(run)) return;
  if (attempts.length === 0) return say(run, "-", "Not tried: no client has a client ID.");
  for (const attempt of attempts) {
    attempt.verifier = random();
    attempt.state = random();
    const answer = await ask(run, authorizationRequest(attempt), {
      headers: { Accept: "text/html" },
    });
    attempt.reason = authorizationFault(run, attempt, answer);
    attempt.page = pageOf(answer);
  }
  const good = attempts.filter(({ reason }) => reason === undefined);
  for (const page of new Set(good.map((one) => one.page)))
    ok(run, `${namesOf(good.filter((one) => one.page === page))}: ${page}.`);
  return stopEach(run, attempts, ({ reason }) => reason);
}

/** The address that the client opens in a browser. */
function authorizationRequest(attempt) {
  const { metadata, clientId, redirectUri, scope, resource, state, verifier } = attempt;
  const address = new URL(metadata.authorization_endpoint);
  const params = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    state,
    scope,
    resource,
  };
  for (const [name, value] of Object.entries(params))
    if (value) address.searchParams.set(name, value);
  return address.href;
}

const pageOf = ({ status, location, type }) =>
  location === undefined
    ? `a page to sign in at (${status} ${type})`
    : `${status}, on to ${shown(location.href)}`;

function authorizationFault(run, attempt, answer) {
  const { status, location, type, failure } = answer;
  const { redirectUri, state } = attempt;
  if (location?.href.startsWith(redirectUri)) {
    const { searchParams: params } = location;
    const error = params.get("error");
    keepSecret(run, params.get("code"));
    if (error !== null)
      return {
        what: `The server sends the person back with ${quote(run, error)}: ${quote(run, params.get("error_description") ?? "no description")}.`,
        change: changeFor(error),
      };
    return params.get("state") === state
      ? undefined
      : {
          what: "The server sends the person back without the client's state.",
          change: "return `state` as it was sent (RFC 6749 section 4.1.2).",
        };
  }
  if (failure) return { what: `The page to sign in: ${failure}`, change: "see that it answers." };
  if (status < 300 && /html/u.test(type)) return undefined;
  if (location !== undefined) return undefined;
  return {
    what: `Instead of a page to sign in, a person gets ${describe(run, { ...answer, text: titleOf(answer) })}`,
    change: attempt.isDocument
      ? `see that the server can fetch ${attempt.clientId}, and takes what it says; or do not advertise client_id_metadata_document_supported, and it registers.`
      : "let the client that was just registered begin: client_id, redirect_uri, scope and resource are its own.",
    habit: attempt.isDocument ? "document" : undefined,
  };
}

/** What an HTML page says, in its first words. */
const titleOf = ({ text, type }) =>
  /html/u.test(type)
    ? text
        .slice(0, 100_000)
        .replaceAll(/<(?:style|script)\b[^>]*>[^<]*/giu, " ")
        .replaceAll(/<[^<>]*>/gu, " ")
        .replaceAll(/\s+/gu, " ")
        .trim()
    : text;

const CHANGES = {
  invalid_scope: "ignore scopes that you do not know, and grant those that you do.",
  invalid_target: "accept the `resource` that your metadata names.",
  unauthorized_client: "let this client use response_type=code.",
  unsupported_response_type: "support response_type=code.",
};
const changeFor = (error) =>
  Object.hasOwn(CHANGES, error) ? CHANGES[error] : "accept the request of this client.";

/** Sends a code that nobody issued: the error tells whether a real one would be understood. */
export async function examineToken(run) {
  begin(run, "token");
  const all = run.attempts.filter((one) => one.clientId && one.reason === undefined);
  if (!asksForToken(run)) return;
  const signing = all.filter(({ client, isDocument }) => isDocument && client.document.signs);
  const attempts = all.filter((one) => !signing.includes(one));
  if (signing.length > 0)
    say(
      run,
      "-",
      `${namesOf(signing)}: not tried, as it signs its requests with a key that only it has.`,
    );
  if (all.length > 0 && attempts.length === 0) return;
  if (attempts.length === 0) return say(run, "-", "Not tried: no client comes so far.");
  for (const attempt of attempts) {
    const answer = await ask(run, attempt.metadata.token_endpoint, tokenRequest(attempt));
    attempt.reason = tokenFault(run, attempt, answer);
    attempt.error = answer.json?.error;
  }
  const good = attempts.filter(({ reason }) => reason === undefined);
  for (const error of new Set(good.map((one) => one.error)))
    ok(
      run,
      `A made-up code gets ${quote(run, error)}: ${namesOf(good.filter((one) => one.error === error))}.`,
    );
  const odd = good.find(({ error }) => error !== "invalid_grant");
  if (odd) note(run, `A code that is not known should get "invalid_grant" (RFC 6749 section 5.2).`);
  return stopEach(run, attempts, ({ reason }) => reason);
}

function tokenRequest({ client, clientId, secret, authMethod, redirectUri, resource, verifier }) {
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: `barewire-doctor-${random()}`,
    code_verifier: verifier,
    redirect_uri: redirectUri,
    ...(resource && { resource }),
  });
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    ...(client.place === "browser" && { Origin: PAGE }),
  };
  if (secret !== undefined && authMethod === "client_secret_basic") {
    const halves = [clientId, secret].map((half) => encodeURIComponent(half.toWellFormed()));
    headers.Authorization = `Basic ${btoa(halves.join(":"))}`;
  } else {
    form.set("client_id", clientId);
    if (secret !== undefined) form.set("client_secret", secret);
  }
  return { method: "POST", headers, body: form.toString() };
}

function tokenFault(run, { client, metadata }, answer) {
  const { status, json, failure } = answer;
  const endpoint = new URL(metadata.token_endpoint);
  if (client.secureToken && endpoint.protocol === "http:" && !isLocal(endpoint))
    return {
      what: `The token endpoint is ${shown(endpoint.href)}, and it sends no code over http.`,
      change: "serve the token endpoint over https.",
      habit: "secureToken",
    };
  if (client.place === "browser" && status !== undefined && !allows(answer, PAGE))
    return {
      what: "A page may not read the answer of the token endpoint (CORS).",
      change: "send Access-Control-Allow-Origin with every answer of the token endpoint.",
      habit: "place",
    };
  for (const name of ["access_token", "refresh_token", "id_token"]) keepSecret(run, json?.[name]);
  if (!failure && status < 500 && isObject(json) && typeof json.error === "string")
    return json.error === "invalid_client"
      ? {
          what: `The token endpoint does not know the client: ${describe(run, answer)}`,
          change: "accept the client ID, and the way in which this client authenticates.",
        }
      : undefined;
  if (status === 200 && json?.access_token)
    return {
      what: "The token endpoint gives a token for a code that nobody issued.",
      change: "at once: accept only codes that you issued.",
    };
  return {
    what: `A made-up code gets ${describe(run, { ...answer, text: titleOf(answer) })}, which is no error of OAuth.`,
    change:
      'see that the token endpoint is where the metadata says, and answers errors as JSON: 400 with {"error":"invalid_grant"}.',
    habit: "token",
  };
}
