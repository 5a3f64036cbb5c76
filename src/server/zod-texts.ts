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
/** What a letter beyond ASCII costs at least, as so many comparisons: it may become another one. */
const COMPARISONS_OF_ONE = 50;
/** Shorter ones are looked at anew: that costs less than to know them. */
const LONG_TEXT = 10;
/** About what one takes that is known, beside its letters. */
const KNOWN_TEXT_BYTES = 150;

const BASE64 = /^[0-9A-Za-z+/]*={0,2}$/;

/** The texts of one value. */
export class KnownTexts {
  readonly #known = new Map<string, KnownText>();
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
}

export class KnownText {
  readonly text: string;
  #places: Map<string, number> | undefined;
  #longestNumber: number | undefined;
  #comparisons: number | undefined;
  #lettersBeyondAscii: number | undefined;
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

  /** How much is compared to normalize it: letters, and in each run of marks each with each, for they are sorted. */
  get comparisons(): number {
    this.#comparisons ??= this.#countComparisons();
    return this.#comparisons;
  }

  /** As so many units of UTF-16. */
  get lettersBeyondAscii(): number {
    this.#lettersBeyondAscii ??= this.#count((code) => code > 0x7f);
    return this.#lettersBeyondAscii;
  }

  /** Whether `atob` would throw, to which zod gives what has a length of base64. */
  get isUnfitForAtob(): boolean {
    this.#isUnfitForAtob ??= this.text.length % 4 === 0 && !BASE64.test(this.text);
    return this.#isUnfitForAtob;
  }

  /** "-" and "_", which zod replaces one by one to read base64url. */
  get replacedLetters(): number {
    this.#replacedLetters ??= this.#count((code) => code === 0x2d || code === 0x5f);
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
    let count = COMPARISONS_OF_ONE * this.lettersBeyondAscii;
    if (count > 0) for (const [run] of this.text.matchAll(MARKS)) count += run.length ** 2;
    return count;
  }

  #count(isCounted: (code: number) => boolean): number {
    let count = 0;
    for (let at = 0; at < this.text.length; at += 1)
      if (isCounted(this.text.charCodeAt(at))) count += 1;
    return count;
  }
}

/** A digit, or one of ":.TZ+-": called for each character of texts of megabytes. */
function isNumeric(code: number): boolean {
  const isDigitOrColon = code >= 0x30 && code <= 0x3a;
  const isSign = code === 0x2b || code === 0x2d || code === 0x2e;
  return isDigitOrColon || isSign || code === 0x54 || code === 0x5a;
}
