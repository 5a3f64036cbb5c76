/** What it costs zod to look at a value with one schema, before it has found anything: in steps, as `zod-count.ts` counts them. */

import { isNormalized, type Definition, type ZodSchema } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";
import type { KnownTexts } from "./zod-texts.ts";

/** Of what is looked at once; of what is made anew letter by letter; and of what is made a text or a number first. */
const CHARACTERS_PER_STEP = 100;
const CHARACTERS_REWRITTEN_PER_STEP = 10;
const CHARACTERS_CONVERTED_PER_STEP = 5;
/** Of what is looked at again and again: characters by the pattern of a template, and marks that are sorted. */
const TRIES_PER_STEP = 500;

/** What a look costs before zod has found anything. */
export function stepsOf({ _zod: { def } }: ZodSchema, value: unknown, texts: KnownTexts): number {
  const text = textOf(def, value);
  if (text === undefined) return 1;
  const once = 2 + text.length / charactersPerStep(def, text === value);
  if (def.type === "template_literal")
    return once + charactersTried(def, texts.of(text)) / TRIES_PER_STEP;
  return isNormalized(def) ? once + texts.of(text).sortedPairs / TRIES_PER_STEP : once;
}

function charactersPerStep(def: Definition, isText: boolean): number {
  const isConverted = !isText || (def.coerce === true && def.type === "bigint");
  if (isConverted) return CHARACTERS_CONVERTED_PER_STEP;
  const formats = [def, ...(def.checks ?? []).map(({ _zod }) => _zod.def)];
  const isRewritten = isNormalized(def) || formats.some(({ format }) => format === "base64url");
  return isRewritten ? CHARACTERS_REWRITTEN_PER_STEP : CHARACTERS_PER_STEP;
}

function textOf({ coerce }: Definition, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (coerce !== true || !Array.isArray(value)) return undefined;
  try {
    return String(value);
  } catch {
    // zod finds that too.
    return undefined;
  }
}
