/**
 * JSON values as types, and the few questions asked of them before they are trusted.
 * Refuses nothing by itself: callers decide what a "no" means.
 */

/** Deepest nesting that a message may have. Recursive code behind this check cannot exhaust the stack. */
export const MAX_JSON_DEPTH = 64;
/** Most values in a message: a schema may find fault with each of them, and keeps all faults in memory. */
export const MAX_JSON_VALUES = 100_000;

/** Character codes. */
const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const OBJECT = 0x7b;

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** True for a JSON object; arrays and null are not objects here. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of an object; of anything else, none. */
export function membersOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/**
 * `members` where each of `names` that it does not have is undefined, also one that every object inherits, such as
 * "constructor".
 */
export function withoutInherited<T extends object>(members: T, names: Iterable<string>): T {
  for (const name of names)
    if (name in members && !Object.hasOwn(members, name))
      Object.defineProperty(members, name, {
        value: undefined,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  return members;
}

/** True for a list of strings. */
export function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/**
 * True when `value` nests no deeper than {@link MAX_JSON_DEPTH} levels and holds at most {@link MAX_JSON_VALUES} values. Recursion
 * stops there, so hostile JSON costs little. With `opaqueMember` it also drops the members that are null. It keeps an `id`, the
 * `input` that a model gives to a tool, and what stands under the member `opaqueMember`: the arguments of a tool, in a call.
 */
export function checkJson(
  value: JsonValue,
  opaqueMember: string | null = null,
  remainingLevels: number = MAX_JSON_DEPTH,
  remaining: { values: number } = { values: MAX_JSON_VALUES },
): boolean {
  remaining.values -= 1;
  if (remaining.values < 0) return false;
  if (typeof value !== "object" || value === null) return true;
  if (remainingLevels === 0) return false;
  if (Array.isArray(value))
    return value.every((item) => checkJson(item, opaqueMember, remainingLevels - 1, remaining));
  const nextOpaqueMember = value["method"] === "tools/call" ? "arguments" : "";
  for (const key in value) {
    const member = value[key] ?? null;
    const innerOpaqueMember =
      opaqueMember === null || key === opaqueMember || key === "input" ? null : nextOpaqueMember;
    if (member === null && opaqueMember !== null && key !== "id") delete value[key];
    else if (!checkJson(member, innerOpaqueMember, remainingLevels - 1, remaining)) return false;
  }
  return true;
}

/**
 * False for text that, were it JSON, would hold more than twice {@link MAX_JSON_VALUES} values: to be asked before it is
 * parsed, because four megabytes of empty objects become eighty in memory. Every value but one stands behind a comma or
 * the start of a list or an object; what is inside strings does not count.
 */
export function mayParse(text: string): boolean {
  let left = 2 * MAX_JSON_VALUES;
  if (text.length <= left) return true;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA || code === LIST || code === OBJECT) left -= 1;
    if (left < 0) return false;
  }
  return true;
}

/** Where the string that begins at `start` ends: at the first quote behind an even number of backslashes. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at;
  }
  return text.length;
}

/** JSON text with object keys sorted, so that equal values give equal text: what digests are taken of. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(",")}}`;
}

/** The value of JSON text, or undefined when it is none, nests too deep or holds too many values. */
export function readJson(text: string | undefined): JsonValue | undefined {
  try {
    const value = JSON.parse(text ?? "") as JsonValue;
    return checkJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** For whoever may change it. A number that JSON has no words for, such as 1e400, stays what it is. */
export function copyJson<T extends JsonValue>(value: T): T {
  return typeof value === "object" ? structuredClone(value) : value;
}

/**
 * What an app gave as JSON text, as it is now: whoever gave it may go on with it.
 * @throws TypeError on what is no JSON, also a promise that was not awaited, a Map and other objects that would be kept as `{}`
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, refuseEmptied) as string | undefined;
  if (text === undefined) throw new TypeError(`${typeof value} is no JSON`);
  return text;
}

function refuseEmptied(key: string, value: unknown): unknown {
  if (!isObject(value) || Object.keys(value).length > 0) return value;
  const { constructor: made = Object } = value as { constructor?: unknown };
  if (made === Object) return value;
  throw new TypeError(`"${key}" is no JSON`);
}

/** What an app gave, as {@link jsonText} has it. */
export function asJson<T>(value: T): T {
  return JSON.parse(jsonText(value)) as T;
}

/** A copy that nobody can change. */
export function frozenJson<T extends JsonValue>(value: T): T {
  return freeze(copyJson(value));
}

function freeze<T extends JsonValue>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** An object without its members that are null: in documents where a member may be left out, null says the same. */
export function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** The object of JSON text, or undefined when it is anything else. */
export function readJsonObject(text: string | undefined): JsonObject | undefined {
  const value = readJson(text);
  return isObject(value) ? value : undefined;
}
