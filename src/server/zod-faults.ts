/**
 * zod goes on to the end, and keeps every fault that it finds: a hundred thousand empty objects that lack ten members each are half a
 * gigabyte of faults, and an isolate has 128 MB. So a step stands before each schema within a schema. It counts what zod
 * keeps, and once that is too much no schema looks at anything more.
 *
 * The steps stay in the app's schemas, and do nothing where the app itself uses them. Not counted: what a check of the app's
 * adds in one go, until it returns; and what is made of a value that fits, such as defaults.
 */

import { MAX_NAMED_FAULTS } from "../base/faults.ts";
import type { Definition, Payload, ZodSchema } from "./zod-checks.ts";

/** What zod may keep at a time: 100,000 faults, which is about as many as it can pass on at once. */
const MAX_KEPT_BYTES = 50_000_000;
/** How often any schema may look at anything, a few seconds of work: alternatives within alternatives can double it with each level. */
const MAX_LOOKS = 10_000_000;

/** What a fault takes at most, without its path. */
const FAULT_BYTES = 500;
/** An entry of a path, of a list of names that are not known, or of tags. */
const ENTRY_BYTES = 8;
/** About what zod makes of an object or a list, and of any other value; and what it needs to remember an object or a list. */
const CONTAINER_BYTES = 120;
const VALUE_BYTES = 20;
const MEMORY_BYTES = 80;

const CONTAINERS: ReadonlySet<string> = new Set([
  "object",
  "array",
  "tuple",
  "record",
  "map",
  "set",
]);

/** Why a value is refused that was not looked at to its end. */
export type TooMuch = "has too many faults" | "takes too many steps to check";

/** As much of a fault of zod's as is read here. */
interface Fault {
  readonly path?: readonly unknown[];
  readonly keys?: readonly unknown[];
  readonly options?: readonly unknown[];
}

/** Whether zod tries one schema after another, and keeps what they found until one fits. */
function hasAlternatives({ type, discriminator, unionFallback }: Definition): boolean {
  return type === "union" && (discriminator === undefined || unionFallback === true);
}

/** What zod remembers of one reading: what came of each object and list, by schema, as soon as a schema refers to itself. */
interface Memory {
  readonly "~memo"?: { readonly buckets: WeakMap<object, WeakMap<object, unknown>> };
}

function isRemembered(context: Memory, schema: ZodSchema, value: unknown): boolean {
  return context["~memo"]?.buckets.get(schema)?.has(value as object) === true;
}

/** What is counted while zod reads one value. */
class Count {
  /** For good: what is not looked at may be right. */
  tooMuch: TooMuch | undefined;
  /** What a check of the app's threw. zod would keep what it has open for ever if that went through it. */
  thrown: { readonly error: unknown } | undefined;
  /** Bytes of faults that zod keeps now. */
  #faults = 0;
  /** Bytes of what it made for alternatives that are still open. */
  #made = 0;
  /** Bytes of what it remembers until it is done. */
  #remembered = 0;
  #looks = 0;
  #openUnions = 0;

