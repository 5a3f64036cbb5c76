/**
 * What it costs zod to look at a value with one schema, in steps: about. A step is up to a microsecond, and up to 40
 * bytes that zod may keep until it is done.
 */

import { isObject } from "../base/json.ts";
import type { Definition } from "./zod-checks.ts";
import { CHARACTERS_MADE_PER_STEP, CHARACTERS_READ_PER_STEP, readingOf } from "./zod-readings.ts";
import { charactersTried } from "./zod-templates.ts";

/** Of what is looked at again and again by the pattern of a template. */
const TRIES_PER_STEP = 250;
/** Of a fault, which zod makes, passes on and may put in words. */
const STEPS_OF_FAULT = 4;
/** Of each letter of base64url that is another one in base64. */
const STEPS_PER_REPLACED = 2;
/** Of what may throw, and zod catches it: URLs, `atob`, `BigInt`, and what converts an object. */
const STEPS_OF_THROW = 12;
/** Of a URL that is taken to pieces, and of what is changed. */
const STEPS_OF_URL = 3;
/** More than a step has bytes for: an object or a list that is made anew, and what zod remembers. */
const STEPS_OF_CONTAINER = 2;
export const STEPS_OF_MEMORY = 3;
/** Of the room that V8 sets aside in an object. */
const PLACES_PER_STEP = 4;

/**
 * The longest text that is changed otherwise than by `trim` or its case, made a whole number, or read as a token. `normalize`
 * makes up to 18 characters of one, and `slugify` keeps a piece for each of those: about 200 bytes for each character.
 */
const MAX_CHANGED_CHARACTERS = 200_000;
const TOO_LONG = `must be at most ${MAX_CHANGED_CHARACTERS} characters to be changed or decoded`;
const TOO_MANY_MARKS = "may not have more than 50 marks in a row";
const NO_LIST = "must not be a list";

/**
 * What `normalize` sorts, or puts together with what stands before it, each with each: marks, vowels and finals of Hangul,
 * vowels of Kirat Rai, and what "NFKC" makes one of these. And the two letters of which it makes 8 and 18. No language needs
 * more than 30 marks in a row (Unicode Standard Annex 15, Stream-Safe Text Format), but "ㅠㅠㅠ" may be long.
 */
const MARK =
  /[\p{M}\u1160-\u11FF\u3133\u3135\u3136\u313A-\u313F\u314F-\u3163\uFDFA\uFDFB\uFF9E-\uFFDC\u{16D63}-\u{16D6A}]/u
    .source;
/** Only from the first of a run on, so that each is looked at once. */
const MANY_MARKS = new RegExp(`(?<!${MARK})${MARK}{51}`, "u");

/** Before zod looks. */
export function stepsBefore(def: Definition, value: unknown): number {
  const { isOfLetters, charactersPerStep, isBigInt, isNormalized, isBase64url } = readingOf(def);
  if (typeof value !== "string") {
    const mayThrow = isBigInt || (def.coerce === true && Object(value) === value);
    return 1 + (mayThrow ? STEPS_OF_THROW : 0) + stepsOfNames(def, value);
  }
  if (!isOfLetters) return 1;
  let steps = 1 + (isBigInt ? STEPS_OF_THROW : 0) + (isNormalized ? STEPS_OF_URL : 0);
  steps += value.length / charactersPerStep;
  if (isBase64url) steps += STEPS_PER_REPLACED * replacedLetters(value);
  if (def.type === "template_literal") steps += charactersTried(def, value) / TRIES_PER_STEP;
  return steps;
}

/** What it made of `value`. */
export function stepsAfter({ type }: Definition, value: unknown, made: unknown): number {
  if (made === value) return 0;
  if (typeof made === "string") {
    makeOnePiece(made);
    const given = typeof value === "string" ? value.length : 0;
    return Math.max(made.length - given, 0) / CHARACTERS_MADE_PER_STEP;
  }
  if (Object(made) !== made) return 0;
  const isOfNames = type === "object" || type === "record";
  return STEPS_OF_CONTAINER + (isOfNames ? placesFor(made as object) / PLACES_PER_STEP : 0);
}

/** As much of a fault as is read here. The app's may have anything in any member. */
interface ZodFault {
  /** Names that are not known, and tags that there are. */
  readonly keys?: unknown;
  readonly options?: unknown;
  /** Of `z.stringbool`, which lists all its words for each. */
  readonly expected?: unknown;
  readonly values?: unknown;
  /** Of a text that is not in it. */
  readonly format?: unknown;
  /** The app's; zod writes its own where it puts in words what alternatives found, or what is wrong with a name of a record. */
  readonly message?: unknown;
  readonly errors?: unknown;
  readonly issues?: unknown;
}

/** Where it is found. What stands within it was counted before, but for its words. */
export function stepsOfFault(fault: ZodFault): number {
  const { keys, options, expected, values, format, message, errors, issues } = fault;
  const worded = [...listOf(errors).flat(), ...listOf(issues)];
  const words = [message, ...worded.map((one) => (Object(one) as ZodFault).message)];
  const characters = words.filter((text) => typeof text === "string").join("").length;
  const lists = [keys, options, expected === "stringbool" ? values : [], worded];
  const entries = lists.reduce<number>((sum, list) => sum + listOf(list).length, 0);
  const thrown = format === undefined ? 0 : STEPS_OF_THROW;
  return STEPS_OF_FAULT + thrown + entries + characters / CHARACTERS_MADE_PER_STEP;
}

function listOf(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : [];
}

/**
 * Why a schema does not get to see a value: as if a check of the schema's said so, so another alternative, or a fallback, may
 * take its place.
 */
export function refusalOf(defs: readonly Definition[], value: unknown): string | undefined {
  return defs.map((def) => refusalBy(def, value)).find(Boolean);
}

function refusalBy(def: Definition, value: unknown): string | undefined {
  const { isLimited, isNormalized } = readingOf(def);
  if (Array.isArray(value))
    // A list in lists would be made a text at each level anew.
    return def.coerce === true && def.type !== "boolean" ? NO_LIST : undefined;
  if (typeof value !== "string") return undefined;
  if (isLimited && value.length > MAX_CHANGED_CHARACTERS) return TOO_LONG;
  if (isNormalized && MANY_MARKS.test(value)) return TOO_MANY_MARKS;
  return undefined;
}

/** Of the names of an object that zod reads one by one. */
function stepsOfNames({ type, catchall }: Definition, value: unknown): number {
  const isRead = type === "record" || catchall !== undefined;
  if (!isRead || !isObject(value)) return 0;
  const names = Object.keys(value);
  return names.length + names.join("").length / CHARACTERS_READ_PER_STEP;
}

/** "-" and "_", which zod replaces one by one to read base64url. */
function replacedLetters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2d || code === 0x5f) count += 1;
  }
  return count;
}

/** V8 keeps what `replace` gives as a chain of pieces, of some 30 bytes each, until somebody reads it. */
function makeOnePiece(text: string): void {
  /(?:)/.test(text);
}

/** With more between two names V8 makes a dictionary. */
const MAX_PLACES_BETWEEN = 1_024;

/**
 * How many places V8 sets aside for members whose names are numbers, which come first and in their order: half as many more
 * than it needs, as long as no name is far from the one before it.
 */
function placesFor(made: object): number {
  let places = 0;
  for (const name in made) {
    const at = Number(name);
    // Not a number is not near.
    if (!(at - places < MAX_PLACES_BETWEEN)) break;
    if (at >= places) places = at * 1.5 + 16;
  }
  return places;
}
