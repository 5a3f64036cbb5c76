/**
 * Tools and forms in zod. The functional half, "zod/mini", is 12 KiB gzipped smaller than the chaining one; an app writes
 * whichever it likes. This file is the only one that needs zod: a Worker that defines its tools in JSON Schema alone, by
 * `defineTool`, is about 8 KB smaller, gzipped.
 */

import * as z from "zod/mini";
import { createFaults, MAX_NAMED_FAULTS } from "../base/faults.ts";
import { frozenJson, type JsonObject } from "../base/json.ts";
import { err, ok } from "../base/result.ts";
import { requireFlat } from "./elicitation-form.ts";
import { defineTool, type Tool, type ToolSpec, withToolName } from "./define.ts";
import type { Check, RawSchema } from "./schema.ts";
import type { Io, Payload, ZodSchema } from "./zod-checks.ts";
import { TOO_MUCH } from "./zod-count.ts";
import { countLooksOf, runCounted } from "./zod-faults.ts";
import { toJsonSchema } from "./zod-json-schema.ts";
import { describeIssue } from "./zod-messages.ts";

/** A zod schema, of either half, or JSON Schema with a check of its own. */
export type Schema = z.core.$ZodType | RawSchema;
/** The same schema as the server needs it. */
type Raw<S extends Schema> = S extends z.core.$ZodType
  ? RawSchema<z.infer<S>>
  : S extends RawSchema
    ? S
    : never;

type ZodToolSpec<In extends Schema, Out extends Schema> = Omit<
  ToolSpec<RawSchema, RawSchema>,
  "input" | "output" | "handler"
> & {
  /** Arguments; left out for a tool that takes none. */
  readonly input?: In;
  /** What `structuredContent` must fit. */
  readonly output?: Out;
  readonly handler: ToolSpec<Raw<In>, RawSchema>["handler"];
};

/** Defines a tool. Throws when the name, a schema, an `x-mcp-header` declaration or the time is wrong, and names the tool. */
export function tool<In extends Schema = RawSchema, Out extends Schema = RawSchema>(
  spec: ZodToolSpec<In, Out>,
): Tool {
  const { input, output, ...others } = spec;
  return withToolName(spec.name, () =>
    defineTool({
      ...others,
      input: input && toRawSchema(input, "input"),
      output: output && toRawSchema(output, "output"),
    } as ToolSpec<RawSchema, RawSchema>),
  );
}

/** A form of an elicitation, of a flat zod object. @throws where a form has no words for a field. */
export function form<Form extends z.core.$ZodObject>(fields: Form): RawSchema<z.infer<Form>> {
  const { properties = {}, required } = writeSchema(fields, "form");
  const schema = { type: "object", properties, ...(required !== undefined && { required }) };
  requireFlat(schema);
  return { schema: frozenJson(schema), check: checkWith(fields) as Check<z.infer<Form>> };
}

function toRawSchema(given: Schema, io: "input" | "output"): RawSchema {
  if (!isZodSchema(given)) return given;
  return { schema: frozenJson(writeSchema(given, io)), check: checkWith(given) };
}

/** Whichever half of zod it was made with. */
function isZodSchema(given: unknown): given is z.core.$ZodType {
  return "_zod" in Object(given);
}

function writeSchema(schema: z.core.$ZodType, io: Io): JsonObject {
  return toJsonSchema(
    schema as unknown as ZodSchema,
    io,
    (one) => z.globalRegistry.get(one as unknown as z.core.$ZodType) as JsonObject | undefined,
  );
}

/**
 * A check of values by zod; the reason is a phrase per fault that a model can act on.
 * @throws for an intersection. One that stands within is found only when the schema around it is first used: then the check throws.
 */
export function checkWith<T>(schema: z.core.$ZodType<T>): Check<T> {
  countLooksOf(schema as unknown as ZodSchema);
  // The smaller half speaks no language by itself, and what it says is for models to read. Not when this file loads: an
  // app that makes nothing of zod would have it in its bundle.
  z.config({ localeError: describeIssue });
  return (value) => {
    const faults = createFaults();
    let unnamedCount = 0;
    // zod puts every fault in words, which is half of the work: it is given only the first ones.
    const run = (payload: Payload, context: object): Payload | Promise<Payload> => {
      const { read, isTooMuch } = runCounted(schema as unknown as ZodSchema, payload, context);
      if (read instanceof Promise) return read;
      if (isTooMuch) faults.add("", TOO_MUCH);
      unnamedCount = read.issues.splice(MAX_NAMED_FAULTS).length;
      return read;
    };
    const { data, error } = z.safeParse({ _zod: { run } } as unknown as typeof schema, value);
    for (const { path, message } of error?.issues ?? []) faults.add(`/${path.join("/")}`, message);
    for (let index = 0; index < unnamedCount; index++) faults.add("", "");
    const reason = faults.text();
    return reason === undefined ? ok(data as T) : err(reason);
  };
}
