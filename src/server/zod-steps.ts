/**
 * What it costs zod to look at a value with one schema, in steps: about. A step is up to a microsecond, and up to 40
 * bytes that zod may keep until it is done.
 */

import { isObject } from "../base/json.ts";
import type { Definition, ZodCheck } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";

/** Characters in a step, whatever reads them; and of texts that become other ones, or grow. */
const CHARACTERS_READ_PER_STEP = 25;
const CHARACTERS_MADE_PER_STEP = 10;
/** Of what is looked at again and again by the pattern of a template. */
const TRIES_PER_STEP = 250;
const STEPS_OF_FAULT = 4;
/** Of each letter of base64url that is another one in base64. */
const STEPS_PER_REPLACED = 2;
/** Of what may throw, and zod catches it: URLs, `atob`, `BigInt`, and what converts an object. */
const STEPS_OF_THROW = 12;
/** More than a step has bytes for: an object or a list that is made anew, a whole number, and what zod remembers. */
const STEPS_OF_CONTAINER = 2;
const STEPS_OF_BIGINT = 2;
export const STEPS_OF_MEMORY = 3;
/** Of the room that V8 sets aside in an object. */
const PLACES_PER_STEP = 4;

/**
 * The longest text that is changed otherwise than by `trim` or its case, or made a whole number. `normalize` makes up to 18
 * characters of one, and `slugify` keeps a piece for each of those: about 200 bytes for each character.
 */
const MAX_CHANGED_CHARACTERS = 200_000;
const TOO_LONG = `must be at most ${MAX_CHANGED_CHARACTERS} characters, because it would be changed`;
const TOO_MANY_MARKS = "may not have more than 200 marks in a row";
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
const MANY_MARKS = new RegExp(`(?<!${MARK})${MARK}{201}`, "u");

/** Before zod looks. */
export function stepsBefore(def: Definition, value: unknown): number {
  const { isOfLetters, makesText, isBigInt, isBase64url } = readingOf(def);
  if (typeof value !== "string") {
    const mayThrow = isBigInt || (def.coerce === true && Object(value) === value);
    return 1 + (mayThrow ? STEPS_OF_THROW : 0) + stepsOfNames(def, value);
  }
  if (!isOfLetters) return 1;
  let steps = 1 + (isBigInt ? STEPS_OF_THROW : 0);
  steps += value.length / (makesText ? CHARACTERS_MADE_PER_STEP : CHARACTERS_READ_PER_STEP);
  if (isBase64url) steps += STEPS_PER_REPLACED * replacedLetters(value);
  if (def.type === "template_literal") steps += charactersTried(def, value) / TRIES_PER_STEP;
  return steps;
}

/** What it made of `value`. */
export function stepsAfter(value: unknown, made: unknown): number {
  if (made === value) return 0;
  if (typeof made === "bigint") return STEPS_OF_BIGINT;
  if (typeof made === "string") {
    makeOnePiece(made);
    const given = typeof value === "string" ? value.length : 0;
    return Math.max(made.length - given, 0) / CHARACTERS_MADE_PER_STEP;
  }
  return Object(made) === made ? STEPS_OF_CONTAINER : 0;
}

/** As much of a fault as is read here. The app's may have anything in any member. */
interface ZodFault {
  /** Names that are not known, and tags that there are. */
  readonly keys?: unknown;
  readonly options?: unknown;
  /** Of a text that is not in it. */
  readonly format?: unknown;
  /** The app's; zod writes its own where it puts in words what alternatives found, or what is wrong with a name of a record. */
  readonly message?: unknown;
  readonly errors?: unknown;
  readonly issues?: unknown;
}

