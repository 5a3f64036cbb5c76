/** How much zod may do for a value. The hostile ones here would end an isolate of 128 MB, or take many seconds. */

import { expect, it, vi } from "vitest";
import * as chained from "zod";
import * as z from "zod/mini";
import { checkWith } from "../../src/server/zod.ts";

// Not the method of promises that it looks like.
const withFallback = z.catch;
const MANY = 90_000;
const HALF = MANY / 2;

const textMembers = (count: number): Record<string, z.ZodMiniString> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`member ${at}`, z.string()]));
const list = (count: number, value: unknown): unknown[] => Array<unknown>(count).fill(value);
/** As a client sends it: nothing is there twice. */
const copyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const names = (count: number, value: unknown): object =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]));
const capitalNames = (count: number): object =>
  Object.fromEntries(list(count, "").map((value, at) => [`K${at}`, value]));
/** `value` in so many objects, each the member `n` of the next. */
function nested(levels: number, value: unknown): unknown {
  return levels === 0 ? value : { n: nested(levels - 1, value) };
}

/** `inner` in so many lists, each in the next. */
function listsWithin(levels: number, inner: unknown[] = []): unknown[] {
  return levels === 1 ? inner : [listsWithin(levels - 1, inner)];
}

const TEXT = z.string();
const NUMBER = z.number();
/** All letters that are put together with others, or that become many. */
function joiningLetters(): string[] {
  const letters: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1)
    if (code < 0xd800 || code > 0xdfff) letters.push(String.fromCodePoint(code));
  const seconds = new Set(
    letters.flatMap((letter) => Array.from(letter.normalize("NFD")).slice(1)),
  );
  // A letter that is sorted goes before this one, which is the last of all.
  const isSorted = (letter: string): boolean =>
    `\u0345${letter}`.normalize("NFD") !== `\u0345${letter}`;
  return letters.filter((letter) => {
    const [first = ""] = letter.normalize("NFKD");
    const isMany = letter.normalize("NFKD").length >= 8;
    return isMany || seconds.has(first) || isSorted(first);
  });
}
const BOUNDED = [z.string().check(z.maxLength(255))] as const;
const WIDE = z.object({ do: z.literal("create"), ...textMembers(20) });
const BARE = z.object({ do: z.literal("refresh") });
const Tree = chained.object({
  a: chained.string(),
  b: chained.string(),
  get kids() {
    return chained.array(Tree);
  },
});
const Branch = chained.object({
  kind: chained.string().min(1),
  get kids() {
    return chained.array(Branch).max(1_000);
  },
});
const BranchOrText: chained.ZodType = chained.union([
  chained.object({
    kind: chained.string(),
    kids: chained.lazy(() => chained.array(BranchOrText).max(1_000)),
  }),
  chained.string(),
]);
const branch = (levels: number): object => ({
  kind: "t",
  kids: levels === 0 ? [] : [branch(levels - 1), branch(levels - 1)],
});
const Expression: chained.ZodType = chained.union([
  chained.number(),
  ...Array.from({ length: 6 }, (_, at) =>
    chained.object({
      op: chained.literal(`op ${at}`),
      args: chained
        .array(chained.lazy(() => Expression))
        .max(10)
        .refine((args) => args.length > 0),
    }),
  ),
]);
const nestedExpression = (op: string, levels: number): unknown =>
  levels === 0 ? 1 : { op, args: [nestedExpression(op, levels - 1), 2] };
const NumberTree = chained.object({
  value: chained.union([chained.string(), chained.number()]),
  get kids() {
    return chained.array(NumberTree);
  },
});
const DateTree = chained.object({
  at: chained.string().transform((_text, context) => {
    context.addIssue({ code: "custom", message: "is no date" });
    return chained.NEVER;
  }),
  get kids() {
    return chained.array(DateTree);
  },
});
const deepTree = (node: object): object => {
  let tree = list(15_000, node);
  for (let level = 0; level < 29; level += 1) tree = [{ ...node, kids: tree }];
  return tree[0] as object;
};
const TextTree: chained.ZodType = chained.preprocess(
  (value) => (typeof value === "string" ? { type: "text", text: value } : value),
  chained.discriminatedUnion("type", [
    chained.object({ type: chained.literal("text"), text: chained.string() }),
    ...["p", "h1", "ul", "li", "code", "quote"].map((type) =>
      chained.object({
        type: chained.literal(type),
        title: chained.string().optional(),
        kids: chained.lazy(() => chained.array(TextTree)),
      }),
    ),
  ]),
);
const textTree = (levels: number): unknown =>
  levels === 0 ? "text" : { type: "p", kids: [textTree(levels - 1), textTree(levels - 1)] };
const PortTree = chained.object({
  ports: chained.record(chained.number(), chained.string()),
  get kids() {
    return chained.array(PortTree);
  },
});
const Tuples: chained.ZodType = chained.union([
  chained.tuple([chained.literal("==")], chained.union([chained.string(), chained.number()])),
  ...["not", "any", "all"].map((op) =>
    chained.tuple(
      [chained.literal(op)],
      chained.lazy(() => Tuples),
    ),
  ),
]);
const tuples = (levels: number): unknown =>
  levels === 0
    ? ["==", "a", 1]
    : [levels % 2 ? "all" : "any", tuples(levels - 1), tuples(levels - 1)];
const Deep: chained.ZodType = chained.union(
  Array.from({ length: 10 }, (_, at) =>
    chained.object({
      type: chained.literal(`k${at}`),
      kids: chained.lazy(() => chained.array(Deep)),
      good: chained.array(chained.string()).optional(),
    }),
  ),
);
const deepList = (count: number): unknown => {
  let node: object = { type: "k9", kids: [], good: list(count, "x") };
  for (let level = 0; level < 25; level += 1) node = { type: "k9", kids: [node] };
  return node;
};
const anew = (): chained.ZodType =>
  chained.object({
    name: chained.string(),
    kids: chained.array(chained.lazy(anew)).optional(),
  });
const Anew = chained.preprocess((value) => value, anew());
const Folder = chained.object({
  name: chained.string(),
  get kids() {
    return chained.union([
      chained.array(Folder),
      chained.array(chained.object({ id: chained.number() })),
    ]);
  },
});
const folder = (files: number, levels: number): object => {
  let kids: object[] = Array.from({ length: files }, () => ({ id: 1 }));
  for (let level = 0; level < levels; level += 1) kids = [{ name: "x", kids }];
  return kids[0] ?? {};
};
const LooseTree = chained.object({
  vars: chained.looseRecord(chained.string().regex(/^[$]/), chained.number()),
  get kids() {
    return chained.array(LooseTree);
  },
});
const looseTree = (levels: number): unknown => ({
  vars: names(150, "t"),
  kids: levels === 0 ? [] : [looseTree(levels - 1)],
});
const MapTree: chained.ZodType = chained.union([
  chained.object({ op: chained.literal("is"), field: chained.string() }),
  ...["not", "any", "all"].map((op) =>
    chained.object({
      op: chained.literal(op),
      args: chained
        .record(
          chained.string(),
          chained.lazy(() => MapTree),
        )
        .transform((map) => Object.entries(map))
        .pipe(chained.array(chained.tuple([chained.string(), chained.any()]))),
    }),
  ),
]);
const mapTree = (levels: number): unknown =>
  levels === 0
    ? { op: "is", field: "x" }
    : { op: levels % 2 ? "all" : "any", args: { a: mapTree(levels - 1), b: mapTree(levels - 1) } };
