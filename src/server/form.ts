/**
 * Elicitation forms: flat objects of primitive fields, as MCP client/elicitation#requested-schema allows.
 * Takes a zod object or the JSON itself. Refuses nesting, unknown keywords and unknown formats by throwing:
 * a form is written by the author of a handler, so a wrong one is a bug. Leaves `default` to the client.
 */

import * as z from "zod/mini";
import { isObject, type JsonObject } from "../base/json.ts";
import { lazily } from "../base/lazily.ts";
import type { Form } from "./context.ts";
import type { RawSchema } from "./define.ts";
import { checkOf, isZod } from "./zod.ts";

const compiled = new WeakMap<Form, RawSchema>();

/** The form in the words of the protocol, with the check of what a person fills in. Compiled once per form object. */
export function compileForm(form: Form): RawSchema {
  const known = compiled.get(form);
  if (known !== undefined) return known;
  const schema = isZod(form) ? fromZod(form) : form;
  // spec: elicit.form.params
  const flat = checkOf(flatForm())(schema);
  if (!flat.ok) throw new Error(`The form must be flat: ${flat.error}`);
  const made = { schema, check: checkOf<unknown>(isZod(form) ? form : toZod(flat.value)) };
  compiled.set(form, made);
  return made;
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

type Flat = z.infer<ReturnType<typeof flatForm>>;

/** Built with the first form, like the rest of what questions need. */
const flatForm = lazily(() => {
  const [text, bound, count] = [z.optional(z.string()), z.optional(z.number()), z.optional(z.uint32())];
  const names = z.array(z.string());
  const titled = z.array(z.object({ const: z.string(), title: z.string() }));
  const choices = z.union([z.object({ type: z.literal("string"), enum: names }), z.object({ anyOf: titled })]);
  const common = { title: text, description: text, default: z.optional(z.unknown()) };
  const field = z.discriminatedUnion("type", [
    z.strictObject({
      ...{ type: z.literal("string"), ...common, minLength: count, maxLength: count },
      format: z.optional(z.enum(["email", "uri", "date", "date-time"])),
      ...{ enum: z.optional(names), enumNames: z.optional(names), oneOf: z.optional(titled) },
    }),
    z.strictObject({ type: z.enum(["number", "integer"]), ...common, minimum: bound, maximum: bound }),
    z.strictObject({ type: z.literal("boolean"), ...common }),
    z.strictObject({ type: z.literal("array"), ...common, minItems: count, maxItems: count, items: choices }),
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

function toZod({ properties, required }: Flat): z.core.$ZodObject {
  const fields = Object.entries(properties).map(([name, field]) => {
    const filled = fieldToZod(field);
    return [name, required.includes(name) ? filled : z.optional(filled)] as const;
  });
  return z.object(Object.fromEntries(fields));
}

function fieldToZod(field: Flat["properties"][string]): z.core.$ZodType {
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
      const fits = ({ length }: string[]): boolean => length >= minLength && length <= maxLength;
      return (format ? FORMATS[format]() : z.string()).check(z.refine((text: string) => fits(Array.from(text))));
    }
  }
}

const FORMATS = {
  email: () => z.email(),
  uri: () => z.url().check(z.regex(/^[!-~]+$/)),
  date: () => z.iso.date(),
  "date-time": () => z.iso.datetime({ offset: true }),
};
