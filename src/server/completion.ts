/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Completer } from "./define.ts";
import type { RequestTarget } from "./request-target.ts";
import { requireList, requireText } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";

/** Most values in one answer. */
export const MAX_COMPLETION_VALUES = 100;

/** `completion/complete`: values for an argument of a prompt or a resource template. */
export async function completeArgument(call: Call): Promise<Outcome> {
  const params = readCompletionParams(call.request.params);
  // spec: completion.input.validate
  if (!params.ok)
    return errorOutcome(
      protocolError("InvalidParams", `params do not ask for a completion: ${params.error}`),
    );
  const { promptName, uri, argument, value, others } = params.value;
  const completer =
    promptName === undefined
      ? findTemplateCompleter(call.request.target, uri, argument)
      : findPromptCompleter(call.request.target, promptName, argument);
  // spec: completion.ref.unknown
  if (!completer.ok) return errorOutcome(protocolError("InvalidParams", completer.error));
  // spec: completion.disclosure.prevented
  const suggestions = completer.value ?? (() => []);
  return runHandler(
    call,
    (handlerContext) => suggestions(value, others, handlerContext),
    completionOutcome,
  );
}

interface CompletionParams {
  /** Of the prompt that is asked about; undefined: a resource is, by `uri`. */
  readonly promptName: string | undefined;
  readonly uri: string;
  readonly argument: string;
  readonly value: string;
  /** The arguments that are already filled in. */
  readonly others: Readonly<Record<string, string>>;
}

function readCompletionParams(params: JsonObject): Result<CompletionParams, string> {
  const { ref, argument, context } = params;
  const { type, name, uri } = membersOf(ref);
  const promptName = type === "ref/prompt" && typeof name === "string" ? name : undefined;
  const resourceUri = type === "ref/resource" && typeof uri === "string" ? uri : undefined;
  if (promptName === undefined && resourceUri === undefined)
    return err("/ref must be a ref/prompt with a name, or a ref/resource with a uri");
  const { name: argumentName, value } = membersOf(argument);
  if (typeof argumentName !== "string" || typeof value !== "string")
    return err("/argument must have a name and a value, which are strings");
  if (context !== undefined && !isObject(context)) return err("/context must be an object");
  const { arguments: others = {} } = membersOf(context);
  if (!isObject(others) || Object.values(others).some((one) => typeof one !== "string"))
    return err("/context/arguments must be an object of strings");
  return ok({
    promptName,
    uri: resourceUri ?? "",
    argument: argumentName,
    value,
    others: others as Readonly<Record<string, string>>,
  });
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The author's suggestions for an argument, or undefined where there are none. */
type CompleterLookup = Result<Completer | undefined, string>;

function findPromptCompleter(
  { prompt }: RequestTarget,
  name: string,
  argument: string,
): CompleterLookup {
  if (prompt === undefined) return err(`Unknown prompt: ${name}`);
  const declared = prompt.arguments?.find((one) => one.name === argument);
  return declared === undefined
    ? err(`Prompt ${name} has no argument "${argument}"`)
    : ok(declared.complete);
}

/** A resource with a fixed URI has nothing to complete. */
function findTemplateCompleter(
  { template, resource }: RequestTarget,
  uri: string,
  argument: string,
): CompleterLookup {
  if (template === undefined)
    return resource === undefined ? err(`Unknown resource: ${uri}`) : ok(undefined);
  if (!template.template.names.includes(argument))
    return err(`Template ${uri} has no variable "${argument}"`);
  return ok(template.complete?.[argument]);
}

function completionOutcome(values: readonly string[]): Outcome {
  requireList(values, "a list of texts", requireText);
  // spec: completion.values.max
  const returnedValues = values.slice(0, MAX_COMPLETION_VALUES);
  const completion = {
    values: returnedValues,
    total: values.length,
    hasMore: values.length > returnedValues.length,
  };
  return { kind: "complete", result: { completion } };
}
