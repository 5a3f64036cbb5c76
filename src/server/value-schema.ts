/** The part of JSON Schema 2020-12 that is read here, and the types of the values that fit it. `json-schema.ts` has the check. */

import type { JsonObject, JsonValue } from "../base/json.ts";
import type { StringFormat } from "./string-formats.ts";

/** What is read of JSON Schema. */
export interface ValueSchema {
  /** Any value where it is left out. */
  readonly type?: "string" | "number" | "integer" | "boolean" | "array" | "object";
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly JsonValue[];
  /** Choices with titles; `anyOf` says the same. */
  readonly oneOf?: readonly Choice[];
  readonly anyOf?: readonly Choice[];
  /** Stands in place of a member that is not there. */
  readonly default?: JsonValue;
  /** Characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: StringFormat;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: ValueSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Of an object of any members left out. */
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly required?: readonly string[];
}

interface Choice {
  readonly const: JsonValue;
  readonly title?: string;
}

/** The type of what fits `S`. */
export type ValueOf<S> = S extends { readonly enum: readonly (infer Value)[] }
  ? Value
  : S extends
        | { readonly oneOf: readonly { readonly const: infer Value }[] }
        | { readonly anyOf: readonly { readonly const: infer Value }[] }
    ? Value
    : S extends { readonly type: infer Type }
      ? TypedValue<S, Type>
      : JsonValue;

type TypedValue<S, Type> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "array"
        ? (S extends { readonly items: infer Item } ? ValueOf<Item> : JsonValue)[]
        : S extends { readonly properties: infer Members }
          ? ObjectOf<Members, S extends { readonly required: readonly (infer R)[] } ? R : never>
          : JsonObject;

type Simplify<T> = { [Name in keyof T]: T[Name] };
type Present<Members, Required> = {
  [Name in keyof Members]: Name extends Required
    ? Name
    : Members[Name] extends { readonly default: JsonValue }
      ? Name
      : never;
}[keyof Members];
type ObjectOf<Members, Required> = Simplify<
  { -readonly [Name in Present<Members, Required>]: ValueOf<Members[Name]> } & {
    -readonly [Name in Exclude<keyof Members, Present<Members, Required>>]?:
      | ValueOf<Members[Name]>
      | undefined;
  }
>;

/** An object of these members, which must all be there but those with a default and the `optional` ones. */
export function object<
  const Members extends Readonly<Record<string, ValueSchema>>,
  const Optional extends keyof Members & string = never,
>(
  properties: Members,
  optional: readonly Optional[] = [],
): {
  readonly type: "object";
  readonly properties: Members;
  readonly required: readonly Exclude<keyof Members & string, Optional>[];
} {
  const required = Object.keys(properties).filter(
    (name) => properties[name]?.default === undefined && !optional.includes(name as Optional),
  );
  return { type: "object", properties, required: required as never };
}
