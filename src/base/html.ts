/**
 * HTML from templates: whatever is put into one is escaped, unless a template made it. HTML Living Standard, section 13.3.
 * Safe as text of an element and inside double-quoted attributes. Not safe, and not for, names of tags and attributes,
 * unquoted attributes, URLs, scripts and styles.
 */

const SAFE: unique symbol = Symbol("html");

/** Made by {@link html} alone: no JSON and no string can pose as it. */
export interface Html {
  readonly [SAFE]: string;
}

/** Lists are joined; undefined and false leave nothing. */
export type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

/** A template tag: escapes every value but what is {@link Html} already. `undefined` and `false` give nothing. */
export function html(literals: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return {
    [SAFE]: literals.reduce(
      (text, literal, index) => text + escapeValue(values[index - 1]) + literal,
    ),
  };
}

function escapeValue(value: HtmlValue): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "object")
    return SAFE in value ? value[SAFE] : value.map(escapeValue).join("");
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The text of a whole document. */
export function writeHtml(document: Html): string {
  return `<!doctype html>\n${document[SAFE]}`;
}