const UniqueTree = chained.object({
  tags: chained.array(chained.string()).superRefine((tags, context) => {
    for (const at of tags.keys())
      if (tags.indexOf(tags[at] ?? "") < at)
        context.addIssue({ code: "custom", path: [at], message: "is there twice" });
  }),
  get kids() {
    return chained.array(UniqueTree);
  },
});
const Sheet: chained.ZodType = chained.union(
  Array.from({ length: 24 }, (_, at) =>
    chained.object({
      kind: chained.literal(`k${at}`),
      rows: chained.array(chained.record(chained.string(), chained.number())),
      kids: chained.lazy(() => chained.array(Sheet)),
    }),
  ),
);
const Draft: chained.ZodType = chained.union([
  chained.object({
    kind: chained.literal("draft"),
    rows: chained.array(chained.union([WIDE, BARE])),
    kids: chained.lazy(() => chained.array(Draft)).optional(),
  }),
  chained.object({
    kind: chained.literal("final"),
    kids: chained.lazy(() => chained.array(Draft)).optional(),
  }),
]);
const Menu: chained.ZodType = chained.union(
  Array.from({ length: 40 }, (_, at) =>
    chained.object({
      kind: chained.literal(`k${at}`),
      kids: chained.lazy(() => chained.array(Menu)),
    }),
  ),
);
const DEFAULTS = z.object(
  Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`d${at}`, z._default(z.int(), 1)])),
);
/** A filter in "zod/mini", which remembers nothing: each level is looked at twice as often. */
function filterOf(levels: number): z.ZodMiniType {
  if (levels === 0) {
    const is = { op: z.literal("is"), value: z.string().check(z.regex(/^[a-z]*$/)) };
    return z.union([z.strictObject(is), z.object(is)]);
  }
  const args = z.array(filterOf(levels - 1));
  return z.union([
    z.object({ op: z.literal("and"), args }),
    z.object({ op: z.literal("or"), args }),
  ]);
}
/** An object of one of so many kinds, whose value fits the same schema in each. */
function inKinds(count: number, valueOf: () => z.core.$ZodType): z.core.$ZodType {
  const kinds = Array.from({ length: count }, (_, kind) =>
    z.object({ kind: z.literal(`kind ${kind}`), value: valueOf() }),
  );
  return z.union(kinds);
}

/** Kinds of sections, each of a list of kinds of blocks. */
const pageOf = (blockOf: () => Record<string, z.core.$ZodType>): z.core.$ZodType => {
  const kinds = (count: number, shapeOf: () => object): z.core.$ZodType =>
    z.union(
      Array.from({ length: count }, (_, at) =>
        z.object({ kind: z.literal(`kind ${at}`), ...shapeOf() }),
      ),
    );
  return kinds(8, () => ({ blocks: z.array(kinds(16, blockOf)) }));
};
const page = (count: number, block: object): object => ({
  kind: "kind 7",
  blocks: list(count, { kind: "kind 15", ...block }).map(copyOf),
});

const FORMATS = z.union([z.email(), z.uuid(), z.iso.date(), z.iso.datetime(), z.base64()]);
const TAGS = z.discriminatedUnion(
  "do",
  Array.from({ length: 100 }, (_, at) => z.object({ do: z.literal(`tag ${at}`) })) as unknown as [
    typeof BARE,
  ],
);

