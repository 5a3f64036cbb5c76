/**
 * What zod makes while it reads a value, in bytes: faults, and what it passes on. About, and rather more than less. And the
 * steps that it takes to pass faults on.
 */

import { isObject } from "../base/json.ts";
import type { Definition } from "./zod-checks.ts";

/** What a fault takes at most, without its path, and with a message of so many characters. */
const FAULT_BYTES = 500;
const SHORT_MESSAGE = 100;
/** An entry of a path, of a list of names that are not known, or of tags. */
const ENTRY_BYTES = 8;
/** A name that is a number, which V8 makes a text of anew each time that it is asked. */
const NUMBER_NAME_BYTES = 40;
/**
 * About what zod makes of an object or a list, of any other value, of a date, and of a member; and what it needs to remember
 * an object or a list.
 */
const CONTAINER_BYTES = 120;
const VALUE_BYTES = 20;
const DATE_BYTES = 50;
const MEMBER_BYTES = 50;
export const MEMORY_BYTES = 80;

const CONTAINERS: ReadonlySet<string> = new Set([
  "object",
  "array",
  "tuple",
  "record",
  "map",
  "set",
]);

const STARTS_AS_NUMBER = /^\d/;
/** That room may be set aside for. */
const NEAR_NUMBER = /^\d{1,5}$/;
const PLACE_BYTES = 4;
/** With more V8 looks whether they are used, or makes a dictionary. */
const MAX_PLACES_UNUSED = 5_000;
const MAX_PLACES_BETWEEN = 1_024;

/** As much of a fault as is read here. The app's may have anything in any member. */
export interface ZodFault {
  /** Whether the checks after it were made all the same. */
  readonly continue?: unknown;
  readonly path?: unknown;
  readonly keys?: unknown;
  readonly options?: unknown;
  /** The app's; zod writes its own where a union keeps what its alternatives found, in `errors`. */
  readonly message?: unknown;
  readonly errors?: unknown;
  /** What is wrong with a name of a record. */
  readonly issues?: unknown;
}

/** About what `made` takes, which a schema made of `value`. What stands around a schema makes nothing. */
export function madeBytesOf(def: Definition, value: unknown, made: unknown): number {
  if (CONTAINERS.has(def.type))
    return CONTAINER_BYTES + MEMBER_BYTES * copiedCount(def, value, made);
  const isText =
    typeof made === "string" && (makesText(def) || (mayMakeText(def) && made !== value));
  if (isText) makeOnePiece(made);
  if (typeof made === "bigint") return bigIntBytesOf(made, value);
  const valueBytes = made instanceof Date ? DATE_BYTES : VALUE_BYTES;
  return valueBytes + (isText ? 2 * made.length : 0);
}

/** Members that are in a dictionary. Of those that do not fit, which only a loose record copies, no schema makes anything. */
function copiedCount({ type, mode }: Definition, value: unknown, made: unknown): number {
  const isCopied = (type === "record" || mode === "loose") && isObject(made) && made !== value;
  return isCopied ? Object.keys(made).length : 0;
}

/** What a schema of an object or a record may add to a value. */
interface Additions {
  /** Members that it may make where they are left out. */
  readonly names: readonly string[];
  readonly bytesOfOne: number;
  /** Whether it may make members whose names are numbers. */
  readonly hasNumbers: boolean;
}

const knownAdditions = new WeakMap<Definition, Additions>();

/** Found once for each schema. */
function additionsOf(def: Definition): Additions {
  const known = knownAdditions.get(def);
  if (known !== undefined) return known;
  const isRecord = def.type === "record";
  const names = isRecord
    ? Array.from(def.partial === true ? [] : (def.keyType._zod.values ?? []), String)
    : Object.keys(def.shape);
  const isOpen = isRecord || (def.catchall?._zod.def.type ?? "never") !== "never";
  const additions = {
    names,
    // Of names that any value may have V8 makes a dictionary.
    bytesOfOne: isOpen ? MEMBER_BYTES : ENTRY_BYTES,
    hasNumbers: isOpen || names.some((name) => NEAR_NUMBER.test(name)),
  };
  knownAdditions.set(def, additions);
  return additions;
}

