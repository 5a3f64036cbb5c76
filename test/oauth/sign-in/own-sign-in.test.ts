// A way to sign in that a fork writes: everything it needs is in api.ts.
import { expect, test } from "vitest";
import {
  isPassphraseHash,
  verifyPassphrase,
  type SignInContext,
  type SignInMethod,
} from "../../../src/api.ts";
import { vectors } from "../../spec/files.ts";

const good = vectors["passphrase"]?.cases.find((one) => one.name === "what is stored today");
const { passphrase: password, stored } = (good?.input ?? {}) as {
  passphrase: string;
  stored: string;
};
const HASHES: ReadonlyMap<string, string> = new Map([["ada", stored]]);

/** By name and password. A name that nobody has counts under one constant. */
const byName: SignInMethod = {
  title: "Sign in",
  fields: [],
  async submit(_, input) {
    const name = input.get("name") ?? "";
    const isRight = await verifyPassphrase(input.get("password") ?? "", HASHES.get(name) ?? stored);
    return isRight && HASHES.has(name)
      ? { kind: "authenticated", subject: name, properties: {} }
      : { kind: "rejected", subject: HASHES.has(name) ? name : "", message: "Not that." };
  },
};

const submit = (name: string, word: string): Promise<unknown> =>
  byName.submit({} as SignInContext, new Map(Object.entries({ name, password: word })));

test("checks passwords of its own users", async () => {
  expect(isPassphraseHash(stored)).toBe(true);
  expect(isPassphraseHash(password)).toBe(false);
  expect(await submit("ada", password)).toMatchObject({ kind: "authenticated", subject: "ada" });
  expect(await submit("ada", "wrong")).toMatchObject({ kind: "rejected", subject: "ada" });
  expect(await submit("eve", password)).toMatchObject({ kind: "rejected", subject: "" });
});
