/**
 * How much work the pattern of a template is. Where a text does not fit, the engine tries each part of any length with each end:
 * with every place where what stands behind it could begin, for every such place of the parts before it.
 */

import type { Definition, ZodSchema } from "./zod-checks.ts";

/** What stands in one place of a template: a text as it is, or so many parts whose length is not given. */
type Piece =
  | string
  | {
      readonly openParts: number;
      /** Whether it is digits, and what stands in numbers and times. */
      readonly isNumeric: boolean;
    };

type Literal = string | number | bigint | boolean | null | undefined;

const NUMERIC_TYPES: readonly string[] = ["number", "bigint"];
const NUMERIC_FORMATS: readonly string[] = ["date", "time", "datetime"];

/** About how many characters the pattern of the template `def` looks at, of which many again and again. */
export function charactersTried(def: Definition, text: string): number {
  const { length } = text;
  let longest: number | undefined;
  const pieces = piecesOf(def);
  const lastOpen = pieces.findLastIndex((piece) => openPartsOf([piece]) > 0);
  // Each piece is looked for.
  const looked = length * pieces.length;
  const again = pieces.reduce<number>((tried, piece, at) => {
    if (typeof piece === "string" || piece.openParts === 0) return tried;
    // The last one ends where the text does.
    const places = at === lastOpen ? 1 : placesOf(pieces[at + 1], text);
    if (piece.openParts === 1 && places <= 1) return tried;
    const most = piece.isNumeric ? (longest ??= longestNumber(text)) : length;
    return tried * most ** (piece.openParts - 1) * Math.max(Math.min(places, most), 1);
  }, length);
  return looked + again;
}

const knownPieces = new WeakMap<Definition, readonly Piece[]>();

/** Once for each: a template does not change, and patterns may be long. */
function piecesOf(def: Definition): readonly Piece[] {
  const known = knownPieces.get(def);
  if (known !== undefined) return known;
  const pieces = (def.parts ?? []).flatMap((part) =>
    isSchema(part) ? piecesOfSchema(part) : [String(part as Literal)],
  );
  knownPieces.set(def, pieces);
  return pieces;
}

function piecesOfSchema({
  _zod: { def, innerType = def.innerType, pattern },
}: ZodSchema): readonly Piece[] {
  if (def.type === "template_literal") return piecesOf(def);
  if (def.type === "literal" && def.values.length === 1)
    return (def.values as readonly Literal[]).map(String);
  // What may be lacking is no text that stands there.
  if (innerType !== undefined) return [within([innerType])];
  if (def.options !== undefined) return [within(def.options)];
  // zod takes the pattern of a check in place of the schema's own.
  const ofChecks = (def.checks ?? []).map((check) => check._zod.def.pattern);
  const sources = [pattern, ...ofChecks].map((one) => (one?.source ?? "").replaceAll(/\\./g, ""));
  const isOpen = sources.some((source) => /[*+]|,\d*\}/.test(source));
  const isOfNumbers =
    NUMERIC_TYPES.includes(def.type) || NUMERIC_FORMATS.includes(def.format ?? "");
  const isNumeric = isOfNumbers && ofChecks.every((one) => one === undefined);
  return [{ openParts: Number(isOpen), isNumeric }];
}

/** One of `schemas`, or nothing. */
function within(schemas: readonly ZodSchema[]): Piece {
  const open = schemas.map(piecesOfSchema).filter((pieces) => openPartsOf(pieces) > 0);
  const isNumeric = open
    .flat()
    .every((piece) => typeof piece === "string" || piece.openParts === 0 || piece.isNumeric);
  return { openParts: Math.max(0, ...open.map(openPartsOf)), isNumeric };
}

function openPartsOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + (typeof piece === "string" ? 0 : piece.openParts), 0);
}

function isSchema(part: unknown): part is ZodSchema {
  return "_zod" in Object(part);
}

/** In how many places a piece could begin; anywhere, unless it is a text. */
function placesOf(piece: Piece | undefined, text: string): number {
  if (typeof piece !== "string" || piece === "") return text.length;
  let count = 0;
  for (let at = text.indexOf(piece); at >= 0; at = text.indexOf(piece, at + 1)) count += 1;
  return count;
}

/** Characters of the longest run of digits, and of what stands in numbers and times. */
function longestNumber(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/[\d:.TZ+-]+/g)) longest = Math.max(longest, run.length);
  return longest;
}