/**
 * Bytes of what was made that `value` has not: members that it leaves out, and the room that V8 sets aside where names are
 * numbers.
 */
export function addedBytesOf(def: Definition, value: unknown, made: unknown): number {
  if (made === value || !isObject(made)) return 0;
  if (def.type !== "record" && def.type !== "object") return 0;
  const { names, bytesOfOne, hasNumbers } = additionsOf(def);
  const given = Object(value) as object;
  const added = names.filter((name) => Object.hasOwn(made, name) && !Object.hasOwn(given, name));
  return bytesOfOne * added.length + PLACE_BYTES * (hasNumbers ? placesFor(made) : 0);
}

/**
 * How many places V8 sets aside for members whose names are numbers, which come first and in their order: half as many more
 * than it needs, as long as no name is far from the one before it.
 */
function placesFor(made: object): number {
  let places = 0;
  for (const name of Object.keys(made)) {
    const at = NEAR_NUMBER.test(name) ? Number(name) : Infinity;
    if (at - places >= MAX_PLACES_BETWEEN || places > MAX_PLACES_UNUSED) break;
    if (at >= places) places = at * 1.5 + 16;
  }
  return places;
}

/** Those of its text at most, or of its bits. */
function bigIntBytesOf(made: bigint, value: unknown): number {
  if (BigInt.asIntN(64, made) === made) return VALUE_BYTES;
  const isNumber = typeof value === "number";
  return VALUE_BYTES + (isNumber ? Math.log2(Math.abs(value)) / 8 : String(value).length);
}

/** V8 keeps what `replace` gives as a chain of pieces, of some 30 bytes each, until somebody reads it. */
function makeOnePiece(text: string): void {
  /(?:)/.test(text);
}

/**
 * Whether a text is another one behind it, also where it has the same letters: a codec has a `transform` too, and a URL may be
 * written anew.
 */
function makesText(def: Definition): boolean {
  const { transform, checks = [] } = def;
  return (
    transform !== undefined || isNewText(def) || checks.some(({ _zod }) => isNewText(_zod.def))
  );
}

function isNewText({ check, normalize }: Pick<Definition, "check" | "normalize">): boolean {
  return check === "overwrite" || normalize === true;
}

function mayMakeText({ type, checks = [] }: Definition): boolean {
  return type === "string" || type === "catch" || checks.length > 0;
}

/** Without what stands within it: that was counted where it was found, but for the words that it has since. */
export function bytesOf({ path, keys, options, message, errors }: ZodFault): number {
  const messages = [message, ...listOf(errors).flat().map(messageOf)];
  const characters = messages.reduce<number>(
    (sum, text) => sum + (typeof text === "string" ? Math.max(text.length - SHORT_MESSAGE, 0) : 0),
    0,
  );
  const entries = listOf(path).length + listOf(options).length;
  return FAULT_BYTES + ENTRY_BYTES * entries + namesBytesOf(listOf(keys)) + 2 * characters;
}

/** Numbers come first. */
function namesBytesOf(names: readonly unknown[]): number {
  const hasNumbers = STARTS_AS_NUMBER.test(String(names[0]));
  return names.length * (hasNumbers ? NUMBER_NAME_BYTES : ENTRY_BYTES);
}

/**
 * Steps of what zod does with the faults that a look found, beside finding them. It passes each on, level by level, and lists
 * names that are not known. It puts in words and copies what the alternatives of a union found (`isUnion`), and what is wrong
 * with the keys of a record or a map (`hasKeys`).
 */
export function stepsOfFaults(
  faults: readonly ZodFault[],
  isUnion: boolean,
  hasKeys: boolean,
): number {
  return faults.reduce((sum, { keys, errors, issues }) => {
    const worded = isUnion ? listOf(errors).flat() : listOf(hasKeys ? issues : undefined);
    return sum + 1 + listOf(keys).length + worded.length;
  }, 0);
}

function messageOf(fault: unknown): unknown {
  return (Object(fault) as ZodFault).message;
}

function listOf(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : [];
}
