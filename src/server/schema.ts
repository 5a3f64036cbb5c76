/**
 * Schemas as the server needs them: JSON Schema 2020-12 that clients see exactly as written, and a check of values.
 * Which library makes them, if any, is the app's choice: `zod.ts` makes them of zod schemas.
 */

import type { JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";

/** A value as its reader needs it, or what is wrong with it, in words that a model can act on. */
export type Check<T = unknown> = (value: unknown) => Result<T, string>;

/** JSON Schema 2020-12, and its author's own check of values by it, which gives values of type `T`. */
export interface RawSchema<T = unknown> {
  readonly schema: JsonObject;
  readonly check: Check<T>;
}

/** What values that fit a schema are: a JSON object where the schema does not say. */
export type SchemaValue<S> =
  S extends RawSchema<infer T> ? (unknown extends T ? JsonObject : T) : never;
