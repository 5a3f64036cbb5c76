/**
 * The keywords that judge a value by itself: type, numbers, strings, counts, names, formats.
 * Follows JSON Schema 2020-12 validation, sections 6 and 7. One row per keyword: `rule(kind of value, own value, check)`.
 * Refuses, when compiling, a keyword whose own value has the wrong shape, and a pattern that is no RegExp with the u flag.
 * Leaves keywords that hold subschemas to applicators.ts. Formats other than the four of elicitation forms annotate.
 */

import { canonicalJson, isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { type Check, fail, type Frame, type Guard, isAny, isList, isText, type Keyword } from "./run.ts";
import { on, quote, show, WRONG } from "./run.ts";

const TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"];

// Kinds of values, and of what keywords take.
const isNumber = (value: unknown): value is number => typeof value === "number";
const isAboveZero = (value: unknown): value is number => isNumber(value) && value > 0;
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isNames = (value: unknown): value is string[] => isList(value) && value.every(isText);
const isNameLists = (value: unknown): value is Record<string, string[]> =>
  isObject(value) && Object.values(value).every(isNames);
const isType = (value: unknown): value is string => TYPES.some((type) => type === value);
const codePoints = (text: string): number => text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
export const isCount: Guard<number> = (value): value is number => Number.isInteger(value) && Number(value) >= 0;

/** A regular expression that RegExp reads with the u flag. */
export function isPattern(value: unknown): value is string {
  try {
    return isText(value) && new RegExp(value, "u").unicode;
  } catch {
    return false;
  }
}

export const assertions: Record<string, Keyword> = {
  // 6.1 Any value
  type: (param) => {
    const types = isList(param) ? param : [param];
    if (!types.every(isType)) return WRONG;
    const must = `must be ${types.join(" or ")}, found`;
    return (value, at) => typesOf(value).some((type) => types.includes(type)) || fail(at, `${must} ${show(value)}`);
  },
  enum: rule(isAny, isList, (list) => equal(list, "one of ")),
  const: (param) => equal([param], ""),

  // 6.2 Numbers
  multipleOf: number("a multiple of", isAboveZero),
  maximum: number("at most"),
  exclusiveMaximum: number("less than"),
  minimum: number("at least"),
  exclusiveMinimum: number("greater than"),

  // 6.3 Strings, and 7.3 their formats
  maxLength: count("at most", isText, "characters", codePoints),
  minLength: count("at least", isText, "characters", codePoints),
  pattern: rule(isText, isPattern, (source) => {
    const pattern = new RegExp(source, "u");
    return (text, at) => pattern.test(text) || fail(at, `must match the pattern ${source}, found ${show(text)}`);
  }),
  format: (param, { formats }) => {
    const [like, fits] = (formats ? FORMATS.get(param) : undefined) ?? ["", () => true];
    return on(isText, (text, at) => fits(text) || fail(at, `must be ${like}, found ${show(text)}`));
  },

  // 6.4 Arrays
  maxItems: count("at most", isList, "items", (list) => list.length),
  minItems: count("at least", isList, "items", (list) => list.length),
  uniqueItems: rule(isList, isBoolean, (unique) => (list, at) => {
    const first = new Set<string>();
    const again = unique && list.map(canonicalJson).find((item) => first.size === first.add(item).size);
    if (isText(again)) fail(at, `must not repeat items, found twice ${again.slice(0, 60)}`);
  }),

  // 6.5 Objects
  maxProperties: count("at most", isObject, "properties", (object) => Object.keys(object).length),
  minProperties: count("at least", isObject, "properties", (object) => Object.keys(object).length),
  required: rule(isObject, isNames, (names) => (object, at) => demand(names, object, at, "")),
  dependentRequired: rule(isObject, isNameLists, (lists) => (object, at) => {
    for (const [key, names] of Object.entries(lists))
      if (Object.hasOwn(object, key)) demand(names, object, at, `; ${show(key)} requires it`);
  }),
};

/** A keyword about one kind of value. Its own value must be `own`. */
export function rule<V, P>(kind: Guard<V>, own: Guard<P>, make: (param: P) => Check<V>): Keyword {
  return (param: unknown) => (own(param) ? on(kind, make(param)) : WRONG);
}

function number(words: keyof typeof COMPARE, own: Guard<number> = isNumber): Keyword {
  return rule(isNumber, own, (limit) => (n, at) => {
    if (!COMPARE[words](n, limit)) fail(at, `must be ${words} ${limit}, found ${n}`);
  });
}

function count<V>(words: keyof typeof COMPARE, kind: Guard<V>, unit: string, measure: (value: V) => number): Keyword {
  return rule(kind, isCount, (limit) => (value, at) => {
    const n = measure(value);
    if (!COMPARE[words](n, limit)) fail(at, `must have ${words} ${limit} ${unit}, found ${n}`);
  });
}

const COMPARE = {
  "at most": (n: number, limit: number): boolean => n <= limit,
  "at least": (n: number, limit: number): boolean => n >= limit,
  "less than": (n: number, limit: number): boolean => n < limit,
  "greater than": (n: number, limit: number): boolean => n > limit,
  "a multiple of": isMultiple,
};

/** Equal JSON has equal canonical text. */
function equal(list: readonly JsonValue[], words: string): Check {
  const wanted = list.map(canonicalJson);
  const known = new Set(wanted);
  const must = `must be ${words}${wanted.join(", ").slice(0, 400)}`;
  return (value, at) => known.has(canonicalJson(value as JsonValue)) || fail(at, `${must}; found ${show(value)}`);
}

function typesOf(value: unknown): string[] {
  if (isNumber(value)) return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  return [value === null ? "null" : isList(value) ? "array" : typeof value];
}

function demand(names: readonly string[], object: JsonObject, at: Frame, why: string): void {
  for (const name of names.filter((one) => !Object.hasOwn(object, one)))
    fail(at, `must have property ${show(name)}, found ${quote(Object.keys(object))}${why}`);
}

/** Exact on the decimal digits as written, so 0.3 is a multiple of 0.1 and 1e308 does not overflow. */
function isMultiple(value: number, of: number): boolean {
  if (!Number.isFinite(value)) return false;
  const [[a, powerA], [b, powerB]] = [decimal(value), decimal(of)];
  const power = Math.min(powerA, powerB);
  return (a * 10n ** BigInt(powerA - power)) % (b * 10n ** BigInt(powerB - power)) === 0n;
}

function decimal(n: number): [digits: bigint, power: number] {
  const [digits = "", power] = n.toExponential().split("e");
  return [BigInt(digits.replace(".", "")), Number(power) - (digits.split(".")[1]?.length ?? 0)];
}

const EMAIL =
  /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/;
const URI = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$/;
const TIME = /^T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;
/** HTML for email, RFC 3986, and RFC 3339 without leap seconds. Each is read in linear time. */
const FORMATS = new Map<JsonValue, [like: string, fits: (text: string) => boolean]>([
  ["email", ["an email address", (text) => EMAIL.test(text)]],
  ["uri", ["an absolute URI", (text) => URI.test(text) && URL.canParse(text)]],
  ["date", ["a date as YYYY-MM-DD", isDate]],
  ["date-time", ["a time as YYYY-MM-DDThh:mm:ssZ", (text) => isDate(text.slice(0, 10)) && TIME.test(text.slice(10))]],
]);

/** A day that the calendar has: others do not come back as they went in. */
function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString() === `${text}T00:00:00.000Z`;
}
