/**
 * The keywords that judge a value by itself: type, enum, numbers, strings, counts, names, formats.
 * Follows JSON Schema 2020-12 validation, sections 6 and 7, one entry per keyword.
 * Refuses, when compiling, a keyword whose own value has the wrong shape, and a pattern that is no RegExp with the u flag.
 * Leaves keywords that hold subschemas to applicators.ts.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { FORMATS } from "./formats.ts";
import { all, canonical, type Check, fail, type Node, onArray, onObject, onText, quote, show } from "./run.ts";

/** What a keyword may ask for while it is compiled. */
export interface Context {
  readonly schema: { readonly [keyword: string]: JsonValue };
  readonly formats: boolean;
  /** The compiled subschema at this place below the current one. */
  sub(keyword: string, key?: string | number): Node;
  /** Notes why the schema cannot be used. */
  refuse(keyword: string, message: string): undefined;
}

/** Compiles one keyword. Answers undefined where there is nothing to check. */
export type Keyword = (param: JsonValue, ctx: Context, name: string) => Check | undefined;

const TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"];

export const assertions: Record<string, Keyword> = {
  type: (param, ctx, name) => {
    const types = new Set<JsonValue>(Array.isArray(param) ? param : [param]);
    const unknown = [...types].filter((type) => !TYPES.some((known) => known === type));
    if (unknown.length > 0) ctx.refuse(name, `must name JSON types, found ${show(unknown[0])}`);
    const expected = [...types].map(String).join(" or ");
    return (value, at) =>
      typesOf(value).some((type) => types.has(type)) ||
      fail(at, `must be ${expected}, found ${kind(value)}${show(value)}`);
  },
  const: (param) => {
    const wanted = canonical(param);
    return (value, at) => canonical(value) === wanted || fail(at, `must be ${cut(wanted)}, found ${show(value)}`);
  },
  enum: (param, ctx, name) => {
    if (!Array.isArray(param)) return ctx.refuse(name, "must be an array");
    const wanted = new Set(param.map(canonical));
    const choices = cut([...wanted].join(", "));
    return (value, at) => wanted.has(canonical(value)) || fail(at, `must be one of ${choices}; found ${show(value)}`);
  },

  minimum: bound("at least", (n, limit) => n >= limit),
  maximum: bound("at most", (n, limit) => n <= limit),
  exclusiveMinimum: bound("greater than", (n, limit) => n > limit),
  exclusiveMaximum: bound("less than", (n, limit) => n < limit),
  multipleOf: (param, ctx, name) => {
    if (typeof param === "number" && param > 0) return bound("a multiple of", isMultiple)(param, ctx, name);
    return ctx.refuse(name, "must be a number greater than 0");
  },

  minLength: count(characters, "characters", "at least"),
  maxLength: count(characters, "characters", "at most"),
  pattern: (param, ctx, name) => {
    const pattern = regExp(param, ctx, name);
    const words = `must match the pattern ${pattern.source}`;
    return onText((value, at) => pattern.test(value) || fail(at, `${words}, found ${show(value)}`));
  },
  format: (param, ctx) => {
    const format = ctx.formats ? FORMATS.get(param) : undefined;
    if (!format) return undefined;
    return onText((value, at) => format.test(value) || fail(at, `must be ${format.like}, found ${show(value)}`));
  },

  minItems: count(items, "items", "at least"),
  maxItems: count(items, "items", "at most"),
  uniqueItems: (param, ctx, name) => {
    if (typeof param !== "boolean") ctx.refuse(name, "must be true or false");
    if (param !== true) return undefined;
    return onArray((value, at) => {
      const first = new Map<string, number>();
      return all(value.map(canonical).entries(), ([index, item]) => {
        const earlier = first.get(item);
        if (earlier !== undefined) return fail(at, `must not repeat items: items ${earlier} and ${index} are equal`);
        first.set(item, index);
        return true;
      });
    });
  },

  minProperties: count(properties, "properties", "at least"),
  maxProperties: count(properties, "properties", "at most"),
  required: (param, ctx, name) => {
    const names = listOfNames(param, ctx, name);
    return onObject((value, at) => all(names, (key) => Object.hasOwn(value, key) || fail(at, missing(key, value))));
  },
  dependentRequired: (param, ctx, name) => {
    if (!isObject(param)) return ctx.refuse(name, "must be an object of arrays of names");
    const pairs = Object.entries(param).flatMap(([key, list]) =>
      listOfNames(list, ctx, name).map((other) => ({ key, other })),
    );
    return onObject((value, at) =>
      all(pairs, ({ key, other }) => {
        const fine = !Object.hasOwn(value, key) || Object.hasOwn(value, other);
        return fine || fail(at, `${missing(other, value)}; ${show(key)} requires it`);
      }),
    );
  },
};

