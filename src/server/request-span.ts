/**
 * A request of MCP as a span: OpenTelemetry's semantic conventions for MCP. Names come from what the server offers, never
 * from what a client made up, and no URI that may hold a handle is told.
 */

import { cut } from "../base/bytes.ts";
import type { Outcome } from "../protocol/outcome.ts";
import type { Attributes, SpanDescription, Span } from "../base/span.ts";
import { ERRORS } from "../wire/errors.ts";
import { targetNames } from "./request-target.ts";
import type { TargetedRequest } from "./types.ts";

/** The span of a request inside `parent`, what carried it. */
export function startRequestSpan(
  parent: Span,
  { id, method, params, target }: TargetedRequest,
  eraAttributes: Attributes,
): Span {
  const describeSpan = (): SpanDescription => {
    const { tool, prompt } = targetNames(target);
    const name = tool ?? prompt;
    const attributes = {
      ...eraAttributes,
      "mcp.method.name": method,
      "jsonrpc.request.id": cut(String(id), 64),
      "gen_ai.tool.name": tool,
      "gen_ai.prompt.name": prompt,
      "gen_ai.operation.name": tool && "execute_tool",
      // A template is no URI.
      "mcp.resource.uri": target.resource?.uri,
    };
    return [name === undefined ? method : `${method} ${name}`, attributes];
  };
  return parent.startServerSpan(describeSpan, params["_meta"]);
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
