/**
 * A bound on the faults that zod finds in one value. zod keeps each in memory and has no way to stop: of a hundred thousand
 * objects that lack ten members each they are half a gigabyte, and an isolate has 128 MB.
 */

/** What zod makes of a value: its faults, and itself. */
interface Read {
  readonly issues: object[];
}
interface Payload extends Read {
  readonly value: unknown;
}

/** As much of a zod schema, of either half, as is used here. */
interface Schema {
  readonly _zod: {
    readonly def: {
      readonly type: string;
      readonly options?: readonly Schema[];
      readonly innerType?: Schema;
    };
    /** Of one that is lazy. */
    readonly innerType?: Schema;
    run: (payload: never, context: never) => Read | Promise<object>;
  };
}

/** Parts of a value that may be wrong before the check gives up. */
const MAX_FAULTS = 10_000;
/** Thrown where there are more. */
export const TOO_MANY_FAULTS: Error = new Error("Too many faults");

/** Of the check at hand, which nothing interrupts. Elsewhere zod runs as it always does. */
let faultsLeft = Infinity;
const limited = new WeakSet<object>();

/** What `check` gives. One within another, as of a refinement, is counted with it. @throws {@link TOO_MANY_FAULTS} */
export function withinFaultLimit<T>(check: () => T): T {
  const before = faultsLeft;
  faultsLeft = Math.min(before, MAX_FAULTS);
  try {
    return check();
  } finally {
    faultsLeft = before;
  }
}

/** Has every schema within `schema` count what is wrong by it, whenever {@link withinFaultLimit} runs it. */
export function limitFaultsOf(schema: Schema): void {
  if (limited.has(schema)) return;
  limited.add(schema);
  const { _zod: internals } = schema;
  const { run } = internals;
  internals.run = (payload, context) => {
    const before = faultsLeft;
    // What a lazy schema stands for is known when it is asked.
    if (internals.innerType !== undefined) limitFaultsOf(internals.innerType);
    const read = alternatives.has(schema)
      ? runAlternative(() => run(payload, context), payload)
      : run(payload, context);
    if (read instanceof Promise) return read;
    // What was wrong by alternatives that a value does not take is forgotten, with those that it does.
    if (read.issues.length === 0) faultsLeft = before;
    else if ((faultsLeft -= 1) < 0) throw TOO_MANY_FAULTS;
    return read;
  };
  const { def } = internals;
  if (def.type === "union") for (const option of def.options ?? []) alternatives.add(option);
  if (def.type === "catch" && def.innerType !== undefined) alternatives.add(def.innerType);
  for (const part of partsOf(def)) limitFaultsOf(part);
}

/** Schemas by which a value may be wrong, and fit all the same: options of a union, and what a `catch` stands behind. */
const alternatives = new WeakSet<object>();

/** By an alternative with too many faults the value is wrong, once: it may fit the next. */
function runAlternative(
  run: () => Read | Promise<object>,
  payload: Payload,
): Read | Promise<object> {
  const before = faultsLeft;
  try {
    return run();
  } catch (error) {
    if (error !== TOO_MANY_FAULTS) throw error;
    faultsLeft = before;
    payload.issues.splice(0, Infinity, {
      code: "custom",
      message: "has too many faults",
      input: payload.value,
    });
    return payload;
  }
}

/**
 * The schemas that a schema is made of, whatever its kind, but for that of a record's names: zod tries it twice, and a name
 * is wrong once at most.
 */
function partsOf(definition: object): Schema[] {
  const { shape = {}, keyType, ...others } = definition as Readonly<Record<string, unknown>>;
  const parts = Object.values({ ...others, members: Object.values(Object(shape) as object) });
  return parts.flat().filter((part) => isSchema(part) && part !== keyType) as Schema[];
}

function isSchema(value: unknown): value is Schema {
  return "_zod" in Object(value);
}
