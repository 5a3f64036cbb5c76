/**
 * zod's schemas as JSON Schema 2020-12, in a sixth of the bytes of zod's own writer and shorter: a format is given by its name
 * alone where that says what zod takes, an integer without the bounds of what a number can hold.
 * Refuses what JSON Schema has no words for and what refers to itself: for these,
 * `{ schema: z.toJSONSchema(it), check: checkWith(it) }` has zod's own. Refuses intersections, as `checkWith` does. What only a
 * check decides (`refine`) is not written.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import { isTransform, mayEndBefore, mayLack, takesUndefined } from "./zod-absence.ts";
import {
  patternSource,
  refuseIntersection,
  sizeOf,
  writeNumber,
  writeString,
  type Definition,
  type Io,
  type ZodSchema,
} from "./zod-checks.ts";

/** What is said of every schema that is refused. */
const NOT_WRITTEN = "has no JSON Schema here: give { schema, check }";

/** `metadataOf`: what `z.describe` and `z.meta` said of a schema. @throws for what is not written, and says why. */
export function toJsonSchema(root: ZodSchema, io: Io, metadataOf: MetadataOf): JsonObject {
  return new SchemaWriter(io, metadataOf).write(root);
}

type MetadataOf = (schema: ZodSchema) => JsonObject | undefined;

class SchemaWriter {
  readonly #io: Io;
  readonly #metadataOf: MetadataOf;
  /** What is being written, from the root down. */
  readonly #open = new Set<ZodSchema>();
  #conversionCount = 0;

  constructor(io: Io, metadataOf: MetadataOf) {
    this.#io = io;
    this.#metadataOf = metadataOf;
  }

