/**
 * The dialects of JSON Schema that are read: 2020-12 as it is, draft-07 by putting its spelling into the words of 2020-12.
 * Follows the appendix on changes of 2020-12 and 2019-09. Refuses every other `$schema`.
 * Leaves out references into what was renamed (`#/items/0`, `#/dependencies/a`): they lead to no subschema.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";

const SUPPORTED = /^https?:\/\/json-schema\.org\/(?:draft\/2020-12|(draft-07))\/schema#?$/;
const BESIDE_REF = ["$ref", "$schema", "definitions", "$defs"];
const NEWER =
  "$anchor $dynamicAnchor $dynamicRef prefixItems minContains maxContains dependentRequired dependentSchemas unevaluatedItems unevaluatedProperties".split(
    " ",
  );

/** Which dialect a `$schema` names, or undefined for one that is not supported. */
export function readDialect(uri: JsonValue | undefined): "2020-12" | "draft-07" | undefined {
  if (uri === undefined) return "2020-12"; // spec: schema.dialect.default
  const match = typeof uri === "string" ? SUPPORTED.exec(uri) : null;
  return match ? (match[1] ? "draft-07" : "2020-12") : undefined;
}

/** One subschema of draft-07 in the words of 2020-12. What stands beside `$ref` means nothing there. */
export function modernize(schema: JsonObject): JsonObject {
  const { $id: id, items, additionalItems, dependencies, ...others } = schema;
  const isRef = Object.hasOwn(schema, "$ref");
  const entries = Object.entries(others).filter(([name]) =>
    isRef ? BESIDE_REF.includes(name) : !NEWER.includes(name),
  );
  const add = (name: string, value: JsonValue | undefined): void => {
    if (value !== undefined && !isRef) entries.push([name, value]);
  };
  if (typeof id === "string" && id.startsWith("#")) add("$anchor", id.slice(1));
  else add("$id", id);
  const tuple = Array.isArray(items);
  if (tuple && items.length > 0) add("prefixItems", items);
  add("items", tuple ? additionalItems : items);
  const rules = Object.entries(isObject(dependencies) ? dependencies : {});
  add("dependentRequired", Object.fromEntries(rules.filter(([, rule]) => Array.isArray(rule))));
  add("dependentSchemas", Object.fromEntries(rules.filter(([, rule]) => !Array.isArray(rule))));
  return Object.fromEntries(entries);
}
