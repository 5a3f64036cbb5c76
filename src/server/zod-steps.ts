/** What it costs zod to look at a value with one schema, before it has found anything: in steps, as `zod-count.ts` counts them. */

import { isObject } from "../base/json.ts";
import type { Definition, ZodCheck, ZodSchema } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";
import { BEYOND_ASCII, type JoinedList, type KnownTexts } from "./zod-texts.ts";

/** Steps that a value may take, a few seconds of work: alternatives within alternatives can double them with each level. */
export const MAX_STEPS = 5_000_000;
/**
 * The longest text that zod may make a number of any length, or change otherwise than by `trim` or its case. `normalize`
 * makes up to 18 characters of one, and `slugify` keeps a piece for each of those: about 200 bytes for each character.
 */
export const MAX_CHANGED_CHARACTERS = 200_000;
/**
 * Characters in a step, whatever reads them. The slowest take as long: URLs, letters beyond ASCII whose case changes, and what
 * is taken to pieces first.
 */
const CHARACTERS_PER_STEP = 10;
/** Of what is converted, nobody knows how. */
const CHARACTERS_CONVERTED_PER_STEP = 5;
/** Of each letter of base64url that is another one in base64. */
const STEPS_PER_REPLACED = 2;
/** Of what throws where the value does not fit, which zod catches: `atob`, `BigInt`, and what converts an object or a list. */
const STEPS_OF_ATOB = 50;
const STEPS_OF_BIGINT = 10;
const STEPS_OF_CONVERSION = 20;
/** Of what is looked at again and again: characters by the pattern of a template, and letters that are compared. */
const TRIES_PER_STEP = 500;

/** Steps of a look, and Infinity where the text is too long for it. Texts that `texts` knows are not looked through again. */
export function stepsOf({ _zod: { def } }: ZodSchema, value: unknown, texts: KnownTexts): number {
  const reading = readingOf(def);
  const isConvertedObject = def.coerce === true && Object(value) === value;
  const first = 1 + (isConvertedObject ? STEPS_OF_CONVERSION : 0);
  const joined = joinedOf(def, value, texts);
  const steps = first + (joined?.steps ?? 0);
  const text = typeof value === "string" ? value : joined?.text;
  if (text === undefined) {
    const isThrown = reading.isBigInt && !Number.isInteger(value);
    return steps + (isThrown ? STEPS_OF_BIGINT : 0) + stepsOfNames(def, value, texts);
  }
  if (!reading.isOfLetters) return steps + 1;
  const change = text.length > reading.refusedFrom ? "none" : reading.change;
  if (text.length > MAX_CHANGED_CHARACTERS && isChanged(reading, change, text)) return Infinity;
  const isSlow = isConvertedObject || reading.isBigInt || reading.isDate || change === "unknown";
  const read = text.length / (isSlow ? CHARACTERS_CONVERTED_PER_STEP : CHARACTERS_PER_STEP);
  return steps + 1 + read + stepsBeyondReading(reading, change, def, text, texts);
}

/** Of names that zod reads one by one: those of a record, and those that an object does not know, where it looks at them. */
function stepsOfNames(def: Definition, value: unknown, texts: KnownTexts): number {
  const { type, catchall } = def;
  const isRead = type === "record" || (type === "object" && catchall !== undefined);
  if (!isRead || !isObject(value)) return 0;
  const known = type === "object" ? texts.charactersOfNames(def.shape) : 0;
  return Math.max(texts.charactersOfNames(value) - known, 0) / CHARACTERS_PER_STEP;
}

/** What zod makes a text of, though it is a list. */
function joinedOf(
  { type, coerce }: Definition,
  value: unknown,
  texts: KnownTexts,
): JoinedList | undefined {
  if (coerce !== true || type === "boolean" || !Array.isArray(value)) return undefined;
  return texts.joined(value, MAX_STEPS);
}

/** Whether a text becomes another one, in ways that can take long. ASCII stays as it is where it is normalized. */
function isChanged({ isBigInt }: Reading, change: Change, text: string): boolean {
  if (isBigInt && ANY_NUMBER.test(text)) return true;
  return change === "unknown" || (change === "normalized" && BEYOND_ASCII.test(text));
}

