/**
 * A field of an elicitation form: which keywords it may have, and which values fit it. Pure.
 * MCP client/elicitation#supported-schema-types: strings with bounds, formats or choices, numbers, booleans, and lists
 * of choices. Formats: RFC 5321 (email, in its usual form), RFC 3986 (uri), RFC 3339 (date, date-time).
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";

type IsFit = (value: JsonValue | undefined) => boolean;

const isText: IsFit = (value) => typeof value === "string";
const isNumber: IsFit = (value) => typeof value === "number";
const isCount: IsFit = (value) => Number.isInteger(value) && Number(value) >= 0;
const isTexts: IsFit = (value) => Array.isArray(value) && value.every(isText);
const isChoices: IsFit = (value) =>
  Array.isArray(value) &&
  value.every((one) => isObject(one) && isText(one["const"]) && isText(one["title"]));
const isFormat: IsFit = (value) => typeof value === "string" && Object.hasOwn(FORMATS, value);
const isItems: IsFit = (value) =>
  isObject(value) &&
  ((value["type"] === "string" && isTexts(value["enum"])) || isChoices(value["anyOf"]));

const COMMON: Readonly<Record<string, IsFit>> = {
  type: isText,
  title: isText,
  description: isText,
  default: () => true,
};
const NUMBER = { ...COMMON, minimum: isNumber, maximum: isNumber };

/** By type: the keywords that a field may have, and what each may say. */
const KEYWORDS: Readonly<Record<string, Readonly<Record<string, IsFit>>>> = {
  string: {
    ...COMMON,
    minLength: isCount,
    maxLength: isCount,
    format: isFormat,
    enum: isTexts,
    enumNames: isTexts,
    oneOf: isChoices,
  },
  number: NUMBER,
  integer: NUMBER,
  boolean: COMMON,
  array: { ...COMMON, minItems: isCount, maxItems: isCount, items: isItems },
};

/** What keeps `field` from being one, behind its path: "/format is not allowed". */
export function fieldProblem(field: JsonObject): string | undefined {
  const { type } = field;
  const keywords =
    typeof type === "string" && Object.hasOwn(KEYWORDS, type) ? KEYWORDS[type] : undefined;
  if (keywords === undefined) return `/type ${choiceProblem(Object.keys(KEYWORDS))}`;
  for (const [keyword, value] of Object.entries(field)) {
    const isAllowed = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (isAllowed === undefined) return `/${keyword} is no keyword of such a field`;
    if (!isAllowed(value)) return `/${keyword} is not valid`;
  }
  return type === "array" && field["items"] === undefined ? "/items is missing" : undefined;
}

/** Takes what is wrong: the path behind the field's, and the problem. */
type Report = (path: string, problem: string) => void;

/** Reports all that is wrong with `value` by `field`, which is one. */
export function reportProblems(field: JsonObject, value: JsonValue, report: Report): void {
  if (field["type"] === "array") return reportListProblems(field, value, report);
  const problem = valueProblem(field, value);
  if (problem !== undefined) report("", problem);
}

function reportListProblems(field: JsonObject, value: JsonValue, report: Report): void {
  if (!Array.isArray(value)) return report("", "must be a list");
  const min = numberOf(field["minItems"], 0);
  const max = numberOf(field["maxItems"], Infinity);
  if (value.length < min || value.length > max)
    return report("", `must have ${min} to ${max} entries`);
  const { enum: names, anyOf } = field["items"] as JsonObject;
  const choices = (names ?? namesOf(anyOf)) as readonly string[];
  // Once for all entries: there may be a hundred choices, and a hundred thousand entries.
  const problem = choiceProblem(choices);
  for (const [index, one] of value.entries())
    if (!choices.includes(one as string)) report(`/${index}`, problem);
}

function valueProblem(field: JsonObject, value: JsonValue): string | undefined {
  if (field["type"] === "string") return textProblem(field, value);
  if (field["type"] !== "boolean") return numberProblem(field, value);
  return typeof value === "boolean" ? undefined : "must be true or false";
}

function numberProblem(
  { type, minimum, maximum }: JsonObject,
  value: JsonValue,
): string | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
  if (type === "integer" && !Number.isSafeInteger(value)) return "must be a whole number";
  const min = numberOf(minimum, -Infinity);
  const max = numberOf(maximum, Infinity);
  if (value < min) return `must be at least ${min}`;
  return value > max ? `must be at most ${max}` : undefined;
}

function textProblem(field: JsonObject, value: JsonValue): string | undefined {
  const { format, enum: names, oneOf } = field;
  const choices = names ?? (oneOf === undefined ? undefined : namesOf(oneOf));
  if (choices !== undefined) {
    const texts = choices as readonly string[];
    return texts.includes(value as string) ? undefined : choiceProblem(texts);
  }
  if (typeof value !== "string") return "must be a string";
  // JSON Schema counts characters, not units of UTF-16.
  const { length } = Array.from(value);
  const min = numberOf(field["minLength"], 0);
  const max = numberOf(field["maxLength"], Infinity);
  if (length < min || length > max) return `must have ${min} to ${max} characters`;
  const fits = typeof format === "string" ? FORMATS[format as keyof typeof FORMATS] : undefined;
  return fits === undefined || fits(value)
    ? undefined
    : `must be in the format "${format as string}"`;
}

function numberOf(value: JsonValue | undefined, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

function choiceProblem(choices: readonly string[]): string {
  return `must be one of ${choices.join(", ")}`;
}

function namesOf(titled: JsonValue | undefined): readonly JsonValue[] {
  return (titled as readonly JsonObject[]).map((choice) => choice["const"] ?? "");
}

const DATE = /^\d{4}-(\d\d)-(\d\d)$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const EMAIL =
  /^[A-Za-z0-9_'+-]+(\.[A-Za-z0-9_'+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/;

const FORMATS = {
  // A name and an address have at most so many characters (RFC 5321 section 4.5.3.1): a longer text is not even looked at.
  email: (text: string) => text.length <= 320 && EMAIL.test(text),
  uri: (text: string) => /^[!-~]+$/.test(text) && URL.canParse(text),
  date: isDate,
  "date-time": (text: string) =>
    text[10] === "T" && isDate(text.slice(0, 10)) && TIME.test(text.slice(11)),
};

/** A day that the calendar has. */
function isDate(text: string): boolean {
  if (!DATE.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // A day too many becomes one of the next month.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
