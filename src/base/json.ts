/**
 * JSON values as types, and the few questions asked of them before they are trusted.
 * Refuses nothing by itself: callers decide what a "no" means.
 */

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** Deepest nesting that a message may have. Recursive code behind this check cannot exhaust the stack. */
export const MAX_DEPTH = 64;

/** True for a JSON object; arrays and null are not objects here. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True when `value` nests at most `levels` deep. Recursion stops at the limit, so hostile depth costs nothing. */
export function depthWithin(value: JsonValue, levels: number = MAX_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!depthWithin(item, levels - 1)) return false;
    return true;
  }
  for (const key in value) {
    const member = value[key];
    if (member !== undefined && !depthWithin(member, levels - 1)) return false;
  }
  return true;
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

/** The value of JSON text, or undefined when it is none or nests too deep. */
export function readJson(text: string | undefined): JsonValue | undefined {
  try {
    const value = JSON.parse(text ?? "") as JsonValue;
    return depthWithin(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An object without its members that are null: in documents where a member may be left out, null says the same. */
export function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** The object of JSON text, or undefined when it is anything else. */
export function readObject(text: string | undefined): JsonObject | undefined {
  const value = readJson(text);
  return isObject(value) ? value : undefined;
}
