/** What it costs zod to look at a value with one schema, before it has found anything: in steps, as `zod-count.ts` counts them. */

import type { Definition, ZodCheck, ZodSchema } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";
import type { KnownTexts } from "./zod-texts.ts";

/**
 * The longest text that zod may make a number of any length, or change otherwise than by `trim` or its case. `normalize` makes up to 18 characters
 * of one, and `slugify` keeps a piece for each of those: about 200 bytes for each character.
 */
export const MAX_CHANGED_CHARACTERS = 200_000;
/** Of what is looked at once; of an address; of what is taken to pieces first, or read back; and of what is converted, nobody knows how. */
const CHARACTERS_PER_STEP = 100;
const CHARACTERS_OF_URL_PER_STEP = 30;
const CHARACTERS_SPLIT_PER_STEP = 10;
const CHARACTERS_CONVERTED_PER_STEP = 5;
/** Of letters beyond ASCII that become small or great. */
const LETTERS_PER_STEP = 10;
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
  const first = isConvertedObject ? STEPS_OF_CONVERSION : 1;
  const text = textOf(def, value);
  if (text === undefined)
    return first + (reading.isBigInt && !Number.isInteger(value) ? STEPS_OF_BIGINT : 0);
  if (!reading.isOfLetters) return first + 1;
  const change = text.length > reading.refusedFrom ? "none" : reading.change;
  if (text.length > MAX_CHANGED_CHARACTERS && isChanged(reading, change, text, texts))
    return Infinity;
  const isSlow = isConvertedObject || reading.isBigInt || reading.isDate || change === "unknown";
  const read = text.length / (isSlow ? CHARACTERS_CONVERTED_PER_STEP : CHARACTERS_PER_STEP);
  return first + 1 + read + stepsOfReading(reading, change, def, text, texts);
}

/** Whether a text becomes another one, in ways that can take long. ASCII stays as it is where it is normalized. */
function isChanged(
  { isBigInt }: Reading,
  change: Change,
  text: string,
  texts: KnownTexts,
): boolean {
  if (isBigInt && ANY_NUMBER.test(text)) return true;
  return change === "unknown" || (change === "normalized" && texts.of(text).lettersBeyondAscii > 0);
}

/** What is beyond reading a text once. */
function stepsOfReading(
  reading: Reading,
  change: Change,
  def: Definition,
  text: string,
  texts: KnownTexts,
): number {
  const { isUrl, isBase64url } = reading;
  let steps = 0;
  if (isUrl && isParsed(text)) steps += text.length / CHARACTERS_OF_URL_PER_STEP;
  if (reading.isSplit) steps += text.length / CHARACTERS_SPLIT_PER_STEP;
  if (isBase64url) steps += STEPS_PER_REPLACED * texts.of(text).replacedLetters;
  if (reading.isJwt || (isBase64url && text.length % 4 === 1)) steps += STEPS_OF_ATOB;
  if (reading.isBase64 && texts.of(text).isUnfitForAtob) steps += STEPS_OF_ATOB;
  if (reading.isBigInt && !WHOLE_NUMBER.test(text)) steps += STEPS_OF_BIGINT;
  if (def.type === "template_literal")
    steps += charactersTried(def, texts.of(text)) / TRIES_PER_STEP;
  if (change === "cased") steps += texts.of(text).lettersBeyondAscii / LETTERS_PER_STEP;
  // What is not known may normalize too. The names of hosts are normalized.
  if ((isUrl && isParsed(text)) || change === "normalized" || change === "unknown")
    steps += texts.of(text).comparisons / TRIES_PER_STEP;
  return steps;
}

const WHOLE_NUMBER = /^-?\d+$/;
/** What `BigInt` reads to its end. */
const ANY_NUMBER = /^\s*(?:[-+]?\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)\s*$/i;

/** Whether a URL is read beyond its scheme: there is one, and it is not the data of a `data:` URL, which is taken as it is. */
function isParsed(text: string): boolean {
  return text.includes(":") && !/^data:(?![\t\n\r]*\/)/i.test(text);
}

/** How checks change a text: not, or at its ends; its case; by `normalize`; or by what may take any time, such as `slugify`. */
type Change = "none" | "cased" | "normalized" | "unknown";

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
  /** Parted first, or read back and forth. */
  readonly isSplit: boolean;
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
  // As zod's "stringbool" does. What other codecs do is the app's.
  const isMadeSmall = String(def.transform ?? "").includes(".toLowerCase(");
  const changeByChecks = changeBy(checks);
  const isOf = (...names: readonly string[]): boolean =>
    names.some((name) => formats.includes(name));
  const reading = {
    change: isMadeSmall && changeByChecks === "none" ? "cased" : changeByChecks,
    refusedFrom: leastRefused(checks),
    isBigInt: def.coerce === true && def.type === "bigint",
    isDate: def.coerce === true && def.type === "date",
    isUrl: isOf("url"),
    isBase64: isOf("base64"),
    isBase64url: isOf("base64url"),
    isJwt: isOf("jwt"),
    isSplit: isOf("cidrv6", "jwt", "emoji"),
    isOfLetters:
      def.format !== undefined ||
      checks.length > 0 ||
      def.coerce === true ||
      isMadeSmall ||
      ["template_literal", "transform"].includes(def.type),
  };
  knownReadings.set(def, reading);
  return reading;
}

const TRIM = /^\(?\w+\)? ?=> ?\w+\.trim\(\)$/;
const CASE = /^\(?\w+\)? ?=> ?\w+\.to(Lower|Upper)Case\(\)$/;

/** zod has one kind of check for all that changes a text, so what it runs is read. */
function changeBy(checks: readonly ZodCheck[]): Change {
  const sources = checks.map(({ _zod }) => String(_zod.def.tx ?? "")).filter(Boolean);
  const changes = sources.filter((source) => !TRIM.test(source));
  const others = changes.filter((source) => !CASE.test(source));
  if (others.length > 0)
    return others.every((source) => source.includes(".normalize(")) ? "normalized" : "unknown";
  return changes.length > 0 ? "cased" : "none";
}

function leastRefused(checks: readonly ZodCheck[]): number {
  const changeAt = checks.findIndex(({ _zod }) => _zod.def.tx !== undefined);
  const before = changeAt < 0 ? checks : checks.slice(0, changeAt);
  const bounds = before.map(({ _zod: { def } }) =>
    def.abort === true ? (def.maximum ?? def.length) : undefined,
  );
  return Math.min(...bounds.filter((bound) => bound !== undefined));
}

function textOf({ type, coerce }: Definition, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (coerce !== true || type === "boolean" || !Array.isArray(value)) return undefined;
  try {
    return String(value);
  } catch {
    // zod finds that too.
    return undefined;
  }
}
