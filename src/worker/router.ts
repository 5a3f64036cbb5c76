/**
 * The router: checks Host and Origin, and hands a request to the MCP endpoint, to the metadata and the authorization
 * server, to the operator's endpoint, or to the app's pages. Adds CORS headers last.
 * An exception becomes a plain 500 with a trace id. A person who gets an error gets it as a page.
 */

import { log, errorStack } from "../base/log.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { Config, Env } from "./config.ts";
import { handleMcp } from "./mcp-endpoint.ts";
import { createRuntime, type OptionalModules, type Runtime, type SiteContext } from "./runtime.ts";
import type { LoginOptions } from "../oauth/authorization-server/types.ts";
import { resourceMetadataResponse } from "../oauth/authorization-server/metadata.ts";
import { PATHS, type ServerIdentifiers } from "../oauth/identifiers.ts";
import { handleOAuth } from "../oauth/authorization-server/routes.ts";
import { buildServer, type Server } from "../server/registry.ts";
import type { ServerSpec } from "../server/define.ts";
import type { SessionDependencies } from "../transport/session/types.ts";
import { describeIncomingRequest } from "../telemetry/http.ts";
import { errorType, randomHex, traceIdOf, type Span } from "../telemetry/span.ts";
import type { Vault } from "../vault/vault.ts";
import { jsonResponse, errorResponse } from "../wire/response.ts";
import { checkHostAndOrigin, preflightResponse, withCors, type OriginPolicy } from "../wire/origin.ts";

/** The path of the MCP endpoint. */
export const MCP_PATH = "/mcp";
/** Where the operator has credentials sealed anew. */
const ROTATE_PATH = "/admin/rotate-keys";

export interface WorkerHandlers<E extends Env = Env> {
  readonly fetch: (request: Request, env: E) => Promise<Response>;
  /** What a session object needs of the app: the same server, on the object's own platform. */
  readonly sessionDependencies: (env: E) => SessionDependencies;
}

/** What the app makes of its own settings, once per isolate. */
type FromEnv<E, T, More extends unknown[] = []> = (env: E, ...more: More) => T;

/**
 * The Worker that serves `spec`, with the optional `modules` that it names; `createLoginOptions` says how people sign in.
 * A `spec` that is a function of the settings is made with the first request.
 */
export function createWorker<E extends Env>(
  spec: ServerSpec | FromEnv<E, ServerSpec>,
  createLoginOptions: FromEnv<E, LoginOptions, [vault: Vault]>,
  modules: OptionalModules = {},
): WorkerHandlers<E> {
  const prebuiltServer = typeof spec === "function" ? undefined : buildServer(spec);
  let runtime: Runtime | undefined;
  const runtimeFor = (env: E): Runtime => {
    const getServer = (): Server => prebuiltServer ?? buildServer(typeof spec === "function" ? spec(env) : spec);
    runtime ??= createRuntime(getServer(), env, (vault) => createLoginOptions(env, vault), modules);
    return runtime;
  };
  return {
    async fetch(http, env) {
      let response: Response;
      try {
        response = await handleTraced(http, runtimeFor(env));
      } catch (error) {
        response = internalErrorResponse(error, randomHex(16));
      }
      const origin = http.headers.get("origin");
      if (origin !== null) response = addCorsHeaders(response, new URL(http.url), origin, runtime?.config.originPolicy);
      if (response.status < 400 || modules.errorPage === undefined) return response;
      return modules.errorPage(http, response, runtime?.settings.serverName ?? new URL(http.url).host);
    },
    sessionDependencies: (env) => runtimeFor(env).dependencies,
  };
}

