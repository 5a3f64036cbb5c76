/** Step 4: the metadata of the authorization server (RFC 8414, OpenID Connect Discovery), as each client judges it. */

import { isSameServer } from "./ask.mjs";
import { isAddress, issuerPlaces, lookAt, missesOf } from "./documents.mjs";
import { asksForToken, begin, namesOf, note, ok, quote, shown, stopEach } from "./examination.mjs";

/** Finds the endpoints that every client goes on with. */
export async function examineIssuer(run) {
  begin(run, "issuer");
  if (!asksForToken(run)) return;
  const found = new Map();
  for (const attempt of run.attempts) {
    await findIssuer(run, attempt);
    const { metadata, metadataUrl } = attempt;
    if (metadataUrl !== undefined) found.set(metadataUrl, metadata);
  }
  for (const [url, metadata] of found)
    ok(run, `${shown(url)} names the issuer ${quote(run, metadata.issuer)}.`);
  stopEach(run, run.attempts, (attempt) => issuerStop(run, attempt));
  const guessing = run.attempts.filter(({ isGuessed }) => isGuessed);
  if (guessing.length > 0)
    note(
      run,
      `${namesOf(guessing)} find no metadata of the authorization server, and try /authorize, /token and /register. ${missesOf(guessing[0].server)}`,
      `serve the metadata at ${shown(issuerPlaces(guessing[0].issuer)[0])}`,
    );
}

async function findIssuer(run, attempt) {
  const { client } = attempt;
  const { origin } = run.url;
  let server = await lookAt(run, client, issuerPlaces(attempt.issuer), issuerFault);
  // VS Code asks the server's own origin where another authorization server has no metadata.
  const isElsewhere = !isSameServer(new URL(attempt.issuer), run.url);
  if (server.json === undefined && client.resource === "equal-or-ignored" && isElsewhere) {
    attempt.issuer = `${origin}/`;
    server = await lookAt(run, client, issuerPlaces(attempt.issuer), issuerFault);
  }
  const isBroken = server.misses?.some(({ fault }) => fault.startsWith("200, but no JSON"));
  attempt.server = server;
  attempt.metadata = server.json;
  attempt.metadataUrl = server.url;
  attempt.isGuessed =
    server.json === undefined && client.guesses === true && !(client.strictJson && isBroken);
  if (attempt.isGuessed) attempt.metadata = guessesAt(client, attempt.issuer, origin);
}

/** The endpoints that a client tries without metadata: at the server itself, or at the issuer. */
function guessesAt({ strictJson }, issuer, origin) {
  const base = strictJson ? new URL(issuer).origin : origin;
  return {
    issuer: base,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    registration_endpoint: `${base}/register`,
  };
}

function issuerFault({ issuer, authorization_endpoint: authorize, token_endpoint: token }) {
  if (typeof issuer !== "string") return "it has no `issuer`";
  if (!isAddress(authorize)) return "it has no authorization_endpoint that is an address";
  return isAddress(token) ? undefined : "it has no token_endpoint that is an address";
}

function issuerStop(run, { client, server, issuer, metadata, isGuessed }) {
  if (isGuessed) return undefined;
  if (metadata === undefined)
    return {
      what: `It finds no metadata of the authorization server ${quote(run, issuer)}. ${missesOf(server)}`,
      change: `serve it as JSON at ${shown(issuerPlaces(issuer)[0])}`,
      habit: client.strictJson ? "strictJson" : "withoutResource",
    };
  const named = metadata.issuer;
  if (client.issuer === "equal" && named !== issuer && `${named}/` !== issuer)
    return {
      what: `The metadata of ${quote(run, issuer)} says that its issuer is ${quote(run, named)}.`,
      change: "make both the same text, letter by letter.",
      habit: "issuer",
    };
  return pkceStop(client, metadata);
}

function pkceStop({ pkce, strictJson }, metadata) {
  const { code_challenge_methods_supported: methods, response_types_supported: types } = metadata;
  const hasS256 = Array.isArray(methods) && methods.includes("S256");
  if (!hasS256 && (pkce === "advertised" || (pkce === "not-denied" && methods !== undefined)))
    return {
      what: "The metadata does not say that the server supports PKCE with S256.",
      change: 'add "code_challenge_methods_supported": ["S256"].',
      habit: "pkce",
    };
  if (strictJson && !(Array.isArray(types) && types.includes("code")))
    return {
      what: 'The metadata has no response_types_supported with "code".',
      change: 'add "response_types_supported": ["code"].',
      habit: "strictJson",
    };
  return undefined;
}
