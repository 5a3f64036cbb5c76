/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import * as z from "zod";
import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Server } from "./catalog.ts";
import type { Complete } from "./define.ts";
import { run, type Call } from "./run.ts";

/** Most values in one answer. */
export const MAX_VALUES = 100;

const paramsShape = z.object({
  ref: z.discriminatedUnion("type", [
    z.object({ type: z.literal("ref/prompt"), name: z.string() }),
    z.object({ type: z.literal("ref/resource"), uri: z.string() }),
  ]),
  argument: z.object({ name: z.string(), value: z.string() }),
  context: z.object({ arguments: z.record(z.string(), z.string()).optional() }).optional(),
});
type Ref = z.infer<typeof paramsShape>["ref"];

export async function complete(of: Call): Promise<Outcome> {
  const { server, request } = of;
  const params = paramsShape.safeParse(request.params);
  // spec: completion.input.validate
  if (!params.success) {
    const issue = params.error.issues[0];
    return refused(
      refusal("InvalidParams", `params.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`),
    );
  }
  const { ref, argument, context } = params.data;
  const found = findComplete(server, ref, argument.name);
  // spec: completion.ref.unknown
  if (!found.ok) return refused(refusal("InvalidParams", found.error));
  return run(
    of,
    (handed) => found.value?.(argument.value, context?.arguments ?? {}, handed) ?? [],
    finish,
    // spec: completion.disclosure.prevented
    (failure, message) => refused(refusal(failure === "public" ? "InvalidParams" : "InternalError", message)),
  );
}

function findComplete(server: Server, ref: Ref, argument: string): Result<Complete | undefined, string> {
  if (ref.type === "ref/prompt") {
    const prompt = server.prompts.get(ref.name);
    if (prompt === undefined) return err(`Unknown prompt: ${ref.name}`);
    const declared = prompt.arguments?.find((one) => one.name === argument);
    return declared === undefined ? err(`Prompt ${ref.name} has no argument "${argument}"`) : ok(declared.complete);
  }
  const spec = server.templates.find((one) => one.uriTemplate === ref.uri || one.template.match(ref.uri) !== undefined);
  if (spec === undefined) return server.resources.has(ref.uri) ? ok(undefined) : err(`Unknown resource: ${ref.uri}`);
  if (!spec.template.names.includes(argument)) return err(`Template ${ref.uri} has no variable "${argument}"`);
  return ok(spec.complete?.[argument]);
}

function finish(values: readonly string[]): Outcome {
  // spec: completion.values.max
  const shown = values.slice(0, MAX_VALUES);
  return {
    kind: "complete",
    result: { completion: { values: shown, total: values.length, hasMore: values.length > shown.length } },
  };
}
