/** What zod could find wrong in a value, by the schema and the value alone: nothing is run. See `zod-faults.ts`. */

import { isObject } from "../base/json.ts";
import type { Definition, ZodCheck, ZodSchema } from "./zod-checks.ts";
import {
  ENTRY_BYTES,
  FAULT_BYTES,
  faultsOfNothing,
  isSurelyGood,
  isTransform,
  LEAVES,
  MOST_REMEMBERED,
  partCountOf,
  partsOf,
  tagsOf,
  type Cost,
} from "./zod-parts.ts";

/** Thrown where there are more than fit. */
export const TOO_MANY: Error = new Error("Too many faults");

/** Every part of a value is taken to fail each check, and each alternative. */
export class PossibleFaults {
  protected readonly isRecursive: boolean;
  /** Steps after which a part is remembered: all would take more than the value. */
  protected readonly rememberedAfter: number = 50;
  protected readonly isActual: boolean = false;
  readonly #most: number;
  #bytes = 0;
  /** Where the faults begin that zod keeps in one: those of an alternative are not copied further up. */
  #copiedFrom = 0;
  #steps = 0;
  /** What parts came to: one meets several schemas, which may refer to themselves. */
  readonly #known = new Map<ZodSchema, Map<unknown, Cost>>();

  constructor(isRecursive: boolean, most: number = Infinity) {
    this.isRecursive = isRecursive;
    this.#most = most;
  }

  /** Adds the faults of `value`, so deep in the whole, and gives what it came to. @throws {@link TOO_MANY} */
  count(schema: ZodSchema, value: unknown, depth: number): Cost {
    const { optin, optout } = schema._zod;
    if (value === undefined && optin === "optional" && optout === "optional")
      return { bytes: 0, steps: 0 };
    this.#steps += 1;
    const before = this.#known.get(schema)?.get(value);
    if (before !== undefined) {
      this.addBytes(before.bytes);
      this.#steps += before.steps;
      return before;
    }
    const stepsBefore = this.#steps;
    const bytes = this.bytesOf(() => this.countPart(schema, value, depth));
    const cost = {
      bytes: Math.min(bytes, MOST_REMEMBERED),
      steps: Math.min(this.#steps - stepsBefore, MOST_REMEMBERED),
    };
    if (cost.steps > this.rememberedAfter && typeof value === "object" && value !== null) {
      const known = this.#known.get(schema) ?? new Map<unknown, Cost>();
      this.#known.set(schema, known.set(value, cost));
    }
    return cost;
  }

  protected countPart(schema: ZodSchema, value: unknown, depth: number): void {
    const bytes = this.bytesOf(() => this.#countType(schema, value, depth));
    this.countChecks(schema._zod.def.checks ?? [], value, bytes === 0, depth);
  }

  #countType(schema: ZodSchema, value: unknown, depth: number): void {
    const { def } = schema._zod;
    if (LEAVES.has(def.type)) return this.#countLeaf(schema, value, depth);
    switch (def.type) {
      case "array":
        if (Array.isArray(value)) this.#countItems([], def.element, value, depth);
        else this.addFaults(1, depth);
        return;
      case "tuple":
        this.countLength(def, value, depth);
        if (Array.isArray(value)) this.#countItems(def.items, def.rest, value, depth);
        return;
      case "object":
        if (isObject(value)) this.#countMembers(def, value, depth);
        else this.addFaults(1, depth);
        return;
      case "record":
        if (isObject(value)) this.#countRecord(def, value, depth);
        else this.addFaults(1, depth);
        return;
      case "union":
        this.#countUnion(schema, value, depth);
        return;
      case "default":
      case "prefault":
        if (value !== undefined) this.count(def.innerType, value, depth);
        return;
      case "nullable":
        if (value !== null) this.count(def.innerType, value, depth);
        return;
      case "catch":
        this.countWithin(depth, () => this.countFallback(def.innerType, value, depth));
        return;
      default:
        this.#countOther(schema, value, depth);
    }
  }

  /** One of the app's own may find fault with each item. `_isGood`: whether `value` is all right but for these checks. */
  protected countChecks(
    checks: readonly ZodCheck[],
    value: unknown,
    _isGood: boolean,
    depth: number,
  ): void {
    for (const { _zod: check } of checks)
      this.addFaults(check.def.check === "custom" ? Math.max(partCountOf(value), 1) : 1, depth);
  }

  protected addFaults(count: number, depth: number): void {
    // Of a schema that refers to itself zod keeps a copy at each level above.
    const copies = this.isRecursive ? Math.max(depth - this.#copiedFrom, 0) + 1 : 1;
    this.addBytes(count * (FAULT_BYTES + ENTRY_BYTES * depth) * copies);
  }

  protected addBytes(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#most) throw TOO_MANY;
  }

  protected countLength(_def: Definition, _value: unknown, depth: number): void {
    this.addFaults(1, depth);
  }

  /** What `count` adds. */
  protected bytesOf(count: () => void): number {
    const before = this.#bytes;
    count();
    return this.#bytes - before;
  }

  /** zod lets go of what it found in an alternative that another has made good. */
  protected release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Counts what zod keeps in one fault, so deep. */
  protected countWithin(depth: number, count: () => void): void {
    const outer = this.#copiedFrom;
    this.#copiedFrom = depth;
    count();
    this.#copiedFrom = outer;
  }

  protected countFallback(schema: ZodSchema, value: unknown, depth: number): void {
    this.count(schema, value, depth);
  }

  protected countName(schema: ZodSchema, name: string, depth: number): void {
    this.count(schema, name, depth);
  }

  protected countAlternatives({ options }: Definition, value: unknown, depth: number): void {
    this.addFaults(1, depth);
    this.countWithin(depth, () => {
      for (const option of options) this.count(option, value, depth);
    });
  }

  #countLeaf(schema: ZodSchema, value: unknown, depth: number): void {
    if (!isSurelyGood(schema, value)) this.addFaults(1, depth);
  }

  /** What is around another schema, and all else. */
  #countOther(schema: ZodSchema, value: unknown, depth: number): void {
    const parts = this.partsToCount(schema);
    if (parts.length === 0) return this.#countLeaf(schema, value, depth);
    for (const part of parts) this.count(part, value, depth);
    if (schema._zod.def.type === "pipe") this.countConversion(schema._zod.def, depth);
  }

