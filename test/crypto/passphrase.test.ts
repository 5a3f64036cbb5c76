// Passphrases: every character of what is stored counts. The fixed values are in spec/vectors/passphrase.json.
import { expect, test } from "vitest";
import { verifyPassphrase } from "../../src/crypto/passphrase.ts";
import { vectors } from "../spec/files.ts";

test("every character of the hash and of the passphrase counts", async () => {
  const good = vectors["passphrase"]?.cases.find((one) => one.name === "what is stored today");
  const { passphrase, stored } = (good?.input ?? {}) as { passphrase: string; stored: string };
  expect(stored).toMatch(/^pbkdf2-sha256:100000:[\w-]{22}:[\w-]{43}$/);
  expect(await verifyPassphrase(passphrase, stored)).toBe(true);
  const changed = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  for (const at of [0, 1, 20, 40, 41])
    expect(
      await verifyPassphrase(passphrase, changed(stored, stored.length - 43 + at)),
      `hash, ${at}`,
    ).toBe(false);
  for (let at = 0; at < passphrase.length; at += 9)
    expect(await verifyPassphrase(changed(passphrase, at), stored), `passphrase, ${at}`).toBe(
      false,
    );
});