it.each<[string, z.core.$ZodType, unknown]>([
  ["a list of objects that lack all", z.array(WIDE), list(HALF, {})],
  [
    "alternatives by a tag, one without more",
    z.array(z.discriminatedUnion("do", [WIDE, BARE])),
    list(HALF, { do: "create" }),
  ],
  ["alternatives, one without more", z.array(z.union([WIDE, BARE])), list(HALF, { do: "x" })],
  [
    "an alternative that takes any names",
    z.array(z.union([WIDE, z.record(z.string(), z.string())])),
    list(HALF, { x: 1 }),
  ],
  [
    "a list in an alternative that is not meant",
    z.union([z.array(WIDE), z.array(BARE)]),
    list(HALF, { do: "refresh" }),
  ],
  ["what refers to itself", Tree, { a: "", b: "", kids: list(HALF, {}) }],
  ["texts of many formats", z.array(FORMATS), list(MANY, "!")],
  [
    "texts with many checks",
    z.array(z.string().check(z.minLength(5), z.regex(/^a/), z.includes("q"))),
    list(MANY, "!"),
  ],
  ["names of many formats", z.record(FORMATS, z.number()), names(HALF, 1)],
  [
    "long messages of the app's",
    z.array(
      z.string().check(
        z.superRefine((input, context) => {
          const names = list(40, crypto.randomUUID()).join(", ");
          context.addIssue({ code: "custom", message: `is none of ${names}`, input });
        }),
      ),
    ),
    list(HALF, "x"),
  ],
  ["a tag that is none of many", z.array(TAGS), list(HALF, { do: "x" })],
  [
    "what is made of text first",
    z.array(
      z.pipe(
        z.transform((value) => value),
        WIDE,
      ),
    ),
    list(HALF, {}),
  ],
  ["a fallback", withFallback(z.array(WIDE), []), list(HALF, {})],
  ["members that are not named", z.catchall(z.object({}), WIDE), names(HALF, {})],
  [
    "what refers to itself, with nothing where something belongs",
    NumberTree,
    deepTree({ value: null, kids: [] }),
  ],
  ["what a conversion finds", DateTree, deepTree({ at: "x", kids: [] })],
  [
    "what is made a list first",
    z.array(
      z.pipe(
        z.transform((value) => (Array.isArray(value) ? (value as unknown[]) : [value])),
        z.array(WIDE),
      ),
    ),
    list(HALF, { x: 1 }),
  ],
  [
    "a check that finds fault with each item, deep in a tree",
    UniqueTree,
    Array.from({ length: 29 }).reduce<object>((kid) => ({ tags: [], kids: [kid] }), {
      tags: list(30_000, "x"),
      kids: [],
    }),
  ],
  [
    "alternatives of which exactly one may fit, behind it",
    z.xor([
      z.array(z.object({ note: z.string() })),
      ...["a", "b", "c", "d"].map((name) =>
        z.array(z.object({ [`${name}1`]: z.string(), [`${name}2`]: z.string() })),
      ),
    ]),
    list(HALF, { note: "x" }),
  ],
  [
    "alternatives before the one that fits",
    z.union([
      ...["a", "b", "c", "d"].map((name) =>
        z.array(z.object({ [`${name}1`]: z.string(), [`${name}2`]: z.string() })),
      ),
      z.array(z.object({ note: z.string() })),
    ]),
    list(HALF, { note: "x" }),
  ],
  [
    "a tag that is none of few lists of many",
    z.array(
      z.discriminatedUnion("do", [
        z.object({ do: z.enum(Array.from({ length: 150 }, (_, at) => `a${at}`)) }),
        z.object({ do: z.enum(Array.from({ length: 150 }, (_, at) => `b${at}`)) }),
      ]),
    ),
    list(HALF, {}),
  ],
  [
    "what many alternatives make of a long list, though each finds one fault",
    chained.union(
      Array.from({ length: 24 }, (_, at) =>
        chained.object({
          kind: chained.literal(`k${at}`),
          rows: chained.array(chained.record(chained.string(), chained.number())),
        }),
      ),
    ),
    { kind: "zz", rows: list(49_000, { n: 1 }) },
  ],
  [
    "texts that are known, which alternatives made",
    z.array(
      z.union(
        Array.from({ length: 16 }, (_, at) =>
          chained.object({
            kind: chained.literal(`kind ${at}`),
            id: chained
              .string()
              .transform((id) => `${at}_${id}`)
              .pipe(chained.templateLiteral([`${at}_`, chained.string()])),
          }),
        ),
      ),
    ),
    list(10, { kind: "none", id: "" }).map((_, at) => ({
      kind: "kind 15",
      id: `${at}${"x".repeat(380_000)}`,
    })),
  ],
  [
    "addresses that are written anew, in kinds",
    inKinds(16, () => z.array(z.url({ normalize: true }))),
    { kind: "none", value: list(30, `http://a.b/${"x".repeat(100_000)}`) },
  ],
  [
    "long whole numbers, in kinds",
    inKinds(12, () => z.array(z.coerce.bigint())),
    { kind: "none", value: list(85_000, 1e308) },
  ],
  [
    "dates, in kinds",
    inKinds(16, () => z.array(z.coerce.date())),
    { kind: "none", value: list(90_000, 0) },
  ],
  [
    "names that are copied though they do not fit, on a page",
    pageOf(() => ({ texts: z.looseRecord(z.enum(["en", "de"]), z.string()) })),
    page(1, { texts: names(MANY, "") }),
  ],
  [
    "a member that only a check looks at",
    chained.object({ list: chained.any() }).check(chained.property("list", chained.array(WIDE))),
    { list: list(HALF, {}) },
  ],
  [
    "faults at the end of a long path",
    Array.from({ length: 58 }).reduce<z.core.$ZodType>((inner) => z.array(inner), z.string()),
    Array.from({ length: 57 }).reduce<unknown>((inner) => [inner], list(60_000, 1)),
  ],
  [
    "what is remembered of alternatives that do not fit, in what refers to itself",
    Sheet,
    {
      kind: "k23",
      rows: [],
      kids: list(10, { kind: "k23", rows: list(4_000, { n: 1 }), kids: [] }),
    },
  ],
  [
    "what is remembered of alternatives within those that do not fit",
    Draft,
    {
      kind: "final",
      kids: list(6, { kind: "final", rows: list(2_000, { do: "x" }) }),
    },
  ],
  [
    "what a check of the app's finds in one go",
    chained.object({
      tags: chained.array(chained.string()).superRefine((tags, context) => {
        for (let round = 0; round < 2; round += 1)
          for (const at of tags.keys())
            context.addIssue({ code: "custom", path: [at], message: "is wrong" });
      }),
    }),
    { tags: list(MANY, "x") },
  ],
  [
    "room for members whose names are numbers",
    z.array(z.record(z.string(), z.number())),
    list(40_000, { 300: 0 }).map(copyOf),
  ],
  [
    "room for many members whose names are numbers, in any object",
    z.array(z.looseObject({ name: z.optional(z.string()) })),
    list(20_000, { 700: 0, 1_500: 0 }).map(copyOf),
  ],
  [
    "room for members whose names are numbers, in an object that knows them",
    z.array(z.object({ 100: z.optional(z.string()), 900: z.optional(z.string()) })),
    list(33_000, { 900: "" }).map(copyOf),
  ],
  [
    "members that are left out, and made beside names that are not known",
    z.array(
      z.looseObject(
        Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`m${at}`, z._default(TEXT, "")])),
      ),
    ),
    Array.from({ length: 40_000 }, (_, at) => ({ [`x${at}`]: 0 })),
  ],
  [
    "members that are left out, and made",
    z.array(z.record(z.enum(list(40, "").map((_one, at) => `c${at}`)), z.optional(z.number()))),
    list(30_000, {}).map(copyOf),
  ],
  [
    "names that are numbers and not known, in kinds",
    z.union(
      Array.from({ length: 16 }, (_, at) => z.strictObject({ kind: z.literal(`kind ${at}`) })),
    ),
    {
      kind: "kind 15",
      ...Object.fromEntries(list(99_000, 0).map((one, at) => [1_000_000 + 13 * at, one])),
    },
  ],
  [
    "members of dictionaries, in kinds within kinds",
    pageOf(() => ({ names: z.record(z.string(), z.number()) })),
    page(1, { names: names(60_000, 1) }),
  ],
  [
    "names that are not known, in many alternatives",
    z.union(Array.from({ length: 100 }, (_, at) => z.strictObject({ [`a${at}`]: z.string() }))),
    names(MANY, 1),
  ],
  [
    "short texts of letters that become others, on a page",
    pageOf(() => ({
      title: z.string().check(z.normalize()),
      text: z.string().check(z.normalize()),
    })),
    page(6_500, { title: "\u212B".repeat(99), text: "\u212B".repeat(99) }),
  ],
  [
    "letters beyond ASCII that become great ones, on a page",
    pageOf(() => ({ text: z.string().check(z.trim(), z.toUpperCase()) })),
    page(13_000, { text: "\u0390".repeat(95) }),
  ],
  [
    "a long text where a picture of a letter belongs, on a page",
    pageOf(() => ({ icon: z.emoji() })),
    page(1, { icon: `\u2600${"1".repeat(3_900_000)}` }),
  ],
  [
    "long addresses, on a page",
    pageOf(() => ({ link: z.httpUrl() })),
    page(1, { link: `http://${"@".repeat(3_900_000)}a.b/` }),
  ],
  [
    "long addresses of a scheme that has none, on a page",
    pageOf(() => ({ link: z.url() })),
    page(1, { link: `data://${"@".repeat(3_890_000)}a.b/` }),
  ],
  [
    "long addresses behind what is passed over, on a page",
    pageOf(() => ({ link: z.url() })),
    page(1, { link: `\u0001http://${"@".repeat(3_890_000)}a.b/` }),
  ],
  [
    "long addresses of a scheme that has none, with a tab, on a page",
    pageOf(() => ({ link: z.url() })),
    page(1, { link: `data:\t//${"@".repeat(3_890_000)}` }),
  ],
  [
    "letters of which a codec makes small ones, on a page",
    pageOf(() => ({ visible: z.stringbool().check(z.refine((isTicked) => isTicked)) })),
    page(6, { visible: "\u0130".repeat(325_000) }),
  ],
  [
    "long texts that become dates, on a page",
    pageOf(() => ({ due: z.coerce.date() })),
    page(1, { due: "a,".repeat(1_950_000) }),
  ],
  [
    "names of hosts beyond ASCII, on a page",
    pageOf(() => ({ url: z.url() })),
    page(20_000, { url: `http://${"Å日.".repeat(30)}com` }),
  ],
  [
    "links where base64 may stand, in kinds",
    z.array(inKinds(16, () => z.union([z.base64(), z.url()]))),
    list(20_000, { kind: "kind 15", value: "https://a.b/pic1.png" }).map(copyOf),
  ],
  [
    "what is no token, in kinds",
    z.array(inKinds(8, () => z.union([z.jwt(), z.string()]))),
    list(20_000, { kind: "kind 7", value: "a.b.c" }).map(copyOf),
  ],
  [
    "what is no whole number, in kinds that another value takes the place of",
    z.array(
      withFallback(
        inKinds(16, () => z.tuple([z.coerce.bigint(), z.coerce.bigint(), z.coerce.bigint()])),
        null,
      ),
    ),
    list(12_000, { kind: "none", value: [1.5, 1.5, 1.5] }).map(copyOf),
  ],
  [
    "faults of names, in kinds that another value takes the place of",
    z.array(
      inKinds(16, () =>
        withFallback(
          z.record(
            z.string().check(z.minLength(3), z.maxLength(40), z.regex(/^[a-z]+$/), z.lowercase()),
            z.string(),
          ),
          {},
        ),
      ),
    ),
    list(20, { kind: "none", value: capitalNames(4_000) }).map(copyOf),
  ],
  [
    "faults that are passed on, and that another value takes the place of",
    z.array(
      inKinds(16, () => {
        const image = z.object({ id: z.uuid(), src: z.url(), alt: z.string(), size: z.number() });
        return withFallback(z.object({ images: z.array(image) }), { images: [] });
      }),
    ),
    list(20, { kind: "none", value: { images: list(1_500, {}) } }).map(copyOf),
  ],
  [
    "many names that are not known, and kept, in kinds within kinds",
    inKinds(8, () => inKinds(16, () => z.looseObject({ n: z.number() }))),
    { kind: "kind 7", value: { kind: "kind 15", value: { n: 1, ...names(20_000, 1) } } },
  ],
  [
    "a long name of a record, in kinds within kinds",
    pageOf(() => ({ names: z.record(z.string(), z.string()) })),
    page(1, { names: { [`${"1".repeat(3_900_000)}x`]: "" } }),
  ],
  [
    "faults of alternatives that another value takes the place of",
    z.array(
      withFallback(
        z.union(
          Array.from({ length: 8 }, (_, at) =>
            z.object({ kind: z.literal(`kind ${at}`), ...textMembers(3) }),
          ),
        ),
        { kind: "none" } as never,
      ),
    ),
    list(MANY, {}),
  ],
  [
    "a long text in alternatives within alternatives",
    filterOf(14),
    Array.from({ length: 14 }).reduce<object>((filter) => ({ op: "or", args: [filter] }), {
      op: "is",
      value: "a".repeat(100_000),
    }),
  ],
  [
    "many names in alternatives within alternatives",
    filterOf(7),
    Array.from({ length: 7 }).reduce<object>((filter) => ({ op: "or", args: [filter] }), {
      op: "is",
      value: "",
      ...names(MANY, 1),
    }),
  ],
  [
    "a text of which a template may part its own way",
    z.object({ issue: z.templateLiteral([z.string(), "/", z.string(), "#", z.number()]) }),
    { issue: "/".repeat(300_000) },
  ],
  [
    "a text that a template of templates may part its own way",
    z.templateLiteral([
      z.optional(z.templateLiteral([z.string(), "@", z.string()])),
      z.union([z.templateLiteral([z.string(), "."]), z.email()]),
    ]),
    "@".repeat(100_000),
  ],
  [
    "a text of a template that is part of another",
    z.templateLiteral([
      "/",
      z.templateLiteral([
        z.string().check(z.regex(/^[a-z-]+$/)),
        "-",
        z.string().check(z.regex(/^[a-z-]+$/)),
      ]),
      ".md",
    ]),
    `/${"-".repeat(300_000)}`,
  ],
  [
    "texts of a template of bounded parts that is part of another",
    z.array(
      z.templateLiteral([
        "s3://",
        z.templateLiteral([
          ...BOUNDED,
          "/",
          z.optional(z.templateLiteral([...BOUNDED, "/", ...BOUNDED])),
        ]),
      ]),
    ),
    list(4_000, `s3://${"/".repeat(900)}`),
  ],
  [
    "a text of a template of which a part that is a template may be lacking",
    z.templateLiteral([
      TEXT,
      z.optional(z.templateLiteral(["@", z.enum(["latest", "next"])])),
      "/",
      TEXT,
      "/",
      TEXT,
      ".js",
    ]),
    "/".repeat(20_000),
  ],
  [
    "a text of a template that a check of a format may part its own way",
    z.templateLiteral([
      "/posts/",
      z.iso.date().check(z.startsWith("2026-")),
      "/",
      TEXT,
      "/",
      TEXT,
      ".md",
    ]),
    `/posts/2026-${"/".repeat(20_000)}`,
  ],
  [
    "letters that are replaced one by one, in kinds",
    inKinds(4, () => z.base64url()),
    { kind: "none", value: "a-".repeat(1_900_000) },
  ],
  [
    "pieces of no address, in kinds within kinds",
    inKinds(8, () => inKinds(8, () => z.cidrv6())),
    { kind: "none", value: { kind: "none", value: "/".repeat(3_800_000) } },
  ],
  [
    "slugs of letters that become many, in kinds within kinds",
    inKinds(8, () => inKinds(8, () => z.array(chained.string().normalize("NFKD").slugify()))),
    { kind: "none", value: { kind: "none", value: list(2_000, "\uFDFA".repeat(500)) } },
  ],
  [
    "room for names that a schema makes numbers",
    z.array(z.record(z.string().check(z.trim()), z.number())),
    list(20_000, { " 1000": 1 }).map(copyOf),
  ],
  [
    "room for names that are numbers, and made where they are left out",
    z.array(z.record(z.enum(["200", "404", "500"]), z._default(z.number(), 0))),
    list(40_000, {}).map(copyOf),
  ],
  [
    "room for names that are numbers, in a union of one alternative",
    z.array(z.union([z.record(z.string(), z.number())])),
    list(20_000, { 1_000: 1 }).map(copyOf),
  ],
  [
    "room for names that are numbers, in one alternative of which exactly one may fit",
    z.array(z.xor([z.record(z.string(), z.number())])),
    list(20_000, { 1_000: 1 }).map(copyOf),
  ],
  [
    "a text that the one alternative of a union reads, in kinds within kinds",
    pageOf(() => ({ link: z.union([z.url()]) })),
    page(1, { link: `http://a.b/${"x".repeat(500_000)}` }),
  ],
  [
    "tokens of which the header is read, in kinds",
    inKinds(16, () => z.array(z.jwt())),
    { kind: "none", value: list(4, `${btoa("[".repeat(100_000))}.a.b`) },
  ],
  [
    "yes and no in words of the app's, which each fault lists",
    z.union([
      z.array(
        z.stringbool({
          truthy: list(20, "").map((_one, at) => `yes${at}`),
          falsy: list(20, "").map((_one, at) => `no${at}`),
        }),
      ),
      z.string(),
    ]),
    list(99_000, "maybe"),
  ],
])("takes too many steps: %s", (_, schema, value) => {
  const checked = checkWith(schema)(copyOf(value));
  expect(checked.ok ? "" : checked.error).toMatch(/^\/ takes too many steps to check/);
});

