/**
 * What a request names of what the server offers: a tool, a prompt, a resource, or a template that its URI fits. MCP server/*.
 * It is found once, when the messages of a body are known. Scopes, mirrored headers, the time limit, spans, log lines and
 * the handler are given what was found. A session's object finds it anew: no definition crosses from the Worker into it.
 * Refuses nothing: each method says in its own words what it misses.
 */

import { membersOf, withoutInherited, type JsonValue } from "../base/json.ts";
import type { RpcRequest } from "../wire/jsonrpc.ts";
import type { PromptSpec, ResourceSpec, ResourceTemplate, Tool } from "./define.ts";
import type { Server } from "./registry.ts";

/** At most one of the four. */
export interface RequestTarget {
  readonly tool?: Tool | undefined;
  readonly prompt?: PromptSpec | undefined;
  /** With a fixed URI. */
  readonly resource?: ResourceSpec | undefined;
  readonly template?: ResourceTemplate | undefined;
  /** Of `template`, when a URI that fits it is read. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Of a message that names nothing, or nothing that is offered. */
export const NO_TARGET: RequestTarget = {};

/** What `method` would run. Of a completion, what its `ref` is about. */
export function findTarget(
  server: Server,
  { method, params }: Pick<RpcRequest, "method" | "params">,
): RequestTarget {
  // The maps hold only what is offered, whatever a client puts in the place of a name.
  switch (method) {
    case "tools/call":
      return { tool: server.tools.get(params["name"] as string) };
    case "prompts/get":
      return { prompt: server.prompts.get(params["name"] as string) };
    case "resources/read":
      return findResource(server, params["uri"]);
    case "completion/complete":
      return findReference(server, params["ref"]);
    default:
      return NO_TARGET;
  }
}

/** The resource with this URI, else the first template that it fits. */
function findResource({ resources, templates }: Server, uri: JsonValue | undefined): RequestTarget {
  if (typeof uri !== "string") return NO_TARGET;
  const resource = resources.get(uri);
  if (resource !== undefined) return { resource };
  for (const template of templates.values()) {
    const variables = template.template.match(uri);
    if (variables === undefined || (uri.startsWith("file:") && hasParentSegment(variables)))
      continue;
    return { template, variables: withoutInherited(variables, template.template.names) };
  }
  return NO_TARGET;
}

/** A decoded variable that leaves the folder its template stands for (`..%2F`). */
function hasParentSegment(variables: Readonly<Record<string, string>>): boolean {
  // spec: resources.path.sanitized
  return Object.values(variables).some((value) => value.split(/[/\\]/).includes(".."));
}

/** A prompt by its name; a template by itself, or by a URI that fits it. */
function findReference(
  { prompts, resources, templates }: Server,
  reference: JsonValue | undefined,
): RequestTarget {
  const { type, name, uri } = membersOf(reference);
  if (type === "ref/prompt") return { prompt: prompts.get(name as string) };
  if (type !== "ref/resource" || typeof uri !== "string") return NO_TARGET;
  const template =
    templates.get(uri) ??
    [...templates.values()].find((one) => one.template.match(uri) !== undefined);
  return template === undefined ? { resource: resources.get(uri) } : { template };
}

/** `target` for a log line or a span: never a URI that a client wrote, which may hold a handle. */
export function targetNames({ tool, prompt, resource, template }: RequestTarget): {
  readonly tool: string | undefined;
  readonly prompt: string | undefined;
  /** The URI of a resource, or the template. */
  readonly resource: string | undefined;
} {
  return {
    tool: tool?.name,
    prompt: prompt?.name,
    resource: resource?.uri ?? template?.uriTemplate,
  };
}
