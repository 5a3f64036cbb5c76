/**
 * The front door: routes a request, reads it, learns who asks, and hands it to the era that can serve it.
 * Everything unexpected becomes a plain 500 with a trace id. A person who gets an error gets it as a page.
 * Composes the rooms; no room knows this file.
 */

import { ANONYMOUS, callerKey, type Caller } from "./base/caller.ts";
import { log, stackOf } from "./base/log.ts";
import { refusal } from "./base/refusal.ts";
import type { Config, Env } from "./config.ts";
import { furnish, type Hall, type Rooms } from "./hall.ts";
import { insufficientScope, readCaller } from "./oauth/bearer.ts";
import type { Entrance } from "./oauth/desk.ts";
import { resourceMetadata } from "./oauth/metadata.ts";
import { PATHS, type Place } from "./oauth/place.ts";
import { serveOAuth } from "./oauth/server.ts";
import { eraOf } from "./revision/era.ts";
import { catalog, type Server } from "./server/catalog.ts";
import type { ServerSpec } from "./server/define.ts";
import { missingScopes } from "./server/scopes.ts";
import { endSession, listenToSession, postToSession } from "./session/door.ts";
import type { House } from "./session/room.ts";
import { serveStateless } from "./stateless/serve.ts";
import { describeRequest } from "./telemetry/http.ts";
import { kindOf, randomHex, traceIdOf, type Span } from "./telemetry/span.ts";
import type { Vault } from "./vault/vault.ts";
import { readBody } from "./wire/body.ts";
import { addressOf, checkMediaTypes, jsonResponse, readHeader, refuse } from "./wire/http.ts";
import { idOf, parseBody, readMessages, type RequestId } from "./wire/jsonrpc.ts";
import { checkOrigin, preflight, withCors, type OriginPolicy } from "./wire/origin.ts";

/** The path of the MCP endpoint. */
export const MCP_PATH = "/mcp";
/** Where the operator has credentials sealed anew. */
const ROTATE_PATH = "/admin/rotate-keys";

export interface Front<E extends Env = Env> {
  readonly fetch: (request: Request, env: E) => Promise<Response>;
  /** What a session object needs of the app: the same server, on the object's own platform. */
  readonly furnish: (env: E) => House;
}

/** What the app makes of its own settings, once per isolate. */
type Made<E, T, More extends unknown[] = []> = (env: E, ...more: More) => T;

/**
 * The Worker that serves `spec` to whoever comes in through `entrance`, with what it names of `rooms`, and what its
 * session objects are furnished with. A `spec` that asks for settings is made with the first request.
 */
export function front<E extends Env>(
  spec: ServerSpec | Made<E, ServerSpec>,
  entrance: Made<E, Entrance, [vault: Vault]>,
  rooms: Rooms = {},
): Front<E> {
  const ready = typeof spec === "function" ? undefined : catalog(spec);
  let hall: Hall | undefined;
  const enterHall = (env: E): Hall => {
    const server = (): Server => ready ?? catalog(typeof spec === "function" ? spec(env) : spec);
    return (hall ??= furnish(server(), env, (vault) => entrance(env, vault), rooms));
  };
  return {
    async fetch(http, env) {
      let response: Response;
      try {
        response = await observe(http, enterHall(env));
      } catch (error) {
        response = unexpected(error, randomHex(16));
      }
      const origin = http.headers.get("origin");
      if (origin !== null) response = share(response, new URL(http.url), origin, hall?.config.origins);
      if (response.status < 400 || rooms.errorPage === undefined) return response;
      return rooms.errorPage(http, response, hall?.settings.serverName ?? new URL(http.url).host);
    },
    furnish: (env) => enterHall(env).door,
  };
}

/** Serves the request as a span. It ends with the head of the answer; what streams on has spans of its own. */
async function observe(http: Request, hall: Hall): Promise<Response> {
  const { tracer } = hall.door.services;
  const span = tracer.start(http.headers, () => describeRequest(http, targetOf(http.url, hall.config).url, [MCP_PATH]));
  try {
    const response = await enter(http, hall, span);
    span.set({ "http.response.status_code": response.status });
    span.end(response.status >= 500 ? String(response.status) : undefined);
    return response;
  } catch (error) {
    span.end(kindOf(error));
    return unexpected(error, traceIdOf(span));
  } finally {
    tracer.settle("soon");
  }
}

/** Host and Origin first, so that a rebound browser learns nothing. */
function enter(http: Request, hall: Hall, span: Span): Response | Promise<Response> {
  const target = targetOf(http.url, hall.config);
  const allowed = checkOrigin(target.url, http.headers.get("origin"), hall.config.origins);
  return allowed.ok ? route(http, hall, target, span) : refuse(allowed.error);
}

/** Where the settings cannot be read, only this machine's browsers are known. */
const LOOPBACK_ONLY: OriginPolicy = { allowedOrigins: [], allowedHosts: [] };

/** CORS headers, last of all, so that whoever may read an answer may read every error. */
function share(response: Response, url: URL, origin: string, policy: OriginPolicy = LOOPBACK_ONLY): Response {
  // Pages are for people: no script of another site may read one (RFC 9700 section 2.6).
  const page = url.pathname.startsWith(PATHS.authorize) || url.pathname === PATHS.account;
  // spec: authorize.cors
  return page || !checkOrigin(url, origin, policy).ok ? response : withCors(response, origin);
}

interface Target {
  readonly text: string;
  readonly url: URL;
  readonly place: Place;
}

