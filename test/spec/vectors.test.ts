// The input/output tables of spec/vectors against the functions of src that they are about.
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { readJws, verifyJws } from "../../src/crypto/jws.ts";
import { readKeyRing } from "../../src/crypto/keyring.ts";
import { readSigned } from "../../src/crypto/mac.ts";
import { checkPassphrase } from "../../src/crypto/password.ts";
import { decodeFieldValue } from "../../src/wire/fields.ts";
import { uriTemplate } from "../unit/uri-template.ts";
import { vectors } from "./files.ts";
import type { Json } from "./format.ts";
import { same } from "./match.ts";

/** A function under test answers with a value, or refuses. */
type Answer = { ok: true; value: Json } | { ok: false };
type Subject = (input: Json) => Answer | Promise<Answer>;

const subjects: { [name: string]: Subject } = {
  "header-value": (input) => decodeFieldValue(String(input)),
  "uri-template": uriTemplate,
  jws: async (input) => {
    const { jws, key } = input as { jws: string; key: JsonObject };
    const read = readJws(jws);
    return read !== undefined && (await verifyJws(read, key)) ? { ok: true, value: read.payload } : { ok: false };
  },
  passphrase: async (input) => {
    const { passphrase, stored } = input as { passphrase: string; stored: string };
    return (await checkPassphrase(passphrase, stored)) ? { ok: true, value: true } : { ok: false };
  },
  "signed-text": async (input) => {
    const { keys, purpose, signed } = input as { keys: string; purpose: string; signed: string };
    const ring = readKeyRing(keys);
    const text = ring.ok ? await readSigned(ring.value, purpose, signed) : undefined;
    return text === undefined ? { ok: false } : { ok: true, value: text };
  },
};

/** Says which cases do not hold. */
async function failing(subject: Subject, cases: (typeof vectors)[string]["cases"]): Promise<string[]> {
  const answers = await Promise.all(cases.map(async (one) => subject(one.input)));
  return cases
    .filter((one, index) => {
      const answer = answers[index] ?? { ok: false };
      return one.output === undefined ? answer.ok : !answer.ok || !same(one.output, answer.value);
    })
    .map((one) => one.name);
}

describe.each(Object.entries(vectors))("%s", (_, file) => {
  const subject = subjects[file.function];
  test("is about a function that is known here", () => expect(subject).toBeDefined());
  test.each(file.cases.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
    expect(subject === undefined ? ["no function"] : await failing(subject, [one])).toEqual([]);
  });
  test("turns red for a function that passes all, and for one that refuses all", async () => {
    expect(await failing((input) => ({ ok: true, value: input }), file.cases)).not.toEqual([]);
    expect(await failing(() => ({ ok: false }), file.cases)).not.toEqual([]);
  });
});
