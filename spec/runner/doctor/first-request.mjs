/**
 * Step 2: the first request without a token, in both eras: does the server let everybody in, does it ask for a token so
 * that clients understand it, or does it answer otherwise? Follows RFC 9110 (redirects, 401) and RFC 9728 section 5.
 */

import { allows, ask, exposes, isSameServer, isSilence, preflight } from "./ask.mjs";
import {
  begin,
  describe,
  namesOf,
  note,
  ok,
  quote,
  shown,
  stop,
  stopEach,
} from "./examination.mjs";
import { initialize, PAGE, stateless, STATELESS } from "./messages.mjs";

const MOST_REDIRECTS = 5;

/** @throws a sentence when nobody answers: there is nothing to examine. */
export async function examineFirstRequest(run) {
  begin(run, "firstRequest");
  const sessions = await postThrough(run, initialize());
  if (run.endpoint === run.url && isSilence(sessions))
    throw new Error(`Nobody answers at ${shown(run.url.href)}: ${sessions.failure}`);
  const answers = { sessions, stateless: await ask(run, run.endpoint, discover()) };
  run.answers = answers;
  run.isGuarded = isChallenge(sessions) || isChallenge(answers.stateless);
  run.opens = { sessions: isOpen(sessions), stateless: isOpen(answers.stateless) };
  if (run.isGuarded) readChallenge(run);
  else sayWhatIsOpen(run);
  stopEach(run, run.attempts, ({ client }) => firstFault(run, client, answers));
  if (!run.isGuarded && !isOpen(sessions)) await suggestAddress(run, sessions);
  await examinePage(run, sessions);
}

const discover = () => stateless(1, "server/discover");
const isChallenge = ({ status }) => status === 401 || status === 403;
const isOpen = ({ status, reply }) => status === 200 && reply?.result !== undefined;

/** Posts, and goes on where a redirect leads: what comes behind it can be seen too. */
async function postThrough(run, message) {
  let answer = await ask(run, run.url, message);
  const seen = new Set([run.url.href]);
  while (answer.location !== undefined) {
    const { status, location } = answer;
    const isHere = isSameServer(run.endpoint, location);
    const hop = { status, isHere, to: shown(location.href) };
    note(run, `POST is redirected: ${status} to ${hop.to}`);
    stopEach(run, run.attempts, ({ client }) => redirectFault(client, hop));
    if (seen.has(location.href) || seen.size > MOST_REDIRECTS) break;
    seen.add(location.href);
    run.endpoint = location;
    answer = await ask(run, location, message);
  }
  return answer;
}

/** What a client does with a redirect of a POST. Of closed clients it is not known. */
function redirectFault({ postRedirect }, { status, isHere, to }) {
  const keepsPost = status === 307 || status === 308;
  const follows = postRedirect === "anywhere" || (postRedirect === "same-origin" && isHere);
  if (postRedirect === undefined || (keepsPost && follows)) return undefined;
  const why =
    keepsPost || postRedirect === "never" || postRedirect === "same-origin"
      ? "it does not follow this redirect of a POST"
      : `it goes on with GET and without its message, as HTTP clients do after ${status}`;
  return {
    what: `The address redirects, and ${why}.`,
    change: `give ${to} as the address, or answer at the old one without a redirect.`,
    habit: "postRedirect",
  };
}

function readChallenge(run) {
  const { sessions, stateless: newest } = run.answers;
  const answer = isChallenge(sessions) ? sessions : newest;
  const challenge = challengeOf(answer.headers.get("www-authenticate") ?? "");
  const named = challenge?.resource_metadata;
  run.scope = challenge?.scope;
  const isAddress = named !== undefined && URL.canParse(named);
  for (const attempt of run.attempts)
    if (isAddress || attempt.client.badChallenge === "counts") attempt.challengeUrl = named;
  if (named === undefined) {
    say401(run, answer);
    return;
  }
  const scope = run.scope ? ` It asks for scope ${quote(run, run.scope)}.` : " It names no scope.";
  ok(run, `Without a token: ${answer.status}, which names ${shown(named)}.${scope}`);
  if (!isAddress)
    note(run, `resource_metadata is ${quote(run, named)}, which is no absolute address.`);
}

function say401(run, { status, headers }) {
  const header = headers.get("www-authenticate");
  note(
    run,
    header === null
      ? `Without a token: ${status} without WWW-Authenticate.`
      : `Without a token: ${status}, and WWW-Authenticate names no resource_metadata.`,
    `answer 401 with WWW-Authenticate: Bearer resource_metadata="…", scope="…".`,
  );
}

/** The parameters of the Bearer challenge in a WWW-Authenticate header (RFC 9110 section 11.6.1), or undefined. */
export function challengeOf(header) {
  const params = {};
  let scheme;
  for (const [, name, quoted, bare, token] of header
    .slice(0, 8_192)
    .matchAll(/([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]+))|([\w-]+)/gu)) {
    if (token !== undefined) scheme = token.toLowerCase();
    else if (scheme === "bearer")
      params[name.toLowerCase()] ??= quoted?.replaceAll(/\\(.)/gu, "$1") ?? bare;
  }
  return /\bbearer\b/iu.test(header) ? params : undefined;
}

