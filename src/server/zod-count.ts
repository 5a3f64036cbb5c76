/**
 * How much zod may do for one value. `zod-faults.ts` tells of each look, which is one schema at one value, and `zod-steps.ts`
 * says what a look costs.
 */

import { MAX_NAMED_FAULTS } from "../base/faults.ts";
import type { Definition, Payload, ZodSchema } from "./zod-checks.ts";
import { refusalOf, stepsAfter, stepsBefore, stepsOfFault, STEPS_OF_MEMORY } from "./zod-steps.ts";

/** Steps that a value may take: alternatives within alternatives can double them with each level. */
const MAX_STEPS = 2_000_000;
/** Faults that zod may keep at a time, of up to 500 bytes each. What alternatives found it keeps until one fits. */
const MAX_FAULTS = 100_000;

/** What zod remembers of one reading: what came of each object and list, by schema, as soon as a schema refers to itself. */
interface Memory {
  readonly "~memo"?: { readonly buckets: WeakMap<object, WeakMap<object, unknown>> };
}

function isRemembered(context: Memory, schema: ZodSchema, value: unknown): boolean {
  return context["~memo"]?.buckets.get(schema)?.has(value as object) === true;
}

/** Why a value is refused that was not looked at to its end. */
export const TOO_MUCH = "takes too many steps to check: send less at once";

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

/** A schema before which a count stands. */
export interface CountedSchema {
  readonly schema: ZodSchema;
  /** Its definition, and that of the one alternative of a union, which zod takes without what stands before it. */
  readonly defs: readonly Definition[];
  /** Whether its checks look at members with schemas of their own. */
  readonly hasSchemasInChecks: boolean;
}

/** What is counted while zod reads one value. */
export class Count {
  readonly #context: object;
  /** For good: what is not looked at may be right. */
  isTooMuch = false;
  /** What a check of the app's threw first. zod would keep what it has open for ever if that went through it. */
  thrown: { readonly error: unknown } | undefined;
  #steps = 0;
  /** Of what zod may let go of, and of what it remembers until it is done. */
  #openFaults = 0;
  #rememberedFaults = 0;
  /** Those that were counted where they were found. */
  readonly #faults = new WeakSet();
  /** How many are open whose checks have schemas of their own. */
  #openChecks = 0;

  constructor(context: object) {
    this.#context = context;
  }

  /** Whether zod reads for this value, and not the app within a check of its own. The checks of members have an empty context. */
  isOf(context: object): boolean {
    if (context === this.#context) return true;
    return !("async" in context) && this.#openChecks > 0;
  }

  /** Has `read` look at a value with a schema. */
  look(
    { schema, defs, hasSchemasInChecks }: CountedSchema,
    payload: Payload,
    context: Memory,
    read: () => Payload | Promise<Payload>,
  ): Payload | Promise<Payload> {
    const { value, issues } = payload;
    const issueCount = issues.length;
    const faultsBefore = this.#openFaults;
    const isKnown = isRemembered(context, schema, value);
    for (const def of defs) this.#steps += isKnown ? 1 : stepsBefore(def, value);
    if (this.#endTooMuch(payload, issueCount)) return payload;
    const refusal = refusalOf(defs, value);
    if (refusal !== undefined) issues.push({ code: "custom", message: refusal, path: [] });
    if (hasSchemasInChecks) this.#openChecks += 1;
    const result = refusal === undefined ? read() : payload;
    if (hasSchemasInChecks) this.#openChecks -= 1;
    if (result instanceof Promise) return result;
    const isFirst = !isKnown && isRemembered(context, schema, value);
    if (isFirst) this.#steps += STEPS_OF_MEMORY;
    if (!isKnown) for (const def of defs) this.#steps += stepsAfter(def, value, result.value);
    // Whatever zod tried before it found what fits, it lets go of what was wrong with that.
    if (result.issues.length === issueCount) this.#openFaults = faultsBefore;
    for (let at = issueCount; at < result.issues.length; at += 1)
      this.#countFault(result.issues[at] as object, isKnown, isFirst);
    this.#endTooMuch(result, issueCount);
    return result;
  }

  /** A fault that was counted where it was found is one step for each level that it is passed on to. So is a copy of it. */
  #countFault(fault: object, isCopy: boolean, isRemembered: boolean): void {
    const isNew = !this.#faults.has(fault);
    this.#faults.add(fault);
    this.#steps += !isCopy && (isNew || isRemembered) ? stepsOfFault(fault) : 1;
    if (isNew) this.#openFaults += 1;
    if (isRemembered) this.#rememberedFaults += 1;
  }

  /** Whether it is too much; then `payload` keeps a few faults. */
  #endTooMuch(payload: Payload, issueCount: number): boolean {
    if (this.#steps > MAX_STEPS || this.#openFaults + this.#rememberedFaults > MAX_FAULTS)
      this.isTooMuch = true;
    if (!this.isTooMuch) return false;
    // One less than are named: before them stands that it is too much.
    payload.issues.splice(issueCount + MAX_NAMED_FAULTS - 1);
    leaveUnseen(payload);
    return true;
  }
}
