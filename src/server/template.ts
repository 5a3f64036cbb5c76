/**
 * URI templates, both ways: expand variables into a URI, and read them back out of one.
 * Follows RFC 6570 for values that are text; section 1.4 leaves matching open. It works from the end of the URI, one
 * pass for each piece of the template, so time is pieces × length, always.
 * Refuses what cannot be read back: `{var:3}`, `{var*}`, a variable twice, or two variables with nothing between.
 * Where two readings fit, the earlier variable is the shorter. `{var}` and `{+var}` are never empty.
 * Leaves to the caller: a value may hold any text once decoded, "../" too, and named variables come in template order.
 */

import { err, ok, type Result } from "../base/result.ts";

export interface Template {
  /** The variables, in order. */
  readonly names: readonly string[];
  /** The URI for these values. A variable without a value is left out, as the RFC says. */
  expand(values: Readonly<Record<string, string>>): string;
  /** The decoded values in a URI, or undefined when it does not fit. A variable that the URI leaves out has no entry. */
  match(uri: string): Record<string, string> | undefined;
}

/** RFC 6570, appendix A: what comes first, what between, whether names are shown, and whether reserved characters stay. */
const OPERATORS = new Map<string, Operator>([
  ["", { first: "", between: ",", named: false, reserved: false }],
  ["+", { first: "", between: ",", named: false, reserved: true }],
  ["#", { first: "#", between: ",", named: false, reserved: true }],
  [".", { first: ".", between: ".", named: false, reserved: false }],
  ["/", { first: "/", between: "/", named: false, reserved: false }],
  [";", { first: ";", between: ";", named: true, reserved: false }],
  ["?", { first: "?", between: "&", named: true, reserved: false }],
  ["&", { first: "&", between: "&", named: true, reserved: false }],
]);

interface Operator {
  readonly first: string;
  readonly between: string;
  readonly named: boolean;
  readonly reserved: boolean;
}

/** A piece of a template: literal text, or an expression in braces. */
type Part = string | (Operator & { readonly names: readonly string[] });

const MAX_VARIABLES = 16;
const MAX_URI = 4_096;
const NAME = /^(?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*$/;

/** Compiles a template. The reason of a refusal is a sentence for its author. */
export function compileTemplate(text: string): Result<Template, string> {
  const parts: Part[] = [];
  for (const piece of text.split(/(\{[^{}]*\})/).filter((one) => one !== "")) {
    const part = piece.startsWith("{") && piece.endsWith("}") ? readExpression(piece) : readLiteral(piece);
    if (!part.ok) return part;
    const [last, { value }] = [parts.at(-1), part];
    if (typeof last === "object" && typeof value === "object" && value.first === "")
      return err(`Nothing separates variable "${last.names.at(-1)}" from the next one`);
    parts.push(value);
  }
  const names = parts.flatMap((part) => (typeof part === "string" ? [] : part.names));
  if (names.length > MAX_VARIABLES) return err(`More than ${MAX_VARIABLES} variables`);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return err(`Variable "${twice}" stands twice`);
  const expand: Template["expand"] = (values) => parts.map((part) => expandPart(part, values)).join("");
  return ok({ names, expand, match: (uri) => matchParts(parts, uri) });
}

function readLiteral(text: string): Result<Part, string> {
  const fits = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|[^\0-\x9f])*$/.test(text) && text.isWellFormed();
  return fits
    ? ok(encodeBeyondAscii(text))
    : err(`Text ${JSON.stringify(text)} holds a character that no URI may hold`);
}

