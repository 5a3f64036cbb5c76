/**
 * The router: checks Host and Origin, and hands a request to the MCP endpoint, to the routes of the parts (metadata,
 * authorization server, operator's endpoint), or to the app's pages. Adds CORS headers last.
 * An exception becomes a plain 500 with a trace id. A person who gets an error gets it as a page.
 */

import { describeIncomingRequest } from "../base/http-span.ts";
import type { ServerIdentifiers } from "../base/identifiers.ts";
import { log, logError } from "../base/log.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { Settings } from "../base/settings.ts";
import { errorType, randomHex, traceIdOf, type Span } from "../base/span.ts";
import { now } from "../base/time.ts";
import type { ServerRuntime } from "../server/feature.ts";
import {
  checkHostAndOrigin,
  preflightResponse,
  withCors,
  type OriginPolicy,
} from "../wire/origin.ts";
import { jsonResponse, errorResponse } from "../wire/response.ts";
import type { Config } from "./config.ts";
import { handleMcp } from "./mcp-endpoint.ts";
import { buildServerOf, createRuntime, type Runtime, type WorkerParts } from "./runtime.ts";

/** The path of the MCP endpoint. */
export const MCP_PATH = "/mcp";
export interface WorkerHandlers<E> {
  readonly fetch: (request: Request, env: E) => Promise<Response>;
  /** What a session object needs of the app: the same server, in the isolate of the object. */
  readonly runtime: (env: E) => ServerRuntime;
}

/** The Worker that is made of `parts`. Nothing is read of its settings before the first request. @throws on a wrong definition. */
export function createWorker<E>(parts: WorkerParts<E>): WorkerHandlers<E> {
  const { server: spec, errorPage } = parts;
  const server =
    typeof spec === "function"
      ? (settings: Settings) => buildServerOf(spec(settings.env as E, settings), parts)
      : buildServerOf(spec, parts);
  let runtime: Runtime | undefined;
  const runtimeFor = (env: E): Runtime => {
    runtime ??= createRuntime(server, parts, env);
    return runtime;
  };
  return {
    async fetch(http, env) {
      let response: Response;
      try {
        response = await handleTraced(http, runtimeFor(env), parts);
      } catch (error) {
        response = internalErrorResponse(error, randomHex(16));
      }
      const origin = http.headers.get("origin");
      if (origin !== null) response = addCorsHeaders(response, http.url, origin, runtime);
      if (response.status < 400 || errorPage === undefined) return response;
      const { title, name = "This server" } = runtime?.server.info ?? {};
      return errorPage(http, response, title ?? name);
    },
    runtime: runtimeFor,
  };
}

/** Serves the request as a span. It ends with the head of the answer; what streams on has spans of its own. */
async function handleTraced(
  http: Request,
  runtime: Runtime,
  parts: Pick<WorkerParts<never>, "site">,
): Promise<Response> {
  const { tracer } = runtime.services;
  const parsedUrl = parseUrl(http.url, runtime.config);
  if (parsedUrl === undefined)
    return errorResponse(protocolError("Forbidden", "The Host header is none"));
  const span = tracer.start(http.headers, () =>
    describeIncomingRequest(http, parsedUrl.url, [MCP_PATH]),
  );
  try {
    const response = await handleRequest(http, runtime, parts, parsedUrl, span);
    span.set({ "http.response.status_code": response.status });
    span.end(response.status >= 500 ? String(response.status) : undefined);
    return response;
  } catch (error) {
    span.end(errorType(error));
    return internalErrorResponse(error, traceIdOf(span));
  } finally {
    tracer.flush("soon");
  }
}