  /** Has `read` look at a value with a schema. */
  look(
    schema: ZodSchema,
    { value, issues }: Payload,
    context: Memory,
    read: () => Payload | Promise<Payload>,
  ): Payload | Promise<Payload> {
    const faultsBefore = this.#faults;
    const madeBefore = this.#made;
    const foundBefore = issues.length;
    const isUnion = hasAlternatives(schema._zod.def);
    const isKnown = isRemembered(context, schema, value);
    this.#looks += 1;
    if (this.#looks > MAX_LOOKS) this.tooMuch = "takes too many steps to check";
    if (isUnion) this.#openUnions += 1;
    const payload = read();
    if (isUnion) this.#openUnions -= 1;
    if (payload instanceof Promise) return payload;

    const found = payload.issues.slice(foundBefore);
    // Whatever zod tried before it found what fits, it lets go of what was wrong with that.
    if (found.length === 0) this.#faults = faultsBefore;
    // What the schemas within found is counted already: it is the same, or stands within the fault of a union.
    const foundBytes = found.reduce((sum, fault) => sum + bytesOf(fault), 0);
    this.#faults = Math.max(this.#faults, faultsBefore + foundBytes);
    if (!isKnown) {
      const madeBytes = CONTAINERS.has(schema._zod.def.type) ? CONTAINER_BYTES : VALUE_BYTES;
      if (context["~memo"] !== undefined) this.#remembered += madeBytes;
      else if (this.#openUnions > 0) this.#made += madeBytes;
      if (isRemembered(context, schema, value)) this.#remembered += MEMORY_BYTES + foundBytes;
    }
    if (isUnion) {
      // Of the alternatives no more than one is left, which fits.
      this.#made = madeBefore;
      // What they found is remembered within the fault of the union.
      if (context["~memo"] !== undefined && foundBytes > 0)
        this.#remembered += this.#faults - faultsBefore;
    }
    if (this.#faults + this.#made + this.#remembered > MAX_KEPT_BYTES)
      this.tooMuch = "has too many faults";
    // What was found first is enough.
    if (this.tooMuch !== undefined) payload.issues.splice(foundBefore + MAX_NAMED_FAULTS);
    return payload;
  }
}

/** Without what stands within it: that was counted where it was found. */
function bytesOf({ path = [], keys = [], options = [] }: Fault): number {
  return FAULT_BYTES + ENTRY_BYTES * (path.length + keys.length + options.length);
}

/** Of the value that is being read. zod reads at once, or says that it cannot. */
let current: Count | undefined;

/**
 * Reads `payload.value`. With `tooMuch` it is to be refused, whatever was found: what then stands in `payload.issues` is some of it.
 * @throws what a check of the app's throws
 */
export function runCounted(
  schema: ZodSchema,
  payload: Payload,
  context: object,
): { readonly read: Payload | Promise<Payload>; readonly tooMuch: TooMuch | undefined } {
  putStepBefore(schema);
  const outer = current;
  const count = new Count();
  current = count;
  try {
    const read = schema._zod.run(payload, context);
    if (count.thrown !== undefined) throw count.thrown.error;
    if (!(read instanceof Promise))
      read.issues.splice(0, Infinity, ...read.issues.filter((fault) => fault !== UNSEEN));
    return { read, tooMuch: count.tooMuch };
  } finally {
    current = outer;
  }
}

/** Stands for all that is not looked at. zod writes the way to a fault into it; this one is at no place, however often it is passed on. */
const UNSEEN: object = {
  code: "custom",
  get path() {
    return [];
  },
  set path(_path) {},
};

const withStep = new WeakSet<ZodSchema>();

function putStepBefore(schema: ZodSchema): void {
  if (withStep.has(schema)) return;
  withStep.add(schema);
  const internals = schema._zod;
  // Without checks they are one, and zod may put another in its place.
  const ownRun = internals.run === internals.parse ? undefined : internals.run;
  let isFirst = true;
  internals.run = (payload, context) => {
    const run = ownRun ?? internals.parse;
    const count = current;
    if (count === undefined) return run(payload, context);
    try {
      if (count.tooMuch === undefined && count.thrown === undefined) {
        // Not earlier: a schema may be made when it is needed.
        if (isFirst) for (const part of partsOf(schema)) putStepBefore(part);
        isFirst = false;
        return count.look(schema, payload, context, () => run(payload, context));
      }
    } catch (error) {
      // A schema that comes back to itself without going into the value has no end.
      if (isOutOfStack(error)) count.tooMuch = "takes too many steps to check";
      else count.thrown = { error };
    }
    payload.issues.push(UNSEEN);
    return payload;
  };
}

function isOutOfStack(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}

/** The schemas within a schema. */
function partsOf({ _zod: { def, innerType } }: ZodSchema): ZodSchema[] {
  const { element, rest, catchall, keyType, valueType, left, right } = def;
  const single = [innerType ?? def.innerType, def.in, def.out, left, right];
  const members = [element, rest, catchall, keyType, valueType];
  const lists = [...(def.items ?? []), ...(def.options ?? []), ...Object.values(def.shape ?? {})];
  const ofChecks = (def.checks ?? []).flatMap(({ _zod: { def: check } }) => [
    check.schema,
    ...Object.values(check.shape ?? {}),
  ]);
  const parts = [...single, ...members, ...lists, ...ofChecks].filter(
    (part) => part !== undefined && part !== null,
  );
  // zod takes the one alternative of a union without the step before it.
  const only = def.options?.length === 1 ? def.options[0] : undefined;
  return only === undefined ? parts : [...parts, ...partsOf(only)];
}
