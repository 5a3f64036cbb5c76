/**
 * What zod knows of a schema, as far as it is read here, and what its checks say of texts, numbers and lists in the words of
 * JSON Schema. A check that only runs (`refine`, `trim`) says nothing.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";

/** Whether the value before or after zod's defaults and conversions is described; a form is before, in fewer words. */
export type Io = "input" | "output" | "form";

/** As much of a zod schema, of either half, as is read here. */
export interface ZodSchema {
  readonly _zod: {
    readonly def: Definition;
    readonly traits: ReadonlySet<string>;
    /** Whether an object may lack it, before and after. */
    readonly optin?: "optional" | "defaulted" | undefined;
    readonly optout?: "optional" | undefined;
    /** All that a value can be, where that is known. */
    readonly values?: ReadonlySet<unknown> | undefined;
    readonly pattern?: RegExp | undefined;
    /** What a lazy one is. */
    readonly innerType?: ZodSchema | undefined;
    /** Reads a value, and looks at it with the checks. */
    readonly run: Run;
    /** The same without the checks. */
    readonly parse: Run;
  };
}

/** Reads the value of a payload, and adds what is wrong with it. */
export type Run = (payload: Payload, context: object) => Payload | Promise<Payload>;

/** What goes through zod's schemas. */
export interface Payload {
  value: unknown;
  readonly issues: object[];
}

export interface Definition {
  readonly type: string;
  readonly checks?: readonly ZodCheck[];
  readonly innerType: ZodSchema;
  readonly getter: () => ZodSchema;
  readonly in: ZodSchema;
  /** Of a codec, which is a pipe, and of a transform. */
  readonly transform?: (value: unknown) => unknown;
  readonly out: ZodSchema;
  readonly element: ZodSchema;
  readonly shape: Readonly<Record<string, ZodSchema>>;
  readonly catchall?: ZodSchema;
  readonly keyType: ZodSchema;
  readonly valueType: ZodSchema;
  readonly partial?: boolean;
  readonly mode?: string;
  readonly options: readonly ZodSchema[];
  /** The member that tells which of the options is meant; with `unionFallback` any is tried where it does not. */
  readonly discriminator?: string;
  readonly unionFallback?: boolean;
  /** Whether a value is converted first, to a text for example. */
  readonly coerce?: boolean;
  readonly format?: string;
  /** What it is as a check, and whether that writes a URL anew. */
  readonly check?: string;
  readonly normalize?: boolean;
  readonly inclusive?: boolean;
  /** Of a template: texts and other values as they are, and schemas. */
  readonly parts?: readonly unknown[];
  readonly items: readonly ZodSchema[];
  readonly rest?: ZodSchema | null;
  readonly entries: Readonly<Record<string, JsonValue>>;
  readonly values: readonly JsonValue[];
  readonly defaultValue: unknown;
}

export interface ZodCheck {
  readonly _zod: {
    readonly def: {
      readonly check: string;
      /** What changes a value. */
      readonly tx?: (value: unknown) => unknown;
      /** Whether nothing behind it is done where it finds something. */
      readonly abort?: boolean;
      /** What a member must fit, by `property`; or several, by `properties`. */
      readonly schema?: ZodSchema;
      readonly shape?: Readonly<Record<string, ZodSchema>>;
      readonly minimum?: number;
      readonly maximum?: number;
      readonly length?: number;
      readonly value?: number;
      readonly inclusive?: boolean;
      readonly format?: string;
      readonly pattern?: RegExp;
      /** Of times: without a zone, or with any instead of UTC alone; digits of a second, and -1 for none and no seconds. */
      readonly local?: boolean;
      readonly offset?: boolean;
      readonly precision?: number | null;
      /** Of a UUID. */
      readonly version?: string;
      /** Of a URL: whether it is written anew. */
      readonly normalize?: boolean;
    };
  };
}

/** To put both sides together zod compares each name of the one with each of the other, and no count of ours sees that. */
export function refuseIntersection({ type }: Definition): void {
  if (type === "intersection")
    throw new Error("z.intersection takes too long with large values: use z.extend");
}

/** The schemas of members that only checks look at. */
export function schemasOfChecks({ checks = [] }: Definition): readonly ZodSchema[] {
  return checks.flatMap(({ _zod: { def } }) => [
    ...(def.schema === undefined ? [] : [def.schema]),
    ...Object.values(def.shape ?? {}),
  ]);
}

/** zod's names of formats, and those of JSON Schema. Every other format is written as its pattern. */
const FORMATS: Readonly<Record<string, string>> = {
  email: "email",
  url: "uri",
  uuid: "uuid",
  guid: "uuid",
  datetime: "date-time",
  date: "date",
  duration: "duration",
  ipv4: "ipv4",
  ipv6: "ipv6",
};

/** Formats of numbers that say more than "integer". */
const INTEGER_BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
};

