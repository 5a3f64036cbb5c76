/**
 * What zod finds wrong, in words that a model can act on: what a value must be. A quarter of the bytes of zod's own English.
 */

/** What zod says of one fault, as far as it is read here. */
interface ZodIssue {
  readonly code?: string | undefined;
  readonly expected?: unknown;
  readonly values?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly inclusive?: unknown;
  readonly origin?: unknown;
  readonly format?: unknown;
  readonly keys?: unknown;
}

/** What is counted of a value whose size is wrong; any other value is compared itself. */
const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " items" };

/** An issue without words of its own as a phrase that follows the path of the value. */
export function describeIssue(issue: ZodIssue): string {
  const unit = UNITS[String(issue.origin)] ?? "";
  const { code = "" } = issue;
  switch (code) {
    case "invalid_type":
      return `must be of type ${String(issue.expected)}`;
    case "invalid_value":
      return `must be one of ${JSON.stringify(issue.values)}`;
    case "too_small":
      return `must be ${issue.inclusive === true ? "at least" : "more than"} ${String(issue.minimum)}${unit}`;
    case "too_big":
      return `must be ${issue.inclusive === true ? "at most" : "less than"} ${String(issue.maximum)}${unit}`;
    case "invalid_format":
      return `must be a valid ${String(issue.format)}`;
    case "unrecognized_keys":
      return `may not have ${String(issue.keys)}`;
    default:
      return "is not valid";
  }
}