it.each<[string, z.core.$ZodType, unknown]>([
  ["numbers", z.array(z.int().check(z.gte(0), z.lte(9))), list(MANY, 5)],
  [
    "texts with many checks",
    z.array(z.string().check(z.minLength(1), z.regex(/^a/), z.includes("a"))),
    list(MANY, "a"),
  ],
  [
    "alternatives by a tag",
    z.array(z.discriminatedUnion("do", [WIDE, BARE])),
    list(HALF, { do: "refresh" }),
  ],
  ["alternatives", z.array(z.union([WIDE, BARE])), list(6_000, { do: "refresh" })],
  ["names of many formats", z.record(z.union([z.uuid(), z.string()]), z.number()), names(HALF, 1)],
  ["a default", z.array(z.object({ a: z._default(z.string(), "") })), list(HALF, {})],
  ["what may be left out", z.array(z.partial(WIDE)), list(40_000, {})],
  ["what refers to itself", Tree, { a: "", b: "", kids: list(10_000, { a: "", b: "", kids: [] }) }],
  [
    "names that may be left out",
    z.array(z.partialRecord(z.enum(Array.from({ length: 30 }, (_, at) => `l${at}`)), z.string())),
    list(10_000, { l3: "x" }),
  ],
  ["a tree with checks of its own", Branch, branch(12)],
  ["files of folders, of which a list has one kind", Folder, folder(2_962, 4)],
  ["names that a loose record passes", LooseTree, looseTree(25)],
  ["maps that are made lists, within alternatives", MapTree, mapTree(10)],
  ["what a function makes anew, behind a conversion", Anew, { name: "a", kids: [{ name: "b" }] }],
  ["an expression of tuples", Tuples, tuples(9)],
  ["a long list deep down, which many alternatives have", Deep, deepList(20_000)],
  ["a tree of texts that are made nodes first", TextTree, textTree(11)],
  [
    "names that are numbers, deep in a tree",
    PortTree,
    Array.from({ length: 20 }).reduce<unknown>(
      (kid) => ({
        ports: Object.fromEntries(list(150, "").entries()),
        kids: kid === undefined ? [] : [kid],
      }),
      undefined,
    ),
  ],
  [
    "expressions of many operators, each with a bounded list",
    Expression,
    nestedExpression("op 5", 30),
  ],
  ["alternatives that refer to themselves, with checks", BranchOrText, branch(12)],
  [
    "texts that are made numbers",
    z.array(z.union([z.number(), z.pipe(z.pipe(z.string(), z.transform(Number)), z.number())])),
    list(60_000, "12"),
  ],
  [
    "objects with many defaults",
    z.discriminatedUnion("do", [
      z.object({ do: z.literal("list"), rows: z.array(DEFAULTS) }),
      BARE,
    ]),
    { do: "list", rows: list(15_000, {}) },
  ],
  [
    "a long list that each of many alternatives has, in what refers to itself",
    Menu,
    { kind: "k39", kids: list(100, { kind: "k39", kids: [] }) },
  ],
  [
    "a fallback of its own for each item",
    z.array(withFallback(WIDE, {} as never)),
    list(6_000, {}),
  ],
  [
    "a fallback for a list in what refers to itself",
    (() => {
      const Folders = chained.object({
        name: chained.string(),
        get kids() {
          return chained.array(Folders).catch([]);
        },
      });
      return Folders;
    })(),
    folder(4_000, 1),
  ],
  [
    "long texts without their blanks, in alternatives and layers",
    z.union(
      Array.from({ length: 10 }, (_, at) =>
        z.object({
          kind: z.literal(`k${at}`),
          text: z.optional(z.nullable(z.string().check(z.trim()))),
        }),
      ),
    ),
    { kind: "k9", text: `${"a".repeat(1_900_000)}\n` },
  ],
  [
    "a long text that alternatives make, each once, in layers",
    z.union(
      Array.from({ length: 5 }, (_, at) =>
        z.object({
          kind: z.literal(`k${at}`),
          text: z.optional(z.nullable(z.string().check(z.toLowerCase()))),
        }),
      ),
    ),
    { kind: "k4", text: "A".repeat(3_900_000) },
  ],
  [
    "rows of texts that are made rows of numbers",
    chained
      .array(chained.record(chained.string(), chained.string()))
      .transform((rows) =>
        rows.map(({ qty, price }) => ({ qty: Number(qty), price: Number(price) })),
      )
      .pipe(
        chained.array(
          chained.object({ qty: chained.int().min(0).max(9), price: chained.number().min(0) }),
        ),
      ),
    list(20_000, { qty: "3", price: "4" }),
  ],
  [
    "a long text of a template",
    z.tuple([
      z.templateLiteral(["user-", z.string()]),
      z.templateLiteral([z.string(), "/", z.string()]),
      z.templateLiteral([z.string(), "/", z.string(), "#", z.number()]),
      z.templateLiteral([z.string().check(z.maxLength(99)), "/", z.email(), z.enum(["a", "b"])]),
    ]),
    [
      `user-${"a".repeat(3_000_000)}`,
      `${"a".repeat(500_000)}/${"b".repeat(500_000)}`,
      `${"a".repeat(500_000)}/${"b".repeat(500_000)}#1`,
      `${"a".repeat(50)}/${"b".repeat(9_000)}@example.coma`,
    ],
  ],
  [
    "what templates of many parts are used for",
    z.object({
      arns: z.array(z.templateLiteral(["arn:", TEXT, ":", TEXT, ":", TEXT, ":", TEXT, ":", TEXT])),
      pictures: z.array(z.templateLiteral(["data:", TEXT, ";base64,", TEXT])),
      note: z.templateLiteral(["title: ", TEXT, "\ndate: ", TEXT, "\n---\n", TEXT]),
      points: z.array(
        z.templateLiteral(["(", NUMBER, ", ", NUMBER, ", ", NUMBER, ", ", NUMBER, ")"]),
      ),
      times: z.array(
        z.templateLiteral([
          NUMBER,
          "-",
          NUMBER,
          "-",
          NUMBER,
          "T",
          NUMBER,
          ":",
          NUMBER,
          ":",
          NUMBER,
        ]),
      ),
      tags: z.array(z.templateLiteral([z.enum(["c++", "c"]), "-", z.enum(["a*", "b"])])),
    }),
    {
      arns: list(
        500,
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-load-balancer/50dc6c495c0c9188",
      ),
      pictures: list(5, `data:image/png;base64,${"iVBORw0K".repeat(40_000)}`),
      note: `title: A\ndate: 2026-11-30\n---\n${"word\n".repeat(40_000)}`,
      points: list(500, "(1, 0.5, 100, -50)"),
      times: list(2_000, "2026-11-30T10:00:00"),
      tags: list(9_000, "c++-a*"),
    },
  ],
  [
    "a long text of a template that begins with a number",
    z.tuple([
      z.templateLiteral([z.iso.datetime(), " ", TEXT]),
      z.templateLiteral([z.int(), ",", TEXT]),
      z.templateLiteral([z.int(), z.literal(". "), TEXT]),
      z.templateLiteral([NUMBER, ": ", TEXT]),
      z.templateLiteral([NUMBER.check(z.int(), z.positive()), " ", TEXT]),
      z.array(
        z.templateLiteral([
          z.union([
            z.templateLiteral([z.int(), ":", z.int()]),
            z.templateLiteral([z.int(), ":", z.int(), ":", z.int()]),
            z.literal("later"),
          ]),
          " ",
          TEXT,
        ]),
      ),
      z.templateLiteral([
        "[",
        z.optional(z.templateLiteral(["v", z.int(), ".", z.int(), z.enum(["a", "b"]), z.int()])),
        "] ",
        TEXT,
      ]),
      z.templateLiteral(["[", z.optional(z.union([z.iso.datetime(), z.int()])), "] ", TEXT]),
    ]),
    [
      `2026-11-30T10:00:00Z ${"word ".repeat(32_000)}`,
      `12,${"123456,".repeat(30_000)}`,
      `12. ${"Hello ".repeat(14_000)}`,
      `12: ${'{"a": 1, "b": 2}, '.repeat(10_000)}`,
      `12 ${"word ".repeat(32_000)}`,
      list(500, `01:02:03 ${"word ".repeat(20)}`),
      `[v1.2a3] ${"[word] ".repeat(300)}`,
      `[2026-11-30T10:00:00Z] ${"[word] ".repeat(32_000)}`,
    ],
  ],
  [
    "a long text with marks",
    z.string().check(z.normalize()),
    "a\u0301e\u0316\u0301".repeat(40_000),
  ],
])("is none where it fits: %s", (_, schema, value) => {
  expect(checkWith(schema)(copyOf(value)).ok).toBe(true);
});

