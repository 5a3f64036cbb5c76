/** What it costs zod to look at a value with one schema, before it has found anything: in steps, as `zod-count.ts` counts them. */

import type { Definition, ZodCheck, ZodSchema } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";
import type { KnownTexts } from "./zod-texts.ts";

/**
 * The longest text that zod may convert, or change otherwise than by `trim` or its case. `normalize` makes up to 18 characters
 * of one, and `slugify` keeps a piece for each of those: about 200 bytes for each character.
 */
export const MAX_CHANGED_CHARACTERS = 200_000;
/** Of what is looked at once; of what is taken to pieces first; and of what is converted, nobody knows how. */
const CHARACTERS_PER_STEP = 100;
const CHARACTERS_SPLIT_PER_STEP = 10;
const CHARACTERS_CONVERTED_PER_STEP = 5;
/** Of each letter of base64url that is another one in base64. */
const STEPS_PER_REPLACED = 2;
/** Of what is looked at again and again: characters by the pattern of a template, and letters that are compared. */
const TRIES_PER_STEP = 500;

/** Steps of a look, and Infinity where the text is too long for it. Texts that `texts` knows are not looked through again. */
export function stepsOf({ _zod: { def } }: ZodSchema, value: unknown, texts: KnownTexts): number {
  const text = textOf(def, value);
  if (text === undefined) return 1;
  const isConverted = text !== value || (def.coerce === true && def.type === "bigint");
  const change = isRefusedFirst(def, text) ? "plain" : changeOf(def);
  const isChanged = isConverted || change !== "plain";
  if (isChanged && text.length > MAX_CHANGED_CHARACTERS) return Infinity;
  const formats = formatsOf(def);
  const isUnknown = isConverted || change === "unknown";
  const once =
    2 + text.length / (isUnknown ? CHARACTERS_CONVERTED_PER_STEP : charactersRead(formats));
  if (formats.includes("base64url"))
    return once + STEPS_PER_REPLACED * texts.of(text).replacedLetters;
  if (def.type === "template_literal")
    return once + charactersTried(def, texts.of(text)) / TRIES_PER_STEP;
  // What is not known may normalize too, and so are the names of hosts.
  const isCompared = change !== "plain" || formats.includes("url");
  return isCompared ? once + texts.of(text).comparisons / TRIES_PER_STEP : once;
}

function formatsOf({ format, checks = [] }: Definition): readonly (string | undefined)[] {
  return [format, ...checks.map(({ _zod }) => _zod.def.format)];
}

/** Formats that zod parts a text for. */
const SPLIT_FORMATS: readonly unknown[] = ["base64url", "cidrv6", "jwt"];

/** Characters that are read in a step. */
function charactersRead(formats: readonly unknown[]): number {
  const isSplit = formats.some((format) => SPLIT_FORMATS.includes(format));
  return isSplit ? CHARACTERS_SPLIT_PER_STEP : CHARACTERS_PER_STEP;
}

/** How checks change a text: not, or at once; by `normalize`; or by what may take any time, such as zod's `slugify`. */
type Change = "plain" | "normalized" | "unknown";

const PLAIN_CHANGE = /^\(?\w+\)? ?=> ?\w+\.(trim|toLowerCase|toUpperCase)\(\)$/;
const knownChanges = new WeakMap<Definition, Change>();

/** zod has one kind of check for all that changes a text, so what it runs is read, once for each schema. */
function changeOf(def: Definition): Change {
  if (def.checks === undefined) return "plain";
  const known = knownChanges.get(def) ?? worstChange(sourcesOf(def.checks));
  knownChanges.set(def, known);
  return known;
}

/** Whether it is too long for a check that stands before all changes, and ends the look. */
function isRefusedFirst({ checks = [] }: Definition, { length }: string): boolean {
  for (const { _zod } of checks) {
    const { tx, abort, maximum = Infinity } = _zod.def;
    if (tx !== undefined) return false;
    if (abort === true && length > maximum) return true;
  }
  return false;
}

function sourcesOf(checks: readonly ZodCheck[]): string[] {
  return checks.map(({ _zod }) => String(_zod.def.tx ?? "")).filter(Boolean);
}

function worstChange(sources: readonly string[]): Change {
  const others = sources.filter((source) => !PLAIN_CHANGE.test(source));
  if (others.length === 0) return "plain";
  return others.every((source) => source.includes(".normalize(")) ? "normalized" : "unknown";
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
