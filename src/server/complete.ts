/**
 * completion/complete: suggestions for an argument of a prompt or a resource template.
 * MCP server/utilities/completion. At most 100 values, best first; an argument without suggestions gives none.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Server } from "./catalog.ts";
import type { Complete } from "./define.ts";
import { run, type Call } from "./run.ts";

/** Most values in one answer. */
export const MAX_VALUES = 100;

interface Asked {
  readonly ref: Ref;
  readonly argument: { readonly name: string; readonly value: string };
  readonly others: Readonly<Record<string, string>>;
}
type Ref =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string };

export async function complete(of: Call): Promise<Outcome> {
  const { server, request } = of;
  const asked = readAsked(request.params);
  // spec: completion.input.validate
  if (!asked.ok) return refused(refusal("InvalidParams", asked.error));
  const { ref, argument, others } = asked.value;
  const found = findComplete(server, ref, argument.name);
  // spec: completion.ref.unknown
  if (!found.ok) return refused(refusal("InvalidParams", found.error));
  return run(
    of,
    (handed) => found.value?.(argument.value, others, handed) ?? [],
    finish,
    // spec: completion.disclosure.prevented
    (failure, message) => refused(refusal(failure === "public" ? "InvalidParams" : "InternalError", message)),
  );
}

function readAsked({ ref, argument, context }: JsonObject): Result<Asked, string> {
  const read = readRef(ref);
  if (read === undefined) return err('params.ref must be a "ref/prompt" with a name or a "ref/resource" with a uri');
  const { name, value } = isObject(argument) ? argument : {};
  if (typeof name !== "string" || typeof value !== "string")
    return err("params.argument needs name and value, both strings");
  if (context !== undefined && !isObject(context)) return err("params.context must be an object");
  const others = context?.["arguments"] ?? {};
  if (!isObject(others) || !Object.values(others).every((other) => typeof other === "string")) {
    return err("params.context.arguments must be an object of strings");
  }
  return ok({ ref: read, argument: { name, value }, others: others as Record<string, string> });
}

function readRef(ref: JsonValue | undefined): Ref | undefined {
  const { type, name, uri } = isObject(ref) ? ref : {};
  if (type === "ref/prompt" && typeof name === "string") return { type, name };
  return type === "ref/resource" && typeof uri === "string" ? { type, uri } : undefined;
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
