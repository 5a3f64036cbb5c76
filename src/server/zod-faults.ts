/**
 * zod goes on to the end, and keeps every fault that it finds: a hundred thousand empty objects that lack ten members each are half a
 * gigabyte of faults, and an isolate has 128 MB. So a count stands before each schema within a schema, and once it is too much
 * no schema looks at anything more.
 *
 * The counts stay in the app's schemas, and do nothing where the app itself uses them. What is not counted, SECURITY.md says.
 */

import {
  refuseIntersection,
  schemasOfChecks,
  type Definition,
  type Payload,
  type Run,
  type ZodSchema,
} from "./zod-checks.ts";
import { Count, leaveUnseen, UNSEEN } from "./zod-count.ts";

/** Of the value that is being read. zod reads at once, or says that it cannot. */
let current: Count | undefined;

/**
 * Reads `payload.value` with a schema that is counted. With `isTooMuch` it is to be refused, whatever was found: what then
 * stands in `payload.issues` is some of it.
 * @throws what a check of the app's throws, and for an intersection within the schema
 */
export function runCounted(
  schema: ZodSchema,
  payload: Payload,
  context: object,
): { readonly read: Payload | Promise<Payload>; readonly isTooMuch: boolean } {
  const outer = current;
  const count = new Count(context);
  current = count;
  try {
    const read = schema._zod.run(payload, context);
    // What it throws of what was not looked at is nobody's fault.
    if (count.thrown !== undefined && !count.isTooMuch) throw count.thrown.error;
    if (!(read instanceof Promise))
      read.issues.splice(0, Infinity, ...read.issues.filter((fault) => fault !== UNSEEN));
    return { read, isTooMuch: count.isTooMuch };
  } finally {
    current = outer;
  }
}

const counted = new WeakSet<object>();

/** @throws for an intersection; one that stands within is found when the schema around it is used first */
export function countLooksOf(schema: ZodSchema): void {
  const internals = schema._zod;
  if (counted.has(internals)) return;
  refuseIntersection(internals.def);
  counted.add(internals);
  // Without checks they are one, and zod may put another in its place.
  let ownRun = internals.run === internals.parse ? undefined : internals.run;
  const defs = definitionsOf(schema);
  const hasSchemasInChecks = defs.some((def) => schemasOfChecks(def).length > 0);
  const looked = { schema, defs, hasSchemasInChecks };
  let isFirst = true;
  const step: Run = (payload, context) => {
    const run = ownRun ?? internals.parse;
    const count = current;
    if (count === undefined) return run(payload, context);
    if (!count.isOf(context)) return withoutCount(() => run(payload, context));
    try {
      if (!count.isTooMuch && count.thrown === undefined) {
        // Not earlier: a schema may be made when it is needed.
        if (isFirst) for (const part of partsOf(schema)) countLooksOf(part);
        isFirst = false;
        return count.look(looked, payload, context, () => run(payload, context));
      }
    } catch (error) {
      // A schema that comes back to itself without going into the value has no end.
      if (isOutOfStack(error)) count.isTooMuch = true;
      else count.thrown ??= { error };
    }
    leaveUnseen(payload);
    return payload;
  };
  Object.defineProperty(internals, "run", {
    configurable: true,
    get: () => step,
    // "zod/compile" puts another there when a schema is used first.
    set: (run: Run) => {
      ownRun = run;
    },
  });
}

/** What the app reads within a check is its own. */
function withoutCount<T>(read: () => T): T {
  const outer = current;
  current = undefined;
  try {
    return read();
  } finally {
    current = outer;
  }
}

function isOutOfStack(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}

/** The one alternative of a union, which zod takes without what stands before it. */
function onlyOption({ options }: Definition): ZodSchema | undefined {
  return options?.length === 1 ? options[0] : undefined;
}

/** The definition of a schema; with that of its one alternative. */
function definitionsOf({ _zod: { def } }: ZodSchema): readonly Definition[] {
  const only = onlyOption(def);
  return only === undefined ? [def] : [def, ...definitionsOf(only)];
}

/** The schemas within a schema. */
function partsOf({ _zod: { def, innerType } }: ZodSchema): ZodSchema[] {
  const { element, rest, catchall, keyType, valueType } = def;
  const single = [innerType ?? def.innerType, def.in, def.out];
  const members = [element, rest, catchall, keyType, valueType];
  const lists = [...(def.items ?? []), ...(def.options ?? []), ...Object.values(def.shape ?? {})];
  const parts = [...single, ...members, ...lists, ...schemasOfChecks(def)].filter(
    (part) => part !== undefined && part !== null,
  );
  const only = onlyOption(def);
  return only === undefined ? parts : [...parts, ...partsOf(only)];
}
