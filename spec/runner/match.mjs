/**
 * How the second runner matches: the twelve matchers of spec/README.md, `{{…}}` and JSON Merge Patch, once more and apart
 * from test/spec/match.ts.
 */

import { isDeepStrictEqual as same } from "node:util";
import { createContext, Script } from "node:vm";

export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);
export const text = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
const size = (value) => {
  if (typeof value === "number") return value;
  return isObject(value) ? Number.NaN : value?.length;
};
export const HOLE = /\{\{([^{}]+)\}\}/gu;
const quote = (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`;
export const json = (source) => {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
};

/** `{{name}}`: a text that is nothing else takes the value, any other its text; members without a value are left out. */
export function fill(value, look) {
  if (Array.isArray(value)) return value.map((one) => fill(one, look));
  if (isObject(value)) {
    const filled = Object.entries(value).map(([name, one]) => [name, fill(one, look)]);
    return Object.fromEntries(filled.filter(([, one]) => one !== undefined));
  }
  if (typeof value !== "string") return value;
  const whole = /^\{\{([^{}]+)\}\}$/u.exec(value);
  return whole ? look(whole[1]) : value.replace(HOLE, (_, name) => text(look(name)));
}

const isA = {
  integer: Number.isInteger,
  array: Array.isArray,
  object: isObject,
  null: (value) => value === null,
};
const matchers = {
  $type: (rule, actual) => (isA[rule] ?? ((value) => typeof value === rule))(actual),
  $pattern: (rule, actual, kept) => {
    const pattern = rule.replace(HOLE, (_, name) => text(kept[name]).replace(/./gsu, quote));
    const found = typeof actual === "string" && new RegExp(pattern, "u").exec(actual);
    return Boolean(found) && Boolean(Object.assign(kept, found.groups));
  },
  $any: (rule, actual, kept) => rule.filter((one) => matches(one, actual, kept)).length > 0,
  $not: (rule, actual, kept) => actual !== undefined && !matches(rule, actual, { ...kept }),
  $absent: (_, actual) => actual === undefined,
  $has: (rule, actual, kept) =>
    Array.isArray(actual) && rule.every((one) => actual.some((el) => matches(one, el, kept))),
  $each: (rule, actual, kept) =>
    Array.isArray(actual) && !!actual.length && actual.every((el) => matches(rule, el, kept)),
  $only: (rule, actual, kept) =>
    isObject(actual) &&
    Object.keys(actual).every((name) => Object.hasOwn(rule, name)) &&
    members(rule, actual, kept),
  $min: (rule, actual) => size(actual) >= rule,
  $max: (rule, actual) => size(actual) <= rule,
  $equals: (rule, actual, kept) =>
    same(
      fill(rule, (name) => own(kept, name)),
      actual,
    ),
  $save: (rule, actual, kept) =>
    actual !== undefined && Object.assign(kept, { [rule]: actual }) === kept,
};
const members = (expected, actual, kept) =>
  Object.entries(expected).every(([name, one]) => matches(one, own(actual, name), kept));

export function matches(expected, actual, kept) {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) && actual.length === expected.length && members(expected, actual, kept)
    );
  }
  if (!isObject(expected)) return actual !== undefined && matchers.$equals(expected, actual, kept);
  const rules = Object.keys(expected).filter((name) => Object.hasOwn(matchers, name));
  if (rules.length > 0) return rules.every((name) => matchers[name](expected[name], actual, kept));
  return isObject(actual) && members(expected, actual, kept);
}

/** Where `actual` first is not as expected: the innermost member, with what was wanted and what is there. */
export function difference(expected, actual, kept, path = "") {
  const isMatcher =
    isObject(expected) && Object.keys(expected).some((name) => Object.hasOwn(matchers, name));
  if (isObject(expected) && isObject(actual) && !isMatcher)
    for (const [name, one] of Object.entries(expected))
      if (!matches(one, own(actual, name), kept))
        return difference(one, own(actual, name), kept, `${path}.${name}`);
  return { path, expected, actual };
}

/** How long a check may take, in milliseconds: a pattern may take the square of what a hostile server sends. */
const MOST_MS = 1_000;
const call = new Script("run()");
const calls = createContext({});

/** What `run` returns. @throws when that takes longer than a check may: nothing else ends a pattern that is at work. */
export function inTime(run) {
  calls.run = run;
  try {
    return call.runInContext(calls, { timeout: MOST_MS });
  } catch (error) {
    if (error.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new Error("takes longer to match than a second", { cause: error });
  }
}

export function patch(target, change) {
  if (!isObject(change)) return change;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(change))
    merged.set(name, value && patch(merged.get(name), value));
  return Object.fromEntries(
    [...merged].filter(([name, value]) => value !== null || own(change, name) !== null),
  );
}

const MOST_SHOWN = 300;

/** A value for people: on one line, without anything that a terminal would obey, and not too long. */
export function shown(value) {
  if (value === undefined) return "is missing";
  let whole;
  try {
    whole = JSON.stringify(value);
  } catch (error) {
    return error.message;
  }
  const cut = whole.length > MOST_SHOWN ? `${whole.slice(0, MOST_SHOWN)}…` : whole;
  return plain(cut);
}

/** A text of the server without control characters: they would reach the terminal of whoever reads. */
export const plain = (words) =>
  words.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, "0")}`,
  );