it("what an app reads itself within a check is not counted, and throws to the app", () => {
  const Item = chained.object({ a: chained.string(), b: chained.string() });
  const Json = chained.string().transform((text): unknown => JSON.parse(text));
  const Boxed = chained.object({ text: chained.any() }).check(chained.property("text", Json));
  const schema = chained.object({
    item: Item.optional(),
    json: Json.optional(),
    boxed: chained.string().refine((text) => {
      try {
        Boxed.parse({ text });
        return false;
      } catch {
        return true;
      }
    }),
    rows: chained
      .array(chained.unknown())
      .refine((rows) => rows.every((row) => !Item.safeParse(row).success)),
    body: chained.string().transform((text) => {
      try {
        return Json.parse(text);
      } catch {
        return text;
      }
    }),
  });
  const value = { json: "{}", boxed: "as it is", rows: list(90_000, {}), body: "as it is" };
  expect(checkWith(schema)(value)).toEqual({ ok: true, value: { ...value, json: {} } });
});

const TOO_MUCH = "/ takes too many steps to check: send less at once";
const TOO_LONG = "must be at most 200000 characters to be changed or decoded";
const LONG = "9".repeat(200_000);
const Digits = z.pipe(z.string().check(z.regex(/^\d+$/)), z.coerce.bigint());

