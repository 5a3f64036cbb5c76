/**
 * Elicitation forms: flat objects of primitive fields, as MCP client/elicitation#requested-schema allows.
 * Refuses nesting, unknown keywords and unknown formats by throwing: a form is written by the author of a handler, so a
 * wrong one is a bug. Leaves `default` to the client. What a person fills in is held to the form.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { ElicitationForm } from "./context.ts";
import { fieldProblem } from "./form-field.ts";
import { checkValue } from "./json-schema.ts";
import type { ValueSchema } from "./value-schema.ts";
import type { RawSchema } from "./schema.ts";

interface CompiledForm extends RawSchema {
  /** What it was made of. */
  readonly json: string;
}

const compiledForms = new WeakMap<ElicitationForm, CompiledForm>();

/**
 * The form in the words of the protocol, with the check of what a person fills in. Compiled once per form object, unless a
 * handler changes that for another question.
 */
export function compileForm(form: ElicitationForm): RawSchema {
  if (!isRawSchema(form)) return compileSchema(form, form);
  const { schema } = compileSchema(form, form.schema);
  return { schema, check: form.check };
}

function compileSchema(form: ElicitationForm, given: JsonObject): RawSchema {
  const json = JSON.stringify(given);
  const known = compiledForms.get(form);
  if (known?.json === json) return known;
  const schema = JSON.parse(json) as JsonObject;
  requireFlat(schema);
  const answered = withoutDefaults(schema);
  const check = (content: unknown): Result<JsonValue, string> => checkValue(answered, content);
  const compiledForm = { json, schema, check };
  compiledForms.set(form, compiledForm);
  return compiledForm;
}

function isRawSchema(form: ElicitationForm): form is RawSchema {
  return typeof form["check"] === "function";
}

/** @throws where `schema` is no form, and says why. */
export function requireFlat(schema: JsonObject): void {
  // spec: elicit.form.params
  const problem = formProblem(schema);
  if (problem !== undefined) throw new Error(`The form must be flat: ${problem}`);
}

/** What keeps `schema` from being a form. */
function formProblem(schema: JsonObject): string | undefined {
  const { type, properties, required = [] } = schema;
  if (type !== "object") return '/type must be "object"';
  if (!isObject(properties)) return "/properties must be an object";
  for (const [name, field] of Object.entries(properties)) {
    const problem = isObject(field) ? fieldProblem(field) : " must be an object";
    if (problem !== undefined) return `/properties/${name}${problem}`;
  }
  const isKnown = (name: JsonValue): boolean =>
    typeof name === "string" && Object.hasOwn(properties, name);
  return Array.isArray(required) && required.every(isKnown)
    ? undefined
    : "/required names what is not there";
}

/** The schema that an answer is held to: what is left out stays so, for the client has filled in the defaults. */
function withoutDefaults({ properties, required = [] }: JsonObject): ValueSchema {
  const fields = Object.entries(properties as Readonly<Record<string, JsonObject>>);
  const asked = fields.map(([name, { default: _, ...field }]) => [name, field] as const);
  const schema: JsonObject = { type: "object", properties: Object.fromEntries(asked), required };
  return schema;
}
