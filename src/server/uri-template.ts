/**
 * URI templates, both ways: expand variables into a URI, and read them back out of one.
 * Follows RFC 6570 for values that are text; section 1.4 leaves matching open. It works from the end of the URI, one
 * pass for each piece of the template, so time is pieces × length, always.
 * Refuses what cannot be read back: `{var:3}`, `{var*}`, a variable twice, or two variables with nothing between.
 * Where two readings fit, the earlier variable is the shorter. `{var}` and `{+var}` are never empty.
 * Leaves to the caller: a value may hold any text once decoded, "../" too, and named variables come in template order.
 */

import { err, ok, type Result } from "../base/result.ts";

export interface UriTemplate {
  /** The variables, in order. */
  readonly names: readonly string[];
  /** What it consists of, in order. */
  readonly parts: readonly TemplatePart[];
  /** The decoded values in a URI, or undefined when it does not fit. A variable that the URI leaves out has no entry. */
  match(uri: string): Record<string, string> | undefined;
}

/** RFC 6570, appendix A: what comes first, what between, whether names are shown, and whether reserved characters stay. */
const OPERATORS = new Map<string, Operator>([
  ["", { prefix: "", separator: ",", hasNames: false, allowsReserved: false }],
  ["+", { prefix: "", separator: ",", hasNames: false, allowsReserved: true }],
  ["#", { prefix: "#", separator: ",", hasNames: false, allowsReserved: true }],
  [".", { prefix: ".", separator: ".", hasNames: false, allowsReserved: false }],
  ["/", { prefix: "/", separator: "/", hasNames: false, allowsReserved: false }],
  [";", { prefix: ";", separator: ";", hasNames: true, allowsReserved: false }],
  ["?", { prefix: "?", separator: "&", hasNames: true, allowsReserved: false }],
  ["&", { prefix: "&", separator: "&", hasNames: true, allowsReserved: false }],
]);

export interface Operator {
  readonly prefix: string;
  readonly separator: string;
  readonly hasNames: boolean;
  readonly allowsReserved: boolean;
}

/** A piece of a template: literal text, or an expression in braces. */
export type TemplatePart = string | (Operator & { readonly names: readonly string[] });

const MAX_VARIABLES = 16;
const MAX_URI_LENGTH = 4_096;
const VARIABLE_NAME = /^(?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*$/;

/** Compiles a template. The reason of a refusal is a sentence for its author. */
export function compileTemplate(text: string): Result<UriTemplate, string> {
  const parts: TemplatePart[] = [];
  for (const piece of text.split(/(\{[^{}]*\})/).filter((one) => one !== "")) {
    const part =
      piece.startsWith("{") && piece.endsWith("}") ? parseExpression(piece) : parseLiteral(piece);
    if (!part.ok) return part;
    const last = parts.at(-1);
    const { value } = part;
    if (typeof last === "object" && typeof value === "object" && value.prefix === "")
      return err(`Nothing separates "${last.names.at(-1)}" from the next one`);
    parts.push(value);
  }
  const names = parts.flatMap((part) => (typeof part === "string" ? [] : part.names));
  if (names.length > MAX_VARIABLES) return err(`More than ${MAX_VARIABLES} variables`);
  const duplicate = names.find((name, index) => names.indexOf(name) < index);
  if (duplicate !== undefined) return err(`Variable "${duplicate}" stands twice`);
  return ok({ names, parts, match: (uri) => matchParts(parts, uri) });
}

function parseLiteral(text: string): Result<TemplatePart, string> {
  const isAllowed =
    /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|[^\0-\x9f])*$/.test(text) &&
    text.isWellFormed();
  return isAllowed
    ? ok(encodeBeyondAscii(text))
    : err(`Text ${JSON.stringify(text)} holds a character that no URI may hold`);
}

