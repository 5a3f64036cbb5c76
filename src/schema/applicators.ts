/**
 * The keywords that hold or name subschemas: members, references, logic, and what was left unevaluated.
 * Follows JSON Schema 2020-12 core, sections 8 to 11. One row per keyword; `one`, `list` or `byName` says what it holds.
 * The order of the rows is part of the meaning: `others` takes the members that no row before it has evaluated.
 * Refuses, when compiling, a keyword of the wrong shape. Leaves where references lead to compile.ts.
 */

import { isObject, type JsonObject } from "../base/json.ts";
import { isCount, isPattern, rule } from "./assertions.ts";
import { apply, attempt, type Check, type Context, fail, type Guard, isAny, isList, isText } from "./run.ts";
import { type Keyword, type Node, nothing, on, quote, show, WRONG } from "./run.ts";

export const applicators: Record<string, Keyword> = {
  $defs: byName(isAny, () => nothing),
  definitions: byName(isAny, () => nothing),
  contentSchema: one(isAny, () => nothing),

  // 10.3.1 Arrays
  prefixItems: list(isList, (nodes) => (value, at) => {
    for (const [index, node] of nodes.slice(0, value.length).entries()) apply(node, value[index], at, index);
  }),
  items: others(isList),
  minContains: rule(isAny, isCount, () => nothing),
  maxContains: rule(isAny, isCount, () => nothing),
  contains: one(isList, (node, { schema }) => (value, at) => {
    const { minContains: min = 1, maxContains: max = value.length } = schema;
    const hits = value.filter((item, index) => attempt(node, item, at, index).length === 0).length;
    if (hits < Number(min)) fail(at, `must have at least ${Number(min)} items that fit "contains", found ${hits}`);
    if (hits > Number(max)) fail(at, `must have at most ${Number(max)} items that fit "contains", found ${hits}`);
  }),

  // 10.3.2 Objects
  properties: byName(isObject, (nodes) => (value, at) => {
    for (const [key, node] of nodes) if (Object.hasOwn(value, key)) apply(node, value[key], at, key);
  }),
  patternProperties: byName(isObject, patternProperties, isPattern),
  additionalProperties: others(isObject),
  propertyNames: one(isObject, (node) => (value, at) => {
    for (const key of Object.keys(value))
      for (const { message } of attempt(node, key, at).slice(0, 1))
        fail(at, `must not have a property named ${show(key)}: the name ${message}`);
  }),

  // 8.2.3 References. In one document without embedded resources the dynamic scope is that document.
  $ref: (ref, { refer }, name) => refer(ref, name),
  $dynamicRef: (ref, { refer }, name) => refer(ref, name),

  // 10.2 The same value
  allOf: list(isAny, (nodes) => (value, at) => nodes.forEach((node) => apply(node, value, at))),
  anyOf: alternatives(Infinity),
  oneOf: alternatives(1),
  not: one(isAny, (node, { schema }) => (value, at) => {
    if (attempt(node, value, at).length > 0) return;
    fail(at, `must not fit ${JSON.stringify(schema["not"]).slice(0, 200)}, found ${show(value)}`);
  }),
  // oxlint-disable-next-line unicorn/no-thenable -- the keyword is called so; nobody awaits this table
  then: one(isAny, () => nothing),
  else: one(isAny, () => nothing),
  if: one(isAny, (node, { schema: { then: yes, else: no }, sub }) => {
    const [thenNode, elseNode] = [yes !== undefined && sub(yes, "then"), no !== undefined && sub(no, "else")];
    return (value, at) => {
      const next = attempt(node, value, at).length === 0 ? thenNode : elseNode;
      if (next) apply(next, value, at);
    };
  }),
  dependentSchemas: byName(isObject, (nodes) => (value, at) => {
    for (const [key, node] of nodes) if (Object.hasOwn(value, key)) apply(node, value, at);
  }),

  // 11 Unevaluated. After a failure nobody knows what was evaluated, and the answer is no anyway.
  unevaluatedItems: others(isList, true),
  unevaluatedProperties: others(isObject, true),
};

type Named = readonly (readonly [name: string, node: Node])[];

function one<V>(kind: Guard<V>, make: (node: Node, ctx: Context) => Check<V>): Keyword {
  return (param, ctx, name) => on(kind, make(ctx.sub(param, name), ctx));
}

function list<V>(kind: Guard<V>, make: (nodes: readonly Node[]) => Check<V>): Keyword {
  return (param, { sub }, name) => {
    if (!isList(param) || param.length === 0) return WRONG;
    return on(kind, make(param.map((raw, index) => sub(raw, name, index))));
  };
}

function byName<V>(kind: Guard<V>, make: (nodes: Named) => Check<V>, isName: Guard<string> = isText): Keyword {
  return (param, { sub }, name) => {
    if (!isObject(param) || !Object.keys(param).every(isName)) return WRONG;
    return on(kind, make(Object.entries(param).map(([key, raw]) => [key, sub(raw, name, key)])));
  };
}

function patternProperties(nodes: Named): Check<JsonObject> {
  const rules = nodes.map(([source, node]) => ({ pattern: new RegExp(source, "u"), node }));
  return (value, at) => {
    for (const key of Object.keys(value))
      for (const { pattern, node } of rules) if (pattern.test(key)) apply(node, value[key], at, key);
  };
}

/** Every member that no row before has evaluated. */
function others<V extends object>(kind: Guard<V>, onlySoFarFine = false): Keyword {
  return (param, { schema: { properties }, sub }, name) => {
    const node = sub(param, name);
    const known = isObject(properties) ? ` (known here: ${quote(Object.keys(properties))})` : "";
    return on(kind, (value, at) => {
      if (onlySoFarFine && at.faults.length > 0) return;
      for (const [key, item] of Object.entries(value).filter(([one]) => !at.seen.has(one)))
        if (param === false) fail(at, `must not be present${known}`, key);
        else apply(node, item, at, key);
    });
  };
}

/** At least one of the subschemas fits, and no more than `most`. */
function alternatives(most: number): Keyword {
  return list(isAny, (nodes) => (value, at) => {
    const tries = nodes.map((node) => attempt(node, value, at));
    const hits = tries.flatMap((faults, index) => (faults.length === 0 ? [index + 1] : []));
    const must = `must fit ${most === 1 ? "exactly " : ""}one of ${nodes.length} alternatives`;
    if (hits.length > most) fail(at, `${must}, fits ${hits.join(" and ")}`);
    if (hits.length > 0) return;
    const why = tries.slice(0, 4).map(([first], index) => `(${index + 1}) ${first?.path || "/"} ${first?.message}`);
    fail(at, `${must}: ${why.join("; ").slice(0, 600)}`);
  });
}
