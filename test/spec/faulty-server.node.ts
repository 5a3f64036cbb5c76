/**
 * A server that does all right on first contact, to be spoiled one thing at a time. It asks for a token, is its own authorization server, speaks both eras, and may be called from a page.
 */

import type { ServerResponse } from "node:http";
import { serve, type Got } from "./audited.node.ts";

export const TOKEN = "a-token-of-the-test";
export const SECRET = "a-secret-of-the-test";
const DISCOVER = "2026-07-28";

type Fields = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string>>;
/** What a server answers at one place. */
type Answer = (got: Got, response: ServerResponse) => unknown;

/** What is wrong with a server. */
export interface Fault {
  readonly isOpen?: boolean;
  /** The token endpoint knows no client with a document that does not sign. */
  readonly isTokenForSigners?: boolean;
  /** The status without a token. */
  readonly refusal?: number;
  /** The WWW-Authenticate header; null for none. */
  readonly challenge?: string | null;
  /** Laid over the metadata of the resource and of the authorization server; null takes it away. */
  readonly resource?: Fields | null;
  readonly issuer?: Fields | null;
  /** Without headers for pages where the path holds this. */
  readonly closedToPages?: string;
  readonly exposes?: string;
  /** Answers in place of the server where the path begins so. */
  readonly instead?: Readonly<Record<string, Answer>>;
  /** JSON-RPC methods that are not served, or answered otherwise. */
  readonly methods?: Readonly<Record<string, Fields | number>>;
  readonly hasNoSessions?: boolean;
  readonly hasNoStateless?: boolean;
  readonly tools?: readonly unknown[];
}

export const json = (
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Headers = {},
): ServerResponse =>
  response
    .writeHead(status, { "Content-Type": "application/json", ...headers })
    .end(JSON.stringify(value));

/** A page, whatever was asked. */
export const html =
  (status: number, text = "<h1>Oops</h1>"): Answer =>
  (_, response) =>
    response.writeHead(status, { "Content-Type": "text/html" }).end(text);

const TOOLS = [{ name: "add", description: "Adds", inputSchema: { type: "object" } }];

/** Starts such a server; resolves to its endpoint. `got` is everything that it was asked. */
export async function serveFaulty(fault: Fault = {}): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  let origin = "";
  const answer = (one: Got, response: ServerResponse): void => {
    got.push(one);
    const path = one.path.split("?")[0] ?? "";
    if (fault.closedToPages === undefined || !path.includes(fault.closedToPages))
      openToPages(response, fault.exposes ?? "WWW-Authenticate, Mcp-Session-Id");
    const instead = Object.entries(fault.instead ?? {}).find(([at]) => path.startsWith(at));
    if (one.method === "OPTIONS") response.writeHead(204).end();
    else if (instead !== undefined) instead[1](one, response);
    else answerRight(one, response, { path, origin, fault });
  };
  origin = await serve(answer);
  return { url: `${origin}/mcp`, got };
}

function openToPages(response: ServerResponse, exposes: string): void {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "authorization, *");
  response.setHeader("Access-Control-Expose-Headers", exposes);
}

interface Place {
  readonly path: string;
  readonly origin: string;
  readonly fault: Fault;
}

function answerRight(one: Got, response: ServerResponse, place: Place): unknown {
  const { path, origin, fault } = place;
  if (path === "/mcp") return answerMcp(one, response, place);
  if (path.startsWith("/.well-known/oauth-protected-resource") && fault.resource !== null)
    return json(response, 200, {
      resource: `${origin}/mcp`,
      authorization_servers: [origin],
      ...fault.resource,
    });
  if (path === "/.well-known/oauth-authorization-server" && fault.issuer !== null)
    return json(response, 200, { ...metadataOf(origin), ...fault.issuer });
  if (path === "/oauth/register") return answerRegistration(one, response);
  if (path === "/oauth/authorize")
    return response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Sign in</h1>");
  if (path === "/oauth/token")
    return fault.isTokenForSigners && one.body.includes("client_id=https")
      ? json(response, 401, { error: "invalid_client" })
      : json(response, 400, { error: "invalid_grant" });
  return response.writeHead(404).end();
}

const metadataOf = (origin: string): Fields => ({
  issuer: origin,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  registration_endpoint: `${origin}/oauth/register`,
  response_types_supported: ["code"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: ["S256"],
});

function answerRegistration({ body }: Got, response: ServerResponse): unknown {
  const asked = JSON.parse(body) as { readonly token_endpoint_auth_method?: string };
  const isPublic = asked.token_endpoint_auth_method === "none";
  return json(response, 201, {
    ...asked,
    client_id: "client-1",
    ...(!isPublic && { client_secret: SECRET }),
  });
}

interface Message {
  readonly id?: unknown;
  readonly method?: string;
}

function answerMcp(one: Got, response: ServerResponse, { origin, fault }: Place): unknown {
  const isCaller = one.headers.authorization === `Bearer ${TOKEN}`;
  const where = `${origin}/.well-known/oauth-protected-resource/mcp`;
  const { challenge = `Bearer resource_metadata="${where}", scope="tools"` } = fault;
  if (fault.isOpen !== true && !isCaller)
    return json(
      response,
      fault.refusal ?? 401,
      { error: "no token" },
      challenge === null ? {} : { "WWW-Authenticate": challenge },
    );
  if (one.method === "GET") return response.writeHead(405).end();
  if (one.method === "DELETE") return response.writeHead(204).end();
  const { id, method = "" } = JSON.parse(one.body) as Message;
  const isNewest = one.headers["mcp-protocol-version"] === DISCOVER;
  const planned = fault.methods?.[method];
  const error = { code: -32022, message: "Unsupported protocol version" };
  if (isNewest ? fault.hasNoStateless : fault.hasNoSessions)
    return json(response, 400, { jsonrpc: "2.0", id, error });
  if (typeof planned === "number") return json(response, planned, {});
  if (id === undefined) return response.writeHead(202).end();
  const result = { ...resultOf(method, fault), ...planned };
  const headers: Headers = method === "initialize" ? { "Mcp-Session-Id": "s1" } : {};
  return json(response, 200, { jsonrpc: "2.0", id, result }, headers);
}

function resultOf(method: string, { tools = TOOLS }: Fault): Fields {
  const serverInfo = { name: "faulty", version: "1" };
  const newest = { resultType: "complete", ttlMs: 0, cacheScope: "public" };
  const _meta = { "io.modelcontextprotocol/serverInfo": serverInfo };
  if (method === "initialize")
    return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
  if (method === "server/discover")
    return { ...newest, supportedVersions: [DISCOVER], capabilities: { tools: {} }, _meta };
  return method === "tools/list" ? { ...newest, tools } : {};
}
