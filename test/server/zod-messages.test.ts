/** A model is told by what it reads what a value must be. */

import * as chained from "zod";
import * as z from "zod/mini";
import { expect, it } from "vitest";
import { checkWith } from "../../src/server/zod.ts";

it.each<[string, z.core.$ZodType, unknown, string]>([
  ["a type", z.object({ a: z.number() }), { a: "x" }, "/a must be of type number"],
  ["a missing member", z.object({ a: z.string() }), {}, "/a must be of type string"],
  ["a missing member of any type", z.object({ a: z.unknown() }), {}, "/a is missing"],
  ["a short text", z.string().check(z.minLength(3)), "ab", "/ must be at least 3 characters"],
  [
    "a long list",
    z.array(z.string()).check(z.maxLength(1)),
    ["a", "b"],
    "/ must be at most 1 items",
  ],
  ["a bound", z.number().check(z.gt(3)), 3, "/ must be more than 3"],
  ["another bound", z.number().check(z.lt(3)), 3, "/ must be less than 3"],
  ["a choice", z.enum(["a", "b"]), "c", '/ must be one of ["a","b"]'],
  ["what JSON cannot say", z.literal([1n, undefined]), "c", "/ must be one of [1,undefined]"],
  ["an exact size", z.string().check(z.length(5)), "ab", "/ must be exactly 5 characters"],
  ["a step", z.number().check(z.multipleOf(5)), 3, "/ must be a multiple of 5"],
  ["a format", z.email(), "x", "/ must be valid: email"],
  ["a time", z.iso.datetime(), "x", "/ must be valid: datetime such as 2026-01-31T12:00:00Z"],
  [
    "a time in a zone",
    z.iso.datetime({ offset: true, precision: 3 }),
    "x",
    "/ must be valid: datetime such as 2026-01-31T12:00:00.000+01:00",
  ],
  [
    "a time without seconds",
    z.string().check(z.iso.datetime({ precision: -1, local: true })),
    "x",
    "/ must be valid: datetime such as 2026-01-31T12:00",
  ],
  [
    "addresses of one company",
    z.email({ pattern: /^[^@]+@acme\.com$/ }),
    "a@b.com",
    "/ must be valid: email /^[^@]+@acme\\.com$/",
  ],
  ["a version", z.uuidv4(), "x", "/ must be valid: uuid v4"],
  [
    "a protocol",
    z.url({ protocol: /^https$/ }),
    "http://a.b",
    "/ must be valid: url with a protocol of ^https$",
  ],
  [
    "a host",
    z.url({ hostname: /^a\.b$/ }),
    "http://b.a",
    "/ must be valid: url with a hostname of ^a\\.b$",
  ],
  [
    "a date",
    z.date().check(z.gte(new Date(0))),
    new Date(-1),
    "/ must be at least 1970-01-01T00:00:00.000Z",
  ],
  ["a pattern", z.string().check(z.regex(/^a\d$/)), "x", "/ must be valid: regex /^a\\d$/"],
  ["a beginning", z.string().check(z.startsWith("ab")), "x", "/ must be valid: starts_with ab"],
  ["an end", z.string().check(z.endsWith("ab")), "x", "/ must be valid: ends_with ab"],
  ["a part", z.string().check(z.includes("ab")), "x", "/ must be valid: includes ab"],
  [
    "a kind",
    z.discriminatedUnion("t", [z.object({ t: z.literal("a") }), z.object({ t: z.literal("b") })]),
    { t: "c" },
    '/t must be one of ["a","b"]',
  ],
  ["members", z.strictObject({}), { b: 1, c: 2 }, "/ may not have b,c"],
  ["a choice of schemas", z.union([z.string(), z.number()]), null, "/ is not valid"],
  ["words of its own", z.string().check(z.refine(() => false, "must rhyme")), "x", "/ must rhyme"],
])("of %s", (_, schema, value, words) => {
  expect(checkWith(schema)(value)).toEqual({ ok: false, error: words });
});

it.each<[string, (named: (city: string) => string[]) => z.core.$ZodType]>([
  [
    "check",
    (named) =>
      z.string().check(
        z.superRefine((input, context) => {
          context.addIssue({ code: "invalid_value", values: named(input), input });
        }),
      ),
  ],
  [
    "transform",
    (named) =>
      z.pipe(
        z.string(),
        z.transform((input, context) => {
          context.issues.push({ code: "invalid_value", values: named(input), input });
          return z.NEVER;
        }),
      ),
  ],
  [
    "transform of the other half",
    (named) =>
      chained.string().transform((input, context) => {
        context.addIssue({ code: "invalid_value", values: named(input), input });
        return chained.NEVER;
      }),
  ],
])("the choices of a %s are those of its value", (_, schemaOf) => {
  const cities: Record<string, string[]> = { de: ["Bonn"], fr: ["Nice"] };
  const { fr = [] } = cities;
  const check = checkWith(schemaOf((country) => cities[country] ?? []));
  const reasonFor = (country: string): string => {
    const checked = check(country);
    return checked.ok ? "" : checked.error;
  };
  expect(reasonFor("de")).toBe('/ must be one of ["Bonn"]');
  expect(reasonFor("fr")).toBe('/ must be one of ["Nice"]');
  fr.push("Lyon");
  expect(reasonFor("fr")).toBe('/ must be one of ["Nice","Lyon"]');
});

it("choices of a check are few words, however long they are: alternatives keep those of all their faults", () => {
  const values = Array.from({ length: 40 }, (_, at) => `room ${at} ${"x".repeat(90)}`);
  const room = z.string().check(
    z.superRefine((input, context) => {
      context.addIssue({ code: "invalid_value", values, input });
    }),
  );
  const checked = checkWith(room)("");
  expect(checked.ok ? "" : checked.error).toBe(
    `/ must be one of [${JSON.stringify(values.slice(0, 2)).slice(1, -1)}] and 38 more`,
  );
  const longest = checkWith(z.enum(values as [string]))("");
  expect(longest.ok ? "" : longest.error.length).toBeGreaterThan(490);
});

it("a fault of the app's may have anything in any member", () => {
  const odd = ["x", null, 5, {}, ["a"], [null], [["a"], [null]], [{ a: 1n }]];
  const codes = ["custom", "unrecognized_keys", "invalid_union", "invalid_value", "invalid_key"];
  for (const code of codes)
    for (const given of odd) {
      const fault = { code, errors: given, keys: given, options: given, values: given };
      const check = checkWith(
        chained.union([
          chained.string().superRefine((_text, context) => {
            context.addIssue(fault as never);
          }),
          chained.number(),
        ]),
      );
      expect(check(1)).toEqual({ ok: true, value: 1 });
      const checked = check("x");
      expect(checked.ok ? "" : checked.error).not.toBe("");
    }
});
