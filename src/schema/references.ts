/**
 * Identity and references inside one schema document: `$id`, `$anchor`, `$ref`, and their dynamic kin.
 * Follows JSON Schema 2020-12 core, section 8.
 * Refuses references that leave the document (nothing is ever fetched), lead to no subschema, or loop on one value.
 * Leaves to the reader: `$vocabulary` and the meta-schemas are not known.
 */

import { isObject, type JsonValue } from "../base/json.ts";
import { apply, type Check, type Node, outermost, type Resource, show } from "./run.ts";

/** Why a schema cannot be used, and where in it (a JSON Pointer). */
export interface SchemaRefusal {
  readonly reason: "dialect" | "reference" | "loop" | "keyword" | "size";
  readonly at: string;
  readonly message: string;
}

export interface Document {
  readonly dialect: JsonValue | undefined;
  readonly old: boolean;
  readonly formats: boolean;
  readonly nodes: Map<string, Node>;
  readonly resources: Map<string, Resource>;
  /** References wait here until every subschema is compiled. */
  readonly links: (() => void)[];
  readonly refusals: SchemaRefusal[];
}

/** Where a subschema stands: its pointer, the URI that its references start from, and how deep it lies. */
export interface Place {
  readonly pointer: string;
  readonly base: string;
  readonly depth: number;
  readonly resource?: Resource;
}

export const BASE = "schema:///"; // the URI of a document that does not say its own

interface Spot {
  readonly doc: Document;
  readonly place: Place & { resource: Resource };
  readonly node: Node;
  readonly name: string;
}

/** Identity and references. `$id` is read by enterResource, before all others. */
export const core: Record<string, (param: JsonValue, spot: Spot) => Check | undefined> = {
  $schema: (param, { doc, place }) => {
    if (param !== doc.dialect)
      refuse(
        doc,
        "dialect",
        place.pointer,
        `Dialect ${show(param)} inside a schema of another dialect is not supported`,
      );
    return undefined;
  },
  $anchor: (param, spot) => addAnchor(param, spot, false),
  $dynamicAnchor: (param, spot) => addAnchor(param, spot, true),
  $ref: (param, spot) => refer(param, spot, (target, value, at) => apply(target, value, at)),
  $dynamicRef: (param, spot) => {
    const name = resolve(param, spot.place.base)?.fragment ?? "";
    return refer(param, spot, (target, value, at) =>
      apply(target.resource.dynamic.get(name) === target ? outermost(at, name, target) : target, value, at),
    );
  },
};

function addAnchor(name: JsonValue, { doc, place, node, name: keyword }: Spot, dynamic: boolean): undefined {
  const { anchors } = place.resource;
  if (typeof name !== "string" || !/^[A-Za-z_][\w.-]*$/.test(name))
    return refuse(doc, "keyword", place.pointer, `Keyword "${keyword}" must be a name, found ${show(name)}`);
  if ((anchors.get(name) ?? node) !== node)
    return refuse(doc, "reference", place.pointer, `Anchor ${show(name)} stands for two subschemas`);
  anchors.set(name, node);
  if (dynamic) place.resource.dynamic.set(name, node);
}

function refer(
  ref: JsonValue,
  { doc, place, node, name }: Spot,
  follow: (target: Node, ...rest: Parameters<Check>) => boolean,
): Check {
  let target: Node | undefined;
  doc.links.push(() => {
    // spec: schema.ref.network, schema.ref.unresolved
    const goal = resolve(ref, place.base);
    const resource = goal && doc.resources.get(goal.uri);
    if (!resource)
      return refuse(
        doc,
        "reference",
        place.pointer,
        `Reference "${name}" ${show(ref)} leaves the document, and nothing is fetched`,
      );
    const byPointer = goal.fragment === "" || goal.fragment.startsWith("/");
    target = byPointer ? doc.nodes.get(resource.pointer + goal.fragment) : resource.anchors.get(goal.fragment);
    if (target) node.here.push(target);
    else refuse(doc, "reference", place.pointer, `Reference "${name}" ${show(ref)} leads to no subschema`);
  });
  return (value, at) => target !== undefined && follow(target, value, at);
}

export function enterResource(
  doc: Document,
  schema: JsonValue | undefined,
  place: Place,
): Place & { resource: Resource } {
  const id = isObject(schema) ? schema["$id"] : undefined;
  const { resource } = place;
  if (id === undefined && resource) return { ...place, resource };
  const goal = id === undefined ? { uri: BASE, fragment: "" } : resolve(id, place.base);
  if (goal?.fragment !== "")
    refuse(doc, "keyword", place.pointer, `Keyword "$id" must be a URI without a fragment, found ${show(id)}`);
  const base = goal?.uri ?? BASE;
  if (doc.resources.has(base)) refuse(doc, "reference", place.pointer, `Two subschemas have the "$id" ${show(id)}`);
  const own: Resource = { pointer: place.pointer, anchors: new Map(), dynamic: new Map() };
  doc.resources.set(base, own);
  return { ...place, base, resource: own };
}

function resolve(ref: JsonValue, base: string): { uri: string; fragment: string } | undefined {
  if (typeof ref !== "string" || !URL.canParse(ref, base)) return undefined;
  const url = new URL(ref, base);
  const fragment = url.hash.slice(1);
  url.hash = "";
  try {
    return { uri: url.href, fragment: decodeURIComponent(fragment) };
  } catch {
    return undefined;
  }
}

export function refuse(doc: Document, reason: SchemaRefusal["reason"], at: string, message: string): undefined {
  doc.refusals.push({ reason, at, message });
}

/** A subschema that leads back to itself on the same value would be evaluated for ever. */
export function refuseLoops(doc: Document): void {
  const done = new Map<Node, boolean>();
  const visit = (node: Node): boolean => {
    const before = done.get(node);
    if (before !== undefined) return before;
    done.set(node, false);
    const fine = node.here.every(visit);
    done.set(node, fine);
    return fine;
  };
  for (const [at, node] of doc.nodes)
    if (!visit(node)) return refuse(doc, "loop", at, "References lead back here on the same value, for ever");
}
