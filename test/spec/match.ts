/**
 * Matching an expected value against an actual one, as spec/README.md says under "Checks".
 * Pure apart from `kept`, into which `$save` and the named groups of `$pattern` write. `undefined` stands for "not there".
 * Does not check that the expectation itself is well formed: spec/schema does.
 */

import { isObject, type Json, type JsonObject } from "./format.ts";

/** What `{{name}}` stands for, and where `$save` and named groups keep. */
export type Kept = Map<string, Json>;

type Matcher = (rule: Json, actual: Json | undefined, kept: Kept) => string | undefined;

const WHOLE = /^\{\{([^{}]+)\}\}$/u;
const PART = /\{\{([^{}]+)\}\}/gu;

const matchers: { [name: string]: Matcher } = {
  $type: (rule, actual) =>
    isType(rule, actual) ? undefined : `is ${show(actual)}, not of type ${show(rule)}`,
  $pattern: (rule, actual, kept) => {
    const pattern = String(rule).replace(PART, (_, name: string) => quote(text(kept.get(name))));
    const found = typeof actual === "string" ? new RegExp(pattern, "u").exec(actual) : null;
    if (found === null) return `${show(actual)} does not fit /${pattern}/`;
    for (const [name, part] of Object.entries(found.groups ?? {})) kept.set(name, part);
    return undefined;
  },
  $any: (rule, actual, kept) => {
    const all = list(rule).map((one) => mismatch(one, actual, kept));
    return all.includes(undefined) ? undefined : `none of: ${all.join(" | ")}`;
  },
  $not: (rule, actual, kept) => {
    if (actual === undefined) return "is missing";
    return mismatch(rule, actual, new Map(kept)) === undefined
      ? `must not be like ${show(rule)}`
      : undefined;
  },
  $absent: (_, actual) =>
    actual === undefined ? undefined : `must not be there, but is ${show(actual)}`,
  $has: (rule, actual, kept) => {
    if (!Array.isArray(actual)) return `is ${show(actual)}, not a list`;
    const lost = list(rule).find(
      (one) => !actual.some((element) => mismatch(one, element, kept) === undefined),
    );
    return lost === undefined ? undefined : `has no element like ${show(lost)}: ${show(actual)}`;
  },
  $each: (rule, actual, kept) => {
    if (!Array.isArray(actual) || actual.length === 0)
      return `is ${show(actual)}, not a list with elements`;
    return first(
      actual.map((element, index) => within(`[${index}]`, mismatch(rule, element, kept))),
    );
  },
  $only: (rule, actual, kept) => {
    if (!isObject(actual) || !isObject(rule)) return `is ${show(actual)}, not an object`;
    const extra = Object.keys(actual).find((name) => !Object.hasOwn(rule, name));
    return extra === undefined
      ? members(rule, actual, kept)
      : `has ${show(extra)}, which must not be there`;
  },
  $min: (rule, actual) =>
    size(actual) >= Number(rule) ? undefined : `${show(actual)} is below ${show(rule)}`,
  $max: (rule, actual) =>
    size(actual) <= Number(rule) ? undefined : `${show(actual)} is above ${show(rule)}`,
  $equals: (rule, actual, kept) => {
    const wanted = fill(rule, (name) => kept.get(name));
    return same(wanted, actual) ? undefined : `is ${show(actual)}, not ${show(wanted)}`;
  },
  $save: (rule, actual, kept) => {
    if (actual === undefined) return "is missing";
    kept.set(String(rule), actual);
    return undefined;
  },
};

export const MATCHERS: readonly string[] = Object.keys(matchers);

/** Says why `actual` is not as expected, or nothing when it is. */
export function mismatch(expected: Json, actual: Json | undefined, kept: Kept): string | undefined {
  if (isObject(expected)) {
    const names = Object.keys(expected);
    if (!names.some((name) => Object.hasOwn(matchers, name))) {
      return isObject(actual)
        ? members(expected, actual, kept)
        : `is ${show(actual)}, not an object`;
    }
    return first(names.map((name) => matchers[name]?.(expected[name] ?? null, actual, kept)));
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `is ${show(actual)}, not a list`;
    if (actual.length !== expected.length)
      return `has ${actual.length} elements, not ${expected.length}: ${show(actual)}`;
    return first(
      expected.map((one, index) => within(`[${index}]`, mismatch(one, actual[index], kept))),
    );
  }
  const wanted = fill(expected, (name) => kept.get(name));
  return wanted !== undefined && same(wanted, actual)
    ? undefined
    : `is ${show(actual)}, not ${show(wanted)}`;
}

/** Replaces `{{name}}` everywhere in `value`. A text that is nothing else takes the value itself; members without one are left out. */
export function fill(value: Json, lookup: (name: string) => Json | undefined): Json | undefined {
  if (typeof value === "string") {
    const name = WHOLE.exec(value)?.[1];
    if (name !== undefined) return lookup(name);
    return value.replace(PART, (_, part: string) => text(lookup(part)));
  }
  if (Array.isArray(value)) return value.map((one) => fill(one, lookup) ?? null);
  if (!isObject(value)) return value;
  const filled: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    const one = fill(member, lookup);
    if (one !== undefined) define(filled, name, one);
  }
  return filled;
}

/** The names that `{{…}}` asks for in `value`, without those that `$save` and named groups in it provide. */
export function asked(value: Json): string[] {
  const whole = JSON.stringify(value);
  const saved = [...whole.matchAll(/"\$save":"([^"]+)"/gu)].map((found) => found[1]);
  saved.push(...[...whole.matchAll(/\(\?<([a-z]\w*)>/giu)].map((found) => found[1]));
  return [...whole.matchAll(PART)].flatMap((found) =>
    saved.includes(found[1]) ? [] : [found[1] ?? ""],
  );
}

/** JSON equality: numbers by value, members in any order. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, index) => same(one, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
  );
}

/** Sets a member even when it is called `__proto__`. */
export function define(object: JsonObject, name: string, value: Json): void {
  if (name !== "__proto__") object[name] = value;
  else
    Object.defineProperty(object, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
}

function members(expected: JsonObject, actual: JsonObject, kept: Kept): string | undefined {
  return first(
    Object.entries(expected).map(([name, one]) =>
      within(
        `.${name}`,
        mismatch(one, Object.hasOwn(actual, name) ? actual[name] : undefined, kept),
      ),
    ),
  );
}

function isType(rule: Json, actual: Json | undefined): boolean {
  if (rule === "null") return actual === null;
  if (rule === "array") return Array.isArray(actual);
  if (rule === "object") return isObject(actual);
  if (rule === "integer") return Number.isInteger(actual);
  return typeof actual === rule;
}

function size(actual: Json | undefined): number {
  if (typeof actual === "number") return actual;
  return typeof actual === "string" || Array.isArray(actual) ? actual.length : Number.NaN;
}

function list(value: Json): Json[] {
  return Array.isArray(value) ? value : [];
}

function text(value: Json | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function quote(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/gu, (sign) =>
    sign === "-" ? "\\x2d" : `\\${sign}`,
  );
}

function show(value: Json | undefined): string {
  const whole = value === undefined ? "missing" : JSON.stringify(value);
  return whole.length > 300 ? `${whole.slice(0, 300)}…` : whole;
}

/** True when a problem begins with where it is, such as `.a` or `[0]`. */
export function isPlace(problem: string): boolean {
  return /^(\.|\[\d+\])/u.test(problem);
}

function within(place: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${place}${isPlace(problem) ? "" : " "}${problem}`;
}

function first(problems: (string | undefined)[]): string | undefined {
  return problems.find((problem) => problem !== undefined);
}
