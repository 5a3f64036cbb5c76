/** What it costs zod to look at a value with one schema, before it has found anything: in steps, as `zod-count.ts` counts them. */

import { isNormalized, type Definition, type ZodSchema } from "./zod-checks.ts";
import { charactersTried } from "./zod-templates.ts";
import type { KnownTexts } from "./zod-texts.ts";

/** Of what is looked at once; of what is normalized; and of what is made a text first. */
const CHARACTERS_PER_STEP = 100;
const CHARACTERS_NORMALIZED_PER_STEP = 20;
const CHARACTERS_MADE_PER_STEP = 5;
/** Of what is looked at again and again: characters by the pattern of a template, and marks that are sorted. */
const TRIES_PER_STEP = 500;

/** What a look costs before zod has found anything. */
export function stepsOf({ _zod: { def } }: ZodSchema, value: unknown, texts: KnownTexts): number {
  const text = textOf(def, value);
  if (text === undefined) return 1;
  const perStep = text === value ? CHARACTERS_PER_STEP : CHARACTERS_MADE_PER_STEP;
  const once = 2 + text.length / perStep;
  if (def.type === "template_literal")
    return once + charactersTried(def, texts.of(text)) / TRIES_PER_STEP;
  if (!isNormalized(def)) return once;
  const { sortedPairs } = texts.of(text);
  return once + text.length / CHARACTERS_NORMALIZED_PER_STEP + sortedPairs / TRIES_PER_STEP;
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