/** What is beyond reading a text once. */
function stepsBeyondReading(
  reading: Reading,
  change: Change,
  def: Definition,
  text: string,
  texts: KnownTexts,
): number {
  const { isBase64url } = reading;
  let steps = 0;
  if (isBase64url) steps += STEPS_PER_REPLACED * texts.of(text).replacedLetters;
  if (reading.isJwt || (isBase64url && text.length % 4 === 1)) steps += STEPS_OF_ATOB;
  if (reading.isBase64 && texts.of(text).isUnfitForAtob) steps += STEPS_OF_ATOB;
  if (reading.isBigInt && !WHOLE_NUMBER.test(text)) steps += STEPS_OF_BIGINT;
  if (def.type === "template_literal")
    steps += charactersTried(def, texts.of(text)) / TRIES_PER_STEP;
  // What is not known may normalize too. The names of hosts are normalized.
  if (reading.isUrl || change !== "none") steps += texts.of(text).comparisons / TRIES_PER_STEP;
  return steps;
}

const WHOLE_NUMBER = /^-?\d+$/;
/** What `BigInt` reads to its end. */
const ANY_NUMBER = /^\s*(?:[-+]?\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)\s*$/i;

/** How checks change a text: not, at its ends or its case; by `normalize`; or by what may take any time, such as `slugify`. */
type Change = "none" | "normalized" | "unknown";

/** What zod does with a text. */
interface Reading {
  readonly change: Change;
  /** A longer text is refused by a check that ends the look, before any change. */
  readonly refusedFrom: number;
  readonly isBigInt: boolean;
  readonly isDate: boolean;
  readonly isUrl: boolean;
  readonly isBase64: boolean;
  readonly isBase64url: boolean;
  readonly isJwt: boolean;
  /** Whether more of a text is looked at than that it is one. */
  readonly isOfLetters: boolean;
}

const knownReadings = new WeakMap<Definition, Reading>();

/** Found once for each schema. */
function readingOf(def: Definition): Reading {
  const known = knownReadings.get(def);
  if (known !== undefined) return known;
  const { checks = [] } = def;
  const formats = [def.format, ...checks.map(({ _zod }) => _zod.def.format)];
  const isOf = (...names: readonly string[]): boolean =>
    names.some((name) => formats.includes(name));
  const reading = {
    change: changeBy(checks),
    refusedFrom: leastRefused(checks),
    isBigInt: def.coerce === true && def.type === "bigint",
    isDate: def.coerce === true && def.type === "date",
    isUrl: isOf("url"),
    isBase64: isOf("base64"),
    isBase64url: isOf("base64url"),
    isJwt: isOf("jwt"),
    isOfLetters:
      def.format !== undefined ||
      checks.length > 0 ||
      def.coerce === true ||
      def.transform !== undefined ||
      def.type === "template_literal",
  };
  knownReadings.set(def, reading);
  return reading;
}

/** They take no longer than to read a text. */
const TRIM_OR_CASE = /^\(?\w+\)? ?=> ?\w+\.(trim|to(Lower|Upper)Case)\(\)$/;

/** zod has one kind of check for all that changes a text, so what it runs is read. */
function changeBy(checks: readonly ZodCheck[]): Change {
  const sources = checks.map(({ _zod }) => String(_zod.def.tx ?? ""));
  const changes = sources.filter((source) => source !== "" && !TRIM_OR_CASE.test(source));
  if (changes.length === 0) return "none";
  return changes.every((source) => source.includes(".normalize(")) ? "normalized" : "unknown";
}

function leastRefused(checks: readonly ZodCheck[]): number {
  const changeAt = checks.findIndex(({ _zod }) => _zod.def.tx !== undefined);
  const before = changeAt < 0 ? checks : checks.slice(0, changeAt);
  const bounds = before.map(({ _zod: { def } }) =>
    def.abort === true ? (def.maximum ?? def.length) : undefined,
  );
  return Math.min(...bounds.filter((bound) => bound !== undefined));
}
