/**
 * A request of MCP as a span: OpenTelemetry's semantic conventions for MCP. Names come from what the server offers, never
 * from what a client made up, and no URI that may hold a handle is told.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Outcome } from "../protocol/outcome.ts";
import type { Attributes, SpanDescription, Span } from "../base/span.ts";
import { ERRORS } from "../wire/errors.ts";
import { findTemplate, type Server } from "./registry.ts";

/** The span of a request inside `outer`, what carried it. `more` is what its era knows. */
export function startRequestSpan(
  parent: Span,
  server: Server,
  {
    id,
    method,
    params,
  }: { readonly id: string | number; readonly method: string; readonly params: JsonObject },
  eraAttributes: Attributes,
): Span {
  const describeSpan = (): SpanDescription => {
    const { tool, prompt, resource } = requestTarget(server, method, params);
    const target = tool ?? prompt;
    const attributes = {
      ...eraAttributes,
      "mcp.method.name": method,
      "jsonrpc.request.id": String(id).slice(0, 64),
      "gen_ai.tool.name": tool,
      "gen_ai.prompt.name": prompt,
      "gen_ai.operation.name": tool && "execute_tool",
      // A template is no URI.
      "mcp.resource.uri": server.resources.get(resource ?? "")?.uri,
    };
    return [target === undefined ? method : `${method} ${target}`, attributes];
  };
  return parent.startServerSpan(describeSpan, params["_meta"]);
}

/** What is offered and named by a request, or by the `ref` of a completion. */
interface RequestTarget {
  readonly tool: string | undefined;
  readonly prompt: string | undefined;
  /** The URI of a resource, or the template that it fits. */
  readonly resource: string | undefined;
}

/** Maps know only what is offered, whatever else they are asked for. */
export function requestTarget(server: Server, method: string, params: JsonObject): RequestTarget {
  const isCompletion = method === "completion/complete";
  const reference = isCompletion && isObject(params["ref"]) ? params["ref"] : params;
  const name = reference["name"] as string;
  return {
    tool: method === "tools/call" ? server.tools.get(name)?.name : undefined,
    prompt: isCompletion || method === "prompts/get" ? server.prompts.get(name)?.name : undefined,
    resource:
      isCompletion || method === "resources/read"
        ? resourceName(server, reference["uri"])
        : undefined,
  };
}

function resourceName(server: Server, uri: JsonValue | undefined): string | undefined {
  if (typeof uri !== "string") return undefined;
  return server.resources.get(uri)?.uri ?? findTemplate(server, uri)?.uriTemplate;
}

/** Ends the span of a request with what came of it. */
export function endRequestSpan(span: Span, outcome: Outcome): void {
  if (!span.isRecording) return;
  if (outcome.kind === "refused") {
    const code = String(ERRORS[outcome.refusal.error].code);
    span.set({ "rpc.response.status_code": code });
    return span.end(code);
  }
  span.set({ "barewire.outcome": outcome.kind });
  span.end(
    outcome.kind === "complete" && outcome.result["isError"] === true ? "tool_error" : undefined,
  );
}
