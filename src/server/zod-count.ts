/** What zod keeps, and how much it looks at, while it reads one value. `zod-faults.ts` tells of each look. */

import { MAX_NAMED_FAULTS } from "../base/faults.ts";
import {
  addedBytesOf,
  bytesOf,
  madeBytesOf,
  MEMORY_BYTES,
  stepsOfFaults,
  type ZodFault,
} from "./zod-bytes.ts";
import { MAX_CHANGED_CHARACTERS, MAX_STEPS, stepsOf } from "./zod-steps.ts";
import { KnownTexts } from "./zod-texts.ts";
import { schemasOfChecks, type Definition, type Payload, type ZodSchema } from "./zod-checks.ts";

/** What zod may keep at a time: 100,000 faults, which is about as many as it can pass on at once. */
const MAX_KEPT_BYTES = 50_000_000;

/** Why a value is refused that was not looked at to its end. */
export type TooMuch =
  | "has too many faults"
  | "takes too many steps to check"
  | "has a text that is too long to be changed";

/** Whether zod tries one schema after another, and keeps what they found until one fits. */
function hasAlternatives({ type, options, discriminator, unionFallback }: Definition): boolean {
  const goesByTag = discriminator !== undefined && unionFallback !== true;
  return type === "union" && options.length > 1 && !goesByTag;
}

/** What zod remembers of one reading: what came of each object and list, by schema, as soon as a schema refers to itself. */
interface Memory {
  readonly "~memo"?: { readonly buckets: WeakMap<object, WeakMap<object, unknown>> };
}

function isRemembered(context: Memory, schema: ZodSchema, value: unknown): boolean {
  return context["~memo"]?.buckets.get(schema)?.has(value as object) === true;
}

/**
 * Stands for all that is not looked at. zod writes the way to a fault into it; this one is at no place, however often it is
 * passed on.
 */
export const UNSEEN: object = {
  code: "custom",
  get path() {
    return [];
  },
  set path(_path) {},
};

/** Nothing more is made of the value, and no check of the app's sees it. */
export function leaveUnseen(payload: Payload): void {
  payload.value = undefined;
  payload.issues.push(UNSEEN);
}

/** Said where the text stands; an alternative, or a fallback, may pass over it, but not over {@link TooMuch}. */
const TOO_LONG = `must be at most ${MAX_CHANGED_CHARACTERS} characters, because it would be changed`;

/** How far it was counted when a look began. */
interface CountBefore {
  readonly faults: number;
  readonly made: number;
  readonly mostMade: number;
  readonly issueCount: number;
  /** Whether zod remembers what came of the same value already. */
  readonly isKnown: boolean;
}

/** What is counted while zod reads one value. */
export class Count {
  readonly #context: object;
  /** For good: what is not looked at may be right. */
  tooMuch: TooMuch | undefined;
  /** What a check of the app's threw first. zod would keep what it has open for ever if that went through it. */
  thrown: { readonly error: unknown } | undefined;
  /** Bytes of faults that zod keeps now. */
  #faults = 0;
  /** Bytes of what it made for alternatives that are still open. */
  #made = 0;
  /** The most of that by one look of which the value is passed on, of those directly within the open one. */
  #mostMade = 0;
  /** Bytes of what it remembers until it is done. */
  #remembered = 0;
  #steps = 0;
  /** What is open: how many unions, and what has checks. */
  #openUnions = 0;
  readonly #checked: Definition[] = [];
  readonly #texts = new KnownTexts();

  constructor(context: object) {
    this.#context = context;
  }

  /** Whether zod reads for this value, and not the app within a check of its own. The checks of members have an empty context. */
  isOf(context: object): boolean {
    if (context === this.#context) return true;
    return !("async" in context) && this.#checked.some((def) => schemasOfChecks(def).length > 0);
  }

  /** Has `read` look at a value with a schema. */
  look(
    schema: ZodSchema,
    payload: Payload,
    context: Memory,
    read: () => Payload | Promise<Payload>,
  ): Payload | Promise<Payload> {
    const { value, issues } = payload;
    const before: CountBefore = {
      faults: this.#faults,
      made: this.#made,
      mostMade: this.#mostMade,
      issueCount: issues.length,
      isKnown: isRemembered(context, schema, value),
    };
    const steps = stepsOf(schema, value, this.#texts);
    if (steps === Infinity) {
      this.tooMuch = "has a text that is too long to be changed";
      issues.push({ code: "custom", message: TOO_LONG, path: [] });
    } else this.#steps += steps;
    if (this.#endTooMuch(payload, before)) return payload;
    const { def } = schema._zod;
    const isUnion = hasAlternatives(def);
    if (def.checks !== undefined) this.#checked.push(def);
    if (isUnion) this.#openUnions += 1;
    this.#mostMade = 0;
    const result = read();
    if (def.checks !== undefined) this.#checked.pop();
    if (isUnion) this.#openUnions -= 1;
    if (result instanceof Promise) return result;
    const found: readonly ZodFault[] = result.issues.slice(before.issueCount);
    // What the schemas within found is counted already: it is the same, or stands within the fault of a union.
    const foundBytes = found.reduce((sum, fault) => sum + bytesOf(fault), 0);
    // Whatever zod tried before it found what fits, it lets go of what was wrong with that.
    this.#faults = Math.max(found.length === 0 ? 0 : this.#faults, before.faults + foundBytes);
    this.#steps += stepsOfFaults(found, isUnion, def.type === "record" || def.type === "map");
    // zod passes on what it made of a value also where checks found something, unless one of them aborts.
    const isPassedOn = found.every((fault) => fault.continue === true);
    // Of alternatives no more than one is left.
    if (isUnion) this.#made = before.made + (isPassedOn ? this.#mostMade : 0);
    const addedBytes = before.isKnown ? 0 : addedBytesOf(def, value, result.value);
    const madeBytes = before.isKnown ? 0 : madeBytesOf(def, value, result.value) + addedBytes;
    // Outside of alternatives it is about as large as the value, but for what is added to that.
    if (context["~memo"] === undefined) this.#made += this.#openUnions > 0 ? madeBytes : addedBytes;
    else {
      this.#remembered += madeBytes;
      if (!before.isKnown && isRemembered(context, schema, value))
        this.#remembered += MEMORY_BYTES + foundBytes;
      // What alternatives found is remembered within the fault of the union.
      if (isUnion && foundBytes > 0) this.#remembered += this.#faults - before.faults;
    }
    this.#mostMade = Math.max(before.mostMade, isPassedOn ? this.#made - before.made : 0);
    this.#endTooMuch(result, before);
    return result;
  }

  /** Whether it is too much; then `payload` keeps a few faults. */
  #endTooMuch(payload: Payload, { issueCount }: CountBefore): boolean {
    const ownBytes = this.#texts.bytes;
    if (this.#faults + this.#made + this.#remembered + ownBytes > MAX_KEPT_BYTES)
      this.tooMuch = "has too many faults";
    if (this.#steps > MAX_STEPS) this.tooMuch = "takes too many steps to check";
    if (this.tooMuch === undefined) return false;
    // One less than are named: before them stands that it is too much.
    payload.issues.splice(issueCount + MAX_NAMED_FAULTS - 1);
    leaveUnseen(payload);
    return true;
  }
}
