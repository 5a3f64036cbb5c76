/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import { isObject, membersOf, withoutInherited, type JsonObject } from "../base/json.ts";
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
  if (!params.ok) return errorOutcome(protocolError("InvalidParams", params.error));
  const { reference, argument, value, others } = params.value;
  const completer = findCompleter(call.request.target, reference, argument);
  // spec: completion.ref.unknown
  if (!completer.ok) return errorOutcome(protocolError("InvalidParams", completer.error));
  const { prompt, template } = call.request.target;
  const names = prompt?.arguments?.map(({ name }) => name) ?? template?.template.names ?? [];
  // spec: completion.disclosure.prevented
  const suggestions = completer.value ?? (() => []);
  return runHandler(
    call,
    (handlerContext) => suggestions(value, withoutInherited(others, names), handlerContext),
    completionOutcome,
  );
}

interface CompletionParams {
  /** The name of the prompt, or the URI of the resource, that is asked about. */
  readonly reference: string;
  readonly argument: string;
  readonly value: string;
  /** The arguments that are already filled in. */
  readonly others: Readonly<Record<string, string>>;
}

function readCompletionParams(params: JsonObject): Result<CompletionParams, string> {
  const { ref, argument, context = {} } = params;
  const { type, name, uri } = membersOf(ref);
  const named = type === "ref/prompt" ? name : undefined;
  const reference = type === "ref/resource" ? uri : named;
  if (typeof reference !== "string")
    return err("params.ref must be a ref/prompt with a name, or a ref/resource with a uri");
  const { name: argumentName, value } = membersOf(argument);
  if (typeof argumentName !== "string" || typeof value !== "string")
    return err("params.argument must have a name and a value, which are strings");
  if (!isObject(context)) return err("params.context must be an object");
  const { arguments: others = {} } = context;
  if (!isObject(others) || Object.values(others).some((one) => typeof one !== "string"))
    return err("params.context.arguments must be an object of strings");
  return ok({
    reference,
    argument: argumentName,
    value,
    others: others as Readonly<Record<string, string>>,
  });
}

/** The author's suggestions for an argument, or undefined where there are none. */
function findCompleter(
  { prompt, template, resource }: RequestTarget,
  reference: string,
  argument: string,
): Result<Completer | undefined, string> {
  const declared = prompt?.arguments?.find((one) => one.name === argument);
  if (declared !== undefined) return ok(declared.complete);
  if (template?.template.names.includes(argument)) {
    const { complete = {} } = template;
    return ok(Object.hasOwn(complete, argument) ? complete[argument] : undefined);
  }
  if (prompt !== undefined || template !== undefined)
    return err(`${reference} has no argument "${argument}"`);
  // A resource with a fixed URI has nothing to complete.
  return resource === undefined ? err(`Unknown reference: ${reference}`) : ok(undefined);
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
