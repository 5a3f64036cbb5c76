// The input/output tables of spec/vectors against the functions of src that they are about.
import { describe, expect, test } from "vitest";
import { decodeBase64url } from "../../src/base/bytes.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { readJws, verifyJws } from "../../src/crypto/jws.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { verifyText } from "../../src/crypto/hmac.ts";
import { verifyPassphrase } from "../../src/crypto/passphrase.ts";
import { openRow } from "../../src/crypto/row-seal.ts";
import { decodeHeaderValue } from "../../src/wire/header-value.ts";
import { uriTemplate } from "../server/uri-template-vector.ts";
import { vectors } from "./files.ts";
import type { Json } from "./format.ts";
import { same } from "./match.ts";

/** A function under test answers with a value, or refuses. */
type Answer = { ok: true; value: Json } | { ok: false };
type Subject = (input: Json) => Answer | Promise<Answer>;

const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (of: ArrayBuffer): string =>
  Array.from(new Uint8Array(of), (one) => one.toString(16).padStart(2, "0")).join("");

const subjects: { [name: string]: Subject } = {
  "header-value": (input) => decodeHeaderValue(String(input)),
  "uri-template": uriTemplate,
  jws: async (input) => {
    const { jws, key } = input as { jws: string; key: JsonObject };
    const read = readJws(jws);
    return read !== undefined && (await verifyJws(read, key))
      ? { ok: true, value: read.payload }
      : { ok: false };
  },
  passphrase: async (input) => {
    const { passphrase, stored } = input as { passphrase: string; stored: string };
    return (await verifyPassphrase(passphrase, stored)) ? { ok: true, value: true } : { ok: false };
  },
  // What the platform's own cryptography does, by the calls that src/crypto makes.
  "aes-256-gcm": async (input) => {
    const { key, iv, additional, sealed } = input as Record<
      "key" | "iv" | "additional" | "sealed",
      string
    >;
    const aes = await crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, [
      "encrypt",
      "decrypt",
    ]);
    const algorithm = { name: "AES-GCM", iv: bytes(iv), additionalData: bytes(additional) };
    try {
      const plain = await crypto.subtle.decrypt(algorithm, aes, bytes(sealed));
      const again = hex(await crypto.subtle.encrypt(algorithm, aes, plain));
      return again === sealed
        ? { ok: true, value: hex(plain) }
        : { ok: true, value: "seals differently" };
    } catch {
      return { ok: false };
    }
  },
  "hkdf-sha-256": async (input) => {
    const { ikm, salt, info, length } = input as {
      ikm: string;
      salt: string;
      info: string;
      length: number;
    };
    const key = await crypto.subtle.importKey("raw", bytes(ikm), "HKDF", false, ["deriveBits"]);
    const algorithm = { name: "HKDF", hash: "SHA-256", salt: bytes(salt), info: bytes(info) };
    return { ok: true, value: hex(await crypto.subtle.deriveBits(algorithm, key, length * 8)) };
  },
  "sealed-row": async (input) => {
    const { keys, purpose, identity, key, blob, fault } = input as Record<string, string>;
    const ring = readKeyRing(keys ?? "");
    const row = { key: key ?? "", blob: decodeBase64url(blob ?? "") ?? new Uint8Array() };
    const opened = ring.ok
      ? await openRow(ring.value, purpose ?? "", identity ?? "", row)
      : undefined;
    if (opened?.ok === true) return { ok: true, value: new TextDecoder().decode(opened.value) };
    // A refusal for another reason is no refusal here.
    return opened?.error === fault
      ? { ok: false }
      : { ok: true, value: `refused as ${opened?.error}` };
  },
  "signed-text": async (input) => {
    const { keys, purpose, signed } = input as { keys: string; purpose: string; signed: string };
    const ring = readKeyRing(keys);
    const text = ring.ok ? await verifyText(ring.value, purpose, signed) : undefined;
    return text === undefined ? { ok: false } : { ok: true, value: text };
  },
};

/** Says which cases do not hold. */
async function failing(
  subject: Subject,
  cases: (typeof vectors)[string]["cases"],
): Promise<string[]> {
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
