/**
 * How a compiled schema meets a value, and what a violation says.
 * Follows JSON Schema 2020-12 core, section 7: a subschema either fails, or passes on which keys it evaluated.
 * Refuses to go on when a value nests or costs too much; `not` cannot turn that into a pass.
 * Leaves the meaning of each keyword to assertions.ts and applicators.ts. A pattern that backtracks is its author's duty.
 */

import { depthWithin, isObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** What is wrong and where: `path` is a JSON Pointer, `message` begins with "must". */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

/** One keyword, compiled: it says through `fail` or `apply` what is wrong with a value. */
export type Check<V = unknown> = (value: V, at: Frame) => void;

/** One subschema, compiled. */
export type Node = Check[];

/** One subschema at one place of the value: what is wrong so far, and which keys or indices were evaluated. */
export interface Frame {
  readonly run: { steps: number; depth: number; gaveUp: boolean };
  readonly path: string;
  readonly faults: Violation[];
  readonly seen: Set<string>;
}

export type Guard<T> = (value: unknown) => value is T;

/** Compiles one keyword, or says what its own value must be. */
export type Keyword = (param: JsonValue, ctx: Context, name: string) => Check | string;

export const WRONG = "must have a value that JSON Schema 2020-12 allows here";

/** What a keyword may use: the schema around it, subschemas below it, and what references lead to. */
export interface Context {
  readonly schema: JsonObject;
  readonly formats: boolean;
  readonly isRoot: boolean;
  readonly sub: (raw: JsonValue, keyword: string, key?: string | number) => Node;
  readonly refer: (ref: JsonValue, keyword: string) => Check;
  readonly anchor: (name: string) => Check | string;
}

export const TOO_COSTLY = "must be smaller or flatter: checking it costs too much";
const MAX_VIOLATIONS = 20;
const MAX_VALUE_DEPTH = 128;
const MAX_STEPS = 2_000_000; // about one per item of the largest body; references that branch can cost 2^depth
const MAX_DEPTH = 512; // evaluations inside one another: half of what the stack of an isolate holds

/** Judges `value` by a compiled schema. Returns no violation when it fits, else at most 20. */
export function judge(root: Node, value: unknown): Violation[] {
  if (!depthWithin(value as JsonValue, MAX_VALUE_DEPTH))
    return [{ path: "", message: `must not nest deeper than ${MAX_VALUE_DEPTH} levels` }];
  const at: Frame = { run: { steps: 0, depth: 0, gaveUp: false }, path: "", faults: [], seen: new Set() };
  apply(root, value, at);
  if (at.run.gaveUp) return [{ path: "", message: TOO_COSTLY }];
  return at.faults.slice(0, MAX_VIOLATIONS);
}

/** Demands that a subschema fits this value, or its member at `key`. */
export function apply(node: Node, value: unknown, at: Frame, key?: string | number): void {
  if (at.faults.length < MAX_VIOLATIONS) at.faults.push(...attempt(node, value, at, key));
  if (key !== undefined) at.seen.add(String(key));
}

/** Tries a subschema on this value, or on its member at `key`. Only where it fits does what it evaluated count. */
export function attempt(node: Node, value: unknown, { run, path, seen }: Frame, key?: string | number): Violation[] {
  const inner: Frame = { run, path: key === undefined ? path : join(path, key), faults: [], seen: new Set() };
  run.steps += 1;
  run.gaveUp ||= run.steps > MAX_STEPS || run.depth >= MAX_DEPTH;
  if (run.gaveUp) return [];
  run.depth += 1;
  for (const check of node) check(value, inner);
  run.depth -= 1;
  if (inner.faults.length === 0) for (const one of key === undefined ? inner.seen : [String(key)]) seen.add(one);
  return inner.faults;
}

/** Records a violation at this place, or at its member `key`. */
export function fail(at: Frame, message: string, key?: string): void {
  if (at.faults.length >= MAX_VIOLATIONS) return;
  at.faults.push({ path: key === undefined ? at.path : join(at.path, key), message });
}

/** Limits a check to one kind of value: a keyword about it says nothing of the others. */
export function on<V>(kind: Guard<V>, check: Check<V>): Check {
  return (value, at) => kind(value) && check(value, at);
}

/** The check of a keyword that others read, or that only holds what references lead to. */
export const nothing: Check = () => {};

export const isAny: Guard<unknown> = (_value): _value is unknown => true;
export const isText: Guard<string> = (value) => typeof value === "string";
export const isList: Guard<JsonValue[]> = (value) => Array.isArray(value);

/** A value as a message shows it: scalars as JSON, cut at 60 characters; containers by kind. */
export function show(value: unknown): string {
  if (isList(value)) return `an array of ${value.length}`;
  if (isObject(value)) return "an object";
  return isText(value) && value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
}

/** Names in quotes, the first twelve of them. */
export function quote(names: readonly string[]): string {
  return names.slice(0, 12).map(show).join(", ") + (names.length > 12 ? ", …" : "") || "no properties";
}

/** A JSON Pointer (RFC 6901) one step further down. */
export function join(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
