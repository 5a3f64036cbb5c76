/** What zod's schemas are made of, and what faults in them take. */

import type { ZodSchema } from "./zod-checks.ts";

/** Whether a schema converts, and looks at nothing. */
export function isTransform(schema: ZodSchema): boolean {
  return schema._zod.traits.has("$ZodTransform");
}

/** Whether a value without parts is known to fit, by a look. */
export function isSurelyGood({ _zod: { def, values } }: ZodSchema, value: unknown): boolean {
  if (values !== undefined) return values.has(value);
  if (value === undefined) return false;
  const isSimple = def.type === "string" || def.type === "number" || def.type === "boolean";
  if (isSimple) return typeof value === def.type && def.format === undefined;
  return def.type === "any" || def.type === "unknown" || def.type === "transform";
}

/** The schemas within a schema. */
export function partsOf({ _zod: { def, innerType } }: ZodSchema): ZodSchema[] {
  const { element, rest, catchall, keyType, valueType, left, right } = def;
  const single = [innerType ?? def.innerType, def.in, def.out, left, right];
  const members = [element, rest, catchall, keyType, valueType];
  const lists = [...(def.items ?? []), ...(def.options ?? []), ...Object.values(def.shape ?? {})];
  return [...single, ...members, ...lists].filter((part) => part !== undefined && part !== null);
}

/** Schemas within schemas, deeper than any value is. */
const MAX_SCHEMA_DEPTH = 500;
/** What is known of schemas: whether they refer to themselves somewhere. */
const cyclic = new WeakMap<ZodSchema, boolean>();

/** Whether a schema refers to itself somewhere. `open`: those around it. One whose parts have no end is as good as that. */
export function hasCycle(schema: ZodSchema, open: Set<ZodSchema> = new Set()): boolean {
  const known = cyclic.get(schema);
  if (known !== undefined) return known;
  if (open.has(schema) || open.size > MAX_SCHEMA_DEPTH) return true;
  open.add(schema);
  const found = partsOf(schema).some((part) => hasCycle(part, open));
  open.delete(schema);
  cyclic.set(schema, found);
  return found;
}

const knownTags = new WeakMap<ZodSchema, ReadonlyMap<unknown, ZodSchema>>();

/** What the member `discriminator` can be, and the alternative that is meant by it. */
export function tagsOf(schema: ZodSchema, discriminator: string): ReadonlyMap<unknown, ZodSchema> {
  const known = knownTags.get(schema);
  if (known !== undefined) return known;
  const tags = new Map<unknown, ZodSchema>();
  for (const option of schema._zod.def.options)
    for (const tag of option._zod.propValues?.[discriminator] ?? []) tags.set(tag, option);
  knownTags.set(schema, tags);
  return tags;
}

const knownFaults = new WeakMap<ZodSchema, number>();

/** Members that an object of a schema that refers to itself may lack. */
const FAULTS_OF_CYCLE = 20;

/** The faults of a value that lacks all: an empty object, or a list of one. */
export function faultsOfNothing(schema: ZodSchema): number {
  const known = knownFaults.get(schema);
  if (known !== undefined) return known;
  if (hasCycle(schema)) return FAULTS_OF_CYCLE;
  const faults = partsOf(schema).reduce((sum, part) => sum + faultsOfNothing(part), 0);
  knownFaults.set(schema, Math.max(faults, 1));
  return Math.max(faults, 1);
}

/** Schemas of values that have no parts, and are nearly all. */
export const LEAVES: ReadonlySet<string> = new Set([
  "string",
  "number",
  "boolean",
  "literal",
  "enum",
]);

/** Items of a list, or members of an object. */
export function partCountOf(value: unknown): number {
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

/** About what a fault takes, without its path. */
export const FAULT_BYTES = 350;
/** An entry of a path, and one of the list of tags in each fault of a tag. */
export const ENTRY_BYTES = 8;

/** What a part of a value comes to, at most {@link MOST_REMEMBERED} each: `steps` are those of whoever remembers nothing. */
export interface Cost {
  readonly bytes: number;
  readonly steps: number;
}

/** More than any bound. Sums of more would lose what is added to them. */
export const MOST_REMEMBERED = 100_000_000;
