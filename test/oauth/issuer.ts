/** An outside issuer for tests: keys, tokens signed with them, and the answers of its endpoints. */

import { encodeBase64url, encodeUtf8 } from "../../src/base/bytes.ts";
import type { JsonObject } from "../../src/base/json.ts";

export interface IssuerKey {
  readonly alg: string;
  readonly kid: string;
  /** The public key. */
  readonly jwk: JsonObject;
  readonly secret: CryptoKey | undefined;
}

/** What Web Crypto calls an algorithm, to make a key and to sign with it. */
const SUBTLE: Readonly<Record<string, { name: string; [parameter: string]: unknown }>> = {
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  EdDSA: { name: "Ed25519" },
};
const RSA = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
const subtleOf = (alg: string): { name: string } => SUBTLE[alg] ?? { name: alg };

export async function issuerKey(alg: string, kid: string = `key-${alg}`): Promise<IssuerKey> {
  const pair = (await crypto.subtle.generateKey({ ...RSA, ...subtleOf(alg) }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const {
    key_ops: _,
    ext: _ext,
    ...jwk
  } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as unknown as JsonObject;
  return { alg, kid, jwk: { ...jwk, kid, alg, use: "sig" }, secret: pair.privateKey };
}

/** A JWS of `payload`. `header` goes over what is right; an undefined member leaves it out. */
export async function signJws(
  key: IssuerKey,
  payload: object,
  header: object = {},
): Promise<string> {
  const head = { alg: key.alg, kid: key.kid, ...header };
  const body = [head, payload]
    .map((part) => encodeBase64url(encodeUtf8(JSON.stringify(part))))
    .join(".");
  if (key.secret === undefined) return `${body}.`;
  const signature = await crypto.subtle.sign(subtleOf(key.alg), key.secret, encodeUtf8(body));
  return `${body}.${encodeBase64url(new Uint8Array(signature))}`;
}