/** All checks of a schema that hold for what it describes. One of a format is its own first. */
function checksOf(schema: ZodSchema, io: Io): ZodCheck["_zod"]["def"][] {
  const { def, traits } = schema._zod;
  const own = traits.has("$ZodCheck") ? [schema as unknown as ZodCheck] : [];
  const all = [...own, ...(def.checks ?? [])].map((check) => check._zod.def);
  // What was right before `toUpperCase` need not be right behind it.
  return io === "output" ? all.slice(all.findLastIndex(isOverwrite) + 1) : all;
}

function isOverwrite({ check }: ZodCheck["_zod"]["def"]): boolean {
  return check === "overwrite";
}

/** The least and the greatest length; of several, the narrowest. */
export function sizeOf(schema: ZodSchema, io: Io, unit: "Length" | "Items"): JsonObject {
  const checks = checksOf(schema, io).filter(({ check }) => check.includes("length"));
  const min = Math.max(...checks.map(({ minimum, length }) => minimum ?? length ?? -Infinity));
  const max = Math.min(...checks.map(({ maximum, length }) => maximum ?? length ?? Infinity));
  return {
    ...(min > -Infinity && { [`min${unit}`]: min }),
    ...(max < Infinity && { [`max${unit}`]: max }),
  };
}

/** A text: its length, format and patterns. */
export function writeString(schema: ZodSchema, io: Io): JsonObject {
  const formats: string[] = [];
  const patterns: string[] = [];
  for (const check of checksOf(schema, io)) {
    if (check.check !== "string_format") continue;
    const { format = "", pattern, local, precision } = check;
    const name = local === true || precision === -1 ? undefined : FORMATS[format];
    // zod takes more than these formats, and clients hold results to them.
    if (name === "uri" && io === "output") continue;
    const isWider = io === "output" && (name === "duration" || name === "email");
    const isNamed = name !== undefined && formats.length === 0 && !isWider;
    if (isNamed) formats.push(name);
    const shown = isNamed ? narrowerPattern(check, io) : pattern && patternSource(pattern);
    if (shown !== undefined) patterns.push(shown);
  }
  const [format] = formats;
  return {
    type: "string",
    ...sizeOf(schema, io, "Length"),
    ...(format !== undefined && { format }),
    ...(patterns.length === 1 && { pattern: patterns[0] as string }),
    ...(patterns.length > 1 && { allOf: patterns.map((pattern) => ({ pattern })) }),
  };
}

/** What of a named format zod takes alone: clients could not know. The fields of a form have no patterns. */
function narrowerPattern(
  { format, pattern, offset, precision, version }: ZodCheck["_zod"]["def"],
  io: Io,
): string | undefined {
  if (io !== "input" || pattern === undefined) return undefined;
  if (format === "datetime" && typeof precision !== "number")
    return offset === true ? undefined : "Z$";
  const isNarrower = format === "datetime" || format === "email" || version !== undefined;
  if (!isNarrower) return undefined;
  try {
    return patternSource(pattern);
  } catch {
    // The name alone says less, and no more than holds.
    return undefined;
  }
}

/** What clients will compile with the flag "u" alone. @throws where that is another pattern, or none. */
export function patternSource({ source, flags }: RegExp): string {
  if (/[imsvy]/.test(flags))
    throw new Error(`JSON Schema has no flags of a pattern, such as those of /${source}/${flags}`);
  // "\\#" is a pattern in JavaScript without that flag only.
  new RegExp(source, "u");
  return source;
}

/**
 * A number or an integer, and its bounds; of several, the narrowest. Of what comes out, no multiple of a fraction: clients
 * divide 19.99 by 0.01 as computers do.
 */
export function writeNumber(schema: ZodSchema, io: Io): JsonObject {
  const json: Record<string, JsonValue> = { type: "number" };
  const narrow = (
    keyword: string,
    value: number,
    choose: (...values: number[]) => number,
  ): void => {
    json[keyword] = choose(value, Number(json[keyword] ?? value));
  };
  for (const { check, format = "", value = 0, inclusive } of checksOf(schema, io)) {
    if (check === "number_format" && format.includes("int")) {
      json["type"] = "integer";
      const [minimum, maximum] = INTEGER_BOUNDS[format] ?? [];
      if (minimum !== undefined) narrow("minimum", minimum, Math.max);
      if (maximum !== undefined) narrow("maximum", maximum, Math.min);
    }
    if (check === "greater_than")
      narrow(inclusive === true ? "minimum" : "exclusiveMinimum", value, Math.max);
    if (check === "less_than")
      narrow(inclusive === true ? "maximum" : "exclusiveMaximum", value, Math.min);
    if (check === "multiple_of" && (io !== "output" || Number.isInteger(value)))
      json["multipleOf"] = Math.abs(value);
  }
  return json;
}
