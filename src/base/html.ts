/**
 * HTML from templates: whatever is put into one is escaped, unless a template made it. HTML Living Standard, section 13.3.
 * Safe as text of an element and inside double-quoted attributes. Not safe, and not for, names of tags and attributes,
 * unquoted attributes, URLs, scripts and styles.
 */

const SAFE: unique symbol = Symbol("html");

/** Made by {@link markup} alone: no JSON and no string can pose as it. */
export interface Html {
  readonly [SAFE]: string;
}

/** Lists are joined; undefined and false leave nothing. */
export type Piece = string | number | Html | undefined | false | readonly Piece[];

export function markup(literals: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return { [SAFE]: literals.reduce((text, literal, at) => text + write(pieces[at - 1]) + literal) };
}

function write(piece: Piece): string {
  if (piece === undefined || piece === false) return "";
  if (typeof piece === "object") return SAFE in piece ? piece[SAFE] : piece.map(write).join("");
  return String(piece).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The text of a whole document. */
export function writeHtml(document: Html): string {
  return `<!doctype html>\n${document[SAFE]}`;
}
