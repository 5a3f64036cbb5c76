/**
 * Steps 8 and 9: the first call in both eras, where the server is open or a token was given: the handshake of a session
 * and the list of tools, or the list of tools alone.
 */

import { allows, ask, exposes, isSameServer } from "./ask.mjs";
import { textsIn } from "./documents.mjs";
import { begin, describe, note, ok, quote, say, stop } from "./examination.mjs";
import {
  initialize,
  inSession,
  PAGE,
  SESSION_REVISIONS,
  stateless,
  STATELESS,
} from "./messages.mjs";
import { isObject } from "../match.mjs";

const MOST_PAGES = 20;
const TOKEN_HELP =
  "Not seen: it needs a token, TOKEN=… (it goes to this server alone, and is never printed). For barewire, make token prints one; else take one from a client that is connected.";

const speaks = (era) => (attempt) => attempt.client.eras.includes(era);

/** Whether the server can be called in this era at all; says why not. */
function canCall(run, era) {
  if (!run.isGuarded && !run.opens[era]) {
    say(run, "-", "Not tried: see step 2.");
    return false;
  }
  if (run.isGuarded && run.token === undefined) {
    say(run, "-", TOKEN_HELP);
    return false;
  }
  if (run.isGuarded && !isSameServer(run.url, run.endpoint)) {
    say(run, "-", `Not seen: the address leads to ${run.endpoint.origin}, which gets no token.`);
    return false;
  }
  return true;
}

/** Shakes hands as a session does, lists tools, and looks at the rest of a session. */
export async function examineSession(run) {
  begin(run, "sessions");
  if (!canCall(run, "sessions")) return;
  const those = run.attempts.filter(speaks("sessions"));
  const only = those.filter((attempt) => !speaks("stateless")(attempt));
  const message = initialize();
  const answer = await ask(run, run.endpoint, {
    ...message,
    headers: { ...message.headers, Origin: PAGE },
    withToken: true,
  });
  if (isRefusal(run, answer)) return;
  const { reply } = answer;
  if (answer.status !== 200 || !isObject(reply?.result)) {
    run.hasNoSessions = true;
    stop(run, only, {
      what: `\`initialize\` gets ${describe(run, answer)}`,
      change: `serve the revisions with sessions too: these clients do not speak ${STATELESS}.`,
      habit: "eras",
    });
    return;
  }
  const version = reply.result.protocolVersion;
  if (!SESSION_REVISIONS.includes(version)) {
    stop(run, only, {
      what: `\`initialize\` answers with protocolVersion ${quote(run, version)}, which they do not know.`,
      change: `answer with one of ${SESSION_REVISIONS.join(", ")}.`,
      habit: "eras",
    });
    return;
  }
  if (!isWhole(reply.result))
    stop(
      run,
      only.filter(({ client }) => client.wholeResult),
      {
        what: "The result of `initialize` lacks `capabilities`, or a `serverInfo` with name and version.",
        change: "send both (they are required in every revision with sessions).",
        habit: "wholeResult",
      },
    );
  const session = answer.headers.get("mcp-session-id");
  ok(run, `initialize: ${version}${session ? ", with a session" : ", without a session id"}.`);
  await goOn(run, { answer, session, version, only });
}

const isWhole = ({ capabilities, serverInfo }) =>
  isObject(capabilities) &&
  typeof serverInfo?.name === "string" &&
  typeof serverInfo.version === "string";

/** Whether the token is refused: that says nothing about the server. */
function isRefusal(run, { status }) {
  if (!run.isGuarded || (status !== 401 && status !== 403)) return false;
  run.isTokenRefused = true;
  note(run, `The server does not accept the token (${status}).`, "give a new one for this server.");
  return true;
}

async function goOn(run, { answer, session, version, only }) {
  const headers = {
    "MCP-Protocol-Version": version,
    ...(session && { "Mcp-Session-Id": session }),
  };
  const send = (message) =>
    ask(run, run.endpoint, { ...inSession(headers, message), withToken: true });
  const hears = await send({ method: "notifications/initialized" });
  if (hears.failure || hears.status >= 300) {
    stop(run, only, {
      what: `\`notifications/initialized\` gets ${describe(run, hears)}`,
      change: "answer a notification with 202 and no body.",
      habit: "eras",
    });
  }
  run.tools = await listTools(run, only, (params) => send({ id: 2, method: "tools/list", params }));
  pageNeeds(run, answer, session, only);
  await examineStream(run, headers);
  const ping = await send({ id: 3, method: "ping" });
  if (!isObject(ping.reply?.result))
    note(run, `\`ping\` gets ${describe(run, ping)}`, "answer it with an empty result.");
  if (session) await endSession(run, headers);
}

