/**
 * Elicitation forms: flat objects of primitive fields, as MCP client/elicitation#requested-schema allows.
 * Takes a zod object or the JSON itself. Refuses nesting, unknown keywords and unknown formats by throwing:
 * a form is written by the author of a handler, so a wrong one is a bug.
 */

import * as z from "zod";
import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Form } from "./context.ts";
import { checkOf, isZod, type Check } from "./define.ts";

export interface CompiledForm {
  /** The `requestedSchema` that the client sees. */
  readonly requested: JsonObject;
  /** Checks the content of an accepted answer. */
  readonly check: Check;
}

const compiled = new WeakMap<Form, CompiledForm>();

/** The form in the words of the protocol, with its check. Compiled once per form object. */
export function compileForm(form: Form): CompiledForm {
  const known = compiled.get(form);
  if (known !== undefined) return known;
  const requested = isZod(form) ? fromZod(form) : form;
  refuseUnlessFlat(requested);
  const entry = { requested, check: checkOf(isZod(form) ? form : requested, "form", true) };
  compiled.set(form, entry);
  return entry;
}

/** zod writes keywords that forms do not have (a pattern beside each format, the safe-integer bounds): drop them. */
function fromZod(form: z.ZodObject): JsonObject {
  const schema = z.toJSONSchema(form, { io: "input" }) as JsonObject;
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  for (const field of Object.values(properties)) {
    if (!isObject(field)) continue;
    if ("format" in field) delete field["pattern"];
    if (field["minimum"] === Number.MIN_SAFE_INTEGER) delete field["minimum"];
    if (field["maximum"] === Number.MAX_SAFE_INTEGER) delete field["maximum"];
  }
  const required = Array.isArray(schema["required"]) ? { required: schema["required"] } : {};
  return { type: "object", properties, ...required };
}

const COMMON = ["type", "title", "description", "default"];
const KEYWORDS: Record<string, readonly string[]> = {
  string: ["minLength", "maxLength", "format", "enum", "enumNames", "oneOf"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  boolean: [],
  array: ["minItems", "maxItems", "items"],
};
const FORMATS: readonly string[] = ["email", "uri", "date", "date-time"];

function refuseUnlessFlat(form: JsonObject): void {
  const properties = form["properties"];
  if (form["type"] !== "object" || !isObject(properties)) throw new Error('A form has type "object" and "properties"');
  for (const [name, field] of Object.entries(properties)) {
    // spec: elicit.form.params
    const fault = isObject(field) ? fieldFault(field) : "is not a schema";
    if (fault !== undefined) throw new Error(`Form field "${name}" ${fault}`);
  }
}

function fieldFault(field: JsonObject): string | undefined {
  const { type, format } = field;
  const keywords = typeof type === "string" ? KEYWORDS[type] : undefined;
  if (keywords === undefined) return "must be a string, number, integer, boolean or array of choices";
  const unknown = Object.keys(field).find((key) => !COMMON.includes(key) && !keywords.includes(key));
  if (unknown !== undefined) return `uses "${unknown}", which forms do not have`;
  if (format !== undefined && !(FORMATS as readonly JsonValue[]).includes(format))
    return `uses a format other than ${FORMATS.join(", ")}`;
  if (type === "array" && !isChoice(field["items"])) return "is an array of something other than choices";
  if ("oneOf" in field && !isTitledChoices(field["oneOf"])) return 'needs "const" and "title" in each choice';
  return undefined;
}

function isChoice(items: JsonValue | undefined): boolean {
  if (!isObject(items)) return false;
  return (items["type"] === "string" && Array.isArray(items["enum"])) || isTitledChoices(items["anyOf"]);
}

function isTitledChoices(choices: JsonValue | undefined): boolean {
  return (
    Array.isArray(choices) &&
    choices.every((one) => isObject(one) && typeof one["const"] === "string" && typeof one["title"] === "string")
  );
}