function missing(key: string, value: object): string {
  return `must have property ${show(key)}, found ${quote(Object.keys(value))}`;
}

function typesOf(value: unknown): string[] {
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  return [value === null ? "null" : Array.isArray(value) ? "array" : typeof value];
}

function kind(value: unknown): string {
  return ["string", "number", "boolean"].includes(typeof value) ? `${typeof value} ` : "";
}

function cut(list: string): string {
  return list.length > 400 ? `${list.slice(0, 400)}…` : list;
}

function bound(words: string, fits: (n: number, limit: number) => boolean): Keyword {
  return (limit, ctx, name) => {
    if (typeof limit !== "number") return ctx.refuse(name, "must be a number");
    return (value, at) =>
      typeof value !== "number" || fits(value, limit) || fail(at, `must be ${words} ${limit}, found ${value}`);
  };
}

/** A bound on a size. `measure` answers undefined for a value that the keyword does not concern. */
function count(measure: (value: unknown) => number | undefined, unit: string, words: "at least" | "at most"): Keyword {
  return (limit, ctx, name) => {
    if (!isCount(limit)) return ctx.refuse(name, "must be a whole number of at least 0");
    return (value, at) => {
      const size = measure(value);
      const fits = size === undefined || (words === "at least" ? size >= limit : size <= limit);
      return fits || fail(at, `must have ${words} ${limit} ${unit}, found ${size}`);
    };
  };
}

export function isCount(param: unknown): param is number {
  return Number.isInteger(param) && Number(param) >= 0;
}

/** Exact on the decimal digits as written, so 0.3 is a multiple of 0.1 and 1e308 does not overflow. */
function isMultiple(value: number, of: number): boolean {
  if (!Number.isFinite(value)) return false;
  const [a, b] = [decimal(value), decimal(of)];
  const power = Math.min(a.power, b.power);
  const scale = (n: Decimal): bigint => n.digits * 10n ** BigInt(n.power - power);
  return scale(a) % scale(b) === 0n;
}

interface Decimal {
  readonly digits: bigint;
  readonly power: number;
}

function decimal(n: number): Decimal {
  const [mantissa = "0", power = "0"] = n.toExponential().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), power: Number(power) - fraction.length };
}

function characters(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  let points = 0;
  for (const _ of value) points += 1;
  return points;
}

function items(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}

function properties(value: unknown): number | undefined {
  return isObject(value) ? Object.keys(value).length : undefined;
}

function listOfNames(param: unknown, ctx: Context, name: string): string[] {
  if (Array.isArray(param) && param.every((item) => typeof item === "string")) return param;
  ctx.refuse(name, "must be an array of names");
  return [];
}

/** A pattern as RegExp with the u flag. One that does not compile is refused. */
export function regExp(source: unknown, ctx: Context, name: string): RegExp {
  try {
    if (typeof source === "string") return new RegExp(source, "u");
  } catch {} // the refusal below says it
  ctx.refuse(name, `must be a regular expression, found ${show(source)}`);
  return /(?:)/u;
}
