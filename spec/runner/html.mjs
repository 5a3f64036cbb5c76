/**
 * What a browser would send of a page's first form, read in time that grows with the page and no faster: the page is
 * somebody else's. It refuses nothing: what is no form, no address or no character is left out or replaced.
 */

const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const REPLACEMENT = "\uFFFD";
/** Surrogates, and what lies beyond Unicode, are no characters (HTML Standard, "Numeric character reference end state"). */
const isCharacter = (code) => code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff);
const character = (code) => (isCharacter(code) ? String.fromCodePoint(code) : REPLACEMENT);

const decode = (value) =>
  value.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/giu,
    (_, hex, ten, name) =>
      NAMED[name?.toLowerCase()] ??
      character(hex === undefined ? Number(ten) : Number.parseInt(hex, 16)),
  );

const ATTRIBUTE = /([a-z-]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?/giu;

/** The attributes of what stands between a tag's name and its ">". */
function attributesOf(tag) {
  const pairs = [...tag.matchAll(ATTRIBUTE)].map(([, name, value = ""]) => [
    name.toLowerCase(),
    decode(value.replace(/^(["'])(.*)\1$/su, "$2")),
  ]);
  return Object.fromEntries(pairs);
}

/** The next tag that `opening` finds from `from` on: what stands inside it, and where it ends. */
function nextTag(html, opening, from) {
  opening.lastIndex = from;
  const found = opening.exec(html);
  const end = found === null ? -1 : html.indexOf(">", opening.lastIndex);
  return end < 0 ? undefined : { inside: html.slice(opening.lastIndex, end), end: end + 1 };
}

/** The first form of a page, as `{ action, method, fields }`. Without an `action` that is an address, it has none. */
export function formOf(html, base) {
  const open = nextTag(html, /<form\b/giu, 0);
  const closing = /<\/form>/giu;
  closing.lastIndex = open?.end ?? 0;
  const close = open && closing.exec(html);
  if (!close) return undefined;
  const { action = "", method = "get" } = attributesOf(open.inside);
  const inside = html.slice(open.end, close.index);
  const fields = [];
  for (let tag = nextTag(inside, /<input\b/giu, 0); tag;) {
    const { name, type = "text", value = "", checked } = attributesOf(tag.inside);
    const isButton = ["submit", "button", "image", "reset"].includes(type.toLowerCase());
    const isOff = ["checkbox", "radio"].includes(type.toLowerCase()) && checked === undefined;
    if (name !== undefined && !isButton && !isOff) fields.push([name, value]);
    tag = nextTag(inside, /<input\b/giu, tag.end);
  }
  return {
    ...(URL.canParse(action, base) && { action: new URL(action, base).href }),
    method: method.toUpperCase(),
    fields: Object.fromEntries(fields),
  };
}
