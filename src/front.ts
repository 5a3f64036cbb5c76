/**
 * The front door: routes a request, reads it, learns who asks, and hands it to the era that can serve it.
 * Everything unexpected becomes a plain 500 with a trace id. Composes the rooms; no room knows this file.
 */

import { waitUntil } from "cloudflare:workers";
import { base64url } from "./base/bytes.ts";
import { ANONYMOUS, callerKey, type Caller } from "./base/caller.ts";
import { randomBytes } from "./base/clock.ts";
import { refusal } from "./base/refusal.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import { hubDoor } from "./hub/door.ts";
import { checkServed, eraOf, eraOfHeader } from "./revision/era.ts";
import { catalog, type Server } from "./server/catalog.ts";
import type { ServerSpec } from "./server/define.ts";
import { completeElicitation, endSession, listenToSession, postToSession } from "./session/door.ts";
import type { SessionDoor } from "./session/initialize.ts";
import type { House } from "./session/room.ts";
import { serveStateless } from "./stateless/serve.ts";
import { readBody } from "./wire/body.ts";
import { checkMediaTypes, jsonResponse, refuse } from "./wire/http.ts";
import { idOf, parseBody, readMessage } from "./wire/jsonrpc.ts";
import { checkOrigin, preflight, withCors } from "./wire/origin.ts";

/** The path of the MCP endpoint. */
export const MCP_PATH = "/mcp";

export interface Front {
  readonly fetch: (request: Request, env: Env) => Promise<Response>;
  /** What a session object needs of the app: the same server, on the object's own platform. */
  readonly furnish: (env: Env) => House;
}

/** Everything that a request needs on its way through the house; made once per isolate. */
interface Hall {
  readonly env: Env;
  readonly config: Config;
  readonly door: SessionDoor;
}

/** The Worker that serves `spec`, and what its session objects are furnished with. */
export function front(spec: ServerSpec): Front {
  const server = catalog(spec);
  let hall: Hall | undefined;
  const enterHall = (env: Env): Hall => (hall ??= furnish(server, env));
  return {
    async fetch(http, env) {
      try {
        return await enter(http, enterHall(env));
      } catch (error) {
        return unexpected(error);
      }
    },
    furnish: (env) => enterHall(env).door,
  };
}

function furnish(server: Server, env: Env): Hall {
  const config = readConfig(env);
  const hub = hubDoor(env.HUB);
  // Publishing outlives the request that caused it, and never delays its answer.
  const services: House["services"] = {
    ring: config.ring,
    publish: (change) => waitUntil(hub.publish(change)),
    complete: (elicitationId) => waitUntil(completeElicitation(env.SESSION, elicitationId)),
  };
  return { env, config, door: { server, services, hub, sessions: env.SESSION, only: config.only } };
}

/** Host and Origin first, so that a rebound browser learns nothing; CORS headers last, so that errors have them too. */
function enter(http: Request, hall: Hall): Response | Promise<Response> {
  const url = urlOf(http.url);
  const origin = http.headers.get("origin");
  const allowed = checkOrigin(url, origin, hall.config.origins);
  if (!allowed.ok) return refuse(allowed.error);
  if (origin === null) return route(http, hall, url.pathname);
  return Promise.resolve(route(http, hall, url.pathname)).then((response) => withCors(response, origin));
}

/** The last URL parsed: nearly every request has the same, and parsing it costs as much as a header read or five. */
let last = { text: "", url: new URL("http://localhost/") };
function urlOf(text: string): URL {
  if (text !== last.text) last = { text, url: new URL(text) };
  return last.url;
}

/** GET and DELETE belong to sessions alone. */
function route(http: Request, hall: Hall, path: string): Response | Promise<Response> {
  const { door } = hall;
  // spec: http.endpoint
  if (path !== MCP_PATH) {
    return refuse(refusal("NotFound", `Nothing is served at ${path}: the MCP endpoint is ${MCP_PATH}`));
  }
  if (http.method === "OPTIONS") return preflight(http);
  // spec: transport.deliver
  if (http.method === "POST") return post(http, hall);
  const version = http.headers.get("mcp-protocol-version");
  const served = checkServed(version);
  if (!served.ok) return refuse(served.error);
  const inSession = eraOfHeader(version) === "session";
  if (http.method === "GET" && inSession) return listenToSession(door, http, ANONYMOUS);
  if (http.method === "DELETE" && inSession) return endSession(door, http, ANONYMOUS);
  // spec: http.get.refuse, http.verb.allow
  const allow = inSession ? "GET, POST, DELETE, OPTIONS" : "POST, OPTIONS";
  return refuse(refusal("MethodNotAllowed", `${http.method} is not served here: use POST`), undefined, { allow });
}

/** 1. Media types, 2. body, 3. JSON, 4. caller and limit, 5. era, 6. JSON-RPC. */
async function post(http: Request, { env, config, door }: Hall): Promise<Response> {
  const types = checkMediaTypes(http.headers);
  if (!types.ok) return refuse(types.error);
  const body = await readBody(http, config.maxBodyBytes);
  if (!body.ok) return refuse(body.error);
  const parsed = parseBody(body.value);
  if (!parsed.ok) return refuse(parsed.error);
  const caller = ANONYMOUS;
  // spec: tools.calls.limited, completion.requests.limited
  if (env.LIMITER !== undefined && !(await isWithinLimit(env.LIMITER, http, caller))) {
    return refuse(refusal("TooManyRequests", "Too many requests: wait a minute"), idOf(parsed.value), {
      "retry-after": "60",
    });
  }
  if (eraOf(parsed.value, http.headers.get("mcp-protocol-version")) === "session") {
    return postToSession(door, http, parsed.value, caller);
  }
  const message = readMessage(parsed.value);
  if (!message.ok) return refuse(message.error, message.error.id);
  return serveStateless(door, http, message.value, caller);
}

/** Who is known is limited as themselves; strangers by address. The limiter keeps no storage. */
async function isWithinLimit(limiter: RateLimit, request: Request, caller: Caller): Promise<boolean> {
  const stranger = caller === ANONYMOUS ? (request.headers.get("cf-connecting-ip") ?? "local") : undefined;
  return (await limiter.limit({ key: stranger ?? callerKey(caller) })).success;
}

/** The trace id is what a person quotes to the operator; the log line beside it has the rest. */
function unexpected(error: unknown): Response {
  const trace = base64url(randomBytes(12));
  console.error(JSON.stringify({ event: "request.failed", trace, error: String((error as Error)?.stack ?? error) }));
  return jsonResponse(JSON.stringify({ error: "Internal error", trace }), 500);
}
