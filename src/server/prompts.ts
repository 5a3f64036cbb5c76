/**
 * prompts/get: check the arguments of the prompt, make its messages.
 * MCP server/prompts#getting-a-prompt and #error-handling. Arguments are strings; ones that the prompt does not know are dropped.
 */

import { isObject, withoutInherited, type JsonValue } from "../base/json.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { PromptMessage } from "./content.ts";
import type { PromptSpec } from "./define.ts";
import { requireList, requireMessage } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";

/** `prompts/get`: checks the arguments and runs the prompt. */
export async function getPrompt(call: Call): Promise<Outcome> {
  const { name, arguments: given = {} } = call.request.params;
  const { prompt } = call.request.target;
  // spec: prompts.get.unknown
  if (prompt === undefined)
    return errorOutcome(protocolError("InvalidParams", `Unknown prompt: ${JSON.stringify(name)}`));
  const args = readArguments(prompt, given);
  // spec: prompts.arguments.validate
  if (!args.ok) return errorOutcome(protocolError("InvalidParams", args.error));
  return runHandler(
    call,
    (context) => prompt.handler(args.value, context),
    (value) => promptOutcome(prompt, value),
  );
}

function readArguments(
  prompt: PromptSpec,
  given: JsonValue,
): Result<Record<string, string>, string> {
  if (!isObject(given)) return err("params.arguments must be an object");
  const { arguments: declared = [] } = prompt;
  const args: [name: string, value: string][] = [];
  for (const { name, required } of declared) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    // spec: prompts.inputs.secured
    if (typeof value === "string") args.push([name, value]);
    else if (value !== undefined)
      return err(`Argument "${name}" of prompt ${prompt.name} must be a string`);
    else if (required === true)
      return err(`Argument "${name}" of prompt ${prompt.name} is required`);
  }
  const names = declared.map(({ name }) => name);
  return ok(withoutInherited(Object.fromEntries(args), names));
}

function promptOutcome({ description }: PromptSpec, value: string | PromptMessage[]): Outcome {
  const messages =
    typeof value === "string" ? [{ role: "user", content: { type: "text", text: value } }] : value;
  requireList(messages, "a list of messages", requireMessage);
  return {
    kind: "complete",
    result: { ...(description !== undefined && { description }), messages: messages as never },
  };
}
