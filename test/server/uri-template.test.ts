// URI templates: what the table spec/vectors/uri-template.json cannot say by single cases.
import { describe, expect, test } from "vitest";
import {
  compileTemplate,
  expandTemplate,
  type UriTemplate,
} from "../../src/server/uri-template.ts";

const SEED = 6570;

function compiled(text: string): UriTemplate {
  const result = compileTemplate(text);
  if (!result.ok) throw new Error(`${text}: ${result.error}`);
  return result.value;
}

/** A small generator of pseudo-random whole numbers below `limit` (Park and Miller). */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

const ALPHABET = [
  "a",
  "Z",
  "0",
  "-",
  ".",
  "_",
  "~",
  "/",
  "?",
  "#",
  "&",
  "=",
  ";",
  ",",
  "+",
  "%",
  "%41",
  " ",
  "é",
  "😀",
  '"',
];

describe("compileTemplate", () => {
  test.each([
    ["x:{a:3}", 'Variable "a:3" cannot be read back: it is cut, or a list'],
    ["x:{?a*}", 'Variable "a*" cannot be read back: it is cut, or a list'],
    ["x:{a}{b}", 'Nothing separates "a" from the next one'],
    ["x:{a}/{a}", 'Variable "a" stands twice'],
    ["x:{-a}", 'Expression "{-a}" is not one of RFC 6570'],
  ])("says why it refuses %s", (text, reason) => {
    expect(compileTemplate(text)).toEqual({ ok: false, error: reason });
  });
});

describe("expandTemplate", () => {
  test("writes half of a surrogate pair as the replacement character", () => {
    expect(expandTemplate(compiled("x:/{a}"), { a: "\ud800" })).toBe("x:/%EF%BF%BD");
  });
});

describe("match", () => {
  test.each([
    "x:{a}",
    "x:{a}/{b}",
    "x:{a,b}",
    "x:/i{/a}{/b}",
    "x:/i{;a,b}",
    "x:/i{?a,b}",
    "x:/i?q=1{&a,b}",
    "x:/i{?a}{&b}",
    "x:/{a}{?b}",
  ])(`reverses expandTemplate for %s (seed ${SEED})`, (text) => {
    const template = compiled(text);
    const roll = dice(SEED);
    for (let round = 0; round < 500; round += 1) {
      const value = (): string =>
        Array.from({ length: 1 + roll(5) }, () => ALPHABET[roll(ALPHABET.length)]).join("");
      const values = Object.fromEntries(template.names.map((name) => [name, value()]));
      expect(
        template.match(expandTemplate(template, values)),
        expandTemplate(template, values),
      ).toEqual(values);
    }
  });

  test("gives a URI that expands to itself, however odd the URI", () => {
    const template = compiled("x:{a}-{b}{/c}{?d,e}{#f}");
    const roll = dice(SEED);
    let fitting = 0;
    for (let round = 0; round < 5_000; round += 1) {
      const pieces = ["a", "a-a", "-", "/a", "?d=a", "?e=", "&e=", "#", "?"];
      const uri = `x:a-${Array.from({ length: roll(6) }, () => pieces[roll(pieces.length)]).join("")}`;
      const values = template.match(uri);
      if (values === undefined) continue;
      fitting += 1;
      expect(expandTemplate(template, values)).toBe(uri);
    }
    expect(fitting).toBeGreaterThan(500);
  });

  test("ends soon on text made to be read in many ways", () => {
    const template = compiled("x:{+a}-{+b}-{+c}-{+d}-{+e}-{+f}-{+g}-{+h}-{+i}-{+j}!end");
    const dashes = "-".repeat(4_000);
    expect(template.match(`x:${dashes}`)).toBeUndefined();
    expect(template.match(`x:${dashes}!end`)?.["a"]).toBe("-");
  });
});
