// JSON Web Signatures under fresh keys of every algorithm; spec/vectors/jws.json has the fixed ones.
import { describe, expect, test } from "vitest";
import { encodeBase64url, encodeUtf8 } from "../../src/base/bytes.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { isKeyForAlgorithm, JWS_ALGORITHMS, readJws, verifyJws } from "../../src/crypto/jws.ts";
import { issuerKey, signJws, type IssuerKey } from "../oauth/issuer.ts";

const keys: { [alg: string]: IssuerKey } = {};
for (const alg of JWS_ALGORITHMS) keys[alg] = await issuerKey(alg);
const keyOf = (alg: string): IssuerKey => keys[alg] ?? { alg, kid: "", jwk: {}, secret: undefined };

async function verdict(text: string, jwk: JsonObject): Promise<boolean | undefined> {
  const jws = readJws(text);
  return jws && verifyJws(jws, jwk);
}

test("the list of algorithms has no symmetric one and no none", () => {
  expect(JWS_ALGORITHMS).toEqual(["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"]);
});

/** Names of one algorithm: RFC 8037 and RFC 9864. */
const isSame = (one: string, other: string): boolean =>
  one === other || (one.startsWith("Ed") && other.startsWith("Ed"));

test("an algorithm of two names is taken under both, whatever the key calls it", async () => {
  for (const alg of ["EdDSA", "Ed25519"])
    for (const declared of ["EdDSA", "Ed25519", undefined]) {
      const text = await signJws(keyOf("EdDSA"), { sub: "a" }, { alg });
      expect(await verdict(text, { ...keyOf("EdDSA").jwk, alg: declared } as JsonObject)).toBe(
        true,
      );
    }
});

describe.each([...JWS_ALGORITHMS])("%s", (alg) => {
  test("verifies what its key signed", async () => {
    const text = await signJws(keyOf(alg), { sub: "ü€" }, { typ: "at+jwt" });
    expect(readJws(text)).toMatchObject({ alg, header: { typ: "at+jwt" }, payload: { sub: "ü€" } });
    expect(await verdict(text, keyOf(alg).jwk)).toBe(true);
  });

  test("takes no key of another algorithm, whatever the header says", async () => {
    for (const other of JWS_ALGORITHMS.filter((one) => !isSame(one, alg))) {
      const text = await signJws(keyOf(other), { sub: "a" }, { alg });
      expect(await verdict(text, keyOf(other).jwk), other).toBe(false);
      const { alg: _, ...jwk } = keyOf(other).jwk;
      expect(await verdict(text, jwk), `${other}, whose key does not say so`).toBe(false);
    }
  });

  test("notices any one bit that flips", async () => {
    const text = await signJws(keyOf(alg), { sub: "a" });
    const [head = "", body = "", signature = ""] = text.split(".");
    for (const byte of [0, 7, 31, 63]) {
      const bytes = Uint8Array.from(
        atob(signature.replaceAll("-", "+").replaceAll("_", "/")),
        (c) => c.charCodeAt(0),
      );
      bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (byte % 8));
      expect(
        await verdict(`${head}.${body}.${encodeBase64url(bytes)}`, keyOf(alg).jwk),
        `byte ${byte}`,
      ).toBe(false);
    }
    const other = encodeBase64url(encodeUtf8('{"sub":"b"}'));
    expect(await verdict(`${head}.${other}.${signature}`, keyOf(alg).jwk)).toBe(false);
  });

  test("is cut short at every dot and character without being taken for whole", async () => {
    const text = await signJws(keyOf(alg), { sub: "a" });
    for (let length = 0; length < text.length; length += 1)
      expect(await verdict(text.slice(0, length), keyOf(alg).jwk), `${length} characters`).not.toBe(
        true,
      );
  });

  test("has three parts, no more", async () => {
    const text = await signJws(keyOf(alg), { sub: "a" });
    for (const more of [".", ".e30", `.${text}`]) expect(readJws(text + more)).toBeUndefined();
  });

  test("fits its own key and no private one", () => {
    expect(
      JWS_ALGORITHMS.filter((one) => isKeyForAlgorithm({ ...keyOf(alg).jwk, alg: one }, one)),
    ).toEqual(
      alg === "RS256" || alg === "PS256"
        ? ["RS256", "PS256"]
        : JWS_ALGORITHMS.filter((one) => isSame(one, alg)),
    );
    expect(isKeyForAlgorithm({ ...keyOf(alg).jwk, d: "AQ" }, alg)).toBe(false);
    for (const kty of ["oct", "EC", "RSA", "OKP"].filter((one) => one !== keyOf(alg).jwk["kty"]))
      expect(isKeyForAlgorithm({ ...keyOf(alg).jwk, kty }, alg), kty).toBe(false);
    for (const none of ["none", "HS256", "", "__proto__"])
      expect(isKeyForAlgorithm(keyOf(alg).jwk, none)).toBe(false);
  });
});