/** Where it is found. What stands within it was counted before, but for its words. */
export function stepsOfFault(fault: ZodFault): number {
  const { keys, options, format, message, errors, issues } = fault;
  const worded = [...listOf(errors).flat(), ...listOf(issues)];
  const words = [message, ...worded.map((one) => (Object(one) as ZodFault).message)];
  const characters = words.reduce<number>(
    (sum, text) => sum + (typeof text === "string" ? text.length : 0),
    0,
  );
  const entries = listOf(keys).length + listOf(options).length + worded.length;
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
export function refusalOf(def: Definition, value: unknown): string | undefined {
  const { isBigInt, isUrl, isChanged } = readingOf(def);
  if (Array.isArray(value))
    // A list in lists would be made a text at each level anew.
    return def.coerce === true && def.type !== "boolean" ? NO_LIST : undefined;
  if (typeof value !== "string") return undefined;
  if ((isChanged || isBigInt) && value.length > MAX_CHANGED_CHARACTERS) return TOO_LONG;
  // The names of hosts are normalized.
  if ((isChanged || isUrl) && MANY_MARKS.test(value)) return TOO_MANY_MARKS;
  return undefined;
}

/** Of the names of an object that zod reads one by one, and of the room for names that are numbers. */
function stepsOfNames(def: Definition, value: unknown): number {
  const { type, catchall } = def;
  const ofShape = type === "object" ? readingOf(def).places / PLACES_PER_STEP : 0;
  const isRead = type === "record" || (type === "object" && catchall !== undefined);
  if (!isRead || !isObject(value)) return ofShape;
  const names = Object.keys(value);
  const characters = names.reduce((sum, name) => sum + name.length, 0);
  const places = placesFor(names) / PLACES_PER_STEP;
  return ofShape + names.length + characters / CHARACTERS_READ_PER_STEP + places;
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

const NEAR_NUMBER = /^\d{1,5}$/;
/** With more V8 looks whether they are used, or makes a dictionary. */
const MAX_PLACES_UNUSED = 5_000;
const MAX_PLACES_BETWEEN = 1_024;

/**
 * How many places V8 sets aside for members whose names are numbers, which come first and in their order: half as many more
 * than it needs, as long as no name is far from the one before it.
 */
function placesFor(names: readonly string[]): number {
  let places = 0;
  for (const name of names) {
    const at = NEAR_NUMBER.test(name) ? Number(name) : Infinity;
    if (at - places >= MAX_PLACES_BETWEEN || places > MAX_PLACES_UNUSED) break;
    if (at >= places) places = at * 1.5 + 16;
  }
  return places;
}

/** What a schema does with a text, and with names. */
interface Reading {
  /** Whether more of it is looked at than that it is one. */
  readonly isOfLetters: boolean;
  /** Whether it may become another one, and whether otherwise than by `trim` or its case. */
  readonly makesText: boolean;
  readonly isChanged: boolean;
  readonly isBigInt: boolean;
  readonly isUrl: boolean;
  readonly isBase64url: boolean;
  /** What V8 sets aside for its own names that are numbers. */
  readonly places: number;
}

const knownReadings = new WeakMap<Definition, Reading>();

/** Found once for each schema. */
function readingOf(def: Definition): Reading {
  const known = knownReadings.get(def);
  if (known !== undefined) return known;
  const { checks = [] } = def;
  const formats = [def.format, ...checks.map(({ _zod }) => _zod.def.format)];
  const makesText =
    def.coerce === true ||
    def.transform !== undefined ||
    [def, ...checks.map(({ _zod }) => _zod.def)].some(isNewText);
  const reading = {
    isOfLetters:
      makesText || def.format !== undefined || checks.length > 0 || def.type === "template_literal",
    makesText,
    isChanged: checks.some(changesMuch),
    isBigInt: def.coerce === true && def.type === "bigint",
    isUrl: formats.includes("url"),
    isBase64url: formats.includes("base64url"),
    places: def.type === "object" ? placesFor(Object.keys(def.shape)) : 0,
  };
  knownReadings.set(def, reading);
  return reading;
}

/** A URL may be written anew. */
function isNewText({ check, normalize }: Pick<Definition, "check" | "normalize">): boolean {
  return check === "overwrite" || normalize === true;
}

/** They take no longer than to read a text. */
const TRIM_OR_CASE = /^\(?\w+\)? ?=> ?\w+\.(trim|to(Lower|Upper)Case)\(\)$/;

/** zod has one kind of check for all that changes a text, so what it runs is read. */
function changesMuch({ _zod: { def } }: ZodCheck): boolean {
  return def.tx !== undefined && !TRIM_OR_CASE.test(String(def.tx));
}
