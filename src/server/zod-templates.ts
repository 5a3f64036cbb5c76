/**
 * How much work the pattern of a template is. Where a text does not fit, the engine tries each part of any length with each end:
 * with every place where what stands behind it could begin, for every such place of the parts before it.
 */

import type { Definition, ZodSchema } from "./zod-checks.ts";

/** A text that stands in a template as it is; or how many parts there are in one place whose length is not given. */
type Piece = string | number;

/** More places than that are too many in any text that has them. */
const MAX_PLACES = 100_000;

/** About how many characters the pattern of the template `def` looks at, of which many again and again. */
export function charactersTried(def: Definition, text: string): number {
  const pieces = piecesOf(def);
  const lastOpen = pieces.findLastIndex((piece) => typeof piece === "number" && piece > 0);
  return pieces.reduce<number>((tried, piece, at) => {
    if (typeof piece === "string" || piece === 0) return tried;
    // The last one ends where the text does.
    const places = at === lastOpen ? 1 : placesOf(pieces[at + 1], text);
    return tried * text.length ** (piece - 1) * Math.max(places, 1);
  }, text.length);
}

const knownPieces = new WeakMap<Definition, readonly Piece[]>();

/** Once for each: a template does not change, and patterns may be long. */
function piecesOf(def: Definition): readonly Piece[] {
  const known = knownPieces.get(def);
  if (known !== undefined) return known;
  const pieces = (def.parts ?? []).flatMap((part) =>
    isSchema(part) ? piecesOfSchema(part) : [String(part as string | number | boolean | null)],
  );
  knownPieces.set(def, pieces);
  return pieces;
}

function piecesOfSchema({
  _zod: { def, innerType = def.innerType, pattern },
}: ZodSchema): readonly Piece[] {
  if (def.type === "template_literal") return piecesOf(def);
  // What may be lacking is no text that stands there.
  if (innerType !== undefined) return [openPartsOf(piecesOfSchema(innerType))];
  const options = (def.options ?? []).map((option) => openPartsOf(piecesOfSchema(option)));
  if (options.length > 0) return [Math.max(...options)];
  // zod takes the pattern of a check in place of the schema's own.
  const ofChecks = (def.checks ?? []).map((check) => check._zod.def.pattern);
  const sources = [pattern, ...ofChecks].map((one) => (one?.source ?? "").replaceAll(/\\./g, ""));
  return [Number(sources.some((source) => /[*+]|,\d*\}/.test(source)))];
}

function openPartsOf(pieces: readonly Piece[]): number {
  return pieces.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? piece : 0), 0);
}

function isSchema(part: unknown): part is ZodSchema {
  return "_zod" in Object(part);
}

/** In how many places of `text` a piece could begin; anywhere, unless it is a text. */
function placesOf(piece: Piece | undefined, text: string): number {
  if (typeof piece !== "string" || piece === "") return text.length;
  let count = 0;
  for (let at = text.indexOf(piece); at >= 0 && count < MAX_PLACES; count += 1)
    at = text.indexOf(piece, at + 1);
  return count;
}