it.each<[string, z.core.$ZodType]>([
  ["is normalized", z.string().check(z.normalize())],
  ["becomes a slug", chained.string().slugify()],
  ["is changed as the app likes", z.string().check(z.overwrite((text) => text.slice(1)))],
  ["becomes a number of any length", z.coerce.bigint()],
  ["becomes a number behind another schema", Digits],
  ["is changed by the one alternative of a union", z.union([chained.string().slugify()])],
])("a text that %s may have 200,000 characters", (_, text) => {
  const check = checkWith(z.object({ text }));
  expect(check({ text: LONG }).ok).toBe(true);
  expect(check({ text: `${LONG}9` })).toEqual({ ok: false, error: `/text ${TOO_LONG}` });
});

it.each<[string, z.core.$ZodType, unknown]>([
  ["letters", z.string().check(z.normalize()), "\u0301\u0316"],
  ["what becomes a slug", chained.string().normalize("NFD").slugify(), "\u0301"],
  ["vowels", z.string().check(z.trim(), z.normalize(), z.maxLength(200)), "\u{16D68}"],
  ["vowels of two scripts", z.string().check(z.normalize()), "\u{16D68}\u1161"],
  ["names of hosts", z.url(), "\u0301"],
])("marks of %s are put together, so there may be 50 in a row", (_, text, marks) => {
  const check = checkWith(z.object({ text }));
  const url = (count: number): string => `http://a${String(marks).repeat(count)}.example`;
  expect(check({ text: url(25) }).ok).toBe(true);
  expect(check({ text: url(51) })).toEqual({
    ok: false,
    error: "/text may not have more than 50 marks in a row",
  });
});

it("what may be put together with what stands before it is a mark, of all letters there are", () => {
  const check = checkWith(z.string().check(z.normalize()));
  const letters = joiningLetters();
  expect(letters.length).toBeGreaterThan(1_000);
  expect(letters.filter((letter) => check(letter.repeat(51)).ok)).toEqual([]);
  expect(check("ㅋ".repeat(50)).ok).toBe(true);
});

it.each<[string, z.core.$ZodType]>([
  ["a text", chained.coerce.string().trim()],
  ["a number", z.coerce.number()],
  ["a whole number", z.coerce.bigint()],
  ["a date", z.coerce.date()],
])("no list becomes %s", (_, size) => {
  for (const given of [[], ["1"], listsWithin(60), [{ toString: 1 }]])
    expect(checkWith(z.object({ size }))({ size: given })).toEqual({
      ok: false,
      error: "/size must not be a list",
    });
});

it("another alternative, or a fallback, takes what is too long to be changed, and lists", () => {
  const body = chained.string().normalize();
  const text = `${LONG}9`;
  const Cell = chained.union([chained.coerce.bigint(), chained.string()]);
  expect(checkWith(chained.union([body, chained.string()]))(text)).toEqual({
    ok: true,
    value: text,
  });
  expect(checkWith(Cell)(text)).toEqual({ ok: true, value: text });
  expect(checkWith(body.catch(""))(text)).toEqual({ ok: true, value: "" });
  const Lines = chained.union([chained.coerce.number(), chained.array(chained.string())]);
  const lines = list(4_000, "x".repeat(60));
  expect(checkWith(Lines)(lines)).toEqual({ ok: true, value: lines });
  expect(checkWith(chained.coerce.number().catch(0))(lines)).toEqual({ ok: true, value: 0 });
  expect(checkWith(chained.coerce.boolean())([LONG, LONG])).toEqual({ ok: true, value: true });
});

it("pictures, links and long texts may stand in kinds, and in kinds within kinds", () => {
  const picture = `data:image/png;base64,${"iVBORw0KGgoA".repeat(250_000)}`;
  const text = z.nullish(z._default(z.nullable(z.union([z.string(), z.array(z.string())])), null));
  const link = `https://cdn.example.com/${"a".repeat(200)}?w=1200&h=800&sig=${"0".repeat(40)}`;
  const cases: [z.core.$ZodType, unknown][] = [
    [inKinds(16, () => z.url()), { kind: "kind 15", value: picture }],
    [
      inKinds(16, () => z.union([z.url(), z.base64()])),
      { kind: "kind 15", value: "QUJD".repeat(300_000) },
    ],
    [pageOf(() => ({ src: z.url() })), page(400, { src: link })],
    [
      pageOf(() => ({ src: z.union([z.url(), z.string()]) })),
      page(250, { src: "今天天气很好，我们一起去公园散步，然后去吃饭。".repeat(15) }),
    ],
    [
      pageOf(() => ({
        text: z.codec(z.string(), z.string(), {
          decode: (given) => given.replace("\r\n", "\n"),
          encode: (given) => given,
        }),
      })),
      page(1, { text: "今天天气".repeat(35_000) }),
    ],
    [pageOf(() => ({ text })), page(1, { text: "a b".repeat(1_000_000) })],
  ];
  // Without `toEqual`, which would print megabytes.
  for (const [schema, value] of cases) {
    const checked = checkWith(schema)(value);
    expect(checked.ok ? "" : checked.error).toBe("");
    expect(JSON.stringify(checked.ok && checked.value) === JSON.stringify(value)).toBe(true);
  }
});

it("a text that many alternatives read is refused from 50,000,000 characters that are read", () => {
  const check = checkWith(pageOf(() => ({ src: z.url() })));
  const pictureOf = (length: number): string => `data:image/png;base64,${"A".repeat(length)}`;
  expect(check(page(1, { src: pictureOf(380_000) })).ok).toBe(true);
  expect(check(page(1, { src: pictureOf(395_000) }))).toEqual({
    ok: false,
    error: `${TOO_MUCH}; / is not valid`,
  });
});

it("names that no schema knows are not listed where zod passes over them", () => {
  const block = { text: "x", ...names(1_000, 1) };
  const spy = vi.spyOn(Object, "keys");
  expect(checkWith(pageOf(() => ({ text: z.string() })))(page(1, block)).ok).toBe(true);
  const listed = spy.mock.calls.filter(([given]) => "k1" in given);
  spy.mockRestore();
  expect(listed).toEqual([]);
});

