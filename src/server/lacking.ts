/**
 * How much a value lacks by a JSON Schema: for libraries that keep every fault in memory, and go on to the end. A hundred
 * thousand empty objects that lack ten members each are half a gigabyte of faults to zod, and an isolate has 128 MB. Pure.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** Members that may be missing before the others are not looked for. */
export const MAX_LACKING = 10_000;

/** What is missing by the alternative that fits best, and by all of them together. */
interface Lacking {
  readonly least: number;
  readonly all: number;
}

const NOTHING: Lacking = { least: 0, all: 0 };
/** A list or an object where another type belongs. */
const ITSELF: Lacking = { least: 1, all: 1 };

/**
 * Whether `value` lacks so many members that `schema` requires that it is not worth a look. False of everything that fits the
 * schema; a `.catch()` of zod takes what its schema does not. Not counted: texts and numbers that do not fit, and what `allOf`
 * and `$ref` say.
 */
export function lacksTooMuch(schema: JsonObject, value: JsonValue): boolean {
  const { least, all } = lackingIn(schema, value);
  return least > 0 && all > MAX_LACKING;
}

function lackingIn(schema: JsonValue | undefined, value: JsonValue): Lacking {
  if (!isObject(schema) || typeof value !== "object" || value === null) return NOTHING;
  const { anyOf, oneOf } = schema;
  const options = Array.isArray(anyOf) ? anyOf : oneOf;
  if (Array.isArray(options)) {
    const found = options.map((option) => lackingIn(option, value));
    const least = Math.min(...found.map((one) => one.least));
    return { least, all: sum(found).all };
  }
  const { type } = schema;
  const types: readonly unknown[] = type === undefined ? [] : [type].flat();
  if (types.length > 0 && !types.includes(Array.isArray(value) ? "array" : "object")) return ITSELF;
  if (Array.isArray(value)) {
    const { items, prefixItems } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    return sum(value.map((item, index) => lackingIn(first[index] ?? items, item)));
  }
  return isObject(value) ? lackingInObject(schema, value) : NOTHING;
}

function lackingInObject(schema: JsonObject, value: JsonObject): Lacking {
  const { required, properties, additionalProperties } = schema;
  const names = Array.isArray(required) ? required : [];
  const missing = names.filter((name) => !Object.hasOwn(value, name as string)).length;
  const known = isObject(properties) ? properties : {};
  const members = Object.entries(value).map(([name, member]) =>
    lackingIn(Object.hasOwn(known, name) ? known[name] : additionalProperties, member),
  );
  return sum([{ least: missing, all: missing }, ...members]);
}

function sum(parts: readonly Lacking[]): Lacking {
  let [least, all] = [0, 0];
  for (const part of parts) {
    least += part.least;
    all += part.all;
  }
  return { least, all };
}
