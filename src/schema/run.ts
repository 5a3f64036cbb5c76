/**
 * How a compiled schema meets a value: frames, checks, and what a violation says.
 * Follows JSON Schema 2020-12 core, sections 7 (evaluation) and 8.2.3.2 (dynamic scope).
 * Refuses to go on, with one violation, when a value nests or costs too much: `not` cannot turn that into a pass.
 * Leaves the meaning of each keyword to assertions.ts and applicators.ts. A pattern that backtracks is its author's duty.
 */

import { canonicalJson, depthWithin, isObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** What is wrong and where. `path` is a JSON Pointer into the value; `message` says what was expected and found. */
export interface Violation {
  path: string;
  message: string;
}

/** One keyword, compiled. Answers false after it has said why through `fail`. */
export type Check = (value: unknown, at: Frame) => boolean;

/** One subschema, compiled. `here` lists the subschemas it applies to the same value: a loop through them never ends. */
export interface Node {
  readonly resource: Resource;
  readonly checks: Check[];
  readonly here: Node[];
}

/** A schema with its own URI: the document, or a part of it that carries `$id`. */
export interface Resource {
  readonly pointer: string;
  readonly anchors: Map<string, Node>;
  readonly dynamic: Map<string, Node>;
}

/** One validation: what it has cost, whether keys must be remembered for `unevaluated…`, and why it was given up. */
interface Run {
  steps: number;
  readonly remember: boolean;
  gaveUp: Violation | undefined;
}

interface Scope {
  readonly resource: Resource;
  readonly outer: Scope | undefined;
}

/** One subschema at one place of the value. `seen` holds the keys or indices evaluated so far. */
export interface Frame {
  readonly run: Run;
  readonly path: string;
  readonly out: Violation[];
  readonly limit: number;
  readonly seen: Set<string | number>;
  readonly scope: Scope | undefined;
  readonly nesting: number;
}

const MAX_VIOLATIONS = 20;
const MAX_VALUE_DEPTH = 128;
const MAX_STEPS = 2_000_000; // subschema evaluations: about one per item of the largest body
const MAX_NESTING = 512; // evaluations inside one another: half of what the stack of an isolate holds

/** Judges `value` by a compiled schema. Returns no violation when it fits, else at most 20. */
export function judge(root: Node, value: unknown, remember: boolean): Violation[] {
  if (!depthWithin(value as JsonValue, MAX_VALUE_DEPTH)) {
    return [{ path: "", message: `must not nest deeper than ${MAX_VALUE_DEPTH} levels` }];
  }
  const run: Run = { steps: 0, remember, gaveUp: undefined };
  const out: Violation[] = [];
  const limit = MAX_VIOLATIONS;
  enter(root, value, { run, path: "", out, limit, seen: new Set(), scope: undefined, nesting: 0 });
  return run.gaveUp ? [run.gaveUp] : out;
}

/** Applies a subschema to the same value; what it evaluated counts for the parent. */
export function apply(node: Node, value: unknown, at: Frame): boolean {
  const seen = new Set<string | number>();
  const valid = enter(node, value, { ...at, seen });
  for (const key of seen) at.seen.add(key);
  return valid;
}

/** Tries a subschema on the same value. Returns its first violation; when there is none, what it evaluated counts. */
export function attempt(node: Node, value: unknown, at: Frame): Violation | undefined {
  const out: Violation[] = [];
  const seen = new Set<string | number>();
  if (!enter(node, value, { ...at, out, limit: 1, seen })) return out[0] ?? at.run.gaveUp;
  for (const key of seen) at.seen.add(key);
  return undefined;
}

/** Applies a subschema to one property or item and remembers that it was evaluated. */
export function descend(node: Node, value: unknown, at: Frame, key: string | number): boolean {
  mark(at, key);
  return enter(node, value, { ...at, path: join(at.path, key), seen: new Set() });
}

/** Remembers a key or index as evaluated, if any keyword of the document will ask. */
export function mark(at: Frame, key: string | number): void {
  if (at.run.remember) at.seen.add(key);
}

/** The outermost resource of the dynamic scope that declares `$dynamicAnchor: name`, else `fallback`. */
export function outermost(at: Frame, name: string, fallback: Node): Node {
  let found = fallback;
  for (let scope = at.scope; scope; scope = scope.outer) found = scope.resource.dynamic.get(name) ?? found;
  return found;
}

/** Records a violation at this place, or at one of its keys. Always false, so a check can end in `|| fail(…)`. */
export function fail(at: Frame, message: string, key?: string | number): false {
  const path = key === undefined ? at.path : join(at.path, key);
  if (at.out.length < at.limit) at.out.push({ path, message });
  return false;
}

/** Limits a check to strings, arrays or objects: keywords about one kind of value say nothing about the others. */
export function onText(check: (value: string, at: Frame) => boolean): Check {
  return (value, at) => typeof value !== "string" || check(value, at);
}

export function onArray(check: (value: unknown[], at: Frame) => boolean): Check {
  return (value, at) => !Array.isArray(value) || check(value, at);
}

export function onObject(check: (value: JsonObject, at: Frame) => boolean): Check {
  return (value, at) => !isObject(value) || check(value, at);
}

/** Runs `test` on every element, also after a failure, so that one answer names all violations. */
export function all<T>(list: Iterable<T>, test: (element: T) => boolean): boolean {
  let valid = true;
  for (const element of list) valid = test(element) && valid;
  return valid;
}

function enter(node: Node, value: unknown, from: Frame): boolean {
  const { run } = from;
  if (run.gaveUp || from.out.length >= from.limit) return false;
  run.steps += 1;
  if (run.steps > MAX_STEPS || from.nesting >= MAX_NESTING) {
    run.gaveUp = {
      path: from.path,
      message: "must be smaller or flatter: checking it against the schema costs too much",
    };
    return false;
  }
  const inside = from.scope?.resource === node.resource;
  const scope = inside ? from.scope : { resource: node.resource, outer: from.scope };
  const at = { ...from, scope, nesting: from.nesting + 1 };
  let valid = true; // a loop, not `all`: fewer stack frames for each level
  for (const check of node.checks) valid = check(value, at) && valid;
  return valid;
}

/** One text per JSON value, whatever the order of keys: equal text means equal value. */
export function canonical(value: unknown): string {
  return canonicalJson(value as JsonValue); // values come from JSON.parse, and nest within MAX_VALUE_DEPTH
}

/** A value as a message shows it: scalars as JSON, cut at 60 characters; containers by kind and size. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isObject(value)) return `an object with ${quote(Object.keys(value))}`;
  if (typeof value !== "string") return String(value);
  return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
}

/** A list of names in quotes, the first twelve of them. */
export function quote(names: Iterable<string>): string {
  const list = [...names];
  const rest = list.length > 12 ? ` and ${list.length - 12} more` : "";
  return list.length === 0 ? "no properties" : `${list.slice(0, 12).map(show).join(", ")}${rest}`;
}

/** A JSON Pointer (RFC 6901) one step further down. */
export function join(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