it("members whose names are numbers near each other, or far, cost no more than others", () => {
  const rows = z.array(z.record(z.string(), z.number()));
  for (const row of [{ 1: 0, 2: 0, 3: 0 }, { 1_025: 0 }, { 1_000_000: 0, 2_000_000: 1 }]) {
    const value = list(24_000, row).map(copyOf);
    expect(checkWith(rows)(value)).toEqual({ ok: true, value });
  }
});

it("what stands where a record may is as long as it likes, and is not taken to pieces", () => {
  const Config = z.union([z.record(z.string(), z.number()), z.string(), z.array(z.number())]);
  const spy = vi.spyOn(Object, "keys");
  for (const value of ["a".repeat(1_100_000), list(90_000, 1)])
    expect(checkWith(Config)(value).ok).toBe(true);
  const listed = spy.mock.calls.filter(([given]) => Reflect.get(Object(given), "length") > 1_000);
  spy.mockRestore();
  expect(listed).toEqual([]);
});

it("names that may be in a record are looked for where zod does, and made texts once", () => {
  const Codes = z.enum(Array.from({ length: 200 }, (_, at) => `c${at}`));
  const rows = z.array(z.partialRecord(Codes, z.string()));
  const spy = vi.spyOn(Object, "hasOwn");
  expect(checkWith(rows)(list(1_000, {}).map(copyOf)).ok).toBe(true);
  const count = spy.mock.calls.length;
  spy.mockRestore();
  expect(count).toBeLessThan(20_000);
});

it("blocks of which all names are known cost no more where other names are refused", () => {
  const blocks = page(650, { id: "b1", text: "x", align: "left", color: "red" });
  const member = z.optional(z.string());
  const shape = { id: member, text: member, align: member, color: member };
  const kinds = (count: number, shapeOf: () => object): z.core.$ZodType =>
    z.union(
      Array.from({ length: count }, (_, at) =>
        z.strictObject({ kind: z.literal(`kind ${at}`), ...shapeOf() }),
      ),
    );
  const strict = kinds(8, () => ({ blocks: z.array(kinds(16, () => shape)) }));
  for (const schema of [pageOf(() => shape), strict])
    expect(checkWith(schema)(blocks).ok).toBe(true);
});

it("ids in base64 cost no more than other texts, where they are right", () => {
  const id = z.base64();
  const Nodes = z.array(inKinds(16, () => z.object({ id, parent: id, cursor: z.base64url() })));
  const value = { id: "QUJDREVGR0hJSktM", parent: "QUJDREVG", cursor: "QUJD" };
  const nodes = list(3_000, { kind: "kind 15", value }).map(copyOf);
  expect(checkWith(Nodes)(nodes)).toEqual({ ok: true, value: nodes });
});

it("what is normalized may become a slug, however much longer it is then", () => {
  const schema = z.object({ slug: chained.string().normalize("NFKD").slugify() });
  expect(checkWith(schema)({ slug: "ﷺ crème ㅋㅋㅋ ".repeat(14_000) }).ok).toBe(true);
});

it("what an alternative made that fits is counted while another one is open around it", () => {
  const lower = z.string().check(z.toLowerCase());
  const body = z.object({ text: lower });
  const looked = z.union([body, z.strictObject({ text: z.string(), id: z.string() })]);
  const text = "A".repeat(3_000_000);
  // zod goes on after these checks, and passes on what it made.
  const bounded = z.string().check(z.toLowerCase(), z.maxLength(200));
  const wrong: [z.core.$ZodType, unknown][] = [
    [z.union([bounded, z.null()]), text],
    [z.union([z.object({ text: bounded }), z.null()]), { text }],
  ];
  for (const [schema, value] of wrong) {
    const kinds = Array.from({ length: 16 }, (_, at) =>
      z.object({ value: schema, kind: z.literal(`k${at}`) }),
    );
    const checked = checkWith(z.union(kinds))({ kind: "k0", value });
    expect(checked.ok ? "" : checked.error).toContain("/ takes too many steps");
  }
  const schemas: [z.core.$ZodType, unknown][] = [
    [z.union([lower, z.null()]), text],
    [z.xor([lower, z.null()]), text],
    [z.union([z.object({ text: lower, id: z.optional(z.string()) })]), { text }],
    [looked.check(z.property("text", z.string())), { text }],
  ];
  for (const [schema, value] of schemas) {
    const kinds = Array.from({ length: 16 }, (_, at) =>
      z.object({ value: schema, kind: z.literal(`k${at}`) }),
    );
    expect(checkWith(z.union(kinds))({ kind: "k15", value }).ok).toBe(false);
    expect(checkWith(z.union(kinds.slice(0, 4)))({ kind: "k3", value }).ok).toBe(true);
    expect(checkWith(schema)(value).ok).toBe(true);
  }
});

it("long texts that a codec or a conversion makes are counted", () => {
  const upper = chained.codec(chained.string(), chained.string(), {
    decode: (text) => text.toUpperCase(),
    encode: (text) => text,
  });
  const small = chained.string().toLowerCase();
  // No letter of it changes.
  const same = chained
    .string()
    .transform((given) => given.slice(1) && `${given.slice(0, 9)}${given.slice(9)}`);
  const text = "a".repeat(2_000_000);
  for (const made of [upper, small, same]) {
    const kinds = Array.from({ length: 16 }, (_, at) =>
      chained.object({ text: made, kind: chained.literal(`k${at}`) }),
    );
    expect(checkWith(chained.union(kinds))({ kind: "k15", text }).ok).toBe(false);
    expect(checkWith(chained.union(kinds.slice(0, 4)))({ kind: "k3", text }).ok).toBe(true);
  }
});

it("long texts that are made for alternatives are counted", () => {
  const kinds = Array.from({ length: 8 }, (_, at) =>
    z.object({ kind: z.literal(`k${at}`), text: z.string().check(z.toLowerCase()) }),
  );
  const text = "ABCD".repeat(1_000_000);
  expect(checkWith(z.union(kinds))({ kind: "k7", text }).ok).toBe(false);
  expect(checkWith(z.discriminatedUnion("kind", kinds as never))({ kind: "k7", text }).ok).toBe(
    true,
  );
  expect(checkWith(z.union(kinds))({ kind: "k7", text: "a".repeat(2_000_000) }).ok).toBe(true);
});

it("what is thrown for what was not looked at hides nothing", () => {
  const schema = withFallback(z.array(WIDE), () => {
    throw new Error("no fallback");
  });
  expect(() => checkWith(schema)([{}])).toThrow("no fallback");
  const checked = checkWith(schema)(list(HALF, {}));
  expect(checked).toEqual({ ok: false, error: TOO_MUCH });
});

it("a schema that zod reads in another way after its first use is counted all the same", () => {
  const Row = z.object(textMembers(20));
  const internals = Row._zod;
  const parse: typeof internals.parse = (...given) => internals.parse(...given);
  internals.run = (payload, context) => {
    internals.run = parse;
    return parse(payload, context);
  };
  const check = checkWith(z.array(Row));
  expect(check([{}]).ok).toBe(false);
  const checked = check(list(HALF, {}));
  expect(checked.ok ? "" : checked.error).toContain(`${TOO_MUCH}; /0/member 0 `);
});

it("a schema that is another object with the same internals has one step", () => {
  const Name = z.string();
  for (let calls = 0; calls < 5_000; calls += 1)
    checkWith(z.object({ a: Object.create(Name) as typeof Name }))({ a: "x" });
  expect(checkWith(z.object({ a: Name }))({ a: "x" }).ok).toBe(true);
});

