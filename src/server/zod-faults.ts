/**
 * How many bytes of faults zod would keep of a value: it goes on to the end, and keeps each. A hundred thousand empty objects
 * that lack ten members each are half a gigabyte, and an isolate has 128 MB. Walks schema and value as zod does, without
 * running anything of the app's where few faults can be. Not counted: what a conversion (`transform`, `preprocess`) makes of
 * a value, and what a check of the app's own adds beyond one fault.
 */

import { isObject } from "../base/json.ts";
import type { Definition, ZodSchema } from "./zod-checks.ts";

/** Of all faults of a value: a fault for each of 100,000 values that has one check fits, see MAX_JSON_VALUES. */
const MAX_FAULT_BYTES = 50_000_000;
/** About what one takes, without its path. */
const FAULT_BYTES = 350;
/** An entry of a path, and one of the list of tags in each fault of a tag. */
const ENTRY_BYTES = 8;
/** Schemas within schemas, deeper than any value is. */
const MAX_SCHEMA_DEPTH = 500;

/**
 * Whether `value` is to be refused unseen, because zod could find too many faults in it. Nothing that fits is, but where a
 * list of many thousand fits one alternative and not the others, or has several checks of its own for each object.
 */
export function hasTooManyFaults(schema: ZodSchema, value: unknown): boolean {
  const isRecursive = hasCycle(schema);
  return [false, true].every((isExact) => {
    try {
      new FaultCounter(isExact, isRecursive).count(schema, value, 0);
      return false;
    } catch (error) {
      if (error === TOO_MANY) return true;
      throw error;
    }
  });
}

const TOO_MANY: Error = new Error("Too many faults");

class FaultCounter {
  /** Whether texts and numbers are checked, and not taken to fail. */
  readonly #isExact: boolean;
  readonly #isRecursive: boolean;
  /** What is counted already where one value meets several schemas, which may refer to themselves. */
  readonly #known = new Map<ZodSchema, Map<unknown, number>>();

  constructor(isExact: boolean, isRecursive: boolean) {
    this.#isExact = isExact;
    this.#isRecursive = isRecursive;
  }

  /** The bytes of the faults of `value`, so deep in the whole. @throws {@link TOO_MANY} */
  count(schema: ZodSchema, value: unknown, depth: number): number {
    const bytes = this.#ofType(schema, value, depth);
    if (bytes > MAX_FAULT_BYTES) throw TOO_MANY;
    return bytes;
  }

