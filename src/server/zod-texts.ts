/**
 * What there is in a text that makes zod look at it again and again. Alternatives look at the same text many times: of a
 * long one each thing is found once for all looks.
 */

/** More places than that are too many in any text that has them. */
const MAX_PLACES = 100_000;
/**
 * All that `normalize` may put together with what stands before it: marks, vowels and finals of Hangul, vowels of Kirat Rai, and
 * what "NFKC" makes one of these. And the two letters of which it makes 8 and 18.
 */
const MARKS =
  /[\p{M}\u1160-\u11FF\u3133\u3135\u3136\u313A-\u313F\u314F-\u3163\uFDFA\uFDFB\uFF9E-\uFFDC\u{16D63}-\u{16D6A}]+/gu;
/** Shorter ones are looked at anew: that costs less than to know them. */
const LONG_TEXT = 10;
/** About what one takes that is known, beside its letters. */
const KNOWN_TEXT_BYTES = 150;
/** A list that is made a text is not looked at deeper than so many lists within lists. */
const MAX_JOINED_DEPTH = 500;
/** What one takes, beside its letters. */
const CHARACTERS_PER_NAME = 10;
const LISTS_PER_STEP = 10;
const ITEMS_PER_STEP = 5;
const CHARACTERS_COPIED_PER_STEP = 400;

export const BEYOND_ASCII: RegExp = /[^\0-\x7F]/;
const BASE64 = /^[0-9A-Za-z+/]*={0,2}$/;

/** What becomes of a list that zod makes a text of, and in how many steps. */
export interface JoinedList {
  /** Undefined where the list has something that no text can be made of. */
  readonly text: string | undefined;
  readonly steps: number;
}

/** The texts of one value, and what lists in it are as text. */
export class KnownTexts {
  readonly #known = new Map<string, KnownText>();
  readonly #ofNames = new WeakMap<object, number>();
  readonly #joined = new WeakMap<readonly unknown[], JoinedList>();
  #bytes = 0;

  /** Of all that are known: zod may have made them, and let go of them. */
  get bytes(): number {
    return this.#bytes;
  }

  of(text: string): KnownText {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const fresh = new KnownText(text);
    if (text.length <= LONG_TEXT) return fresh;
    this.#known.set(text, fresh);
    this.#bytes += KNOWN_TEXT_BYTES + 2 * text.length;
    return fresh;
  }

  /** Of all members, and some more for each. */
  charactersOfNames(value: object): number {
    let characters = this.#ofNames.get(value);
    if (characters !== undefined) return characters;
    characters = 0;
    for (const name of Object.keys(value)) characters += CHARACTERS_PER_NAME + name.length;
    this.#ofNames.set(value, characters);
    return characters;
  }

  /** Nothing is made of a list that takes more than `maxSteps`. */
  joined(list: readonly unknown[], maxSteps: number): JoinedList {
    const known = this.#joined.get(list);
    if (known !== undefined) return known;
    const steps = stepsOfJoining(list, 1);
    const text = steps > maxSteps ? undefined : textOfList(list);
    const fresh = { text, steps };
    this.#joined.set(list, fresh);
    this.#bytes += KNOWN_TEXT_BYTES + 2 * (text?.length ?? 0);
    return fresh;
  }
}

/** Of each list V8 looks whether it stands within itself, in all that it stands in. Each of those copies the text that it makes. */
function stepsOfJoining(list: readonly unknown[], depth: number): number {
  if (depth > MAX_JOINED_DEPTH) return Number.MAX_SAFE_INTEGER;
  let steps = (1 + depth / 20) / LISTS_PER_STEP + list.length / ITEMS_PER_STEP;
  for (const item of list) {
    if (Array.isArray(item)) steps += stepsOfJoining(item, depth + 1);
    if (typeof item === "string") steps += (item.length * depth) / CHARACTERS_COPIED_PER_STEP;
  }
  return steps;
}

function textOfList(list: readonly unknown[]): string | undefined {
  try {
    return String(list);
  } catch {
    // zod finds that too.
    return undefined;
  }
}

export class KnownText {
  readonly text: string;
  #places: Map<string, number> | undefined;
  #longestNumber: number | undefined;
  #comparisons: number | undefined;
  #replacedLetters: number | undefined;
  #isUnfitForAtob: boolean | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** In how many places a piece of text stands, 100,000 at most. */
  placesOf(piece: string): number {
    this.#places ??= new Map();
    let count = this.#places.get(piece);
    if (count !== undefined) return count;
    count = 0;
    for (let at = this.text.indexOf(piece); at >= 0 && count < MAX_PLACES; count += 1)
      at = this.text.indexOf(piece, at + 1);
    this.#places.set(piece, count);
    return count;
  }

  /** Characters of the longest run of digits, and of what stands in numbers and times. */
  get longestNumber(): number {
    this.#longestNumber ??= this.#findLongestNumber();
    return this.#longestNumber;
  }

  /** How often marks are compared to normalize it: in each run of them each with each, for they are sorted. */
  get comparisons(): number {
    this.#comparisons ??= this.#countComparisons();
    return this.#comparisons;
  }

  /** Whether `atob` would throw, to which zod gives what has a length of base64. */
  get isUnfitForAtob(): boolean {
    this.#isUnfitForAtob ??= this.text.length % 4 === 0 && !BASE64.test(this.text);
    return this.#isUnfitForAtob;
  }

  /** "-" and "_", which zod replaces one by one to read base64url. */
  get replacedLetters(): number {
    this.#replacedLetters ??= this.#countReplacedLetters();
    return this.#replacedLetters;
  }

  #findLongestNumber(): number {
    let longest = 0;
    let start = 0;
    for (let at = 0; at <= this.text.length; at += 1) {
      if (isNumeric(this.text.charCodeAt(at))) continue;
      longest = Math.max(longest, at - start);
      start = at + 1;
    }
    return longest;
  }

  #countComparisons(): number {
    let count = 0;
    // No mark is ASCII, and that is found faster.
    if (BEYOND_ASCII.test(this.text))
      for (const [run] of this.text.matchAll(MARKS)) count += run.length ** 2;
    return count;
  }

  #countReplacedLetters(): number {
    let count = 0;
    for (let at = 0; at < this.text.length; at += 1) {
      const code = this.text.charCodeAt(at);
      if (code === 0x2d || code === 0x5f) count += 1;
    }
    return count;
  }
}

/** A digit, or one of ":.TZ+-": called for each character of texts of megabytes. */
function isNumeric(code: number): boolean {
  const isDigitOrColon = code >= 0x30 && code <= 0x3a;
  const isSign = code === 0x2b || code === 0x2d || code === 0x2e;
  return isDigitOrColon || isSign || code === 0x54 || code === 0x5a;
}
