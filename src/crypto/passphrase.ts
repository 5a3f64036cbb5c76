/**
 * Passphrases as they are stored: "pbkdf2-sha256:iterations:salt:hash", the last two in base64url.
 * PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2) over the text in Unicode form NFC (RFC 8265 section 4.2.2).
 * A stored value that is not of this form matches nothing. Attempts are limited by whoever asks: workerd stops at
 * 100,000 iterations, so a short passphrase needs that limit, and a leaked hash of one does not hold.
 */

import { decodeBase64url, encodeUtf8 } from "../base/bytes.ts";

const PASSPHRASE_HASH = /^pbkdf2-sha256:([1-9]\d{0,4}|100000):([\w-]+):([\w-]{43})$/;

/** Whether `stored` is of this form. */
export function isPassphraseHash(storedHash: string): boolean {
  return PASSPHRASE_HASH.test(storedHash);
}

/** True when `stored` was made from `text`, in time that does not depend on how far they agree. */
export async function verifyPassphrase(passphrase: string, storedHash: string): Promise<boolean> {
  const [, iterations = "", salt = "", hash = ""] = PASSPHRASE_HASH.exec(storedHash) ?? [];
  const saltBytes = decodeBase64url(salt);
  const expectedHash = decodeBase64url(hash);
  if (saltBytes === undefined || expectedHash?.length !== 32) return false;
  const key = await crypto.subtle.importKey(
    "raw",
    encodeUtf8(passphrase.normalize("NFC")),
    "PBKDF2",
    false,
    ["deriveBits"],
  );
  const algorithm = {
    name: "PBKDF2",
    hash: "SHA-256",
    salt: saltBytes,
    iterations: Number(iterations),
  };
  return crypto.subtle.timingSafeEqual(
    await crypto.subtle.deriveBits(algorithm, key, 256),
    expectedHash,
  );
}