/** Host and Origin first, so that a rebound browser learns nothing. */
function handleRequest(
  http: Request,
  runtime: Runtime,
  parts: Pick<WorkerParts<never>, "site">,
  parsedUrl: ParsedUrl,
  span: Span,
): Response | Promise<Response> {
  const isPublic = runtime.isPublic(parsedUrl.pathname);
  const allowed = checkHostAndOrigin(
    parsedUrl.hostname,
    isPublic ? null : http.headers.get("origin"),
    runtime.config.originPolicy,
  );
  if (!allowed.ok) {
    logRefusal(allowed.error.message);
    return errorResponse(allowed.error);
  }
  if (http.method === "OPTIONS" && !isPublic) return preflightResponse(http);
  // spec: http.endpoint
  return parsedUrl.pathname === MCP_PATH
    ? handleMcp(http, runtime, parsedUrl.identifiers, span)
    : handleNonMcp(http, runtime, parts, parsedUrl);
}

/** The refusal that was logged last, and when: an operator must see it, and a stranger who repeats it fills no log. */
let lastRefusal = { message: "", loggedAtMs: 0 };
function logRefusal(message: string): void {
  if (message === lastRefusal.message && now() - lastRefusal.loggedAtMs < 60_000) return;
  lastRefusal = { message, loggedAtMs: now() };
  log("warn", "request.refused", { reason: message.slice(0, 300) });
}

/** Where the settings cannot be read, only this machine's browsers are known. */
const LOOPBACK_ONLY: OriginPolicy = { allowedOrigins: [], allowedHosts: [] };

/** CORS headers, last of all, so that whoever may read an answer may read every error. */
function addCorsHeaders(
  response: Response,
  urlText: string,
  origin: string,
  runtime: Runtime | undefined,
): Response {
  const url = URL.parse(urlText);
  if (url === null) return response;
  if (runtime?.isPublic(url.pathname) === true) return response;
  // Pages are for people: no script of another site may read one (RFC 9700 section 2.6).
  const isPage = runtime?.authority?.isPage(url.pathname) === true;
  const policy = runtime?.config.originPolicy ?? LOOPBACK_ONLY;
  // spec: authorize.cors
  return isPage || !checkHostAndOrigin(url.hostname, origin, policy).ok
    ? response
    : withCors(response, origin);
}

interface ParsedUrl {
  readonly text: string;
  readonly url: URL;
  readonly hostname: string;
  readonly pathname: string;
  readonly identifiers: ServerIdentifiers;
}

/** The last URL parsed: nearly every request has the same, and parsing it, or reading a part of it, costs as much as a header. */
let lastParsedUrl: ParsedUrl | undefined;
function parseUrl(text: string, { publicOrigin, identity }: Config): ParsedUrl | undefined {
  if (lastParsedUrl?.text === text) return lastParsedUrl;
  const url = URL.parse(text);
  // A Host that is none, such as one with port 99999: workerd passes it on.
  if (url === null) return undefined;
  const issuer = publicOrigin ?? url.origin;
  const identifiers = {
    issuer,
    resource: issuer + MCP_PATH,
    audience: (identity ?? issuer) + MCP_PATH,
  };
  const { hostname, pathname } = url;
  lastParsedUrl = { text, url, hostname, pathname, identifiers };
  return lastParsedUrl;
}

/** What is not the endpoint: the routes of the parts, and the app's site. */
async function handleNonMcp(
  http: Request,
  { routes, server, authority }: Runtime,
  { site }: Pick<WorkerParts<never>, "site">,
  { url, identifiers }: ParsedUrl,
): Promise<Response> {
  for (const route of routes) {
    const response = await route(http, url, identifiers);
    if (response !== undefined) return response;
  }
  return (
    (await site?.(http, { server, identifiers, authMode: authority?.mode ?? "open" })) ??
    errorResponse(
      protocolError(
        "NotFound",
        `Nothing is served at ${url.pathname}: the MCP endpoint is ${MCP_PATH}`,
      ),
    )
  );
}

/** The trace id is what a person quotes to the operator; the log line beside it has the rest, and so has the trace. */
function internalErrorResponse(error: unknown, traceId: string): Response {
  logError("request.failed", error, { trace: traceId });
  return jsonResponse(JSON.stringify({ error: "Internal error", trace: traceId }), 500);
}