  #ofType(schema: ZodSchema, value: unknown, depth: number): number {
    const { def, optin, optout } = schema._zod;
    if (value === undefined && optin === "optional" && optout === "optional") return 0;
    const fault = this.#bytesOfFault(depth);
    const own = (def.checks?.length ?? 0) * fault;
    switch (def.type) {
      case "array":
        return Array.isArray(value) ? own + this.#ofItems([], def.element, value, depth) : fault;
      case "tuple":
        return Array.isArray(value) ? own + this.#ofTuple(def, value, depth) : fault;
      case "object":
        return isObject(value) ? own + this.#ofObject(def, value, depth) : fault;
      case "record":
        return isObject(value) ? own + this.#ofRecord(def, value, depth) : fault;
      case "union":
        return own + this.#ofUnion(schema, value, depth);
      case "intersection":
        return (
          own + this.#once(schema, value, () => this.#ofAll([def.left, def.right], value, depth))
        );
      case "pipe":
        return own + this.#ofAll([def.in, def.out].filter(isNoTransform), value, depth);
      case "lazy":
        return own + this.#ofAll(partsOf(schema), value, depth);
      case "nullable":
        return value === null ? 0 : this.count(def.innerType, value, depth);
      case "default":
      case "prefault":
        return value === undefined ? 0 : own + this.count(def.innerType, value, depth);
      case "optional":
      case "nonoptional":
      case "readonly":
      case "catch":
        return own + this.count(def.innerType, value, depth);
      default:
        return this.#ofLeaf(schema, value, fault);
    }
  }

  /** Of a schema that refers to itself zod keeps a copy at each level above. */
  #bytesOfFault(depth: number): number {
    return (FAULT_BYTES + ENTRY_BYTES * depth) * (this.#isRecursive ? depth + 1 : 1);
  }

  #ofAll(schemas: readonly ZodSchema[], value: unknown, depth: number): number {
    let bytes = 0;
    for (const schema of schemas) bytes += this.count(schema, value, depth);
    return bytes;
  }

  /** `first`: the schemas of the first ones; `rest`: of the others. */
  #ofItems(
    first: readonly ZodSchema[],
    rest: ZodSchema | null | undefined,
    values: readonly unknown[],
    depth: number,
  ): number {
    let bytes = 0;
    for (let index = 0; index < Math.max(first.length, values.length); index += 1) {
      const schema = first[index] ?? rest;
      if (schema) bytes += this.count(schema, values[index], depth + 1);
      if (bytes > MAX_FAULT_BYTES) throw TOO_MANY;
    }
    return bytes;
  }

  #ofTuple({ items, rest }: Definition, values: readonly unknown[], depth: number): number {
    const extra = !rest && values.length > items.length ? this.#bytesOfFault(depth) : 0;
    return extra + this.#ofItems(items, rest, values, depth);
  }

  #ofObject({ shape, catchall }: Definition, value: object, depth: number): number {
    const members = new Map(Object.entries(value));
    let bytes = 0;
    for (const [name, member] of Object.entries(shape)) {
      bytes += this.count(member, members.get(name), depth + 1);
      members.delete(name);
    }
    if (catchall !== undefined)
      for (const member of members.values()) bytes += this.count(catchall, member, depth + 1);
    return bytes;
  }

  #ofRecord({ keyType, valueType }: Definition, value: object, depth: number): number {
    let bytes = 0;
    for (const [name, member] of Object.entries(value)) {
      const ofName = this.count(keyType, name, depth + 1);
      // A wrong name is a fault around its faults.
      bytes += ofName === 0 ? 0 : ofName + this.#bytesOfFault(depth);
      bytes += this.count(valueType, member, depth + 1);
      if (bytes > MAX_FAULT_BYTES) throw TOO_MANY;
    }
    for (const name of keyType._zod.values ?? [])
      if (!Object.hasOwn(value, String(name))) bytes += this.count(valueType, undefined, depth + 1);
    return bytes;
  }

  /** zod keeps the faults of all alternatives, unless one of them fits. Where a member tells which is meant, that one alone. */
  #ofUnion(schema: ZodSchema, value: unknown, depth: number): number {
    const { options, discriminator, unionFallback, inclusive } = schema._zod.def;
    const fault = this.#bytesOfFault(depth);
    if (discriminator !== undefined && unionFallback !== true) {
      if (!isObject(value)) return fault;
      const tag = value[discriminator];
      const option = options.find((one) => one._zod.propValues?.[discriminator]?.has(tag) === true);
      if (option === undefined) return fault + options.length * ENTRY_BYTES;
      return this.count(option, value, depth);
    }
    // Of `xor` exactly one may fit.
    const isExclusive = inclusive === false && discriminator === undefined;
    return this.#once(schema, value, () => {
      let bytes = fault;
      let fitCount = 0;
      for (const option of options) {
        const ofOption = this.count(option, value, depth);
        if (ofOption === 0) fitCount += 1;
        if (fitCount > 0 && !isExclusive) return 0;
        bytes += ofOption;
      }
      return fitCount === 1 ? 0 : bytes;
    });
  }

  #once(schema: ZodSchema, value: unknown, count: () => number): number {
    if (typeof value !== "object") return count();
    const known = this.#known.get(schema) ?? new Map<unknown, number>();
    this.#known.set(schema, known);
    const bytes = known.get(value) ?? count();
    known.set(value, bytes);
    return bytes;
  }

  #ofLeaf(schema: ZodSchema, value: unknown, fault: number): number {
    const { def, values } = schema._zod;
    if (values !== undefined) return values.has(value) ? 0 : fault;
    if (def.type === "any" || def.type === "unknown" || def.type === "transform")
      return value === undefined ? fault : 0;
    const isSimple = def.type === "string" || def.type === "number" || def.type === "boolean";
    const checkCount = (def.checks?.length ?? 0) + (def.format === undefined ? 0 : 1);
    if (isSimple && typeof value === def.type && checkCount === 0) return 0;
    if (!this.#isExact) return fault * Math.max(checkCount, 1);
    const read = schema._zod.run({ value, issues: [] }, {});
    return read instanceof Promise ? fault : read.issues.length * fault;
  }
}

/** What is known of schemas: whether they refer to themselves somewhere. */
const cyclic = new WeakMap<ZodSchema, boolean>();

/** `open`: the schemas around this one. One whose parts have no end is as good as a cycle. */
function hasCycle(schema: ZodSchema, open: Set<ZodSchema> = new Set()): boolean {
  const known = cyclic.get(schema);
  if (known !== undefined) return known;
  if (open.has(schema) || open.size > MAX_SCHEMA_DEPTH) return true;
  open.add(schema);
  const found = partsOf(schema).some((part) => hasCycle(part, open));
  open.delete(schema);
  cyclic.set(schema, found);
  return found;
}

function partsOf({ _zod: { def, innerType } }: ZodSchema): ZodSchema[] {
  const { element, items, rest, shape, catchall, keyType, valueType, options, left, right } = def;
  const parts = [
    innerType,
    def.innerType,
    element,
    rest,
    catchall,
    keyType,
    valueType,
    left,
    right,
  ];
  return [
    ...parts,
    def.in,
    def.out,
    ...(items ?? []),
    ...(options ?? []),
    ...Object.values(shape ?? {}),
  ].filter((part) => part !== undefined && part !== null);
}

function isNoTransform({ _zod }: ZodSchema): boolean {
  return _zod.def.type !== "transform";
}
