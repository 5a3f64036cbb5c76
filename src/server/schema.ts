/**
 * Schemas as the server needs them: JSON Schema 2020-12 that clients see exactly as written, and a check of values.
 * Which library makes them, if any, is the app's choice: `zod.ts` makes them of zod schemas.
 */

import { isObject, type JsonObject } from "../base/json.ts";
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

const SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema";

/** The schema and its check, as they are. Not checked: that the two agree, which is their author's word. @throws for what is none. */
export function compileSchema(given: RawSchema, io: "input" | "output"): RawSchema {
  // Types are not checked where the Worker is built, and a bare object of schemas is what other libraries take.
  if (!isObject(given.schema))
    throw new Error(`its ${io} must be z.object({ … }) or { schema, check }`);
  const { $schema = SCHEMA_DIALECT } = given.schema;
  requireJson(given.schema, io);
  // spec: schema.dialect.default, schema.dialect.unsupported
  if ($schema !== SCHEMA_DIALECT)
    throw new Error(
      `its ${io} schema is in ${JSON.stringify($schema)}, and must be in ${SCHEMA_DIALECT}`,
    );
  return given;
}

/** What JSON cannot say, such as a default of 1n or NaN, would break every list that the tool stands in, or change on its way. */
function requireJson(schema: JsonObject, io: "input" | "output"): void {
  JSON.stringify(schema, (key, value: unknown) => {
    const isJson = value === null || /^(?:undefined|string|boolean|object)$/.test(typeof value);
    if (!isJson && !Number.isFinite(value))
      throw new Error(`its ${io} schema holds a ${typeof value} at "${key}", which is no JSON`);
    return value;
  });
}
