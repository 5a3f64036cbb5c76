/**
 * What zod finds wrong, in words that a model can act on: what a value must be. A quarter of the bytes of zod's own English.
 */

import { cut } from "../base/bytes.ts";
import type { ZodCheck } from "./zod-checks.ts";

/** What zod says of one fault, as far as it is read here. */
interface ZodIssue {
  readonly code?: string | undefined;
  readonly expected?: unknown;
  readonly values?: unknown;
  readonly options?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly inclusive?: unknown;
  readonly exact?: unknown;
  readonly origin?: unknown;
  readonly format?: unknown;
  readonly pattern?: string | undefined;
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
  readonly includes?: string | undefined;
  /** Which part of a URL is meant. */
  readonly note?: string | undefined;
  readonly divisor?: unknown;
  readonly keys?: unknown;
  /** The schema that it is of, or the check. */
  readonly inst?: { readonly _zod: { readonly def: object } } | undefined;
}

/** Of a schema or check of a format. */
type FormatDefinition = Pick<ZodCheck["_zod"]["def"], "local" | "offset" | "precision" | "version">;

/** What is counted of a value whose size is wrong; any other value is compared itself. */
const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " items" };

/** An issue without words of its own as a phrase that follows the path of the value. */
export function describeIssue(issue: ZodIssue): string {
  const { code = "", format, divisor } = issue;
  switch (code) {
    case "invalid_type":
      // A member that may be anything, and is not there.
      return issue.expected === "nonoptional"
        ? "is missing"
        : `must be of type ${String(issue.expected)}`;
    case "too_small":
      return sizePhrase(issue, issue.minimum, "at least", "more than");
    case "too_big":
      return sizePhrase(issue, issue.maximum, "at most", "less than");
    case "invalid_format": {
      const detail = formatDetail(issue);
      return `must be valid: ${String(format)}${detail === undefined ? "" : ` ${detail}`}`;
    }
    case "not_multiple_of":
      return `must be a multiple of ${String(divisor)}`;
    case "unrecognized_keys":
      return Array.isArray(issue.keys) ? `may not have ${namesIn(issue.keys)}` : "is not valid";
    default: {
      const choices = issue.values ?? issue.options;
      if (!Array.isArray(choices)) return "is not valid";
      // Those of a check or of a transform may be others for each value.
      const { inst } = issue;
      const { type }: { readonly type?: unknown } = inst?._zod.def ?? {};
      const isListed = inst !== undefined && SCHEMAS_WITH_CHOICES.includes(type);
      return isListed ? knownChoicePhrase(inst, choices) : choicePhrase(choices, MAX_NAMES_LENGTH);
    }
  }
}

/** Characters of a pattern that still tell somebody what is wanted. zod's own for an email is longer. */
const MAX_SHOWN_PATTERN = 60;

/** What of a format is not said by its name. */
function formatDetail(issue: ZodIssue): string | undefined {
  const { format, note, pattern } = issue;
  const { version, ...time }: FormatDefinition = issue.inst?._zod.def ?? {};
  if (format === "regex") return pattern;
  if (format === "datetime") return `such as ${exampleTime(time)}`;
  if (format === "url" && pattern !== undefined)
    return `with a ${note === "Invalid protocol" ? "protocol" : "hostname"} of ${pattern}`;
  const part = issue.prefix ?? issue.suffix ?? issue.includes ?? version;
  return part ?? (Number(pattern?.length) > MAX_SHOWN_PATTERN ? undefined : pattern);
}

/** A date and time as it is wanted: with seconds, their fractions, and a zone. */
function exampleTime({ precision, offset, local }: FormatDefinition): string {
  const digits = precision ?? 0;
  const fraction = digits > 0 ? `.${"0".repeat(digits)}` : "";
  const seconds = digits < 0 ? "" : `:00${fraction}`;
  const zone = offset === true ? "+01:00" : "Z";
  return `2026-01-31T12:00${seconds}${local === true ? "" : zone}`;
}

/** Characters of names that a value should not have, or of choices that a check names: of either there may be any number, of any length. */
const MAX_NAMES_LENGTH = 100;

function namesIn(names: readonly unknown[]): string {
  let text = "";
  for (const [count, name] of names.entries()) {
    if (text.length > MAX_NAMES_LENGTH) return `${text} and ${names.length - count} more`;
    text += (text === "" ? "" : ",") + cut(String(name), MAX_NAMES_LENGTH);
  }
  return text;
}

const SCHEMAS_WITH_CHOICES: readonly unknown[] = ["enum", "literal", "union"];
/** Choices that are named. */
const MAX_CHOICES = 30;
/** What a schema lists is put in words once for all faults. */
const choicePhrases = new WeakMap<object, string>();

function knownChoicePhrase(schema: object, choices: readonly unknown[]): string {
  const phrase = choicePhrases.get(schema) ?? choicePhrase(choices, Infinity);
  choicePhrases.set(schema, phrase);
  return phrase;
}

/** `mostCharacters`: of all choices, but for the last that is named, and of each. */
function choicePhrase(choices: readonly unknown[], mostCharacters: number): string {
  let text = "";
  for (const [count, choice] of choices.entries()) {
    if (count === MAX_CHOICES || text.length > mostCharacters)
      return `must be one of [${text}] and ${choices.length - count} more`;
    text += (count === 0 ? "" : ",") + wordOf(choice, mostCharacters);
  }
  return `must be one of [${text}]`;
}

function wordOf(choice: unknown, mostCharacters: number): string {
  if (typeof choice === "string") return JSON.stringify(cut(choice, mostCharacters));
  if (typeof choice === "bigint") return String(choice);
  // JSON has no word for some that a schema may list.
  return cut(JSON.stringify(choice, withoutBigInt) ?? String(choice), mostCharacters);
}

function withoutBigInt(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function sizePhrase(
  { inclusive, exact, origin }: ZodIssue,
  bound: unknown,
  closed: string,
  open: string,
): string {
  const comparison = inclusive === true ? closed : open;
  const size = origin === "date" ? new Date(Number(bound)).toJSON() : bound;
  return `must be ${exact === true ? "exactly" : comparison} ${String(size)}${UNITS[String(origin)] ?? ""}`;
}
