/**
 * Sealing: JSON that leaves this server and comes back unread and unchanged, as `key id "." base64url(IV || ciphertext)`.
 * AES-256-GCM (NIST SP 800-38D) with a fresh random 96-bit IV; the purpose picks the subkey, the context is additional data.
 * Opening gives a value or a reason. Not checked here: age and single use, which belong inside the sealed value.
 */

import {
  encodeBase64url,
  concatBytes,
  decodeBase64url,
  decodeUtf8,
  encodeUtf8,
} from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import type { JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "./key-ring.ts";

/** Bytes of the IV: 96 bits, the length GCM is defined for. */
const IV_BYTES = 12;

export type SealFault = "malformed" | "unknown key" | "not authentic";

/** Seals `value` for `purpose`. `context` must be given again, identically, to open it. */
export async function seal(
  ring: KeyRing,
  purpose: string,
  value: JsonValue,
  context: string = "",
): Promise<string> {
  // As it is now: whoever gave it may go on with it.
  const plaintext = encodeUtf8(JSON.stringify(value));
  const key = await ring.subkey(ring.currentId, purpose);
  if (key === undefined) throw new Error("The key ring lost its current key");
  const iv = randomBytes(IV_BYTES);
  const algorithm = { name: "AES-GCM", iv, additionalData: encodeUtf8(context) };
  const ciphertext = await crypto.subtle.encrypt(algorithm, key, plaintext);
  return `${ring.currentId}.${encodeBase64url(concatBytes(iv, new Uint8Array(ciphertext)))}`;
}

/** The value that was sealed for the same purpose and context, or the reason why not. */
export async function open(
  ring: KeyRing,
  purpose: string,
  sealed: string,
  context: string = "",
): Promise<Result<JsonValue, SealFault>> {
  const dot = sealed.indexOf(".");
  const bytes = decodeBase64url(sealed.slice(dot + 1));
  if (dot < 1 || bytes === undefined || bytes.length <= IV_BYTES) return err("malformed");
  const key = ring.subkey(sealed.slice(0, dot), purpose);
  if (key === undefined) return err("unknown key");
  const algorithm = {
    name: "AES-GCM",
    iv: bytes.subarray(0, IV_BYTES),
    additionalData: encodeUtf8(context),
  };
  try {
    const plaintext = await crypto.subtle.decrypt(algorithm, await key, bytes.subarray(IV_BYTES));
    return ok(JSON.parse(decodeUtf8(new Uint8Array(plaintext)) ?? "null") as JsonValue);
  } catch {
    return err("not authentic");
  }
}

/** SHA-256 of `text`, as base64url. */
export async function sha256Base64url(text: string): Promise<string> {
  return encodeBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", encodeUtf8(text))));
}

/** SHA-256 of `bytes`, in lower case hexadecimal digits. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
