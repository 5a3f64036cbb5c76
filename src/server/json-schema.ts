/**
 * JSON Schema 2020-12 with a check and a type that are made of it: what a tool takes and gives, as clients see it, without any
 * package. The keywords of {@link ValueSchema} are read; any other stops the start. Members that a schema does not name are
 * dropped. For all other keywords: a schema of zod, or one with a check of its own.
 */

import { createFaults, type Faults, type Problem } from "../base/faults.ts";
import {
  copyJson,
  frozenJson,
  isObject,
  withoutInherited,
  type JsonObject,
  type JsonValue,
} from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { RawSchema } from "./schema.ts";
import { FORMATS } from "./string-formats.ts";
import type { ValueOf, ValueSchema } from "./value-schema.ts";

/** The schema `given` with its check. @throws on a keyword that is not read, and says where. */
export function jsonSchema<const S extends ValueSchema>(given: S): RawSchema<ValueOf<S>> {
  requireKnown(given, "");
  // It is read as it is now, and shown so: whoever needs other words makes another one.
  const schema = frozenJson(given as unknown as JsonObject);
  return {
    schema,
    check: (value) => checkValue(schema, value) as Result<ValueOf<S>, string>,
  };
}

/** The value as `schema` reads it, or all that is wrong with it. Not checked: the schema. */
export function checkValue(schema: ValueSchema, value: unknown): Result<JsonValue, string> {
  const faults = createFaults();
  const read = readValue(schema, value as JsonValue, "", faults);
  const problems = faults.text();
  return problems === undefined ? ok(read) : err(problems);
}

const KEYWORDS =
  /^(type|title|description|enum|oneOf|anyOf|default|m(in|ax)(Length|imum|Items)|pattern|format|items|properties|required)$/;

function requireKnown(whole: ValueSchema, path: string): void {
  const { items, properties = {}, ...schema } = whole;
  const { type, required = [], pattern, format } = schema;
  const unknown = Object.keys(schema).find((keyword) => !KEYWORDS.test(keyword));
  if (unknown !== undefined) throw new Error(`${path}/${unknown} is no keyword that is read here`);
  const isKnown =
    isNameIn(IS_TYPE, type) &&
    isNameIn(FORMATS, format) &&
    required.every((name) => Object.hasOwn(properties, name)) &&
    // One that is no scalar would equal nothing.
    choicesOf(schema).every((choices) => choices.length > 0 && choices.every(isScalar)) &&
    [schema.minLength, schema.maxLength, schema.minItems, schema.maxItems].every(isSize);
  if (!isKnown)
    throw new Error(
      `${path}/ has a type, a format, a choice, a size or a required name that is not read here`,
    );
  // A pattern that is none throws here, and not at a call.
  if (pattern !== undefined) new RegExp(pattern, "u");
  if (items !== undefined) requireKnown(items, `${path}/items`);
  for (const [name, member] of Object.entries(properties))
    requireKnown(member, `${path}/properties/${name}`);
  if (whole.default !== undefined && !checkValue(whole, whole.default).ok)
    throw new Error(`${path}/default does not fit`);
}

function isSize(value: number | undefined): boolean {
  return value === undefined || (Number.isInteger(value) && value >= 0);
}

/** Whether a member is left out, or names what `table` has. */
function isNameIn(table: object, name: unknown): boolean {
  return name === undefined || (typeof name === "string" && Object.hasOwn(table, name));
}

interface ChoiceSet {
  readonly list: readonly JsonValue[];
  readonly values: ReadonlySet<JsonValue>;
}

const choiceSets = new WeakMap<ValueSchema, readonly ChoiceSet[]>();

/** The same to look up: made once for each schema, as there may be thousands of choices. */
function choiceSetsOf(schema: ValueSchema): readonly ChoiceSet[] {
  const known = choiceSets.get(schema);
  if (known !== undefined) return known;
  const made = choicesOf(schema).map((list) => ({ list, values: new Set(list) }));
  choiceSets.set(schema, made);
  return made;
}