function readExpression(text: string): Result<Part, string> {
  const [, sign = "", list = ""] = /^\{([+#./;?&]?)(.*)\}$/s.exec(text) ?? [];
  const operator = OPERATORS.get(sign);
  const names = list.split(",");
  const modified = names.find((name) => /\*$|:\d+$/.test(name));
  if (modified !== undefined) return err(`Variable "${modified}" cannot be read back: it is cut, or a list`);
  if (!operator || !names.every((name) => NAME.test(name))) return err(`Expression "${text}" is not one of RFC 6570`);
  return ok({ ...operator, names });
}

function expandPart(part: Part, values: Readonly<Record<string, string>>): string {
  if (typeof part === "string") return part;
  const shown = part.names.flatMap((name) => {
    const value = Object.hasOwn(values, name) ? values[name]?.toWellFormed() : undefined;
    if (value === undefined) return [];
    if (part.named) return [value === "" && part.first === ";" ? name : `${name}=${encodePlain(value)}`];
    return [part.reserved ? encodeReserved(value) : encodePlain(value)];
  });
  return shown.length === 0 ? "" : part.first + shown.join(part.between);
}

function encodePlain(value: string): string {
  const escape = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replaceAll(/[!'()*]/g, escape);
}

/** Keeps reserved characters and what is percent-encoded already (RFC 6570, section 3.2.3). */
function encodeReserved(value: string): string {
  return value.replaceAll(/(%[0-9A-Fa-f]{2})|%|[^%\w.~:/?#[\]@!$&'()*+,;=-]+/g, (part: string, escaped?: string) =>
    escaped === undefined ? encodeURIComponent(part) : part,
  );
}

/** Letters beyond ASCII as URIs spell them. The text must be well formed. */
function encodeBeyondAscii(text: string): string {
  return text.replaceAll(/[^\0-\x7f]+/g, encodeURIComponent);
}

/** How the URI can be read from one position to its end: a chain of values, or undefined. */
type Reading = { readonly name: string; readonly value: string; readonly rest: Reading } | "end" | undefined;

function matchParts(parts: readonly Part[], given: string): Record<string, string> | undefined {
  if (given.length > MAX_URI || !given.isWellFormed()) return undefined;
  const uri = encodeBeyondAscii(given);
  // For every position the reading of what the parts so far, from the last one, make of the text from there on.
  let readings: readonly Reading[] = [...Array<Reading>(uri.length), "end"];
  for (const part of parts.toReversed())
    readings =
      typeof part === "string"
        ? readText(uri, part, readings)
        : part.named
          ? readNamed(uri, part, readings)
          : readOrdered(uri, part, readings);
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
function readText(uri: string, text: string, rest: readonly Reading[]): Reading[] {
  return rest.map((_, at) => (uri.startsWith(text, at) ? rest[at + text.length] : undefined));
}

/** What a value may hold bare: a path segment without what separates variables, or anything a URI may hold. */
const PLAIN = /[\w.~:@!$'()*-]/;
const RESERVED = /[\w.~:/?#[\]@!$&'()*+,;=-]/;

/** The shortest text of a variable after which the rest can be read. One step is a character or an escape. */
function readValue(uri: string, name: string, { first, reserved }: Operator, rest: readonly Reading[]): Reading[] {
  const bare = reserved ? RESERVED : PLAIN;
  const readings = rest.map((): Reading => undefined);
  const ends: (number | undefined)[] = []; // of the shortest text from here that is not empty
  for (let at = uri.length; at >= 0; at -= 1) {
    const step = bare.test(uri.charAt(at)) ? 1 : /^%[0-9A-Fa-f]{2}$/.test(uri.slice(at, at + 3)) ? 3 : 0;
    if (step > 0) ends[at] = rest[at + step] ? at + step : ends[at + step];
    const end = first !== "" && rest[at] ? at : ends[at];
    if (end !== undefined) readings[at] = { name, value: uri.slice(at, end), rest: rest[end] };
  }
  return readings;
}

/** Values by position. The first may be absent if it has a mark of its own, the others from the end. */
function readOrdered(uri: string, part: Part & object, rest: readonly Reading[]): readonly Reading[] {
  const { first, between } = part;
  let readings = rest;
  for (const [index, name] of [...part.names.entries()].toReversed()) {
    const mark = index === 0 ? first : between;
    const present = readText(uri, mark, readValue(uri, name, part, readings));
    readings = mark === "" ? present : either(present, rest);
  }
  return readings;
}

/** Values by name, each of which may be absent. What comes before the first one present may differ: `?a=1&b=2`. */
function readNamed(uri: string, part: Part & object, rest: readonly Reading[]): readonly Reading[] {
  let [readings, later] = [rest, rest];
  for (const name of part.names.toReversed()) {
    const value = readValue(uri, name, part, later);
    const empty = later.map((reading) => reading && { name, value: "", rest: reading });
    const present = (mark: string): Reading[] =>
      either(readText(uri, `${mark}${name}=`, value), readText(uri, `${mark}${name}`, empty));
    [readings, later] = [either(present(part.first), readings), either(present(part.between), later)];
  }
  return readings;
}

function either(preferred: readonly Reading[], other: readonly Reading[]): Reading[] {
  return preferred.map((reading, at) => reading ?? other[at]);
}