  protected partsToCount(schema: ZodSchema): readonly ZodSchema[] {
    return partsOf(schema).filter((part) => !isTransform(part));
  }

  /** A conversion may find a fault, or make something of the value that lacks all. */
  protected countConversion(def: Definition, depth: number): void {
    this.addFaults(1 + (isTransform(def.in) ? faultsOfNothing(def.out) : 0), depth);
  }

  /** `first`: the schemas of the first ones; `rest`: of the others. */
  #countItems(
    first: readonly ZodSchema[],
    rest: ZodSchema | null | undefined,
    values: readonly unknown[],
    depth: number,
  ): void {
    for (let index = 0; index < Math.max(first.length, values.length); index += 1) {
      const schema = first[index] ?? rest;
      if (schema) this.count(schema, values[index], depth + 1);
    }
  }

  #countMembers({ shape, catchall }: Definition, value: object, depth: number): void {
    const members = new Map(Object.entries(value));
    for (const [name, member] of Object.entries(shape)) {
      const bytes = this.bytesOf(() => this.count(member, members.get(name), depth + 1));
      const isThere = members.delete(name);
      // What would take nothing for it is to be there all the same.
      if (!isThere && bytes === 0 && member._zod.optin === undefined) this.addFaults(1, depth);
    }
    if (catchall !== undefined)
      for (const member of members.values()) this.count(catchall, member, depth + 1);
  }

  #countRecord(
    { keyType, valueType, partial, mode }: Definition,
    value: object,
    depth: number,
  ): void {
    for (const [name, member] of Object.entries(value)) {
      const ofName = this.bytesOf(() => this.countName(keyType, name, depth + 1));
      if (mode === "loose") {
        // What another name has is passed as it is.
        this.release(ofName);
        if (ofName > 0 && this.isActual) continue;
      } else if (ofName > 0) this.addFaults(1, depth); // around those of the name
      this.count(valueType, member, depth + 1);
    }
    if (partial === true) return;
    for (const name of keyType._zod.values ?? [])
      if (!Object.hasOwn(value, String(name))) this.count(valueType, undefined, depth + 1);
  }

  /** Where a member tells which alternative is meant, that one alone is looked at. */
  #countUnion(schema: ZodSchema, value: unknown, depth: number): void {
    const { def } = schema._zod;
    const { discriminator, unionFallback } = def;
    if (discriminator === undefined || unionFallback === true)
      return this.countAlternatives(def, value, depth);

    const tags = tagsOf(schema, discriminator);
    const option = tags.get(isObject(value) ? value[discriminator] : undefined);
    if (option === undefined) {
      this.addFaults(1, depth);
      // Each fault has a list of all of them.
      this.addBytes(tags.size * ENTRY_BYTES);
    } else this.count(option, value, depth);
  }
}
