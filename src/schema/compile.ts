/**
 * Compiles a JSON Schema into a function that judges values; into closures, because workerd forbids generated code.
 * Follows JSON Schema 2020-12 core. Unknown keywords mean nothing, as the text says.
 * Refuses unsupported dialects, malformed keywords, and schemas that are too deep or too large.
 * Leaves the keywords to references.ts, assertions.ts and applicators.ts, and the walk through a value to run.ts.
 */

import { depthWithin, isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { applicators } from "./applicators.ts";
import { assertions, type Context } from "./assertions.ts";
import { modernize, readDialect } from "./dialect.ts";
import {
  BASE,
  core,
  type Document,
  enterResource,
  type Place,
  refuse,
  refuseLoops,
  type SchemaRefusal,
} from "./references.ts";
import { type Check, fail, join, judge, type Node, type Resource, show, type Violation } from "./run.ts";

export type { SchemaRefusal } from "./references.ts";
export type { Violation } from "./run.ts";

/** Judges one value, as JSON.parse gives it. No violation means that it fits. */
export type Validator = (value: unknown) => Violation[];

const MAX_SCHEMA_DEPTH = 64;
const MAX_SUBSCHEMAS = 2_000;
const MAX_TEXT_DEPTH = 256; // of the schema as JSON, with its enums and constants
const SAME_VALUE = new Set<unknown>(["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"]);

/**
 * Compiles `schema` once; the validator may be called any number of times. `formats: true` makes `format` assert
 * email, uri, date and date-time; otherwise it only annotates. Not checked: that patterns are cheap to run.
 */
export function compileSchema(
  schema: JsonValue,
  options: { readonly formats?: boolean } = {},
): Result<Validator, SchemaRefusal> {
  // spec: schema.dialect.declared, schema.dialect.unsupported
  const dialect = isObject(schema) ? schema["$schema"] : undefined;
  const spoken = readDialect(dialect);
  if (!spoken)
    return err({
      reason: "dialect",
      at: "",
      message: `Dialect ${show(dialect)} is not supported, only 2020-12 and draft-07`,
    });
  // spec: schema.bounds
  if (!depthWithin(schema, MAX_TEXT_DEPTH))
    return err({ reason: "size", at: "", message: "The schema nests too deep" });
  const formats = options.formats ?? false;
  const doc: Document = {
    dialect,
    old: spoken === "draft-07",
    formats,
    nodes: new Map(),
    resources: new Map(),
    links: [],
    refusals: [],
  };
  const root = compileNode(doc, schema, { pointer: "", base: BASE, depth: 0 });
  for (const link of doc.links) link();
  refuseLoops(doc);
  const [refusal] = doc.refusals;
  if (refusal) return err(refusal);
  const remember = [...doc.nodes.keys()].some((pointer) => /\/unevaluated(?:Items|Properties)$/.test(pointer));
  return ok((value) => judge(root, value, remember));
}

function compileNode(doc: Document, raw: JsonValue | undefined, place: Place): Node {
  const schema = doc.old && isObject(raw) ? modernize(raw) : raw;
  const own = enterResource(doc, schema, place);
  const node: Node = { resource: own.resource, checks: [], here: [] };
  doc.nodes.set(place.pointer, node);
  if (place.depth > MAX_SCHEMA_DEPTH)
    refuse(doc, "size", place.pointer, `Subschemas nest deeper than ${MAX_SCHEMA_DEPTH}`);
  else if (doc.nodes.size > MAX_SUBSCHEMAS)
    refuse(doc, "size", place.pointer, `There are more than ${MAX_SUBSCHEMAS} subschemas`);
  else if (schema === false) node.checks.push((_value, at) => fail(at, "must not be present"));
  else if (isObject(schema)) compileKeywords(doc, schema, own, node);
  else if (schema !== true)
    refuse(doc, "keyword", place.pointer, `A schema must be an object or a boolean, found ${show(schema)}`);
  return node;
}

/** Reads the keywords in the order of the tables, not of the schema: what asks for results comes after what gives them. */
function compileKeywords(doc: Document, schema: JsonObject, place: Place & { resource: Resource }, node: Node): void {
  const ctx: Context = {
    schema,
    formats: doc.formats,
    sub: (keyword, key) => {
      const holder = schema[keyword];
      const path = key === undefined ? join(place.pointer, keyword) : join(join(place.pointer, keyword), key);
      const raw = key === undefined ? holder : (holder as { [key: string | number]: JsonValue })[key];
      const child = doc.nodes.get(path) ?? compileNode(doc, raw, { ...place, pointer: path, depth: place.depth + 1 });
      if (SAME_VALUE.has(keyword)) node.here.push(child);
      return child;
    },
    // spec: schema.valid
    refuse: (keyword, message) =>
      refuse(doc, "keyword", join(place.pointer, keyword), `Keyword "${keyword}" ${message}`),
  };
  const compile = (table: object, build: (name: string, param: JsonValue) => Check | undefined): void => {
    for (const name of Object.keys(table)) {
      const param = schema[name];
      const check = param === undefined ? undefined : build(name, param);
      if (check) node.checks.push(check);
    }
  };
  compile(core, (name, param) => core[name]?.(param, { doc, place, node, name }));
  compile(assertions, (name, param) => assertions[name]?.(param, ctx, name));
  compile(applicators, (name, param) => applicators[name]?.(param, ctx, name));
}
