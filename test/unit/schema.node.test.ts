// oxlint-disable unicorn/no-thenable -- "then" is a keyword here
// The JSON Schema validator against ajv, on schemas and values made by chance. SEED=… repeats or varies a run.
// ajv generates code, so it cannot run in workerd: it is the second opinion here and nothing else.
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { isObject, type JsonObject, type JsonValue } from "../../src/base/json.ts";
import { compileSchema } from "../../src/schema/compile.ts";

const SEED = Number(process.env["SEED"] ?? 2020);
const SCHEMAS = 700;
const VALUES = 8;
const NAMES = ["a", "b", "ab", "c/d", "~", "é"];
const PATTERNS = ["^a", "b$", "[~/]", "^.$", "\\p{Lu}"];
const SCALARS: JsonValue[] = [null, true, false, 0, 1, 2, 3, -1, 1.5, 10, "", "a", "ab", "b", "😀", "Äb", "abc"];

type Dice = (limit: number) => number;
type Make = (depth: number) => JsonValue;

/** Whole numbers below `limit` (Park and Miller). */
function dice(seed: number): Dice {
  let state = seed;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * limit);
  };
}

function pick<T>(roll: Dice, list: readonly T[]): T {
  return list[roll(list.length)] as T;
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

function makeValue(roll: Dice, depth: number): JsonValue {
  const kind = depth <= 0 ? 0 : roll(5);
  if (kind <= 1) return pick(roll, SCALARS);
  if (kind === 2) return times(roll(4), () => makeValue(roll, depth - 1));
  return Object.fromEntries(times(roll(4), () => [pick(roll, NAMES), makeValue(roll, depth - 1)]));
}

/** One maker for each keyword, or group of keywords that ajv reads together. */
function keywordMakers(roll: Dice, sub: Make): ((depth: number) => JsonObject)[] {
  const map = (depth: number, keys: readonly string[]): JsonObject =>
    Object.fromEntries(times(1 + roll(3), () => [pick(roll, keys), sub(depth)]));
  const list = (depth: number): JsonValue[] => times(1 + roll(3), () => sub(depth));
  const names = (): string[] => [...new Set(times(1 + roll(2), () => pick(roll, NAMES)))];
  const types = ["null", "boolean", "integer", "number", "string", "array", "object"];
  return [
    () => ({ type: pick(roll, types) }),
    () => ({ type: [...new Set(times(1 + roll(3), () => pick(roll, types)))] }),
    () => ({ enum: [...times(3, () => pick(roll, SCALARS)), makeValue(roll, 1)] }),
    () => ({ const: makeValue(roll, 1) }),
    () => ({ minimum: roll(4) - 1, exclusiveMaximum: roll(4) }),
    () => ({ maximum: roll(4), exclusiveMinimum: roll(4) - 2 }),
    () => ({ multipleOf: pick(roll, [1, 2, 3, 0.5]) }),
    () => ({ minLength: roll(3), maxLength: 1 + roll(2) }),
    () => ({ pattern: pick(roll, PATTERNS) }),
    () => ({ minItems: roll(2), maxItems: 1 + roll(3) }),
    () => ({ uniqueItems: roll(4) > 0 }),
    () => ({ minProperties: roll(2), maxProperties: 1 + roll(3) }),
    () => ({ required: names() }),
    () => ({ dependentRequired: { [pick(roll, NAMES)]: names() } }),
    (depth) => ({ properties: map(depth, NAMES) }),
    (depth) => ({ properties: map(depth, NAMES), additionalProperties: sub(depth) }),
    (depth) => ({ patternProperties: map(depth, PATTERNS), additionalProperties: sub(depth) }),
    (depth) => ({ propertyNames: sub(depth) }),
    (depth) => ({ dependentSchemas: map(depth, NAMES) }),
    (depth) => ({ prefixItems: list(depth) }),
    (depth) => ({ prefixItems: list(depth), items: sub(depth) }),
    (depth) => ({ items: sub(depth) }),
    (depth) => ({ contains: sub(depth), minContains: roll(3), maxContains: 1 + roll(3) }),
    (depth) => ({ allOf: list(depth) }),
    (depth) => ({ anyOf: list(depth) }),
    (depth) => ({ oneOf: list(depth) }),
    (depth) => ({ not: sub(depth) }),
    (depth) => ({ if: sub(depth), then: sub(depth), else: sub(depth) }),
    (depth) => ({ unevaluatedProperties: sub(depth) }),
    (depth) => ({ unevaluatedItems: sub(depth) }),
    () => ({ $ref: pick(roll, ["#/$defs/leaf", "#named", "#/$defs/c~1d"]) }),
    () => ({ properties: { a: { $ref: "#" } } }),
  ];
}

/**
 * Leaves out what ajv 8 gets wrong by the text of 2020-12: `contains` beside `prefixItems` on an empty array,
 * `unevaluatedProperties` after an `if` that failed, and `unevaluatedItems` beside anything that may or may not have
 * looked at items. Its names of inherited members are wrong too. schema.test.ts has such cases by hand.
 */
function sparingAjv(schema: JsonObject): JsonObject {
  const has = (...names: string[]): boolean => names.some((name) => Object.hasOwn(schema, name));
  const { unevaluatedItems, unevaluatedProperties, ...spared } = schema;
  if (has("contains")) delete spared["prefixItems"];
  const unsure = has("contains", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "$ref");
  if (unevaluatedItems !== undefined && !unsure) Object.assign(spared, { unevaluatedItems });
  const conditional = JSON.stringify(schema).includes('"if":');
  if (unevaluatedProperties !== undefined && !conditional) Object.assign(spared, { unevaluatedProperties });
  return spared;
}

function makeSchema(roll: Dice): JsonValue {
  const sub: Make = (depth) => {
    if (depth <= 0 || roll(12) === 0)
      return pick(roll, [true, false, { type: "integer" }, { type: "string" }, { const: 1 }]);
    return sparingAjv(Object.assign({}, ...times(1 + roll(4), () => pick(roll, makers)(depth - 1))) as JsonObject);
  };
  const makers = keywordMakers(roll, sub);
  const leaf = { type: pick(roll, ["string", "integer", "object"]) };
  const $defs = {
    leaf,
    anchored: { $anchor: "named", minimum: 1, maxProperties: 1 },
    "c/d": { properties: { a: { $ref: "#" } } },
  };
  const root = sub(3);
  return isObject(root) ? { ...root, $defs } : root;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true, logger: false });

describe(`compileSchema agrees with ajv (SEED=${SEED})`, () => {
  test(`on ${SCHEMAS * VALUES} pairs of schema and value`, () => {
    const roll = dice(SEED);
    const seen = { fits: 0, not: 0 };
    const differences: unknown[] = [];
    for (let round = 0; round < SCHEMAS; round += 1) {
      const schema = makeSchema(roll);
      const validate = ajv.compile(schema as JsonObject);
      const ours = compileSchema(schema);
      const values = times(VALUES, () => makeValue(roll, 3));
      for (const value of values) {
        const theirs = validate(value);
        const found = ours.ok ? ours.value(value) : ours.error;
        seen[theirs ? "fits" : "not"] += 1;
        if (!ours.ok || (Array.isArray(found) && found.length === 0) !== theirs)
          differences.push({ schema, value, theirs, found });
      }
    }
    differences.sort((x, y) => JSON.stringify(x).length - JSON.stringify(y).length);
    expect(
      differences.slice(0, 3).map((x) => JSON.stringify(x)),
      `SEED=${SEED}, ${differences.length} differences`,
    ).toEqual([]);
    expect(Math.min(seen.fits, seen.not)).toBeGreaterThan((SCHEMAS * VALUES) / 8);
  });
});
