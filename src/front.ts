/**
 * The front door: routes a request, reads it, learns who asks, and hands it to the era that can serve it.
 * Everything unexpected becomes a plain 500 with a trace id. Composes the rooms; no room knows this file.
 */

import { base64url } from "./base/bytes.ts";
import { ANONYMOUS, callerKey, type Caller } from "./base/caller.ts";
import { randomBytes } from "./base/clock.ts";
import { refusal } from "./base/refusal.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import { hubDoor } from "./hub/door.ts";
import { eraOf, eraOfHeader } from "./revision/era.ts";
import { catalog, type Server } from "./server/catalog.ts";
import type { ServerSpec } from "./server/define.ts";
import { endSession, listenToSession, postToSession } from "./session/door.ts";
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
  readonly fetch: (request: Request, env: Env, context: ExecutionContext) => Promise<Response>;
  /** What a session object needs of the app: the same server, on the object's own platform. */
  readonly furnish: (env: Env, context: Pick<ExecutionContext, "waitUntil">) => House;
}

/** One visit: everything a request needs on its way through the house. */
interface Visit {
  readonly http: Request;
  readonly env: Env;
  readonly config: Config;
  readonly door: SessionDoor;
}

/** The Worker that serves `spec`, and what its session objects are furnished with. */
export function front(spec: ServerSpec): Front {
  const server = catalog(spec);
  let known: Config | undefined;
  const configure = (env: Env): Config => (known ??= readConfig(env));
  return {
    async fetch(http, env, context) {
      try {
        const config = configure(env);
        const door = { ...furnish(server, config, env, context), sessions: env.SESSION, only: config.only };
        return await enter({ http, env, config, door });
      } catch (error) {
        return unexpected(error);
      }
    },
    furnish: (env, context) => furnish(server, configure(env), env, context),
  };
}

function furnish(server: Server, config: Config, env: Env, context: Pick<ExecutionContext, "waitUntil">): House {
  const hub = hubDoor(env.HUB);
  const services: House["services"] = {
    ring: config.ring,
    publish: (change) => context.waitUntil(hub.publish(change)),
  };
  return { server, services, hub };
}

/** Host and Origin first, so that a rebound browser learns nothing; CORS headers last, so that errors have them too. */
async function enter(visit: Visit): Promise<Response> {
  const url = new URL(visit.http.url);
  const origin = visit.http.headers.get("origin");
  const allowed = checkOrigin(url, origin, visit.config.origins);
  if (!allowed.ok) return refuse(allowed.error);
  const response = await route(visit, url.pathname);
  return origin === null ? response : withCors(response, origin);
}

/** GET and DELETE belong to sessions alone. */
async function route(visit: Visit, path: string): Promise<Response> {
  const { http, door } = visit;
  // spec: http.endpoint
  if (path !== MCP_PATH) {
    return refuse(refusal("NotFound", `Nothing is served at ${path}: the MCP endpoint is ${MCP_PATH}`));
  }
  if (http.method === "OPTIONS") return preflight(http);
  // spec: transport.deliver
  if (http.method === "POST") return post(visit);
  const inSession = eraOfHeader(http.headers.get("mcp-protocol-version")) === "session";
  if (http.method === "GET" && inSession) return listenToSession(door, http, ANONYMOUS);
  if (http.method === "DELETE" && inSession) return endSession(door, http, ANONYMOUS);
  // spec: http.get.refuse, http.verb.allow
  const allow = inSession ? "GET, POST, DELETE, OPTIONS" : "POST, OPTIONS";
  return refuse(refusal("MethodNotAllowed", `${http.method} is not served here: use POST`), undefined, { allow });
}

/** 1. Media types, 2. body, 3. JSON, 4. caller and limit, 5. era, 6. JSON-RPC. */
async function post({ http, env, config, door }: Visit): Promise<Response> {
  const types = checkMediaTypes(http.headers);
  if (!types.ok) return refuse(types.error);
  const body = await readBody(http, config.maxBodyBytes);
  if (!body.ok) return refuse(body.error);
  const parsed = parseBody(body.value);
  if (!parsed.ok) return refuse(parsed.error);
  const caller = ANONYMOUS;
  // spec: tools.calls.limited, completion.requests.limited
  if (!(await isWithinLimit(env, http, caller))) {
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
async function isWithinLimit(env: Env, request: Request, caller: Caller): Promise<boolean> {
  if (env.LIMITER === undefined) return true;
  const stranger = caller === ANONYMOUS ? (request.headers.get("cf-connecting-ip") ?? "local") : undefined;
  return (await env.LIMITER.limit({ key: stranger ?? callerKey(caller) })).success;
}

/** The trace id is what a person quotes to the operator; the log line beside it has the rest. */
function unexpected(error: unknown): Response {
  const trace = base64url(randomBytes(12));
  console.error(JSON.stringify({ event: "request.failed", trace, error: String((error as Error)?.stack ?? error) }));
  return jsonResponse(JSON.stringify({ error: "Internal error", trace }), 500);
}
