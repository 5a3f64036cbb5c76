/**
 * Replaces the values of secret members of JSON (RFC 8259), wherever the JSON stands: alone, in an event, broken off, or as
 * a string of other JSON. In such a string each quote has backslashes: one more level, twice as many and one. What stands
 * between is left as it was sent, character by character. Each function reads on from where another ended: linear time.
 */

/** A name that may be secret: its quotes have the same backslashes. What follows is a value of that level. */
const MEMBER = /(?<!\\)(\\*)"([\w.-]{1,64})\1"(?:\s|\\+[nrt])*:(?:\s|\\+[nrt])*/g;
/** After a string that is a name. */
const COLON = /(?:\s|\\+[nrt])*:/y;
/** What a value consists of, but for the text of strings. */
const TOKEN = /(\\*)"|[{[]|[}\]]|-?\d[\w.+-]*|[a-z]\w*|\\+./gis;
/** A JSON Schema of a secret says these. */
const TYPE_NAME = /^(?:string|number|integer|boolean|object|array|null)$/;

/** A piece of the text that was read, as it is kept, and where it ended. */
interface Piece {
  readonly kept: string;
  readonly end: number;
}

/** `text` with `replacementOf(name)` in place of each string and number that is, or stands in, a member for which it gives one. */
export function replaceMembers(
  text: string,
  replacementOf: (name: string) => string | undefined,
): string {
  let kept = "";
  let copied = 0;
  MEMBER.lastIndex = 0;
  for (;;) {
    const found = MEMBER.exec(text);
    if (found === null) return kept + text.slice(copied);
    const [whole, slashes = "", name = ""] = found;
    const replacement = replacementOf(name);
    if (replacement === undefined) {
      // No further than its first quote: what seemed a name may be what stands between two strings.
      MEMBER.lastIndex = found.index + slashes.length + 1;
      continue;
    }
    const start = found.index + whole.length;
    const value = replaceValue(text, start, slashes.length, replacement);
    kept += text.slice(copied, start) + value.kept;
    copied = value.end;
    MEMBER.lastIndex = copied;
  }
}

/** The value at `start`, whose quotes have `level` backslashes: a string, a number, or all of those in an object or array. */
function replaceValue(text: string, start: number, level: number, replacement: string): Piece {
  let kept = "";
  let depth = 0;
  let end = start;
  TOKEN.lastIndex = start;
  for (;;) {
    const found = TOKEN.exec(text);
    // Broken off. Outside of objects and arrays a value begins at once.
    if (found === null || (depth === 0 && found.index > start)) {
      const rest = depth === 0 ? "" : text.slice(end);
      return { kept: kept + rest, end: end + rest.length };
    }
    const [token, slashes] = found;
    // The string ended in which this JSON stands.
    if (slashes !== undefined && slashes.length < level) return { kept, end };
    kept += text.slice(end, found.index);
    end = found.index + token.length;
    if (slashes !== undefined) {
      const string = replaceString(text, end, slashes, replacement, depth > 0);
      kept += token + string.kept;
      end = string.end;
    } else kept += /^-?\d/.test(token) ? replacement : token;
    if (/^[{[]/.test(token)) depth += 1;
    if (/^[}\]]/.test(token)) depth -= 1;
    if (depth <= 0) return { kept, end };
    TOKEN.lastIndex = end;
  }
}

/** The string whose text begins at `start`, with its last quote. Names and empty strings stay; `isInside`: types, too. */
function replaceString(
  text: string,
  start: number,
  slashes: string,
  replacement: string,
  isInside: boolean,
): Piece {
  const { length, end } = readString(text, start, slashes.length);
  const content = text.slice(start, start + length);
  COLON.lastIndex = end;
  const stays = content === "" || (isInside && (COLON.test(text) || TYPE_NAME.test(content)));
  return { kept: stays ? text.slice(start, end) : `${replacement}${slashes}"`, end };
}

/** How long a string is, and where it ended with its quote. One that is broken off ends with the text, or with what it stands in. */
function readString(text: string, start: number, level: number): { length: number; end: number } {
  for (let from = start; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return { length: text.length - start, end: text.length };
    let first = quote;
    while (first > from && text[first - 1] === "\\") first -= 1;
    const count = quote - first;
    if (count < level) return { length: first - start, end: first };
    // A backslash of the content is two on each level, and a quote of the content has one of its own.
    if (count % (2 * (level + 1)) === level)
      return { length: quote - level - start, end: quote + 1 };
    from = quote + 1;
  }
}
