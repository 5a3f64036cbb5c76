/**
 * URI templates, both ways: expand variables into a URI, and read them back out of one.
 * Follows RFC 6570 for values that are text. Matching walks a small automaton backwards: states × length, always.
 * Refuses what cannot be read back: `{var:3}`, explode other than `{/path*}` (text with slashes), a variable twice, or
 * two variables with nothing between. Where two readings fit, the earlier variable is the shorter. `{var}` is never empty.
 * Leaves to the caller: a value may hold any text once decoded, "../" too, and named variables come in template order.
 */

import { err, ok, type Result } from "../base/result.ts";
import {
  buildStates,
  encodeBeyondAscii,
  type Expression,
  matchStates,
  type Operator,
  type Part,
  sideBySide,
} from "./template-match.ts";

export interface Template {
  /** The variables, in order. */
  readonly names: readonly string[];
  /** The URI for these values. A variable without a value is left out, as the RFC says. */
  expand(values: Readonly<Record<string, string>>): string;
  /** The decoded values in a URI, or undefined when it does not fit. A variable that the URI leaves out has no entry. */
  match(uri: string): Record<string, string> | undefined;
}

/** RFC 6570, appendix A. */
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
const MAX_VARIABLES = 16;

/** Compiles a template. The reason of a refusal is a sentence for its author. */
export function compileTemplate(text: string): Result<Template, string> {
  const parts: Part[] = [];
  for (const piece of text.split(/(\{[^{}]*\})/).filter((one) => one !== "")) {
    const part = /^\{.*\}$/s.test(piece) ? readExpression(piece.slice(1, -1)) : readLiteral(piece);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  const names = parts.flatMap((part) => (typeof part === "string" ? [] : part.variables.map(({ name }) => name)));
  if (names.length > MAX_VARIABLES) return err(`More than ${MAX_VARIABLES} variables`);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return err(`Variable "${twice}" stands twice`);
  const states = buildStates(parts);
  const glued = sideBySide(states);
  if (glued !== undefined) return err(`Nothing separates variable "${glued}" from the next one`);
  const expand: Template["expand"] = (values) => parts.map((part) => expandPart(part, values)).join("");
  return ok({ names, expand, match: (uri) => matchStates(states, uri) });
}

function readLiteral(text: string): Result<Part, string> {
  const fits = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|[^\0-\x9f])*$/.test(text) && text.isWellFormed();
  return fits
    ? ok(encodeBeyondAscii(text))
    : err(`Text ${JSON.stringify(text)} holds a character that no URI may hold`);
}

function readExpression(text: string): Result<Part, string> {
  const [, sign = "", list = ""] = /^([+#./;?&]?)(.*)$/s.exec(text) ?? [];
  const operator = OPERATORS.get(sign);
  const stranger = `Expression "{${text}}" is not one of RFC 6570`;
  if (!operator) return err(stranger);
  const variables: Expression["variables"][number][] = [];
  for (const item of list.split(",")) {
    const [, name = "", explode, prefix] =
      /^((?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*)(\*)?(:\d+)?$/.exec(item) ?? [];
    if (name === "") return err(stranger);
    if (prefix) return err(`Prefix "${item}" cannot be read back: it cuts the value`);
    if (explode && sign !== "/") return err(`Explode "${item}" cannot be read back: only "{/${name}*}" can`);
    variables.push({ name, explode: explode !== undefined });
  }
  return ok({ operator, variables });
}

function expandPart(part: Part, values: Readonly<Record<string, string>>): string {
  if (typeof part === "string") return part;
  const { first, between, named, reserved } = part.operator;
  const shown = part.variables.flatMap(({ name, explode }) => {
    const value = Object.hasOwn(values, name) ? values[name]?.toWellFormed() : undefined;
    if (value === undefined) return [];
    const text = explode
      ? value.split("/").map(encodePlain).join("/")
      : reserved
        ? encodeReserved(value)
        : encodePlain(value);
    return [!named ? text : text === "" && first === ";" ? name : `${name}=${text}`];
  });
  return shown.length === 0 ? "" : first + shown.join(between);
}

function encodePlain(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Keeps reserved characters and what is percent-encoded already (RFC 6570, section 3.2.3). */
function encodeReserved(value: string): string {
  return value.replaceAll(/%[0-9A-Fa-f]{2}|%|[^%\w.~:/?#[\]@!$&'()*+,;=-]+/g, (part) =>
    part.length === 3 && part.startsWith("%") ? part : encodeURIComponent(part),
  );
}
