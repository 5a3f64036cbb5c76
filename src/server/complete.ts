/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import * as z from "zod/mini";
import { lazily } from "../base/lazily.ts";
import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { templateOf, type Server } from "./catalog.ts";
import type { Complete } from "./define.ts";
import { requireList, requireText } from "./returned.ts";
import { run } from "./run.ts";
import type { Call } from "./types.ts";
import { checkOf } from "./zod.ts";

/** Most values in one answer. */
export const MAX_VALUES = 100;

const checkAsked = lazily(() =>
  checkOf(
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

export async function complete(of: Call): Promise<Outcome> {
  const asked = checkAsked()(of.request.params);
  // spec: completion.input.validate
  if (!asked.ok) return refused(refusal("InvalidParams", `params do not ask for a completion: ${asked.error}`));
  const { ref, argument, context } = asked.value;
  const found =
    ref.type === "ref/prompt"
      ? findInPrompt(of.server, ref.name, argument.name)
      : findInTemplate(of.server, ref.uri, argument.name);
  // spec: completion.ref.unknown
  if (!found.ok) return refused(refusal("InvalidParams", found.error));
  // spec: completion.disclosure.prevented
  const suggest = found.value ?? (() => []);
  return run(of, (handed) => suggest(argument.value, context?.arguments ?? {}, handed), finish);
}

/** The author's suggestions for an argument, or undefined where there are none. */
type Found = Result<Complete | undefined, string>;

function findInPrompt(server: Server, name: string, argument: string): Found {
  const prompt = server.prompts.get(name);
  if (prompt === undefined) return err(`Unknown prompt: ${name}`);
  const declared = prompt.arguments?.find((one) => one.name === argument);
  return declared === undefined ? err(`Prompt ${name} has no argument "${argument}"`) : ok(declared.complete);
}

/** By the template itself, or by a URI that fits it. */
function findInTemplate(server: Server, uri: string, argument: string): Found {
  const spec = templateOf(server, uri);
  if (spec === undefined) return server.resources.has(uri) ? ok(undefined) : err(`Unknown resource: ${uri}`);
  if (!spec.template.names.includes(argument)) return err(`Template ${uri} has no variable "${argument}"`);
  return ok(spec.complete?.[argument]);
}

function finish(values: readonly string[]): Outcome {
  requireList(values, "a list of texts", requireText);
  // spec: completion.values.max
  const shown = values.slice(0, MAX_VALUES);
  const completion = { values: shown, total: values.length, hasMore: values.length > shown.length };
  return { kind: "complete", result: { completion } };
}