/** The last URL parsed: nearly every request has the same, and parsing it costs as much as a header read or five. */
let last: Target | undefined;
function targetOf(text: string, { publicOrigin, identity }: Config): Target {
  if (last?.text === text) return last;
  const url = new URL(text);
  const issuer = publicOrigin ?? url.origin;
  const place = { issuer, resource: issuer + MCP_PATH, audience: (identity ?? issuer) + MCP_PATH };
  return (last = { text, url, place });
}

// spec: http.endpoint
function route(http: Request, hall: Hall, target: Target, span: Span): Response | Promise<Response> {
  if (http.method === "OPTIONS") return preflight(http);
  return target.url.pathname === MCP_PATH ? serveMcp(http, hall, target.place, span) : serveOther(http, hall, target);
}

/** Nobody passes without a caller. */
function serveMcp(http: Request, hall: Hall, place: Place, span: Span): Response | Promise<Response> {
  const { verify, scopes } = hall;
  if (verify === undefined) return admit(http, hall, place, ANONYMOUS, span);
  // spec: bearer.checked.first
  const caller = readCaller(http, place, verify, scopes);
  return caller.then((known) => (known.ok ? admit(http, hall, place, known.value, span) : known.error));
}

/** GET and DELETE belong to sessions alone, and count as a message each. */
function admit(http: Request, hall: Hall, place: Place, caller: Caller, span: Span): Response | Promise<Response> {
  const { door } = hall;
  // spec: transport.deliver
  if (http.method === "POST") return post(http, hall, place, caller, span);
  const version = readHeader(http.headers, "mcp-protocol-version");
  const era = eraOf([], false, version);
  if (!era.ok) return refuse(era.error);
  const inSession = era.value === "session";
  if (inSession && (http.method === "GET" || http.method === "DELETE")) {
    const serve = http.method === "GET" ? listenToSession : endSession;
    return overLimit(hall, http, caller, 1).then((over) => over ?? serve(door, http, caller));
  }
  // spec: http.get.refuse, http.verb.allow
  const allow = inSession ? "GET, POST, DELETE, OPTIONS" : "POST, OPTIONS";
  return refuse(refusal("MethodNotAllowed", `${http.method} is not served here: use POST`), undefined, { allow });
}

/** 1. Media types, 2. body, 3. JSON, 4. JSON-RPC, 5. limit, of what was refused by 2 to 4 too, 6. scopes, 7. era. */
async function post(http: Request, hall: Hall, place: Place, caller: Caller, span: Span): Promise<Response> {
  const { config, door } = hall;
  const types = checkMediaTypes(http.headers);
  if (!types.ok) return refuse(types.error);
  const body = await readBody(http, config.maxBodyBytes);
  const parsed = body.ok ? parseBody(body.value) : body;
  const value = parsed.ok ? parsed.value : null;
  const batched = Array.isArray(value);
  const id = idOf(value);
  const messages = parsed.ok ? readMessages(value) : parsed;
  // What is no message costs as much as one.
  const count = messages.ok ? messages.value.length : 1;
  // spec: tools.calls.limited, completion.requests.limited
  const over = await overLimit(hall, http, caller, count, batched ? `: a batch counts as ${count}` : "", id);
  if (over !== undefined) return over;
  if (!messages.ok) return refuse(messages.error, id);
  const needed = missingScopes(door.server, caller, value);
  // spec: bearer.scope.checked
  if (needed.length > 0) return insufficientScope(place, needed);
  const era = eraOf(messages.value, batched, readHeader(http.headers, "mcp-protocol-version"));
  if (!era.ok) return refuse(era.error, id);
  const [first] = messages.value;
  return era.value === "session" || first === undefined
    ? postToSession(door, http, messages.value, batched, caller, span)
    : serveStateless(door, http, first, caller, span);
}

/**
 * Counts `count` messages. Gives the refusal where they are too many; `what` is said in it. Who is known is limited as
 * themselves; strangers by address. The limiter keeps no storage, and counts one at a time. What was counted of a batch
 * that is refused stays counted.
 */
async function overLimit(
  { limiter }: Hall,
  http: Request,
  caller: Caller,
  count: number,
  what: string = "",
  id?: RequestId,
): Promise<Response | undefined> {
  const key = caller === ANONYMOUS ? addressOf(http) : callerKey(caller);
  for (let left = count; limiter !== undefined && left > 0; left -= 1)
    if (!(await limiter.limit({ key })).success)
      return refuse(refusal("TooManyRequests", `Too many requests${what}; wait a minute`), id, { "retry-after": "60" });
  return undefined;
}

/** What is not the endpoint: metadata, the authorization server where we are our own, the operator, and the app's site. */
async function serveOther(http: Request, hall: Hall, { url, place }: Target): Promise<Response> {
  const { config, desk, door, settings, rooms } = hall;
  const path = url.pathname;
  if (path === ROTATE_PATH && rooms.vault !== undefined)
    return rooms.vault.rotate(http, door.services.vault, config.ring);
  const entry = config.auth === "none" ? "open" : config.auth === "own" ? "own" : "outside";
  const issuer = config.auth === "own" ? place.issuer : config.auth === "none" ? undefined : config.auth.issuer;
  const metadata = issuer === undefined ? undefined : resourceMetadata(path, place, issuer, settings);
  const answer =
    metadata ??
    (desk === undefined ? undefined : await serveOAuth(desk, http, place, url)) ??
    (await rooms.site?.(http, { server: door.server, place, entry }));
  return answer ?? refuse(refusal("NotFound", `Nothing is served at ${path}: the MCP endpoint is ${MCP_PATH}`));
}

/** The trace id is what a person quotes to the operator; the log line beside it has the rest, and so has the trace. */
function unexpected(error: unknown, trace: string): Response {
  log("error", "request.failed", { trace, error: stackOf(error) });
  return jsonResponse(JSON.stringify({ error: "Internal error", trace }), 500);
}
