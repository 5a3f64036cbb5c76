/** Where lines of the source went in a bundle, by its source map (ECMA-426). */

/** What is read of a source map. */
export interface SourceMapText {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** A place in a text; both count from 0. */
export interface BundlePosition {
  readonly line: number;
  readonly column: number;
}

/**
 * The first place in the bundle of each line of a source, by "path:line". `pathOf` names a source of the map as the caller
 * does. Reads the mappings as ECMA-426 section 9 has them.
 */
export function firstPositions(
  { sources, mappings }: SourceMapText,
  pathOf: (source: string) => string,
): Map<string, BundlePosition> {
  const paths = sources.map(pathOf);
  const positions = new Map<string, BundlePosition>();
  let source = 0;
  let sourceLine = 0;
  for (const [line, segments] of mappings.split(";").entries()) {
    let column = 0;
    for (const segment of segments.split(",").filter((text) => text !== "")) {
      const [columnStep = 0, sourceStep, lineStep] = decodeVlq(segment);
      column += columnStep;
      if (sourceStep === undefined || lineStep === undefined) continue;
      source += sourceStep;
      sourceLine += lineStep;
      const place = `${paths[source]}:${sourceLine + 1}`;
      if (!positions.has(place)) positions.set(place, { line, column });
    }
  }
  return positions;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Numbers in base 64: five bits in each character, the lowest first, then whether more follow; the lowest bit of all is the sign. */
function decodeVlq(text: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = BASE64.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}
