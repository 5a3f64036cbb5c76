/**
 * How many bytes of faults zod would keep of a value at a time: it goes on to the end, and keeps each. A hundred thousand empty
 * objects that lack ten members each are half a gigabyte, and an isolate has 128 MB.
 *
 *   1. What could be found, if all that is there were wrong: by schema and value alone. Nearly every value has room for that.
 *   2. Where it has not, zod itself says of each part that is small enough what is wrong in it; the parts are added up.
 *
 * So a conversion or check of the app's may see a part of such a value twice. Not counted: what is in a value that a conversion
 * made, and what a check of the app's own adds beyond one fault.
 */

import { hasCycle, type Payload, type ZodCheck, type ZodSchema } from "./zod-checks.ts";
import { ENTRY_BYTES, PossibleFaults, TOO_MANY } from "./zod-possible-faults.ts";

/** Of all faults at a time: a fault for each of 100,000 values that has one check fits, see MAX_JSON_VALUES. */
const MAX_FAULT_BYTES = 50_000_000;
/** What a part may have that zod is asked about. */
const MAX_PART_BYTES = 2_000_000;

/**
 * Whether `value` is to be refused unseen, because zod would find too many faults in it: also where it fits in the end, by an
 * alternative behind others in which so many were found.
 */
export function hasTooManyFaults(schema: ZodSchema, value: unknown): boolean {
  const isRecursive = hasCycle(schema);
  return (
    exceeds(new PossibleFaults(isRecursive, MAX_FAULT_BYTES), schema, value, 0) &&
    exceeds(new ActualFaults(isRecursive, MAX_FAULT_BYTES), schema, value, 0)
  );
}

function exceeds(
  faults: PossibleFaults,
  schema: ZodSchema,
  value: unknown,
  depth: number,
): boolean {
  try {
    faults.count(schema, value, depth);
    return false;
  } catch (error) {
    if (error === TOO_MANY) return true;
    throw error;
  }
}

/** What is wrong indeed, at the time when zod keeps most of it. */
class ActualFaults extends PossibleFaults {
  override count(schema: ZodSchema, value: unknown, depth: number): void {
    if (exceeds(new PossibleFaults(this.isRecursive, MAX_PART_BYTES), schema, value, depth))
      return super.count(schema, value, depth);
    const issues = issuesOf(value, (payload) => schema._zod.run(payload, { async: false }));
    if (issues === undefined) super.count(schema, value, depth);
    else this.#addIssues(issues, depth);
  }

  protected override countChecks(
    checks: readonly ZodCheck[],
    value: unknown,
    isGood: boolean,
    depth: number,
  ): void {
    if (!isGood) return this.addFaults(checks.length, depth);
    for (const { _zod: check } of checks) {
      const issues = issuesOf(value, (payload) => check.check(payload));
      this.addFaults(issues?.length ?? 1, depth);
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

  /** What a conversion finds in so large a part is not known, and is little beside the part. */
  protected override countConversion(): void {}

  protected override countAlternatives(
    options: readonly ZodSchema[],
    value: unknown,
    depth: number,
  ): void {
    let bytes = this.bytesOf(() => this.addFaults(1, depth));
    for (const option of options) {
      const ofOption = this.bytesOf(() => this.count(option, value, depth));
      bytes += ofOption;
      if (ofOption === 0) return this.release(bytes);
    }
  }

  #addIssues(issues: readonly ZodIssue[], depth: number): void {
    for (const { path = [], errors = [], issues: within = [], options = [] } of issues) {
      const at = depth + path.length;
      this.addFaults(1, at);
      this.addBytes(options.length * ENTRY_BYTES);
      for (const alternative of [...errors, within]) this.#addIssues(alternative, at);
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
