/**
 * What may be absent of a value that zod reads, before or after its conversions: members of objects, items of lists.
 * Asked of schemas that were written before, which therefore do not refer to themselves: of others it would not end.
 */

import type { Io, ZodSchema } from "./zod-checks.ts";

/** Whether a member may be left out. */
export function mayLack(schema: ZodSchema, io: Io): boolean {
  const { def, optin, optout } = schema._zod;
  if (io === "output") return optout !== undefined || takesUndefined(schema);
  switch (def.type) {
    // zod lets these see that nothing is there; what may be left out is for the schema within to say.
    case "catch":
    case "nullable":
    case "readonly":
      return mayLack(def.innerType, io);
    case "pipe":
      return mayLack(isTransform(def.in) ? def.out : def.in, io);
    case "lazy":
      return mayLack(def.getter(), io);
    case "union":
      return def.options.some((option) => mayLack(option, io));
    default:
      return optin !== undefined;
  }
}

/** Whether a tuple may end before this item. One that comes out as undefined is there, as null. */
export function mayEndBefore(item: ZodSchema, io: Io): boolean {
  return io === "output" ? item._zod.optout !== undefined : mayLack(item, io);
}

/** Whether `undefined` may come out: JSON leaves out a member that is so. */
export function takesUndefined({ _zod: { def } }: ZodSchema): boolean {
  switch (def.type) {
    case "any":
    case "unknown":
    case "optional":
      return true;
    case "union":
      return def.options.some(takesUndefined);
    case "nullable":
    case "readonly":
    case "catch":
      return takesUndefined(def.innerType);
    case "lazy":
      return takesUndefined(def.getter());
    case "pipe":
      return takesUndefined(def.out);
    default:
      return false;
  }
}

/** Whether a schema converts, and looks at nothing. */
export function isTransform(schema: ZodSchema): boolean {
  return schema._zod.traits.has("$ZodTransform");
}