  write = (schema: ZodSchema): JsonObject => {
    if (this.#open.has(schema)) throw new Error(`a schema that refers to itself ${NOT_WRITTEN}`);
    this.#open.add(schema);
    const { id: _id, ...metadata } = this.#metadataOf(schema) ?? {};
    const json = { ...this.#writeType(schema), ...metadata };
    this.#open.delete(schema);
    return json;
  };

  #writeType(schema: ZodSchema): JsonObject {
    const { def, pattern } = schema._zod;
    refuseIntersection(def);
    switch (def.type) {
      case "string":
        return writeString(schema, this.#io);
      case "number":
        return writeNumber(schema, this.#io);
      case "boolean":
      case "null":
        return { type: def.type };
      case "any":
      case "unknown":
        return {};
      case "never":
        return { not: {} };
      case "template_literal":
        return { type: "string", pattern: patternSource(pattern ?? /(?:)/) };
      case "enum":
        return writeChoices(enumValues(def.entries), true);
      case "literal":
        return writeChoices(def.values);
      case "array":
        return {
          type: "array",
          items: this.#writeItem(def.element),
          ...sizeOf(schema, this.#io, "Items"),
        };
      case "tuple":
        return this.#writeTuple(def);
      case "object":
        return this.#writeObject(def);
      case "record":
        return this.#writeRecord(def);
      case "union":
        return def.inclusive === false
          ? { oneOf: def.options.map(this.write) }
          : writeUnion(def.options.map(this.write));
      case "nullable":
        return writeUnion([this.write(def.innerType), { type: "null" }]);
      case "optional":
      case "nonoptional":
      case "catch":
        return this.write(def.innerType);
      case "lazy":
        return this.write(def.getter());
      case "readonly":
        return { ...this.write(def.innerType), readOnly: true };
      case "default":
      case "prefault":
        return this.#writeDefault(def);
      case "pipe":
        this.#conversionCount += 1;
        return this.write(this.#io !== "output" && !isTransform(def.in) ? def.in : def.out);
      default:
        throw new Error(`z.${def.type} ${NOT_WRITTEN}`);
    }
  }

  /** What is there in place of nothing: before a conversion that is `prefault`'s value, after it `default`'s. */
  #writeDefault({ type, innerType, defaultValue }: Definition): JsonObject {
    const countBefore = this.#conversionCount;
    const json = this.write(innerType);
    const isOutput = this.#io === "output";
    const isSaid =
      type === "prefault" ? !isOutput : isOutput || this.#conversionCount === countBefore;
    return isSaid ? { ...json, default: defaultValue as JsonValue } : json;
  }

  #writeObject({ shape, catchall }: Definition): JsonObject {
    const members = Object.entries(shape);
    // Own properties, also one that is named __proto__.
    const properties = Object.fromEntries(
      members.map(([name, member]) => [name, this.write(member)]),
    );
    const required = members
      .filter(([, member]) => !mayLack(member, this.#io))
      .map(([name]) => name);
    const others = catchall?._zod.def.type === "never" ? false : catchall && this.write(catchall);
    const additionalProperties = others ?? (this.#io === "output" ? false : undefined);
    return {
      type: "object",
      properties,
      ...(required.length > 0 && { required }),
      ...(additionalProperties !== undefined && { additionalProperties }),
    };
  }

  #writeRecord({ keyType, valueType, partial, mode }: Definition): JsonObject {
    const { values } = keyType._zod;
    const propertyNames = this.write(keyType);
    // Names are texts in JSON, whatever they are made into; and names that a loose record does not look at may be any.
    if (!isTextSchema(propertyNames) || mode === "loose")
      throw new Error(`a record that is loose, or of other names than texts, ${NOT_WRITTEN}`);
    const additionalProperties = this.write(valueType);
    const isComplete =
      partial !== true && !mayLack(valueType, this.#io) && !takesUndefined(valueType);
    return {
      type: "object",
      propertyNames,
      additionalProperties,
      ...(isComplete && values !== undefined && { required: [...values].map(String) }),
    };
  }

  #writeTuple({ items, rest }: Definition): JsonObject {
    const prefixItems = items.map((item) => this.#writeItem(item));
    return {
      type: "array",
      ...(items.length > 0 && { prefixItems }),
      minItems: items.findLastIndex((item) => !mayEndBefore(item, this.#io)) + 1,
      // Without "items": false, which clients that read draft-07 take for the first ones too.
      ...(rest ? { items: this.#writeItem(rest) } : { maxItems: items.length }),
    };
  }

  /** An item of a list. What comes out as undefined, JSON has as null. */
  #writeItem(schema: ZodSchema): JsonObject {
    const json = this.write(schema);
    const isAnything = Object.keys(json).length === 0;
    return this.#io === "output" && !isAnything && takesUndefined(schema)
      ? writeUnion([json, { type: "null" }])
      : json;
  }
}

/** Whether all that fits is text. */
function isTextSchema({ type, anyOf }: JsonObject): boolean {
  return (
    type === "string" ||
    (Array.isArray(anyOf) && anyOf.every((one) => isTextSchema(one as JsonObject)))
  );
}

/** An enum of TypeScript with numbers also has their names as values. */
function enumValues(entries: Readonly<Record<string, JsonValue>>): JsonValue[] {
  const numbers = Object.values(entries).filter((value) => typeof value === "number");
  return Object.keys(entries)
    .filter((key) => !numbers.includes(Number(key)))
    .map((key) => entries[key] as JsonValue);
}

/** `isList`: also where there is but one. */
function writeChoices(values: readonly JsonValue[], isList: boolean = false): JsonObject {
  const [first] = values;
  const types = new Set(values.map((value) => (value === null ? "null" : typeof value)));
  if (types.has("undefined")) throw new Error(`z.literal(undefined) ${NOT_WRITTEN}`);
  return {
    ...(types.size === 1 && { type: [...types].join("") }),
    ...(values.length === 1 && !isList ? { const: first as JsonValue } : { enum: [...values] }),
  };
}

/** Alternatives; of bare types alone, in one list. */
function writeUnion(options: readonly JsonObject[]): JsonObject {
  if (!options.every((option) => Object.keys(option).join("") === "type"))
    return { anyOf: [...options] };
  const types = [...new Set(options.flatMap(({ type = [] }) => type))];
  return { type: types.length === 1 ? (types[0] as JsonValue) : types };
}
