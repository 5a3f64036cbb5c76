/**
 * How much work the pattern of a template is. Where a text does not fit, the engine tries each part of any length with each end:
 * with every place where what stands behind it could begin, for every such place of the parts before it.
 */

import type { Definition, ZodSchema } from "./zod-checks.ts";

/** A text that stands in a template as it is; or how many parts of any length there are in one place. */
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

function piecesOf({ parts = [] }: Definition): Piece[] {
  return parts.flatMap((part): Piece[] => {
    const schema = Object(part) as Partial<ZodSchema>;
    if (schema._zod === undefined) return [String(part)];
    const { def, pattern } = schema._zod;
    return def.type === "template_literal" ? piecesOf(def) : [openPartsIn(pattern?.source ?? "")];
  });
}

/** How many parts of a pattern take any text, at least one where any of it may be of any length. */
function openPartsIn(source: string): number {
  const texts = source.match(/\[\\s\\S\](\*|\{\d+,\})/g)?.length ?? 0;
  return Math.max(texts, Number(/[*+]|,\}/.test(source.replaceAll(/\\./g, ""))));
}

/** In how many places of `text` a piece could begin; anywhere, unless it is a text. */
function placesOf(piece: Piece | undefined, text: string): number {
  if (typeof piece !== "string" || piece === "") return text.length;
  let count = 0;
  for (let at = text.indexOf(piece); at >= 0 && count < MAX_PLACES; count += 1)
    at = text.indexOf(piece, at + 1);
  return count;
}
