/**
 * tools/call: check the scopes and the arguments, run the tool, check what it made.
 * MCP server/tools#calling-tools and #error-handling. Wrong arguments and failures are results that a model can read;
 * an unknown tool or a broken promise of the tool itself is a protocol error.
 */

import { copyJson, isObject, type JsonValue } from "../base/json.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import { err } from "../base/result.ts";
import type { ContentBlock, ToolResult } from "./content.ts";
import type { Tool } from "./define.ts";
import { logInternalError } from "./failure.ts";
import { canBeAsked } from "./input-round.ts";
import { requireBlock, requireList, requireObject, invalidReturn } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";
import { mayCall } from "./scopes.ts";

/** `tools/call`: checks scopes and arguments, and runs the handler of the tool. */
export function callTool(call: Call): Outcome | Promise<Outcome> {
  const { server, request } = call;
  const { name, arguments: args = {} } = request.params;
  const { tool } = request.target;
  // spec: tools.input.validate
  if (tool === undefined)
    return errorOutcome(protocolError("InvalidParams", `Unknown tool: ${JSON.stringify(name)}`));
  // A question may have been answered with fewer scopes than it was asked with.
  if (!mayCall(server, request.caller, tool))
    return errorOutcome(
      protocolError("Forbidden", `Tool ${tool.name} needs these scopes: ${tool.scopes.join(" ")}`),
    );
  if (!isObject(args))
    return errorOutcome(protocolError("InvalidParams", "params.arguments must be an object"));
  const checked = tool.checkInput(mayRunAgain(call, tool) ? copyJson(args) : args);
  // spec: tools.input.validate, schema.dialect.declared
  if (!checked.ok) return toolError(`Invalid arguments for ${tool.name}: ${checked.error}`);
  const started = tool.task && call.services.startTask?.(call, tool, checked.value as never);
  if (started !== undefined) return started;
  return runHandler(
    call,
    (context) => tool.run(checked.value as never, context),
    (value) => checkResult(call, tool, value),
    ({ message }) => toolError(message),
  );
}

/** A check, and a handler, may change what they are given. What runs again begins with what was sent. */
function mayRunAgain({ steps, request }: Call, { task }: Tool): boolean {
  return steps !== undefined || task !== undefined || canBeAsked(request.capabilities);
}

/** A result that says what went wrong. */
export function toolError(text: string): Outcome {
  return { kind: "complete", result: { content: [{ type: "text", text }], isError: true } };
}

function checkResult(call: Call, tool: Tool, value: string | ContentBlock[] | ToolResult): Outcome {
  if (typeof value === "string") return checkResult(call, tool, [{ type: "text", text: value }]);
  const result = Array.isArray(value) ? { content: value } : value;
  requireObject(result, "a tool result");
  if (result.content !== undefined)
    requireList(result.content, "a list of content blocks", requireBlock);
  else if (result.structuredContent === undefined)
    throw invalidReturn("a tool result without content");
  const { structuredContent: structured } = result;
  const isError = result.isError === true;
  if (tool.checkOutput === undefined || (isError && structured === undefined))
    return toolOutcome(result);
  const checked =
    structured === undefined ? err("there is no structuredContent") : tool.checkOutput(structured);
  // spec: tools.output.conforms
  if (checked.ok) return toolOutcome({ ...result, structuredContent: checked.value as JsonValue });
  // An error says why in its content: clients that hold it to the schema would show that in its place.
  if (isError) {
    const { structuredContent: _unfit, ...error } = result;
    return toolOutcome({ ...error, content: contentOf(result) });
  }
  return errorOutcome(
    logInternalError(
      "tool.output_invalid",
      call.request,
      checked.error,
      `Tool ${tool.name} made a result that does not fit its schema`,
    ),
  );
}

function toolOutcome(result: ToolResult): Outcome {
  // spec: apps.fallback.content, apps.fallback.text
  return { kind: "complete", result: { ...result, content: contentOf(result) } as never };
}

/** Structured content is also given as text, for clients that read only text. */
function contentOf({ structuredContent, content }: ToolResult): ContentBlock[] {
  if (content !== undefined) return content;
  // spec: tools.structured.text
  return structuredContent === undefined
    ? []
    : [{ type: "text", text: JSON.stringify(structuredContent) }];
}
