/**
 * How much zod may do for one value. `zod-faults.ts` tells of each look, which is one schema at one value, and `zod-steps.ts`
 * says what a look costs.
 */

import { MAX_NAMED_FAULTS } from "../base/faults.ts";
import { schemasOfChecks, type Definition, type Payload, type ZodSchema } from "./zod-checks.ts";
import { refusalOf, stepsAfter, stepsBefore, stepsOfFault, STEPS_OF_MEMORY } from "./zod-steps.ts";

/** Steps that a value may take: alternatives within alternatives can double them with each level. */
const MAX_STEPS = 2_000_000;
/** Faults that zod may keep at a time, of up to 500 bytes each. What alternatives found it keeps until one fits. */
const MAX_FAULTS = 60_000;
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
  /** What is open and has checks. */
  readonly #checked: Definition[] = [];

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
    const { def } = schema._zod;
    const { value, issues } = payload;
    const issueCount = issues.length;
    const faultsBefore = this.#openFaults;
    const isKnown = isRemembered(context, schema, value);
    this.#steps += stepsBefore(def, value);
    if (this.#endTooMuch(payload, issueCount)) return payload;
    const refusal = refusalOf(def, value);
    if (refusal !== undefined) issues.push({ code: "custom", message: refusal, path: [] });
    if (def.checks !== undefined) this.#checked.push(def);
    const result = refusal === undefined ? read() : payload;
    if (def.checks !== undefined) this.#checked.pop();
    if (result instanceof Promise) return result;
    this.#steps += stepsAfter(value, result.value);
    const isFirst = !isKnown && isRemembered(context, schema, value);
    if (isFirst) this.#steps += STEPS_OF_MEMORY;
    // Whatever zod tried before it found what fits, it lets go of what was wrong with that.
    if (result.issues.length === issueCount) this.#openFaults = faultsBefore;
    for (let at = issueCount; at < result.issues.length; at += 1)
      this.#countFault(result.issues[at] as object, isFirst);
    this.#endTooMuch(result, issueCount);
    return result;
  }

  /** A fault that was counted where it was found is one step for each level that it is passed on to. */
  #countFault(fault: object, isRemembered: boolean): void {
    const isNew = !this.#faults.has(fault);
    this.#faults.add(fault);
    this.#steps += isNew || isRemembered ? stepsOfFault(fault) : 1;
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
