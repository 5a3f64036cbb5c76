/**
 * The keywords that hold subschemas: references, logic, objects, arrays, and what was left unevaluated.
 * Follows JSON Schema 2020-12 core, sections 10 and 11, one entry per keyword, in the order they run:
 * `unevaluated…` must come last, because they ask what all the others have seen.
 * Refuses, when compiling, a subschema that is no object or boolean. Leaves `$ref` and `$id` to compile.ts.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { type Context, isCount, type Keyword, regExp } from "./assertions.ts";
import {
  all,
  apply,
  attempt,
  type Check,
  descend,
  fail,
  type Frame,
  join,
  mark,
  type Node,
  onArray,
  onObject,
  quote,
  show,
  type Violation,
} from "./run.ts";

export const applicators: Record<string, Keyword> = {
  // Places where subschemas lie that something else may point to.
  $defs: schemaMap(() => undefined),
  definitions: schemaMap(() => undefined),
  contentSchema: schema(() => undefined),

  allOf: schemas((nodes) => (value, at) => all(nodes, (node) => apply(node, value, at))),
  anyOf: schemas((nodes) => (value, at) => {
    const misses = nodes.map((node) => attempt(node, value, at));
    return misses.includes(undefined) || fail(at, noneFits(misses, at));
  }),
  oneOf: schemas((nodes) => (value, at) => {
    const misses = nodes.map((node) => attempt(node, value, at));
    const hits = misses.flatMap((miss, index) => (miss === undefined ? [index + 1] : []));
    if (hits.length === 0) return fail(at, noneFits(misses, at));
    return (
      hits.length === 1 || fail(at, `must fit only one of ${nodes.length} alternatives, fits ${hits.join(" and ")}`)
    );
  }),
  not: schema((node, ctx) => {
    const unwanted = `must not fit ${JSON.stringify(ctx.schema["not"]).slice(0, 200)}`;
    return (value, at) => attempt(node, value, at) !== undefined || fail(at, `${unwanted}, found ${show(value)}`);
  }),
  if: schema((node, ctx) => {
    const [yes, no] = ["then", "else"].map((name) => (Object.hasOwn(ctx.schema, name) ? ctx.sub(name) : undefined));
    return (value, at) => {
      const next = attempt(node, value, at) === undefined ? yes : no;
      return next === undefined || apply(next, value, at);
    };
  }),
  // oxlint-disable-next-line unicorn/no-thenable -- the keyword is called so; nobody awaits this table
  then: schema(() => undefined),
  else: schema(() => undefined),
  dependentSchemas: schemaMap((nodes) =>
    onObject((value, at) => all(nodes, ([key, node]) => !Object.hasOwn(value, key) || apply(node, value, at))),
  ),

  properties: schemaMap((nodes) =>
    onObject((value, at) =>
      all(nodes, ([key, node]) => !Object.hasOwn(value, key) || descend(node, value[key], at, key)),
    ),
  ),
  patternProperties: schemaMap((nodes, ctx) => {
    const rules = nodes.map(([source, node]) => ({ pattern: regExp(source, ctx, "patternProperties"), node }));
    return onObject((value, at) =>
      all(Object.keys(value), (key) =>
        all(rules, ({ pattern, node }) => !pattern.test(key) || descend(node, value[key], at, key)),
      ),
    );
  }),
  additionalProperties: schema((node, ctx) => {
    const known = new Set(keysOf(ctx.schema["properties"]));
    const patterns = keysOf(ctx.schema["patternProperties"]).map((source) => regExp(source, ctx, "patternProperties"));
    const hint = `known here: ${quote([...known, ...patterns.map((pattern) => `/${pattern.source}/`)])}`;
    const extra = leftOver(node, ctx.schema["additionalProperties"], hint);
    const covered = (key: string): boolean => known.has(key) || patterns.some((pattern) => pattern.test(key));
    return onObject((value, at) => all(Object.keys(value), (key) => covered(key) || extra(value[key], at, key)));
  }),
  propertyNames: schema((node) =>
    onObject((value, at) =>
      all(Object.keys(value), (key) => {
        const miss = attempt(node, key, at);
        return miss === undefined || fail(at, `must not have a property named ${show(key)}: the name ${miss.message}`);
      }),
    ),
  ),

  prefixItems: schemas((nodes) =>
    onArray((value, at) =>
      all(nodes.slice(0, value.length).entries(), ([index, node]) => descend(node, value[index], at, index)),
    ),
  ),
  items: schema((node, ctx) => {
    const { prefixItems } = ctx.schema;
    const from = Array.isArray(prefixItems) ? prefixItems.length : 0;
    const extra = leftOver(node, ctx.schema["items"], `at most ${from} items`);
    return onArray((value, at) => all(value.entries(), ([index, item]) => index < from || extra(item, at, index)));
  }),
  contains: schema((node, ctx) => {
    const { minContains = 1, maxContains = Infinity } = ctx.schema;
    const [min, max] = [Number(minContains), Number(maxContains)];
    return onArray((value, at) => {
      const fits = (item: unknown, index: number): boolean =>
        attempt(node, item, { ...at, path: join(at.path, index), seen: new Set() }) === undefined;
      const hits = value.flatMap((item, index) => (fits(item, index) ? [index] : []));
      for (const index of hits) mark(at, index);
      if (hits.length < min)
        return fail(at, `must have at least ${min} items that fit "contains", found ${hits.length}`);
      return hits.length <= max || fail(at, `must have at most ${max} items that fit "contains", found ${hits.length}`);
    });
  }),
  minContains: onlyCount, // `contains` reads both
  maxContains: onlyCount,

  unevaluatedProperties: schema((node, ctx) => {
    const extra = leftOver(node, ctx.schema["unevaluatedProperties"], "no part of the schema knows this property");
    return onObject((value, at) => all(Object.keys(value), (key) => at.seen.has(key) || extra(value[key], at, key)));
  }),
  unevaluatedItems: schema((node, ctx) => {
    const extra = leftOver(node, ctx.schema["unevaluatedItems"], "no part of the schema knows this item");
    return onArray((value, at) =>
      all(value.entries(), ([index, item]) => at.seen.has(index) || extra(item, at, index)),
    );
  }),
};

function schema(make: (node: Node, ctx: Context) => Check | undefined): Keyword {
  return (_param, ctx, name) => make(ctx.sub(name), ctx);
}

function schemas(make: (nodes: Node[]) => Check): Keyword {
  return (param, ctx, name) => {
    if (!Array.isArray(param) || param.length === 0) return ctx.refuse(name, "must be a non-empty array of schemas");
    return make(param.map((_, index) => ctx.sub(name, index)));
  };
}

function schemaMap(make: (nodes: [string, Node][], ctx: Context) => Check | undefined): Keyword {
  return (param, ctx, name) => {
    if (!isObject(param)) return ctx.refuse(name, "must be an object of schemas");
    return make(
      Object.keys(param).map((key) => [key, ctx.sub(name, key)]),
      ctx,
    );
  };
}

function onlyCount(param: JsonValue, ctx: Context, name: string): undefined {
  if (!isCount(param)) ctx.refuse(name, "must be a whole number of at least 0");
}

/** What to do with keys or items that no other keyword took: apply the subschema; if that is `false`, give a hint. */
function leftOver(node: Node, param: JsonValue | undefined, hint: string): Extra {
  if (param !== false) return (value, at, key) => descend(node, value, at, key);
  return (_value, at, key) => fail(at, `must not be present (${hint})`, key);
}

type Extra = (value: unknown, at: Frame, key: string | number) => boolean;

function keysOf(param: JsonValue | undefined): string[] {
  return isObject(param) ? Object.keys(param) : [];
}

function noneFits(misses: (Violation | undefined)[], at: Frame): string {
  const why = misses.slice(0, 4).map((miss, index) => {
    const path = miss?.path.slice(at.path.length) ?? "";
    return `(${index + 1}) ${path && `${path} `}${miss?.message}`;
  });
  return `must fit one of ${misses.length} alternatives: ${why.join("; ").slice(0, 600)}`;
}
