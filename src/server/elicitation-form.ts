/**
 * Elicitation forms: flat objects of primitive fields, as MCP client/elicitation#requested-schema allows.
 * Takes a zod object or the JSON itself. Refuses nesting, unknown keywords and unknown formats by throwing:
 * a form is written by the author of a handler, so a wrong one is a bug. Leaves `default` to the client.
 */

import * as z from "zod/mini";
import { isObject, type JsonObject } from "../base/json.ts";
import { lazy } from "../base/lazy.ts";
import type { ElicitationForm } from "./context.ts";
import type { RawSchema } from "./define.ts";
import { checkWith, isZodSchema } from "./zod.ts";

const compiledForms = new WeakMap<ElicitationForm, RawSchema>();

/** The form in the words of the protocol, with the check of what a person fills in. Compiled once per form object. */
export function compileForm(form: ElicitationForm): RawSchema {
  const cachedForm = compiledForms.get(form);
  if (cachedForm !== undefined) return cachedForm;
  const schema = isZodSchema(form) ? fromZod(form) : form;
  // spec: elicit.form.params
  const parsed = checkWith(flatFormSchema())(schema);
  if (!parsed.ok) throw new Error(`The form must be flat: ${parsed.error}`);
  const compiledForm = { schema, check: checkWith<unknown>(isZodSchema(form) ? form : toZod(parsed.value)) };
  compiledForms.set(form, compiledForm);
  return compiledForm;
}

/** zod writes keywords that forms do not have (a pattern beside each format, the safe-integer bounds): drop them. */
function fromZod(form: z.core.$ZodObject): JsonObject {
  const { properties = {}, required } = z.toJSONSchema(form, { io: "input" }) as JsonObject;
  for (const field of Object.values(properties as JsonObject)) {
    if (!isObject(field)) continue;
    if ("format" in field) delete field["pattern"];
    if (field["minimum"] === Number.MIN_SAFE_INTEGER) delete field["minimum"];
    if (field["maximum"] === Number.MAX_SAFE_INTEGER) delete field["maximum"];
  }
  return { type: "object", properties, ...(required !== undefined && { required }) };
}

type FlatFormSchema = z.infer<ReturnType<typeof flatFormSchema>>;

/** Built with the first form, like the rest of what questions need. */
const flatFormSchema = lazy(() => {
  const optionalText = z.optional(z.string());
  const optionalNumber = z.optional(z.number());
  const optionalCount = z.optional(z.uint32());
  const names = z.array(z.string());
  const titled = z.array(z.object({ const: z.string(), title: z.string() }));
  const choices = z.union([z.object({ type: z.literal("string"), enum: names }), z.object({ anyOf: titled })]);
  const common = { title: optionalText, description: optionalText, default: z.optional(z.unknown()) };
  const field = z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("string"),
      ...common,
      minLength: optionalCount,
      maxLength: optionalCount,
      format: z.optional(z.enum(["email", "uri", "date", "date-time"])),
      enum: z.optional(names),
      enumNames: z.optional(names),
      oneOf: z.optional(titled),
    }),
    z.strictObject({
      type: z.enum(["number", "integer"]),
      ...common,
      minimum: optionalNumber,
      maximum: optionalNumber,
    }),
    z.strictObject({ type: z.literal("boolean"), ...common }),
    z.strictObject({
      type: z.literal("array"),
      ...common,
      minItems: optionalCount,
      maxItems: optionalCount,
      items: choices,
    }),
  ]);
  return z
    .object({ type: z.literal("object"), properties: z.record(z.string(), field), required: z._default(names, []) })
    .check(
      z.refine(
        ({ properties, required }) => required.every((name) => Object.hasOwn(properties, name)),
        "requires what it lacks",
      ),
    );
});

function toZod({ properties, required }: FlatFormSchema): z.core.$ZodObject {
  const fields = Object.entries(properties).map(([name, field]) => {
    const fieldSchema = fieldToZod(field);
    return [name, required.includes(name) ? fieldSchema : z.optional(fieldSchema)] as const;
  });
  return z.object(Object.fromEntries(fields));
}

function fieldToZod(field: FlatFormSchema["properties"][string]): z.core.$ZodType {
  switch (field.type) {
    case "boolean":
      return z.boolean();
    case "number":
    case "integer": {
      const { type, minimum = -Infinity, maximum = Infinity } = field;
      return (type === "integer" ? z.int() : z.number()).check(z.gte(minimum), z.lte(maximum));
    }
    case "array": {
      const { items, minItems = 0, maxItems = Infinity } = field;
      const choices = "enum" in items ? items.enum : items.anyOf.map((choice) => choice.const);
      return z.array(z.enum(choices)).check(z.minLength(minItems), z.maxLength(maxItems));
    }
    case "string": {
      const { format, minLength = 0, maxLength = Infinity, oneOf } = field;
      const choices = field.enum ?? oneOf?.map((choice) => choice.const);
      if (choices !== undefined) return z.enum(choices);
      // JSON Schema counts characters, zod units of UTF-16.
      const hasAllowedLength = ({ length }: string[]): boolean => length >= minLength && length <= maxLength;
      return (format ? FORMATS[format]() : z.string()).check(
        z.refine((text: string) => hasAllowedLength(Array.from(text))),
      );
    }
  }
}

const FORMATS = {
  email: () => z.email(),
  uri: () => z.url().check(z.regex(/^[!-~]+$/)),
  date: () => z.iso.date(),
  "date-time": () => z.iso.datetime({ offset: true }),
};