/** Serves the request as a span. It ends with the head of the answer; what streams on has spans of its own. */
async function handleTraced(http: Request, runtime: Runtime): Promise<Response> {
  const { tracer } = runtime.dependencies.services;
  const span = tracer.start(http.headers, () =>
    describeIncomingRequest(http, parseUrl(http.url, runtime.config).url, [MCP_PATH]),
  );
  try {
    const response = await handleRequest(http, runtime, span);
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
function handleRequest(http: Request, runtime: Runtime, span: Span): Response | Promise<Response> {
  const parsedUrl = parseUrl(http.url, runtime.config);
  const allowed = checkHostAndOrigin(parsedUrl.url, http.headers.get("origin"), runtime.config.originPolicy);
  return allowed.ok ? route(http, runtime, parsedUrl, span) : errorResponse(allowed.error);
}

/** Where the settings cannot be read, only this machine's browsers are known. */
const LOOPBACK_ONLY: OriginPolicy = { allowedOrigins: [], allowedHosts: [] };

/** CORS headers, last of all, so that whoever may read an answer may read every error. */
function addCorsHeaders(response: Response, url: URL, origin: string, policy: OriginPolicy = LOOPBACK_ONLY): Response {
  // Pages are for people: no script of another site may read one (RFC 9700 section 2.6).
  const isHtmlPage = url.pathname.startsWith(PATHS.authorize) || url.pathname === PATHS.account;
  // spec: authorize.cors
  return isHtmlPage || !checkHostAndOrigin(url, origin, policy).ok ? response : withCors(response, origin);
}

interface ParsedUrl {
  readonly text: string;
  readonly url: URL;
  readonly identifiers: ServerIdentifiers;
}

/** The last URL parsed: nearly every request has the same, and parsing it costs as much as a header read or five. */
let lastParsedUrl: ParsedUrl | undefined;
function parseUrl(text: string, { publicOrigin, identity }: Config): ParsedUrl {
  if (lastParsedUrl?.text === text) return lastParsedUrl;
  const url = new URL(text);
  const issuer = publicOrigin ?? url.origin;
  const identifiers = { issuer, resource: issuer + MCP_PATH, audience: (identity ?? issuer) + MCP_PATH };
  lastParsedUrl = { text, url, identifiers };
  return lastParsedUrl;
}

// spec: http.endpoint
function route(http: Request, runtime: Runtime, parsedUrl: ParsedUrl, span: Span): Response | Promise<Response> {
  if (http.method === "OPTIONS") return preflightResponse(http);
  return parsedUrl.url.pathname === MCP_PATH
    ? handleMcp(http, runtime, parsedUrl.identifiers, span)
    : handleNonMcp(http, runtime, parsedUrl);
}

/** What is not the endpoint: metadata, the authorization server where we are our own, the operator, and the app's site. */
async function handleNonMcp(http: Request, runtime: Runtime, { url, identifiers }: ParsedUrl): Promise<Response> {
  const { config, authServer, dependencies, settings, modules } = runtime;
  const path = url.pathname;
  if (path === ROTATE_PATH && modules.vault !== undefined)
    return modules.vault.rotate(http, dependencies.services.vault, config.ring);
  const { authMode, issuer } = authorityOf(config, identifiers);
  const metadata = issuer === undefined ? undefined : resourceMetadataResponse(path, identifiers, issuer, settings);
  const response =
    metadata ??
    (authServer === undefined ? undefined : await handleOAuth(authServer, http, identifiers, url)) ??
    (await modules.site?.(http, { server: dependencies.server, identifiers, authMode }));
  return (
    response ??
    errorResponse(protocolError("NotFound", `Nothing is served at ${path}: the MCP endpoint is ${MCP_PATH}`))
  );
}

/** Who vouches for callers: nobody, this server, or the issuer that the settings name. */
function authorityOf(
  { auth }: Config,
  identifiers: ServerIdentifiers,
): { readonly authMode: SiteContext["authMode"]; readonly issuer: string | undefined } {
  if (auth === "none") return { authMode: "open", issuer: undefined };
  if (auth === "builtin") return { authMode: "builtin", issuer: identifiers.issuer };
  return { authMode: "external", issuer: auth.issuer };
}

/** The trace id is what a person quotes to the operator; the log line beside it has the rest, and so has the trace. */
function internalErrorResponse(error: unknown, traceId: string): Response {
  log("error", "request.failed", { trace: traceId, error: errorStack(error) });
  return jsonResponse(JSON.stringify({ error: "Internal error", trace: traceId }), 500);
}