function parseExpression(text: string): Result<TemplatePart, string> {
  const [, sign = "", list = ""] = /^\{([+#./;?&]?)(.*)\}$/s.exec(text) ?? [];
  const operator = OPERATORS.get(sign);
  const names = list.split(",");
  const modified = names.find((name) => /\*$|:\d+$/.test(name));
  if (modified !== undefined)
    return err(`Variable "${modified}" cannot be read back: it is cut, or a list`);
  if (!operator || !names.every((name) => VARIABLE_NAME.test(name)))
    return err(`Expression "${text}" is not one of RFC 6570`);
  return ok({ ...operator, names });
}

/** The URI for these values. A variable without a value is left out, as the RFC says. */
export function expandTemplate(
  { parts }: UriTemplate,
  values: Readonly<Record<string, string>>,
): string {
  return parts.map((part) => expandPart(part, values)).join("");
}

function expandPart(part: TemplatePart, values: Readonly<Record<string, string>>): string {
  if (typeof part === "string") return part;
  const expansions = part.names.flatMap((name) => {
    const value = Object.hasOwn(values, name) ? values[name]?.toWellFormed() : undefined;
    if (value === undefined) return [];
    if (part.hasNames)
      return [value === "" && part.prefix === ";" ? name : `${name}=${encodePlain(value)}`];
    return [part.allowsReserved ? encodeReserved(value) : encodePlain(value)];
  });
  return expansions.length === 0 ? "" : part.prefix + expansions.join(part.separator);
}

function encodePlain(value: string): string {
  const escape = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replaceAll(/[!'()*]/g, escape);
}

/** Keeps reserved characters and what is percent-encoded already (RFC 6570, section 3.2.3). */
function encodeReserved(value: string): string {
  return value.replaceAll(
    /(%[0-9A-Fa-f]{2})|%|[^%\w.~:/?#[\]@!$&'()*+,;=-]+/g,
    (part: string, escaped?: string) => (escaped === undefined ? encodeURIComponent(part) : part),
  );
}

/** Letters beyond ASCII as URIs spell them. The text must be well formed. */
function encodeBeyondAscii(text: string): string {
  return text.replaceAll(/[^\0-\x7f]+/g, encodeURIComponent);
}

/** How the URI can be read from one position to its end: a chain of values, or undefined. */
type Reading =
  | { readonly name: string; readonly value: string; readonly rest: Reading }
  | "end"
  | undefined;

function matchParts(
  parts: readonly TemplatePart[],
  given: string,
): Record<string, string> | undefined {
  if (given.length > MAX_URI_LENGTH || !given.isWellFormed()) return undefined;
  const uri = encodeBeyondAscii(given);
  // For every position the reading of what the parts so far, from the last one, make of the text from there on.
  let readings: readonly Reading[] = [...Array<Reading>(uri.length), "end"];
  for (const part of parts.toReversed()) {
    if (typeof part === "string") readings = matchText(uri, part, readings);
    else if (part.hasNames) readings = matchNamed(uri, part, readings);
    else readings = matchOrdered(uri, part, readings);
  }
  const values: [string, string][] = [];
  try {
    let reading = readings[0];
    for (; typeof reading === "object"; reading = reading.rest)
      values.push([reading.name, decodeURIComponent(reading.value)]);
    return reading === "end" ? Object.fromEntries(values) : undefined;
  } catch {
    return undefined; // the bytes of a value are not UTF-8
  }
}

/** `text`, and then the rest. */
function matchText(uri: string, text: string, rest: readonly Reading[]): Reading[] {
  return rest.map((_, at) => (uri.startsWith(text, at) ? rest[at + text.length] : undefined));
}

/** What a value may hold bare: a path segment without what separates variables, or anything a URI may hold. */
const PLAIN = /[\w.~:@!$'()*-]/;
const RESERVED = /[\w.~:/?#[\]@!$&'()*+,;=-]/;

/** The shortest text of a variable after which the rest can be read. One step is a character or an escape. */
function matchValue(
  uri: string,
  name: string,
  { prefix, allowsReserved: reserved }: Operator,
  rest: readonly Reading[],
): Reading[] {
  const allowed = reserved ? RESERVED : PLAIN;
  const readings = rest.map((): Reading => undefined);
  const ends: (number | undefined)[] = []; // of the shortest text from here that is not empty
  for (let at = uri.length; at >= 0; at -= 1) {
    const stepLength = lengthOfStep(uri, at, allowed);
    if (stepLength > 0) ends[at] = rest[at + stepLength] ? at + stepLength : ends[at + stepLength];
    const end = prefix !== "" && rest[at] ? at : ends[at];
    if (end !== undefined) readings[at] = { name, value: uri.slice(at, end), rest: rest[end] };
  }
  return readings;
}

/** Characters at `at` that are one of a value: one that is allowed, a percent-encoded octet, or none. */
function lengthOfStep(uri: string, at: number, allowed: RegExp): 0 | 1 | 3 {
  if (allowed.test(uri.charAt(at))) return 1;
  return /^%[0-9A-Fa-f]{2}$/.test(uri.slice(at, at + 3)) ? 3 : 0;
}

/** Values by position. The first may be absent if it has a mark of its own, the others from the end. */
function matchOrdered(
  uri: string,
  part: TemplatePart & object,
  rest: readonly Reading[],
): readonly Reading[] {
  const { prefix, separator } = part;
  let readings = rest;
  for (const [index, name] of [...part.names.entries()].toReversed()) {
    const delimiter = index === 0 ? prefix : separator;
    const present = matchText(uri, delimiter, matchValue(uri, name, part, readings));
    readings = delimiter === "" ? present : firstOf(present, rest);
  }
  return readings;
}

/** Values by name, each of which may be absent. What comes before the first one present may differ: `?a=1&b=2`. */
function matchNamed(
  uri: string,
  part: TemplatePart & object,
  rest: readonly Reading[],
): readonly Reading[] {
  let readings = rest;
  let later = rest;
  for (const name of part.names.toReversed()) {
    const value = matchValue(uri, name, part, later);
    const empty = later.map((reading) => reading && { name, value: "", rest: reading });
    const present = (delimiter: string): Reading[] =>
      firstOf(
        matchText(uri, `${delimiter}${name}=`, value),
        matchText(uri, `${delimiter}${name}`, empty),
      );
    readings = firstOf(present(part.prefix), readings);
    later = firstOf(present(part.separator), later);
  }
  return readings;
}

function firstOf(preferred: readonly Reading[], other: readonly Reading[]): Reading[] {
  return preferred.map((reading, at) => reading ?? other[at]);
}
