/**
 * Compiles a JSON Schema into a function that judges values; into closures, because workerd forbids generated code.
 * Follows JSON Schema 2020-12 core, section 8 for identity and references. Unknown keywords mean nothing, as the text says.
 * Refuses other dialects, malformed keywords, what is too deep or too large, `$id` below the root, references that leave
 * the document (nothing is ever fetched), and references that loop on one value.
 * Leaves all other keywords to assertions.ts and applicators.ts, and the walk through a value to run.ts.
 */

import { depthWithin, isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import { applicators } from "./applicators.ts";
import { assertions } from "./assertions.ts";
import { apply, type Context, fail, isText, join, judge, type Keyword, type Node, nothing, show } from "./run.ts";
import { TOO_COSTLY, type Violation, WRONG } from "./run.ts";

/** Judges one value, as JSON.parse gives it. No violation means that it fits. */
export type Validator = (value: unknown) => Violation[];

const MAX_SCHEMA_DEPTH = 128; // of the schema as JSON
const MAX_SUBSCHEMAS = 2_000;
const DIALECT = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;

const isName = (name: unknown): name is string => isText(name) && /^[A-Za-z_][\w.-]*$/.test(name);

/** Identity, and then all other keywords in the order in which they run. */
const KEYWORDS: Record<string, Keyword> = {
  // spec: schema.dialect.declared, schema.dialect.default, schema.dialect.unsupported
  $schema: (uri) => (isText(uri) && DIALECT.test(uri) ? nothing : "must name 2020-12, the only dialect here"),
  $id: (id, { isRoot }) =>
    isRoot && isText(id) && !/#./.test(id) ? nothing : "must be a URI without fragment, and at the root only",
  $anchor: (name, { anchor }) => (isName(name) ? anchor(name) : WRONG),
  $dynamicAnchor: (name, { anchor }) => (isName(name) ? anchor(name) : WRONG),
  ...assertions,
  ...applicators,
};

interface Document {
  readonly formats: boolean;
  readonly id: JsonValue | undefined;
  readonly targets: Map<string, Node>; // subschemas by the fragments that lead to them: JSON Pointers and anchors
  readonly links: (() => void)[]; // references wait here until every subschema is compiled
  readonly refusals: Map<string, string>; // what is wrong with the schema, by JSON Pointer
}

/**
 * Compiles `schema` once; the validator may be called any number of times. `formats: true` makes `format` assert
 * email, uri, date and date-time; otherwise it only annotates. A refusal says where in the schema the fault is.
 * Not checked: that patterns are cheap to run.
 */
export function compileSchema(
  schema: JsonValue,
  { formats = false }: { readonly formats?: boolean } = {},
): Result<Validator, Violation> {
  // spec: schema.bounds
  if (!depthWithin(schema, MAX_SCHEMA_DEPTH)) return err({ path: "", message: "must not nest so deep" });
  const id = isObject(schema) ? schema["$id"] : undefined;
  const doc: Document = { formats, id, targets: new Map(), links: [], refusals: new Map() };
  const root = compileNode(doc, schema, "");
  for (const link of doc.links) link();
  // Where null costs too much, references lead back to the same value, for ever.
  const endless = [...doc.targets].find(([, node]) => judge(node, null)[0]?.message === TOO_COSTLY);
  if (endless) doc.refusals.set(endless[0], "must not lead back to itself on the same value");
  const [refusal] = doc.refusals;
  return refusal ? err({ path: refusal[0], message: refusal[1] }) : ok((value) => judge(root, value));
}

function compileNode(doc: Document, raw: JsonValue, pointer: string): Node {
  const node: Node = [];
  doc.targets.set(pointer, node);
  if (doc.targets.size > MAX_SUBSCHEMAS)
    doc.refusals.set(pointer, `must not be more than ${MAX_SUBSCHEMAS} subschemas`);
  else if (raw === false) node.push((_value, at) => fail(at, "must not be present"));
  else if (isObject(raw)) compileKeywords(doc, raw, node, pointer);
  else if (raw !== true) doc.refusals.set(pointer, `must be an object or a boolean, found ${show(raw)}`);
  return node;
}

function compileKeywords(doc: Document, schema: JsonObject, node: Node, pointer: string): void {
  const sub: Context["sub"] = (raw, keyword, key) => {
    const path = key === undefined ? join(pointer, keyword) : join(join(pointer, keyword), key);
    return doc.targets.get(path) ?? compileNode(doc, raw, path);
  };
  const refer: Context["refer"] = (ref, keyword) => {
    let target: Node | undefined;
    doc.links.push(() => {
      // spec: schema.ref.network, schema.ref.unresolved
      target = isText(ref) ? findTarget(doc, ref) : undefined;
      if (!target)
        doc.refusals.set(join(pointer, keyword), `must lead to a subschema of this document, found ${show(ref)}`);
    });
    return (value, at) => target && apply(target, value, at);
  };
  const anchor: Context["anchor"] = (name) => {
    if ((doc.targets.get(name) ?? node) !== node) return "must name one subschema only";
    doc.targets.set(name, node);
    return nothing;
  };
  const ctx: Context = { schema, formats: doc.formats, isRoot: pointer === "", sub, refer, anchor };
  for (const [name, keyword] of Object.entries(KEYWORDS)) {
    const param = schema[name];
    if (param === undefined) continue;
    const check = keyword(param, ctx, name);
    // spec: schema.valid
    if (isText(check)) doc.refusals.set(join(pointer, name), `${check}, found ${show(param)}`);
    else node.push(check);
  }
}

function findTarget(doc: Document, ref: string): Node | undefined {
  const [uri = "", fragment = ""] = ref.split("#");
  if (uri !== "" && uri !== doc.id) return undefined;
  try {
    return doc.targets.get(decodeURIComponent(fragment));
  } catch {
    return undefined; // an escape that is not UTF-8
  }
}