it("a schema that comes back to itself without going into the value ends", () => {
  const Either: chained.ZodType = chained.union([
    chained.string(),
    chained.lazy(() => chained.union([chained.number(), Either])),
  ]);
  const check = checkWith(Either);
  expect([check("x").ok, check(1).ok]).toEqual([true, true]);
  const checked = check(true);
  expect(checked.ok ? "" : checked.error).toMatch(/^\/ takes too many steps to check/);
});

it("few faults are named, whatever else the value has", () => {
  const schema = z.array(z.union([WIDE, BARE]));
  const value = [...list(6_000, { do: "refresh" }), { do: "x" }];
  expect(checkWith(schema)(value)).toEqual({ ok: false, error: "/6000 is not valid" });
});

it("what alternatives would look at twice as often with each level is refused", () => {
  let looked = 0;
  const end = z.string().check(
    z.overwrite((text) => {
      looked += 1;
      return text;
    }),
  );
  let schema: z.core.$ZodType = z.object({ end });
  for (let level = 0; level < 60; level += 1)
    schema = z.union([z.object({ n: schema, also: z.string() }), z.object({ n: schema })]);
  const checked = checkWith(schema)(nested(60, { end: "x" }));
  expect(checked.ok ? "" : checked.error).toMatch(/takes too many steps to check/);
  expect(looked).toBeLessThan(5_000_000);
});

it("names that are not known are few words within alternatives too, however long they are", () => {
  const strict = z.union([z.strictObject({ a: z.string() }), z.strictObject({ b: z.string() })], {
    error: (issue) =>
      issue.code === "invalid_union"
        ? issue.errors
            .flat()
            .map(({ message }) => message)
            .join("; ")
        : undefined,
  });
  const long = Object.fromEntries(list(50, 1).map((one, at) => [`${at}${"x".repeat(5_000)}`, one]));
  const checked = checkWith(strict)({ ...long, c: 1 });
  expect(checked.ok ? "" : checked.error).toMatch(
    /may not have c,0x{99}… and 49 more|may not have 0x{99}…/,
  );
});

it("the first faults are named, however many there are", () => {
  const checked = checkWith(z.object({ rows: z.array(WIDE) }))({ rows: list(HALF, {}) });
  expect(checked.ok ? "" : checked.error).toMatch(
    /^\/ takes too many steps to check: send less at once; \/rows\/0\/do .*\/rows\/0\/member 7 must be of type string$/,
  );
});

it("no fault is named that is none", () => {
  const schema = z.object({ a: withFallback(z.array(WIDE), []), b: z.string() });
  const checked = checkWith(schema)({ a: list(HALF, {}), b: "" });
  expect(checked).toEqual({ ok: false, error: TOO_MUCH });
});

it("no check of the app's sees what was not looked at", () => {
  const schema = z
    .object({ a: withFallback(z.array(WIDE), []), b: z.string() })
    .check(z.refine(({ b }) => b.trim() !== ""));
  expect(checkWith(schema)({ a: list(HALF, {}), b: 1 }).ok).toBe(false);
});

it("what was not looked at is not taken for good, whatever is let go of meanwhile", () => {
  const Long = z.array(WIDE);
  // With both it does not fit; what the fallback lets go of comes between.
  const both = z.xor([
    z.array(z.unknown()),
    z.pipe(withFallback(Long, []) as z.ZodMiniType, z.unknown()),
  ]);
  expect(checkWith(both)(list(HALF, {})).ok).toBe(false);
  expect(checkWith(withFallback(Long, []))(list(10, {}))).toEqual({ ok: true, value: [] });
});

it("nothing more is looked at then, also in the one alternative of a union", () => {
  let looked = 0;
  const wrong = z.string().check(
    z.refine(() => {
      looked += 1;
      return false;
    }),
  );
  const schema = z.union([z.array(z.object({ a: wrong, b: wrong, c: wrong }))]);
  expect(checkWith(schema)(list(HALF, { a: "", b: "", c: "" })).ok).toBe(false);
  expect(looked).toBeGreaterThan(99_000);
  expect(looked).toBeLessThan(101_001);
});

it("each check of the app's sees a value once", () => {
  let looked = 0;
  const member = z.string().check(
    z.overwrite((text) => {
      looked += 1;
      return text;
    }),
  );
  checkWith(z.array(z.union([z.number(), member])))(list(HALF, "a"));
  expect(looked).toBe(HALF);
});

it("the app's own use of a schema counts nothing, also within a check", () => {
  const Rows = z.array(WIDE);
  const rows = z.array(z.unknown()).check(
    z.refine((given) => {
      const own = checkWith(Rows)(given);
      return !own.ok && own.error.startsWith("/ takes too many steps");
    }),
  );
  const value = { rows: list(6_000, {}) };
  expect(checkWith(z.object({ rows }))(value).ok).toBe(true);
  const both = checkWith(z.object({ rows, more: Rows }))({ ...value, more: value.rows });
  expect(both.ok ? "" : both.error).toMatch(/^\/ takes too many steps/);
  expect(z.safeParse(Rows, value.rows).error?.issues.length).toBe(6_000 * 21);
});

it("what a check throws comes out, and leaves the next value alone", () => {
  let isBroken = true;
  const schema = z.array(
    z.string().check(
      z.refine(() => {
        if (isBroken) throw new Error("broken");
        return true;
      }),
    ),
  );
  expect(() => checkWith(schema)(["a"])).toThrow("broken");
  isBroken = false;
  expect(checkWith(schema)(["a"]).ok).toBe(true);
});

it("an intersection is refused, wherever it stands", () => {
  const both = z.intersection(BARE, z.looseObject({}));
  const reason = "z.intersection takes too long with large values: use z.extend";
  expect(() => checkWith(both)).toThrow(reason);
  const within: z.core.$ZodType[] = [
    z.array(both),
    z.optional(both),
    z.union([both, z.string()]),
    z.union([both]),
    z.looseObject({ a: z.lazy(() => both) }),
    z.pipe(z.unknown(), both),
  ];
  const value = { do: "refresh" };
  for (const schema of within)
    for (const given of [value, [value], { a: value }])
      expect(() => checkWith(z.union([z.tuple([schema]), schema]))(given)).toThrow(reason);
});

it("a template is looked at once, however many texts there are", () => {
  const zone = z.enum(["a", "b"]);
  const pattern = /^(a|b)$/;
  const template = z.templateLiteral([zone, " ", z.string()]);
  let reads = 0;
  Object.defineProperty(zone._zod, "pattern", {
    get() {
      reads += 1;
      return pattern;
    },
  });
  expect(checkWith(z.array(template))(list(100, "a b")).ok).toBe(true);
  expect(reads).toBe(1);
});

it("a text is looked through once for all numbers of a template", () => {
  const matrix = z.templateLiteral([
    "matrix(",
    ...list(8, z.number()).flatMap((one) => [one, ","] as never[]),
  ]);
  const spy = vi.spyOn(String.prototype, "matchAll");
  expect(checkWith(matrix)(`matrix(${"1,".repeat(7)}x`).ok).toBe(false);
  expect(spy).toHaveBeenCalledTimes(1);
  spy.mockRestore();
});

it("tokens are read up to 200,000 characters", () => {
  const header = btoa(JSON.stringify({ typ: "JWT", alg: "HS256" })).replaceAll("=", "");
  const check = checkWith(z.object({ t: z.jwt() }));
  expect(check({ t: `${header}.${"a".repeat(199_000)}.b` }).ok).toBe(true);
  expect(check({ t: `${header}.${"a".repeat(200_000)}.b` })).toEqual({
    ok: false,
    error: `/t ${TOO_LONG}`,
  });
});