function sayWhatIsOpen(run) {
  const { opens } = run;
  const eras = [opens.sessions && "in a session", opens.stateless && `stateless (${STATELESS})`];
  const open = eras.filter(Boolean);
  if (open.length > 0) ok(run, `It answers without a token, ${open.join(" and ")}.`);
  if (opens.sessions && !opens.stateless)
    note(
      run,
      `It does not speak ${STATELESS}: server/discover gets ${describe(run, run.answers.stateless)}. Clients that speak both eras go back to a session.`,
    );
}

/** The answer that decides for a client: who speaks both eras goes back to a session where the newer one is refused. */
function decisive({ eras }, { sessions, stateless: newest }) {
  const isRefused = !isOpen(newest) && !isChallenge(newest);
  return eras[0] === "stateless" && !isRefused ? newest : sessions;
}

/** Why the first answer ends a client, if it does. */
function firstFault(run, client, answers) {
  const answer = decisive(client, answers);
  if (isOpen(answer)) return undefined;
  if (answer.status === 403 && !client.forbiddenIsChallenge)
    return {
      what: "Without a token the server answers 403, and only 401 makes it sign in.",
      change: "answer 401 with WWW-Authenticate when there is no token.",
      habit: "challenge",
    };
  if (isChallenge(answer)) return challengeFault(client, answer);
  if (answer.location !== undefined)
    return {
      what: "The address redirects without end.",
      change: "answer without a redirect.",
      habit: "postRedirect",
    };
  return {
    what: `\`initialize\` gets ${describe(run, answer)}`,
    change: changeFor(answer, answers.stateless),
    habit: "eras",
  };
}

function challengeFault({ challenge }, { headers }) {
  if (challenge !== "needs-metadata") return undefined;
  const named = challengeOf(headers.get("www-authenticate") ?? "")?.resource_metadata;
  if (named !== undefined && URL.canParse(named)) return undefined;
  const what =
    named === undefined
      ? "The 401 does not say where the metadata is, and it looks nowhere else."
      : "The 401 names the metadata by a path, and it takes whole addresses only.";
  return {
    what,
    change: `send WWW-Authenticate: Bearer resource_metadata="https://…/.well-known/oauth-protected-resource…" with every 401.`,
    habit: "challenge",
  };
}

function changeFor({ status, reply, failure }, newest) {
  if (failure?.startsWith("TLS"))
    return "serve a certificate that everybody trusts, with its whole chain, for this name.";
  if (failure) return "end the answer in time, within the size that clients read.";
  if (reply?.error && isOpen(newest))
    return `serve the revisions with sessions too: the server speaks ${STATELESS} alone.`;
  if (status === 404 || status === 405) return "check the path: is the endpoint at this address?";
  if (status >= 500) return "read the log of the server.";
  return "answer `initialize` with its JSON-RPC result, as JSON or as an event stream.";
}

/** Looks whether the endpoint is where people often forget it. */
async function suggestAddress(run, { status }) {
  if (status !== 404 && status !== 405) return;
  const { origin, pathname } = run.endpoint;
  const other = pathname.endsWith("/") ? pathname.slice(0, -1) : `${pathname}/`;
  for (const path of new Set([other || "/mcp", "/mcp"].filter((one) => one !== pathname))) {
    const answer = await ask(run, `${origin}${path}`, initialize());
    if (isChallenge(answer) || answer.reply !== undefined)
      return note(run, `An MCP endpoint answers at ${origin}${path}: give that address.`);
  }
}

/** What a page in a browser needs beyond that (Fetch standard, CORS). */
async function examinePage(run, sessions) {
  const pages = run.attempts.filter(({ client }) => client.place === "browser");
  if (pages.length === 0 || sessions.status === undefined) return;
  const names = ["authorization", "content-type", "mcp-protocol-version"];
  const missing = await preflight(run, run.endpoint, { origin: PAGE, method: "POST", names });
  const message = initialize();
  const headers = { ...message.headers, Origin: PAGE };
  const answer = await ask(run, run.endpoint, { ...message, headers });
  const refused = missing ?? (allows(answer, PAGE) ? undefined : "POST gets none");
  if (refused !== undefined)
    return stop(run, pages, {
      what: `A page may not call the server (CORS): ${refused}.`,
      change:
        "answer OPTIONS with 204, allow the origin, POST, GET and DELETE, and the headers Authorization, Content-Type, MCP-Protocol-Version, Mcp-Session-Id, Last-Event-ID, Mcp-Method and Mcp-Name.",
      habit: "place",
    });
  ok(run, `A page of ${PAGE} may call it (CORS).`);
  if (!run.isGuarded || exposes(answer, "www-authenticate")) return;
  for (const attempt of pages) attempt.challengeUrl = undefined;
  note(
    run,
    `${namesOf(pages)} may not see WWW-Authenticate, and looks for the metadata at its usual places.`,
    "Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id.",
  );
}
