// The input/output tables of spec/vectors against the functions of src that they are about.
import { describe, expect, test } from "vitest";
import { decodeFieldValue } from "../../src/wire/fields.ts";
import { uriTemplate } from "../unit/uri-template.ts";
import { vectors } from "./files.ts";
import type { Json } from "./format.ts";
import { same } from "./match.ts";

/** A function under test answers with a value, or refuses. */
type Subject = (input: Json) => { ok: true; value: Json } | { ok: false };

const subjects: { [name: string]: Subject } = {
  "header-value": (input) => decodeFieldValue(String(input)),
  "uri-template": uriTemplate,
};

/** Says which cases do not hold. */
function failing(subject: Subject, cases: (typeof vectors)[string]["cases"]): string[] {
  return cases
    .filter((one) => {
      const answer = subject(one.input);
      return one.output === undefined ? answer.ok : !answer.ok || !same(one.output, answer.value);
    })
    .map((one) => one.name);
}

describe.each(Object.entries(vectors))("%s", (_, file) => {
  const subject = subjects[file.function];
  test("is about a function that is known here", () => expect(subject).toBeDefined());
  test.each(file.cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    expect(subject === undefined ? ["no function"] : failing(subject, [one])).toEqual([]);
  });
  test("turns red for a function that passes all, and for one that refuses all", () => {
    expect(failing((input) => ({ ok: true, value: input }), file.cases)).not.toEqual([]);
    expect(failing(() => ({ ok: false }), file.cases)).not.toEqual([]);
  });
});
