/**
 * How many bytes of faults zod would keep of a value at a time: it goes on to the end, and keeps each. A hundred thousand empty
 * objects that lack ten members each are half a gigabyte, and an isolate has 128 MB.
 *
 *   1. What could be found, if all that is there were wrong: by schema and value alone. Nearly every value has room for that.
 *   2. Where it has not, zod itself says of each part that is small enough what is wrong in it; the parts are added up.
 *
 * So a conversion or check of the app's may see a part of such a value twice. Not counted: what is in a value that a conversion
 * made; and, in a part too large to ask zod about, what a conversion finds, and the one fault of a check of the app's own.
 */

import type { Definition, Payload, ZodCheck, ZodSchema } from "./zod-checks.ts";
import { ENTRY_BYTES, hasCycle } from "./zod-parts.ts";
import { PossibleFaults, TOO_MANY } from "./zod-possible-faults.ts";

/** Of all faults at a time: a fault for each of 100,000 values that has one check fits, see MAX_JSON_VALUES. */
const MAX_FAULT_BYTES = 50_000_000;
/** What a part may have that zod is asked about. */
const MAX_PART_BYTES = 2_000_000;
const MAX_PART_STEPS = 50_000;

/**
 * Whether `value` is to be refused unseen, because zod would find too many faults in it: also where it fits in the end, by an
 * alternative behind others in which so many were found.
 */
export function hasTooManyFaults(schema: ZodSchema, value: unknown): boolean {
  const isRecursive = hasCycle(schema);
  return (
    exceeds(new PossibleFaults(isRecursive, MAX_FAULT_BYTES), schema, value) &&
    exceeds(new ActualFaults(isRecursive, MAX_FAULT_BYTES), schema, value)
  );
}

function exceeds(faults: PossibleFaults, schema: ZodSchema, value: unknown): boolean {
  try {
    faults.count(schema, value, 0);
    return false;
  } catch (error) {
    if (error === TOO_MANY) return true;
    throw error;
  }
}

/** What is wrong indeed, at the time when zod keeps most of it. */
class ActualFaults extends PossibleFaults {
  protected override readonly isActual: boolean = true;
  protected override readonly rememberedAfter: number = -1;
  readonly #possible = new PossibleFaults(this.isRecursive);

  protected override countPart(schema: ZodSchema, value: unknown, depth: number): void {
    const { bytes, steps } = this.#possible.count(schema, value, depth);
    if (bytes === 0) return;
    const issues =
      bytes <= MAX_PART_BYTES && steps <= MAX_PART_STEPS
        ? issuesOf(value, (payload) => schema._zod.run(payload, { async: false }))
        : undefined;
    if (issues === undefined) super.countPart(schema, value, depth);
    else this.#addIssues(issues, depth);
  }

  protected override countLength({ items, rest }: Definition, value: unknown, depth: number): void {
    const least = items.findLastIndex(({ _zod }) => _zod.optin === undefined) + 1;
    const length = Array.isArray(value) ? value.length : -1;
    if (length < least || (!rest && length > items.length)) this.addFaults(1, depth);
  }

  protected override countChecks(
    checks: readonly ZodCheck[],
    value: unknown,
    isGood: boolean,
    depth: number,
  ): void {
    if (!isGood) return this.addFaults(checks.length, depth);
    for (const { _zod: check } of checks) {
      // Those behind it are for what it makes of the value.
      if (check.def.check === "overwrite") return;
      const found = issuesOf(value, (payload) => check.check(payload))?.length ?? 1;
      // So is one fault of a check of the app's own, where defaults belong; many are of what is there.
      if (found > 1 || check.def.check !== "custom") this.addFaults(found, depth);
    }
  }

  protected override countFallback(schema: ZodSchema, value: unknown, depth: number): void {
    this.release(this.bytesOf(() => this.count(schema, value, depth)));
  }

  /** zod asks again for a name that may be a number. */
  protected override countName(schema: ZodSchema, name: string, depth: number): void {
    const bytes = this.bytesOf(() => this.count(schema, name, depth));
    if (bytes === 0 || Number.isNaN(Number(name))) return;
    this.release(bytes);
    this.count(schema, Number(name), depth);
  }

  /** Behind a conversion stands another value. */
  protected override partsToCount(schema: ZodSchema): readonly ZodSchema[] {
    const { def } = schema._zod;
    return def.type === "pipe" && def.in._zod.def.type === "pipe"
      ? [def.in]
      : super.partsToCount(schema);
  }

  /** What a conversion finds in so large a part is not known, and is little beside the part. */
  protected override countConversion(): void {}

  protected override countAlternatives(
    { options, inclusive, discriminator }: Definition,
    value: unknown,
    depth: number,
  ): void {
    let bytes = this.bytesOf(() => this.addFaults(1, depth));
    // Of `xor` exactly one may fit, so that all are looked at.
    const isExclusive = inclusive === false && discriminator === undefined;
    let fitCount = 0;
    this.countWithin(depth, () => {
      for (const option of options) {
        const ofOption = this.bytesOf(() => this.count(option, value, depth));
        bytes += ofOption;
        if (ofOption === 0) fitCount += 1;
        if (fitCount > 0 && !isExclusive) break;
      }
    });
    if (fitCount === 1) this.release(bytes);
  }

  #addIssues(issues: readonly ZodIssue[], depth: number): void {
    for (const { path = [], errors = [], issues: within = [], options = [] } of issues) {
      const at = depth + path.length;
      this.addFaults(1, at);
      this.addBytes(options.length * ENTRY_BYTES);
      this.countWithin(at, () => {
        for (const alternative of [...errors, within]) this.#addIssues(alternative, at);
      });
    }
  }
}

/**
 * What zod finds, or a check of a schema by itself; undefined where it cannot say: the value may be one that a conversion would have
 * changed before.
 */
function issuesOf(
  value: unknown,
  look: (payload: Payload) => unknown,
): readonly ZodIssue[] | undefined {
  const payload: Payload = { value, issues: [] };
  try {
    const read = look(payload);
    if (read instanceof Promise) read.catch(() => undefined);
    else return ((read as Payload | undefined) ?? payload).issues;
  } catch {
    // What it throws for the value that it is made for, it throws again.
  }
  return undefined;
}

/** As much of a fault as is read here: those of alternatives, or of a name, are within. */
interface ZodIssue {
  readonly path?: readonly unknown[];
  readonly errors?: readonly (readonly ZodIssue[])[];
  readonly issues?: readonly ZodIssue[];
  readonly options?: readonly unknown[];
}
