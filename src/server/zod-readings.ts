/** What zod does with a text, by the definition of a schema and its checks. Found once for each schema. */

import type { Definition, ZodCheck } from "./zod-checks.ts";

/** Characters in a step, whatever reads them; and of texts that become other ones, or grow. */
export const CHARACTERS_READ_PER_STEP = 25;
export const CHARACTERS_MADE_PER_STEP = 10;
/** Of a token, whose header is read as JSON. */
const CHARACTERS_DECODED_PER_STEP = 3;

/** What a schema does with a text. */
export interface Reading {
  /** Whether more of it is looked at than that it is one. */
  readonly isOfLetters: boolean;
  readonly charactersPerStep: number;
  /** Whether it is changed otherwise than by `trim` or its case, or decoded, so that it may not be too long. */
  readonly isLimited: boolean;
  /** Whether it is normalized, as what is changed may be, and as the names of hosts are. */
  readonly isNormalized: boolean;
  readonly isBigInt: boolean;
  readonly isBase64url: boolean;
}

const knownReadings = new WeakMap<Definition, Reading>();

/** Found once for each schema. */
export function readingOf(def: Definition): Reading {
  const known = knownReadings.get(def);
  if (known !== undefined) return known;
  const { checks = [] } = def;
  const formats = [def.format, ...checks.map(({ _zod }) => _zod.def.format)];
  const makesText =
    def.coerce === true ||
    def.transform !== undefined ||
    [def, ...checks.map(({ _zod }) => _zod.def)].some(isNewText);
  const isJwt = formats.includes("jwt");
  const isBigInt = def.coerce === true && def.type === "bigint";
  const isChanged = checks.some(changesMuch);
  const perStep = makesText ? CHARACTERS_MADE_PER_STEP : CHARACTERS_READ_PER_STEP;
  const reading = {
    isOfLetters:
      makesText || def.format !== undefined || checks.length > 0 || def.type === "template_literal",
    charactersPerStep: isJwt ? CHARACTERS_DECODED_PER_STEP : perStep,
    isLimited: isChanged || isJwt || isBigInt,
    isNormalized: isChanged || formats.includes("url"),
    isBigInt,
    isBase64url: formats.includes("base64url"),
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