function isScalar(value: unknown): boolean {
  return value !== undefined && Object(value) !== value;
}

/** Each of the lists that a value must be in. */
function choicesOf(schema: ValueSchema): readonly (readonly JsonValue[])[] {
  const { enum: values, oneOf, anyOf } = schema;
  const titled = [oneOf, anyOf].map((choices) => choices?.map((choice) => choice.const));
  return [values, ...titled].filter((choices) => choices !== undefined);
}

const IS_TYPE: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === "string",
  number: Number.isFinite,
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: isObject,
};

/** The value without what the schema does not name, and with its defaults. What is wrong goes to `faults`. */
function readValue(schema: ValueSchema, value: JsonValue, path: string, faults: Faults): JsonValue {
  if (faults.isFull) return value;
  const problem = findProblem(schema, value);
  if (problem !== undefined) faults.add(path, problem);
  else if (Array.isArray(value)) return readList(schema, value, path, faults);
  else if (isObject(value)) return readMembers(schema, value, path, faults);
  return value;
}

function findProblem(schema: ValueSchema, value: JsonValue): Problem | undefined {
  const { type, pattern, format } = schema;
  if (type !== undefined && IS_TYPE[type]?.(value) !== true) return `must be of type ${type}`;
  const missed = choiceSetsOf(schema).find(({ values }) => !values.has(value));
  // In words only where they are shown: there may be a hundred choices, and a hundred thousand items.
  if (missed !== undefined) return () => `must be one of ${JSON.stringify(missed.list)}`;
  if (typeof value === "string") {
    if (pattern !== undefined && !new RegExp(pattern, "u").test(value))
      return `must match ${pattern}`;
    if (format !== undefined && !FORMATS[format](value)) return `must be a ${format}`;
    return lengthProblem(schema, value);
  }
  if (typeof value === "number") return sizeProblem(value, schema.minimum, schema.maximum);
  return Array.isArray(value)
    ? sizeProblem(value.length, schema.minItems, schema.maxItems, " items")
    : undefined;
}

function lengthProblem({ minLength, maxLength }: ValueSchema, text: string): string | undefined {
  if (minLength === undefined && maxLength === undefined) return undefined;
  // JSON Schema counts characters, of one or two units of UTF-16. A text that is far too long is not counted.
  const isFarTooLong = text.length > 2 * (maxLength ?? Infinity);
  const length = isFarTooLong ? text.length : Array.from(text).length;
  return sizeProblem(length, minLength, maxLength, " characters");
}

function sizeProblem(
  size: number,
  least: number = -Infinity,
  most: number = Infinity,
  unit: string = "",
): string | undefined {
  if (size < least) return `must be at least ${least}${unit}`;
  return size > most ? `must be at most ${most}${unit}` : undefined;
}

function readList(
  { items = {} }: ValueSchema,
  list: readonly JsonValue[],
  path: string,
  faults: Faults,
): JsonValue {
  return list.map((item, index) => readValue(items, item, `${path}/${index}`, faults));
}

function readMembers(
  { properties, required = [] }: ValueSchema,
  value: JsonObject,
  path: string,
  faults: Faults,
): JsonObject {
  if (properties === undefined) return value;
  const members: [name: string, value: JsonValue][] = [];
  for (const [name, member] of Object.entries(properties)) {
    const { default: fallback } = member;
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    // What stands in its place has members too that may be left out. A handler may change what it is given.
    const taken = given === undefined && fallback !== undefined ? copyJson(fallback) : given;
    if (taken !== undefined)
      members.push([name, readValue(member, taken, `${path}/${name}`, faults)]);
    else if (required.includes(name) && !faults.isFull) faults.add(`${path}/${name}`, "is missing");
  }
  // Own members, also one that is named __proto__.
  return withoutInherited(Object.fromEntries(members), Object.keys(properties));
}
