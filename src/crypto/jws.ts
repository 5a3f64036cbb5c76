/**
 * JSON Web Signatures in the compact form, read and verified. RFC 7515, 7517, 7518 and 8037; RFC 8725 for what to refuse.
 * The algorithm picks the kind of key, and only a public key of exactly that kind fits it: an HMAC keyed with a public
 * key, and a token without a signature, cannot be written down here. Header parameters that carry or locate keys are
 * never looked at. Claims and the choice of trusted keys are the caller's.
 */

import { decodeBase64url, decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { readJsonObject, type JsonObject } from "../base/json.ts";

export interface Jws {
  readonly alg: string;
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** What the signature is over. */
  readonly signingInput: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** The kind of key, and what Web Crypto calls the algorithm. */
interface Algorithm {
  readonly kty: string;
  readonly crv?: string;
  readonly subtle: { readonly name: string; readonly [parameter: string]: string | number };
}

const ED25519: Algorithm = { kty: "OKP", crv: "Ed25519", subtle: { name: "Ed25519" } };

// spec: jwt.algorithm
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  ES256: {
    kty: "EC",
    crv: "P-256",
    subtle: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  },
  ES384: {
    kty: "EC",
    crv: "P-384",
    subtle: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  },
  RS256: { kty: "RSA", subtle: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } },
  PS256: { kty: "RSA", subtle: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 } },
  EdDSA: ED25519,
  // Its name since RFC 9864.
  Ed25519: ED25519,
};

/** The names above, for metadata. */
export const JWS_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS);

/** Characters of a token; what asks for more is no access token and no assertion. */
const MAX_TOKEN_CHARACTERS = 16_384;

/** The parts of `text`, or undefined unless it is a JWS of JSON objects under an algorithm from the list. Nothing is proven yet. */
export function readJws(text: string): Jws | undefined {
  const parts = text.length > MAX_TOKEN_CHARACTERS ? [] : text.split(".");
  const [headerBytes, payloadBytes, signature] = parts.map(decodeBase64url);
  const header = readJsonObject(headerBytes && decodeUtf8(headerBytes));
  const payload = readJsonObject(payloadBytes && decodeUtf8(payloadBytes));
  if (
    parts.length !== 3 ||
    header === undefined ||
    payload === undefined ||
    signature === undefined
  )
    return undefined;
  // No extension is understood here, so any that is critical is a reason to refuse (RFC 7515 section 4.1.11).
  const { alg, crit } = header;
  if (crit !== undefined) return undefined;
  if (typeof alg !== "string" || !Object.hasOwn(ALGORITHMS, alg)) return undefined;
  const signingInput = encodeUtf8(text.slice(0, text.lastIndexOf(".")));
  return { alg, header, payload, signingInput, signature };
}

/** True when `key`, a public JWK, fits the algorithm and made the signature. */
export async function verifyJws(jws: Jws, key: JsonObject): Promise<boolean> {
  const algorithm = ALGORITHMS[jws.alg];
  if (algorithm === undefined || !isKeyForAlgorithm(key, jws.alg)) return false;
  // Only what makes the public key: what else a JWK says was judged already.
  const { kty, crv, x, y, n, e } = key;
  const jwk = { kty, crv, x, y, n, e } as JsonWebKey;
  try {
    const publicKey = await crypto.subtle.importKey("jwk", jwk, algorithm.subtle, false, [
      "verify",
    ]);
    return await crypto.subtle.verify(algorithm.subtle, publicKey, jws.signature, jws.signingInput);
  } catch {
    // A point that is not on its curve, or a member that is missing or no number.
    return false;
  }
}

/**
 * True when `key` is a public key for `alg`: kind, curve and, where the key says so, algorithm and use. RSA keys have 2,048 to
 * 8,192 bits. A private or symmetric key does not fit: whoever published it has no secret left.
 */
export function isKeyForAlgorithm(key: JsonObject, alg: string): boolean {
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined;
  if (algorithm === undefined || key["kty"] !== algorithm.kty || key["crv"] !== algorithm.crv)
    return false;
  if (key["d"] !== undefined || key["k"] !== undefined) return false;
  const { alg: declaredAlg = alg, use = "sig", key_ops: operations = ["verify"] } = key;
  const declared =
    typeof declaredAlg === "string" && Object.hasOwn(ALGORITHMS, declaredAlg)
      ? ALGORITHMS[declaredAlg]
      : undefined;
  if (
    declared !== algorithm ||
    use !== "sig" ||
    !Array.isArray(operations) ||
    !operations.includes("verify")
  )
    return false;
  if (algorithm.kty !== "RSA") return true;
  const modulus = typeof key["n"] === "string" ? decodeBase64url(key["n"]) : undefined;
  return (
    modulus !== undefined && modulus[0] !== 0 && modulus.length >= 256 && modulus.length <= 1024
  );
}
