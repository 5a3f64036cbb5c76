/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import * as z from "zod/mini";
import { lazy } from "../base/lazy.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { findTemplate, type Server } from "./registry.ts";
import type { Completer } from "./define.ts";
import { requireList, requireText } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";
import { checkWith } from "./zod.ts";

/** Most values in one answer. */
export const MAX_COMPLETION_VALUES = 100;

const checkParams = lazy(() =>
  checkWith(
    z.object({
      ref: z.discriminatedUnion("type", [
        z.object({ type: z.literal("ref/prompt"), name: z.string() }),
        z.object({ type: z.literal("ref/resource"), uri: z.string() }),
      ]),
      argument: z.object({ name: z.string(), value: z.string() }),
      context: z.optional(z.object({ arguments: z._default(z.record(z.string(), z.string()), {}) })),
    }),
  ),
);

/** `completion/complete`: values for an argument of a prompt or a resource template. */
export async function completeArgument(call: Call): Promise<Outcome> {
  const params = checkParams()(call.request.params);
  // spec: completion.input.validate
  if (!params.ok)
    return errorOutcome(protocolError("InvalidParams", `params do not ask for a completion: ${params.error}`));
  const { ref, argument, context } = params.value;
  const completer =
    ref.type === "ref/prompt"
      ? findPromptCompleter(call.server, ref.name, argument.name)
      : findTemplateCompleter(call.server, ref.uri, argument.name);
  // spec: completion.ref.unknown
  if (!completer.ok) return errorOutcome(protocolError("InvalidParams", completer.error));
  // spec: completion.disclosure.prevented
  const suggestions = completer.value ?? (() => []);
  return runHandler(
    call,
    (handlerContext) => suggestions(argument.value, context?.arguments ?? {}, handlerContext),
    completionOutcome,
  );
}

/** The author's suggestions for an argument, or undefined where there are none. */
type CompleterLookup = Result<Completer | undefined, string>;

function findPromptCompleter(server: Server, name: string, argument: string): CompleterLookup {
  const prompt = server.prompts.get(name);
  if (prompt === undefined) return err(`Unknown prompt: ${name}`);
  const declared = prompt.arguments?.find((one) => one.name === argument);
  return declared === undefined ? err(`Prompt ${name} has no argument "${argument}"`) : ok(declared.complete);
}

/** By the template itself, or by a URI that fits it. */
function findTemplateCompleter(server: Server, uri: string, argument: string): CompleterLookup {
  const spec = findTemplate(server, uri);
  if (spec === undefined) return server.resources.has(uri) ? ok(undefined) : err(`Unknown resource: ${uri}`);
  if (!spec.template.names.includes(argument)) return err(`Template ${uri} has no variable "${argument}"`);
  return ok(spec.complete?.[argument]);
}

function completionOutcome(values: readonly string[]): Outcome {
  requireList(values, "a list of texts", requireText);
  // spec: completion.values.max
  const returnedValues = values.slice(0, MAX_COMPLETION_VALUES);
  const completion = { values: returnedValues, total: values.length, hasMore: values.length > returnedValues.length };
  return { kind: "complete", result: { completion } };
}
