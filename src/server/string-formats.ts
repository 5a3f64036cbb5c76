/**
 * Formats of texts. JSON Schema validation section 7.3: RFC 5321 (email, in its usual form), RFC 3986 (uri), RFC 3339
 * (date, date-time).
 */

export type StringFormat = "email" | "uri" | "date" | "date-time";

const DATE = /^\d{4}-(\d\d)-(\d\d)$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const EMAIL =
  /^[A-Za-z0-9_'+-]+(\.[A-Za-z0-9_'+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/;

/** Scheme; authority and path, or a path alone; query; fragment. */
const URI = (() => {
  const character = "(?:[\\w.~!$&'()*+,;=:@-]|%[\\dA-Fa-f]{2})";
  const authority = `//(?:${character}*|(?:${character}*@)?\\[[\\dA-Fa-f:.]+\\](?::\\d*)?)(?:/${character}*)*`;
  const tail = `(?:[/?]|${character})*`;
  return new RegExp(
    `^[A-Za-z][A-Za-z\\d+.-]*:(?:${authority}|/?${character}+(?:/${character}*)*)(?:\\?${tail})?(?:#${tail})?$`,
  );
})();

/** Whether a text is in the format, by its name. */
export const FORMATS: Readonly<Record<StringFormat, (text: string) => boolean>> = {
  // A name and an address have at most so many characters (RFC 5321 section 4.5.3.1): a longer text is not even looked at.
  email: (text) => text.length <= 320 && EMAIL.test(text),
  // RFC 3986, which is narrower than what a browser takes: clients hold results to it.
  uri: (text) => URI.test(text) && URL.canParse(text),
  date: isDate,
  "date-time": (text) => text[10] === "T" && isDate(text.slice(0, 10)) && TIME.test(text.slice(11)),
};

/** A day that the calendar has. */
function isDate(text: string): boolean {
  if (!DATE.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // A day too many becomes one of the next month.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
