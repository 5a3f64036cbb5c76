/**
 * Step 5: how each client gets its client id: by its metadata document where the server says that it takes one, else by
 * registration (RFC 7591) with the body that it really sends. What it registers stays at the server.
 */

import { allows, ask, preflight } from "./ask.mjs";
import { isAddress, textsIn } from "./documents.mjs";
import {
  asksForToken,
  begin,
  describe,
  keepSecret,
  namesOf,
  ok,
  quote,
  say,
  stopEach,
} from "./examination.mjs";
import { PAGE } from "./messages.mjs";
import { isObject } from "../match.mjs";

/** Registers every client that found where. */
export async function examineRegistration(run) {
  begin(run, "registration");
  const attempts = run.attempts.filter(({ metadata }) => metadata !== undefined);
  if (!asksForToken(run)) return;
  if (attempts.length === 0) return say(run, "-", "Not tried: no client knows where.");
  for (const attempt of attempts) attempt.reason = await identify(run, attempt);
  const known = attempts.filter(({ clientId }) => clientId !== undefined);
  const byDocument = known.filter(({ isDocument }) => isDocument);
  const registered = known.filter(({ isDocument }) => !isDocument);
  if (byDocument.length > 0)
    ok(
      run,
      `${namesOf(byDocument)}: by a client ID metadata document, which is fetched in step 6.`,
    );
  if (registered.length > 0)
    ok(
      run,
      `${namesOf(registered)}: registered, as the client would (${registered.length} new clients).`,
    );
  return stopEach(run, attempts, ({ reason }) => reason);
}

/** Gives the attempt its client id; resolves to why it gets none. */
async function identify(run, attempt) {
  const { client, metadata } = attempt;
  const { token_endpoint_auth_methods_supported: methods } = metadata;
  const takesNone = Array.isArray(methods) && methods.includes("none");
  const takesDocuments = metadata.client_id_metadata_document_supported === true;
  if (client.document && takesDocuments && (takesNone || !client.document.needsNone)) {
    const { url, redirectUri } = client.document;
    Object.assign(attempt, { clientId: url, redirectUri, isDocument: true });
    return undefined;
  }
  if (!isAddress(metadata.registration_endpoint)) return noWayIn(client, takesDocuments);
  return await register(run, attempt);
}

function noWayIn({ document }, takesDocuments) {
  const documents = takesDocuments && document?.needsNone;
  return {
    what: "The server registers nobody, and the client has no other way to get a client ID.",
    change: documents
      ? 'add "none" to token_endpoint_auth_methods_supported: it then uses its metadata document.'
      : "serve a registration_endpoint (RFC 7591), or accept client ID metadata documents and say so in client_id_metadata_document_supported, or make a client for it and have people enter its ID.",
    habit: documents ? "document" : "body",
  };
}

async function register(run, attempt) {
  const { client, metadata, scope } = attempt;
  const endpoint = metadata.registration_endpoint;
  const isPage = client.place === "browser";
  const body = client.body({
    scope,
    serverScope: textsIn(metadata.scopes_supported).join(" "),
    grantTypes: metadata.grant_types_supported,
  });
  if (isPage) {
    const asked = { origin: PAGE, method: "POST", names: ["content-type"] };
    const missing = await preflight(run, endpoint, asked);
    if (missing !== undefined) return corsFault(missing);
  }
  const answer = await ask(run, endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(isPage && { Origin: PAGE }) },
    body: JSON.stringify(body),
  });
  const { json } = answer;
  if (isObject(json))
    for (const name of ["client_secret", "registration_access_token"]) keepSecret(run, json[name]);
  if (isPage && answer.status !== undefined && !allows(answer, PAGE))
    return corsFault("POST gets no Access-Control-Allow-Origin");
  const fault = answerFault(run, client, body, answer);
  if (fault !== undefined) return { habit: "body", ...fault };
  Object.assign(attempt, {
    clientId: json.client_id,
    secret: typeof json.client_secret === "string" ? json.client_secret : undefined,
    authMethod: json.token_endpoint_auth_method ?? body.token_endpoint_auth_method,
    redirectUri: body.redirect_uris[0],
  });
  return undefined;
}

const corsFault = (missing) => ({
  what: `A page may not register (CORS): ${missing}.`,
  change: "allow the origin, POST and Content-Type at the registration endpoint.",
  habit: "place",
});

function answerFault(run, client, body, answer) {
  const { status, json, failure } = answer;
  if (failure || status >= 300 || !isObject(json))
    return {
      what: `Registration gets ${describe(run, answer)}. It sent ${quote(run, summaryOf(body))}.`,
      change: changeFor(answer),
    };
  if (typeof json.client_id !== "string" || json.client_id === "")
    return {
      what: `Registration gets ${status} without a client_id.`,
      change: "answer 201 with client_id and what was registered (RFC 7591 section 3.2.1).",
    };
  const { redirect_uris: uris } = json;
  if (uris === undefined && client.fullRegistration)
    return {
      what: "The answer to its registration does not repeat redirect_uris, which it requires.",
      change: "answer with all that was registered (RFC 7591 section 3.2.1).",
      habit: "fullRegistration",
    };
  if (uris !== undefined && !(Array.isArray(uris) && uris.includes(body.redirect_uris[0])))
    return {
      what: `The server registered another redirect URI than ${body.redirect_uris[0]}.`,
      change: "register the redirect URI that was asked for, or refuse with invalid_redirect_uri.",
    };
  return undefined;
}

const summaryOf = (body) =>
  `${body.redirect_uris.join(" ")}, ${body.token_endpoint_auth_method}, scope ${body.scope ?? "none"}`;

function changeFor({ status, json, failure }) {
  if (failure) return "see that the registration endpoint answers.";
  if (json?.error === "invalid_redirect_uri") return "accept the redirect URI of this client.";
  if (status === 401 || status === 403)
    return "let clients register without a token (RFC 7591 section 3).";
  if (status === 404) return "name the registration_endpoint that there is in the metadata.";
  if (status === 429) return "wait: the server limits registrations.";
  if (status >= 500) return "read the log of the authorization server.";
  return "accept what this client registers, or register what you grant and say so in the answer.";
}
