/**
 * One request of the doctor, and what came back: read within bounds of time and size, and its failure in plain words.
 * The token goes to the server under test alone. What a public server names is not asked when it lies on this machine or
 * in a private network (RFC 1918, RFC 4193): by the address as it is written, for names are not looked up first.
 */

import { newAnswer, receive } from "../answer.mjs";
import { json } from "../match.mjs";

const ANSWER_MS = 10_000;
/** More than clients need on first contact; lists of tools are the longest. */
const MOST_BYTES = 2 * 1024 * 1024;
const POLL_MS = 10;
const MOST_TYPE = 60;
const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
const LOOPBACK = /^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/u;
const PRIVATE =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|0\.|\[f[cd]|\[::ffff:|\[::\]|.*\.(?:internal|local)$)/u;
const LINK_LOCAL = /^(?:169\.254\.|\[fe[89ab])/u;

export const isLocal = ({ hostname }) => LOOPBACK.test(hostname);
export const isPrivate = ({ hostname }) => PRIVATE.test(hostname) || LINK_LOCAL.test(hostname);

/** Whether a redirect leads to the same server: the same origin, or its https form. */
export const isSameServer = (from, to) =>
  from.origin === to.origin ||
  (from.protocol === "http:" && from.port === "" && to.origin === `https://${from.hostname}`);

/** Why `target` is not asked, if it is not. */
function refusal(target, url) {
  if (!/^https?:$/u.test(target.protocol)) return `${target.protocol} is neither http nor https`;
  if (target.username || target.password) return "the address holds a name or a password";
  const isInside = isLocal(url) || isPrivate(url);
  if (LINK_LOCAL.test(target.hostname) && !LINK_LOCAL.test(url.hostname))
    return `${target.hostname} is not asked`;
  if ((isLocal(target) || isPrivate(target)) && !isInside)
    return `${target.hostname} lies in a private network: nobody else can reach it`;
  return undefined;
}

/**
 * Sends one request, and follows no redirect. `replyTo` is the id of the JSON-RPC request: the answer is complete when its
 * reply has come. `headerOnly` does not wait for the body. `withToken` adds the token, to the server under test alone.
 */
export async function ask(run, address, request = {}) {
  const { method = "GET", headers = {}, body, replyTo, headerOnly, withToken } = request;
  if (!URL.canParse(address)) return failed(address, "it is no address");
  const target = new URL(address);
  const refused = refusal(target, run.url);
  if (refused !== undefined) return failed(target.href, refused);
  const live = newAnswer(target);
  const ms = Math.max(1, Math.min(ANSWER_MS, run.deadline - performance.now()));
  const late = setTimeout(() => live.abort.abort(new Error("late")), ms);
  const sent = new Headers(headers);
  if (withToken && run.token && isSameServer(run.url, target))
    sent.set("Authorization", `Bearer ${run.token}`);
  const init = { method, headers: sent, body, redirect: "manual", signal: live.abort.signal };
  try {
    const whole = receive(live, fetch(target, init), MOST_BYTES);
    await Promise.race([whole, enough(live, { replyTo, headerOnly })]);
  } catch (error) {
    live.broken = wordsOf(error, ms, run);
  } finally {
    clearTimeout(late);
    live.ended ||= live.broken !== undefined || live.abort.signal.aborted;
    live.abort.abort();
  }
  return answerOf(live, replyTo);
}

/** Resolves when what is waited for is there. It ends with the answer, and rejects nothing: `receive` does. */
async function enough(live, { replyTo, headerOnly }) {
  while (!live.ended && !live.abort.signal.aborted) {
    if (headerOnly && live.response) return;
    if (replyTo !== undefined && replyIn(live.messages, replyTo)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  // `receive` settles the race: with the end of the answer, or with its failure.
  await new Promise(() => {});
}

const replyIn = (messages, id) =>
  messages.find((one) => one?.id === id && !Object.hasOwn(Object(one), "method"));

function answerOf(live, replyTo) {
  const { response, text, messages, broken, target } = live;
  const [type = ""] = (response?.headers.get("content-type") ?? "").split(";");
  const value = broken === undefined ? json(text) : undefined;
  const isStream = type.trim().toLowerCase() === "text/event-stream";
  const reply = replyIn(isStream ? messages : [value].flat(), replyTo);
  const location = response?.headers.get("location") ?? "";
  return {
    url: target.href,
    status: response?.status,
    headers: response?.headers ?? new Headers(),
    type: type.trim().toLowerCase().slice(0, MOST_TYPE),
    text,
    json: value,
    reply,
    failure: reply === undefined ? broken : undefined,
    location:
      REDIRECTS.includes(response?.status) && URL.canParse(location, target)
        ? new URL(location, target)
        : undefined,
  };
}

const failed = (url, failure) => ({ url: String(url), headers: new Headers(), text: "", failure });

/** What broke a request, for people. */
function wordsOf(error, ms, run) {
  const cause = error.cause ?? error;
  const code = cause.code ?? "";
  if (error.message === "late" || cause.message === "late")
    return performance.now() >= run.deadline
      ? "the time is up: give more SECONDS="
      : `no answer within ${Math.round(ms / 1000)} s`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "its name is not known (DNS)";
  if (code === "ECONNREFUSED") return "nothing listens there (connection refused)";
  if (code === "UND_ERR_HEADERS_OVERFLOW") return "its header is longer than clients read (16 KB)";
  if (/CERT|TLS|SSL|SIGNED|ISSUER|VERIFY/u.test(code)) return `TLS fails (${code})`;
  if (code.startsWith("HPE_")) return `it answers no HTTP (${code})`;
  if (code === "ECONNRESET" || code === "UND_ERR_SOCKET") return "the connection broke";
  return cause.message ?? String(cause);
}

/** Whether nothing was heard at all, which says nothing about the server. */
export const isSilence = ({ status, failure = "" }) =>
  status === undefined && !/^TLS|header is longer|no HTTP/u.test(failure);

/** Sends a GET and follows its redirects as a client does. Asked once a run, for all clients that ask alike. */
export async function read(run, address, { redirect = "anywhere", origin } = {}) {
  const headers = { Accept: "application/json", "MCP-Protocol-Version": "2025-11-25" };
  if (origin) headers.Origin = origin;
  const key = JSON.stringify([address, origin]);
  let answer = await (run.read[key] ??= ask(run, address, { headers }));
  for (let hops = 0; answer.location !== undefined; hops += 1) {
    if (hops === MOST_REDIRECTS) return failed(address, "it redirects without end");
    if (redirect === "never") return failed(address, "it redirects, which a page does not follow");
    if (redirect === "same-origin" && !isSameServer(new URL(answer.url), answer.location))
      return failed(address, `it redirects to another server, ${answer.location.origin}`);
    const next = JSON.stringify([answer.location.href, origin]);
    answer = await (run.read[next] ??= ask(run, answer.location.href, { headers }));
  }
  if (origin && answer.failure === undefined && !allows(answer, origin))
    return failed(address, "no Access-Control-Allow-Origin: a page may not read it");
  return answer;
}

/** Whether a page of `origin` may read an answer (Fetch standard, "CORS check"). */
export function allows({ headers }, origin) {
  const allowed = headers.get("access-control-allow-origin");
  return allowed === "*" || allowed === origin;
}

const words = (value) =>
  (value ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());

/** What a browser's preflight of such a request misses, or undefined (Fetch standard, "CORS-preflight fetch"). */
export async function preflight(run, address, { origin, method, names }) {
  const answer = await ask(run, address, {
    method: "OPTIONS",
    headers: {
      Origin: origin,
      "Access-Control-Request-Method": method,
      "Access-Control-Request-Headers": names.join(","),
    },
  });
  if (answer.failure) return answer.failure;
  if (answer.status < 200 || answer.status > 299) return `OPTIONS gets ${answer.status}`;
  if (!allows(answer, origin)) return "OPTIONS gets no Access-Control-Allow-Origin";
  const allowed = words(answer.headers.get("access-control-allow-headers"));
  const missing = names.filter(
    (name) => !allowed.includes(name) && (name === "authorization" || !allowed.includes("*")),
  );
  if (missing.length > 0) return `Access-Control-Allow-Headers lacks ${missing.join(", ")}`;
  return undefined;
}

/** Whether a page may see this header of an answer. */
export const exposes = ({ headers }, name) => {
  const exposed = words(headers.get("access-control-expose-headers"));
  return exposed.includes(name) || exposed.includes("*");
};
