/**
 * A field of an elicitation form: which keywords it may have. Pure.
 * MCP client/elicitation#supported-schema-types: strings with bounds, formats or choices, numbers, booleans, and lists
 * of choices.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { FORMATS } from "./string-formats.ts";

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
  if (keywords === undefined) return `/type must be one of ${Object.keys(KEYWORDS).join(", ")}`;
  for (const [keyword, value] of Object.entries(field)) {
    const isAllowed = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (isAllowed === undefined) return `/${keyword} is no keyword of such a field`;
    if (!isAllowed(value)) return `/${keyword} is not valid`;
  }
  return type === "array" && field["items"] === undefined ? "/items is missing" : undefined;
}