/** All tools, or undefined when the list fails, which ends `attempts`. */
async function listTools(run, attempts, list) {
  const tools = [];
  let cursor;
  for (let page = 0; page === 0 || (cursor !== undefined && page < MOST_PAGES); page += 1) {
    const answer = await list(cursor === undefined ? {} : { cursor });
    const { reply } = answer;
    if (reply?.error?.code === -32601) {
      note(run, "The server has no tools: `tools/list` is not found.");
      return undefined;
    }
    if (answer.status !== 200 || !Array.isArray(reply?.result?.tools)) {
      stop(run, attempts, {
        what: `\`tools/list\` gets ${describe(run, answer)}`,
        change: "answer with a result that has a list of `tools`.",
        habit: "eras",
      });
      return undefined;
    }
    tools.push(...reply.result.tools);
    cursor = reply.result.nextCursor;
  }
  ok(run, `tools/list: ${countOf(tools)}.`);
  return tools;
}

const countOf = ({ length }) => `${length} ${length === 1 ? "tool" : "tools"}`;

/** A page sees only the header fields that the server exposes to it. */
function pageNeeds(run, answer, session, attempts) {
  const pages = attempts.filter(({ client }) => client.place === "browser");
  const isHidden = session && !exposes(answer, "mcp-session-id");
  if (!isHidden || !allows(answer, PAGE)) return;
  stop(run, pages, {
    what: "A page may not see Mcp-Session-Id, and goes on without the session.",
    change: "Access-Control-Expose-Headers: Mcp-Session-Id.",
    habit: "place",
  });
}

async function examineStream(run, headers) {
  const stream = await ask(run, run.endpoint, {
    headers: { ...headers, Accept: "text/event-stream" },
    headerOnly: true,
    withToken: true,
  });
  const { status, type } = stream;
  if (status === 405) ok(run, "GET: 405, the server has no stream of its own.");
  else if (status === 200 && type === "text/event-stream") ok(run, "GET: a stream.");
  else
    note(
      run,
      `GET gets ${describe(run, { ...stream, text: "" })}; clients go on without notifications.`,
      "answer with an event stream, or with 405.",
    );
}

async function endSession(run, headers) {
  const end = await ask(run, run.endpoint, { method: "DELETE", headers, withToken: true });
  const { status } = end;
  if (status === 405 || (status >= 200 && status < 300)) ok(run, `DELETE: ${status}.`);
  else
    note(
      run,
      `DELETE gets ${describe(run, end)}`,
      "end the session and answer 204, or answer 405.",
    );
}

/** Discovers and lists tools without a session. */
export async function examineStateless(run) {
  begin(run, "stateless");
  if (!canCall(run, "stateless")) return;
  if (run.isTokenRefused) return say(run, "-", "Not seen: the token is not accepted.");
  const send = (id, method, params) =>
    ask(run, run.endpoint, { ...stateless(id, method, params), withToken: true });
  const answer = await send(1, "server/discover");
  if (isRefusal(run, answer)) return;
  const result = answer.reply?.result;
  const versions = result?.supportedVersions;
  if (answer.status !== 200 || !Array.isArray(versions) || !versions.includes(STATELESS)) {
    const those = run.hasNoSessions ? run.attempts.filter(speaks("stateless")) : [];
    stop(run, those, {
      what: `\`server/discover\` gets ${describe(run, answer)}, and there are no sessions either.`,
      change: "serve one of the two eras.",
      habit: "eras",
    });
    return note(
      run,
      `The server does not speak ${STATELESS}: server/discover gets ${describe(run, answer)}. Clients that speak both eras go back to a session.`,
    );
  }
  ok(run, `server/discover: ${quote(run, textsIn(versions).join(", "))}.`);
  const tools = await listTools(run, run.attempts.filter(speaks("stateless")), (params) =>
    send(2, "tools/list", params),
  );
  run.tools ??= tools;
}
