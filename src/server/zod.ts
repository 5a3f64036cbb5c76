/**
 * What this server asks of zod. The functional half, "zod/mini", is 12 KiB gzipped smaller than the chaining one, and
 * takes schemas of both: an app writes whichever it likes.
 */

import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { cut } from "../base/bytes.ts";
import { err, ok, type Result } from "../base/result.ts";

// The smaller half speaks no language by itself, and what it says is for models to read.
z.config(en());

/** A value as its reader needs it, or what is wrong with it. */
export type Check<T = unknown> = (value: unknown) => Result<T, string>;

/** Whichever half of zod it was made with. */
export function isZodSchema(given: unknown): given is z.core.$ZodType {
  return "_zod" in Object(given);
}

/** Faults that are named, and characters of each: a value may have as many as it has members, and names of its own. */
const MAX_ISSUES = 10;
const MAX_FAULT_LENGTH = 500;

/** A check of values by zod; the reason is a phrase per fault that a model can act on. */
export function checkWith<T>(schema: z.core.$ZodType<T>): Check<T> {
  return (value) => {
    let more = 0;
    // zod puts every fault in words, which is half of the work: it is given only the first ones.
    const run: typeof schema._zod.run = (payload, context) => {
      const read = schema._zod.run(payload, context);
      if (!(read instanceof Promise)) more = read.issues.splice(MAX_ISSUES).length;
      return read;
    };
    try {
      const { data, error } = z.safeParse({ _zod: { run } } as typeof schema, value);
      if (error === undefined) return ok(data);
      const issues = error.issues.map(({ path, message }) => cut(`/${path.join("/")} ${message}`, MAX_FAULT_LENGTH));
      return err(issues.join("; ") + (more > 0 ? `; and ${more} more` : ""));
    } catch (error) {
      // zod passes faults on as arguments of a function; more than fit on the stack end it.
      if (error instanceof RangeError) return err("/ has too many faults");
      throw error;
    }
  };
}
